//! The values of one member of GROUP BY as arrays of an answer, and back.

use super::deal::{self, Runs};
use super::dimension::{CELLS_PER_ROW, Dimension, DimensionValues};
use super::id_map::WINDOW_CELLS_FREE;
use super::interner::NumberInterner;
use super::state::wrong_type;
use super::text_interner::{TextInterner, unpack};
use crate::error::ScanError;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, UInt64Array};
use std::sync::Arc;

/// Values of a member, one a row.
#[derive(Clone, Copy)]
pub struct MemberValues<'a> {
    pub array: &'a ArrayRef,
    /// Stems and numbers of strings that are null in `array` (`TextInterner::parted_columns`), and the texts of the stems.
    pub numbered: Option<(&'a UInt64Array, &'a [&'a [u8]])>,
}

impl Dimension {
    /// The values of these ids as an array.
    pub fn column(&self, ids: &[u32]) -> Result<ArrayRef, ScanError> {
        Ok(match &self.values {
            DimensionValues::Int64(values) => Arc::new(ids.iter().map(|&id| values.value(id)).collect::<Int64Array>()),
            DimensionValues::Float64(values) => {
                let floats = ids
                    .iter()
                    .map(|&id| values.value(id).map(|bits| f64::from_bits(bits as u64)));
                Arc::new(floats.collect::<Float64Array>())
            }
            DimensionValues::Bool(values) => Arc::new(
                ids.iter()
                    .map(|&id| values.value(id).map(|value| value != 0))
                    .collect::<BooleanArray>(),
            ),
            DimensionValues::Text(values) => Arc::new(values.column(ids)?),
        })
    }

    /// Ids of the listed rows of what another grouping answered.
    pub fn array_ids(&mut self, values: MemberValues, rows: &[u32], ids: &mut Vec<u32>) -> Result<(), ScanError> {
        ids.clear();
        let MemberValues { array, numbered } = values;
        match &mut self.values {
            DimensionValues::Int64(interner) => {
                let array = array.as_primitive_opt::<Int64Type>().ok_or_else(wrong_type)?;
                intern(array, rows, ids, interner, NumberInterner::null, |interner, row| {
                    interner.id(array.value(row))
                });
            }
            DimensionValues::Float64(interner) => {
                let array = array.as_primitive_opt::<Float64Type>().ok_or_else(wrong_type)?;
                intern(array, rows, ids, interner, NumberInterner::null, |interner, row| {
                    interner.id(array.value(row).to_bits() as i64)
                });
            }
            DimensionValues::Bool(interner) => {
                let array = array.as_boolean_opt().ok_or_else(wrong_type)?;
                intern(array, rows, ids, interner, NumberInterner::null, |interner, row| {
                    interner.id(i64::from(array.value(row)))
                });
            }
            DimensionValues::Text(interner) => {
                let array = array.as_string_opt::<i32>().ok_or_else(wrong_type)?;
                if let Some((numbers, stems)) = numbered {
                    return numbered_ids(interner, array, numbers, stems, rows, ids);
                }
                intern(array, rows, ids, interner, TextInterner::null, |interner, row| {
                    interner.id(array.value(row).as_bytes())
                });
            }
        }
        Ok(())
    }

    /// Comes before `array_ids` of all these, of whose values others see to all but one in `shares`.
    pub fn expect(&mut self, batches: &[MemberValues], shares: usize) -> Result<(), ScanError> {
        match &mut self.values {
            DimensionValues::Int64(interner) => {
                let (mut min, mut max) = (i64::MAX, i64::MIN);
                for MemberValues { array, .. } in batches {
                    let array = array.as_primitive_opt::<Int64Type>().ok_or_else(wrong_type)?;
                    self.rows += array.len();
                    (min, max) = array
                        .iter()
                        .flatten()
                        .fold((min, max), |(min, max), value| (min.min(value), max.max(value)));
                }
                interner.reserve(min, max, WINDOW_CELLS_FREE.max(self.rows * CELLS_PER_ROW * shares));
            }
            DimensionValues::Text(interner) => {
                for (numbers, stems) in batches.iter().filter_map(|batch| batch.numbered) {
                    expect_numbers(interner, numbers, stems, shares);
                }
            }
            DimensionValues::Float64(_) | DimensionValues::Bool(_) => {}
        }
        Ok(())
    }

    /// Ids of all values; where it costs nothing, neighbours in value are neighbours.
    pub fn in_order(&self) -> Vec<u32> {
        match &self.values {
            DimensionValues::Int64(values) | DimensionValues::Float64(values) | DimensionValues::Bool(values) => {
                values.in_order()
            }
            DimensionValues::Text(values) => values.in_order(),
        }
    }

    /// Joins each id's hash for dealing to what is in `hashes`.
    pub fn join_hashes(&self, ids: &[u32], runs: Runs, hashes: &mut [u64]) {
        match &self.values {
            DimensionValues::Int64(values) | DimensionValues::Float64(values) | DimensionValues::Bool(values) => {
                for (hash, &id) in hashes.iter_mut().zip(ids) {
                    let own = values
                        .value(id)
                        .map_or(deal::NULL_HASH, |value| runs.number_hash(value));
                    deal::join(hash, own);
                }
            }
            DimensionValues::Text(values) => {
                values.deal_hashes(ids, runs, |place, own| deal::join(&mut hashes[place], own));
            }
        }
    }

    /// The interner of strings that are mostly held as stem and number.
    pub fn numbered(&self) -> Option<&TextInterner> {
        match &self.values {
            DimensionValues::Text(values) if values.is_mostly_numbered() => Some(values),
            _ => None,
        }
    }
}

fn expect_numbers(interner: &mut TextInterner, numbers: &UInt64Array, stems: &[&[u8]], shares: usize) {
    let mut found = vec![(0, 0); stems.len()];
    for &packed in numbers.values().iter().filter(|packed| **packed != 0) {
        let (stem, number) = unpack(packed);
        // A stem that is not there is an error as soon as it is wanted.
        if let Some((count, max)) = found.get_mut(stem) {
            *count += 1;
            *max = number.max(*max);
        }
    }
    for (stem, (count, max)) in stems.iter().zip(found).filter(|(_, (count, _))| *count > 0) {
        if let Some(stem) = interner.stem(stem) {
            interner.expect(stem, count, max, shares);
        }
    }
}

/// Ids of strings that are in `texts`, or a stem and number in `numbers`.
fn numbered_ids(
    interner: &mut TextInterner,
    texts: &StringArray,
    numbers: &UInt64Array,
    stems: &[&[u8]],
    rows: &[u32],
    ids: &mut Vec<u32>,
) -> Result<(), ScanError> {
    let known: Vec<Option<u32>> = stems.iter().map(|stem| interner.stem(stem)).collect();
    for &row in rows {
        let row = row as usize;
        ids.push(match numbers.value(row) {
            0 if texts.is_null(row) => interner.null(),
            0 => interner.id(texts.value(row).as_bytes()),
            packed => {
                let (stem, number) = unpack(packed);
                match known.get(stem) {
                    Some(Some(known)) => interner.number_id(*known, number),
                    Some(None) => interner.parted_id(stems[stem], number),
                    None => return Err(ScanError::Internal("an answer lacks a stem".to_owned())),
                }
            }
        });
    }
    Ok(())
}

/// `ids` of the rows, likewise.
#[inline(always)]
fn intern<I>(
    array: &dyn Array,
    rows: &[u32],
    ids: &mut Vec<u32>,
    interner: &mut I,
    null: fn(&mut I) -> u32,
    mut id: impl FnMut(&mut I, usize) -> u32,
) {
    match array.nulls() {
        None => ids.extend(rows.iter().map(|&row| id(interner, row as usize))),
        Some(nulls) => ids.extend(rows.iter().map(|&row| {
            if nulls.is_valid(row as usize) {
                id(interner, row as usize)
            } else {
                null(interner)
            }
        })),
    }
}
