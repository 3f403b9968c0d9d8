//! The parts of a page to its validity and values: codecs decode what is present, and it is spread over the rows.

use crate::chunk_reader::{Page, PageValues};
use crate::codec::{self, Bools, Codes, Floats, Ints, Kind, NO_VALUES, Texts, validity};
use crate::column::{ColumnType, Text, Validity};
use crate::cursor::Damage;
use crate::directory::PageEntry;

pub(crate) fn decode_validity(entry: &PageEntry, bytes: &[u8], into: &mut Page) -> Result<(), Damage> {
    if entry.null_count as usize > into.rows {
        return Err(Damage(format!("{} nulls in {} rows", entry.null_count, into.rows)));
    }
    if entry.null_count == 0 {
        into.validity = None;
        let fits = entry.validity == validity::NO_NULLS && bytes.is_empty();
        return if fits {
            Ok(())
        } else {
            Err(Damage::new("validity of a page without nulls"))
        };
    }
    let target = into.validity.get_or_insert_default();
    validity::decode(entry.validity, bytes, into.rows, entry.null_count as usize, target)
}

pub(crate) enum Failure {
    Damage(Damage),
    UnknownEncoding(u8),
}

impl From<Damage> for Failure {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

/// Decodes the present values and spreads them over the rows.
pub(crate) fn decode_values(
    column_type: ColumnType,
    dictionary_entries: Option<usize>,
    entry: &PageEntry,
    bytes: &[u8],
    into: &mut Page,
) -> Result<(), Failure> {
    let count = into.rows - entry.null_count as usize;
    let validity = into.validity.as_ref();
    let old = std::mem::take(&mut into.values);
    into.values = match (column_type, dictionary_entries) {
        (ColumnType::Int64, _) => {
            let mut values = if let PageValues::Int64(values) = old {
                values
            } else {
                Vec::new()
            };
            decode_present::<Ints>(entry.encoding, bytes, count, &mut values)?;
            PageValues::Int64(spread(values, validity, into.rows))
        }
        (ColumnType::Float64, _) => {
            let mut values = if let PageValues::Float64(values) = old {
                values
            } else {
                Vec::new()
            };
            decode_present::<Floats>(entry.encoding, bytes, count, &mut values)?;
            PageValues::Float64(spread(values, validity, into.rows))
        }
        (ColumnType::Bool, _) => {
            let mut values = if let PageValues::Bool(values) = old {
                values
            } else {
                Vec::new()
            };
            decode_present::<Bools>(entry.encoding, bytes, count, &mut values)?;
            PageValues::Bool(spread(values, validity, into.rows))
        }
        (_, Some(entries)) => {
            let mut codes = if let PageValues::Codes(codes) = old {
                codes
            } else {
                Vec::new()
            };
            decode_codes(entry, bytes, into.rows, entries, &mut codes)?;
            PageValues::Codes(spread(codes, validity, into.rows))
        }
        (_, None) => {
            let mut text = if let PageValues::Text(text) = old {
                text
            } else {
                Text::default()
            };
            decode_present::<Texts>(entry.encoding, bytes, count, &mut text)?;
            spread_offsets(&mut text.offsets, validity, into.rows);
            PageValues::Text(text)
        }
    };
    Ok(())
}

/// The codes of the present rows, all below `entries`.
pub(crate) fn decode_codes(
    entry: &PageEntry,
    bytes: &[u8],
    rows: usize,
    entries: usize,
    codes: &mut Vec<u32>,
) -> Result<(), Failure> {
    decode_present::<Codes>(entry.encoding, bytes, rows - entry.null_count as usize, codes)?;
    let greatest = codes.iter().copied().fold(0, u32::max) as usize;
    if greatest >= entries {
        return Err(Damage(format!("code {greatest} of {entries} dictionary entries")).into());
    }
    Ok(())
}

fn decode_present<K: Kind>(encoding: u8, bytes: &[u8], count: usize, into: &mut K::Decoded) -> Result<(), Failure> {
    if count == 0 {
        *into = K::Decoded::default();
        let fits = encoding == NO_VALUES && bytes.is_empty();
        return if fits {
            Ok(())
        } else {
            Err(Damage::new("values in a page of nulls").into())
        };
    }
    let codec = codec::find::<K>(encoding).ok_or(Failure::UnknownEncoding(encoding))?;
    Ok(codec.decode(bytes, count, into)?)
}

/// Moves the present values to their rows, from the back so that none is overwritten before it moves.
fn spread<T: Copy + Default>(mut values: Vec<T>, validity: Option<&Validity>, rows: usize) -> Vec<T> {
    let Some(validity) = validity else { return values };
    let mut next = values.len();
    values.resize(rows, T::default());
    for row in (0..rows).rev() {
        if validity.is_valid(row) {
            next -= 1;
            values[row] = values[next];
        } else {
            values[row] = T::default();
        }
    }
    values
}

/// The same for the starts of strings: a null row is the empty string where the next present one starts.
pub(crate) fn spread_offsets(offsets: &mut Vec<u32>, validity: Option<&Validity>, rows: usize) {
    let Some(validity) = validity else { return };
    let mut next = offsets.len() - 1;
    offsets.resize(rows + 1, 0);
    offsets[rows] = offsets[next];
    for row in (0..rows).rev() {
        next -= usize::from(validity.is_valid(row));
        offsets[row] = offsets[next];
    }
}
