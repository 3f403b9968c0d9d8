//! Least and greatest values by group. Floats follow total order (NaN is greatest), strings their bytes, false < true.

use super::gather::{Gathered, present, values_of};
use super::grouping::Ids;
use super::state::{State, merge_each, wrong_type};
use crate::bits::Rows;
use crate::block_view::{BlockView, PageView};
use crate::error::ScanError;
use crate::kernels::{float_key, float_of_key};
use crate::page_view::PageValues;
use crate::request::RequestType;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use basalt_block::Bound;
use std::sync::Arc;

pub fn new(slot: usize, column_type: RequestType, max: bool) -> Result<Box<dyn State>, ScanError> {
    Ok(match column_type {
        RequestType::Json => return Err(ScanError::Request("min and max are not defined for json".to_owned())),
        RequestType::String => Box::new(TextExtreme {
            slot,
            max,
            cells: Vec::new(),
            bytes: 0,
        }),
        _ => Box::new(Extreme {
            slot,
            max,
            column_type,
            keys: Vec::new(),
            seen: Vec::new(),
        }),
    })
}

/// Of numbers and bools, as integer keys of the same order; the complement turns greatest into least.
struct Extreme {
    slot: usize,
    max: bool,
    column_type: RequestType,
    keys: Vec<i64>,
    seen: Vec<bool>,
}

impl Extreme {
    fn add<T: Copy>(&mut self, values: &[T], ids: Ids, key_of: impl Fn(T) -> i64) {
        let flip = if self.max { -1 } else { 0 };
        match ids {
            Ids::One(_) if values.is_empty() => {}
            Ids::One(group) => {
                let least = values
                    .iter()
                    .fold(i64::MAX, |least, &value| least.min(key_of(value) ^ flip));
                self.offer(group, least);
            }
            Ids::Each(ids) => {
                for (&id, &value) in ids.iter().zip(values) {
                    self.offer(id, key_of(value) ^ flip);
                }
            }
        }
    }

    #[inline(always)]
    fn offer(&mut self, group: u32, key: i64) {
        let cell = &mut self.keys[group as usize];
        *cell = key.min(*cell);
        self.seen[group as usize] = true;
    }
}

impl State for Extreme {
    fn resize(&mut self, groups: usize) {
        self.keys.resize(groups, i64::MAX);
        self.seen.resize(groups, false);
    }

    fn slot(&self) -> Option<usize> {
        Some(self.slot)
    }

    fn add_block(&mut self, block: &BlockView, group: u32) -> bool {
        if !block.present(self.slot) {
            return true;
        }
        let Some((min, max)) = block.bounds(self.slot) else {
            return false;
        };
        let key = match if self.max { max } else { min } {
            Bound::Int64(value) => value,
            Bound::Bool(value) => i64::from(value),
            // A bound of zero may stand for either zero.
            Bound::Float64(value) if value != 0.0 => float_key(value),
            _ => return false,
        };
        self.offer(group, if self.max { !key } else { key });
        true
    }

    fn add_page(&mut self, view: PageView, rows: Rows, ids: Ids, gathered: &mut Gathered) -> Result<(), ScanError> {
        let PageView::Values { validity, values, .. } = view else {
            return Ok(());
        };
        let (rows, ids) = present(validity, rows, ids, &mut gathered.rows, &mut gathered.ids);
        match values {
            PageValues::Int64(values) => self.add(values_of(values, rows, &mut gathered.int64), ids, |value| value),
            PageValues::Float64(values) => self.add(values_of(values, rows, &mut gathered.float64), ids, float_key),
            PageValues::Bool(values) => self.add(values_of(values, rows, &mut gathered.bools), ids, i64::from),
            _ => return Err(wrong_type()),
        }
        Ok(())
    }

    fn merge(&mut self, columns: &[ArrayRef], rows: &[u32], ids: Ids) -> Result<(), ScanError> {
        let (column, flip) = (&columns[0], if self.max { -1 } else { 0 });
        match self.column_type {
            RequestType::Float64 => merge_each::<Float64Type>(column, rows, ids, |group, value| {
                self.offer(group as u32, float_key(value) ^ flip);
            }),
            RequestType::Bool => {
                let array = column.as_boolean_opt().ok_or_else(wrong_type)?;
                for (position, &row) in rows.iter().enumerate() {
                    if array.is_valid(row as usize) {
                        let key = i64::from(array.value(row as usize));
                        self.offer(ids.at(position) as u32, key ^ flip);
                    }
                }
                Ok(())
            }
            _ => merge_each::<Int64Type>(column, rows, ids, |group, value| self.offer(group as u32, value ^ flip)),
        }
    }

    fn columns(&mut self, groups: &[u32]) -> Result<Vec<ArrayRef>, ScanError> {
        let keys = groups.iter().map(|&group| group as usize);
        let keys = keys.map(|group| self.seen[group].then(|| self.keys[group] ^ if self.max { -1 } else { 0 }));
        Ok(vec![match self.column_type {
            RequestType::Float64 => Arc::new(keys.map(|key| key.map(float_of_key)).collect::<Float64Array>()),
            RequestType::Bool => Arc::new(keys.map(|key| key.map(|key| key != 0)).collect::<BooleanArray>()),
            _ => Arc::new(keys.collect::<Int64Array>()),
        }])
    }
}

struct TextExtreme {
    slot: usize,
    max: bool,
    cells: Vec<Option<Vec<u8>>>,
    bytes: usize,
}

impl TextExtreme {
    fn offer(&mut self, group: u32, value: &[u8]) {
        let cell = &mut self.cells[group as usize];
        match cell {
            Some(held) if self.max && value <= held.as_slice() => {}
            Some(held) if !self.max && value >= held.as_slice() => {}
            Some(held) => {
                self.bytes = self.bytes - held.len() + value.len();
                held.clear();
                held.extend_from_slice(value);
            }
            None => {
                self.bytes += value.len();
                *cell = Some(value.to_vec());
            }
        }
    }

    fn offer_rows<'a>(&mut self, rows: Rows, ids: Ids, value: impl Fn(usize) -> &'a [u8]) {
        match ids {
            Ids::One(group) => rows.for_each(|_, row| self.offer(group, value(row))),
            Ids::Each(ids) => rows.for_each(|position, row| self.offer(ids[position], value(row))),
        }
    }
}

impl State for TextExtreme {
    fn resize(&mut self, groups: usize) {
        self.cells.resize(groups, None);
    }

    fn slot(&self) -> Option<usize> {
        Some(self.slot)
    }

    fn add_block(&mut self, block: &BlockView, group: u32) -> bool {
        if !block.present(self.slot) {
            return true;
        }
        let Some((min, max)) = block.bounds(self.slot) else {
            return false;
        };
        let Bound::Text {
            bytes,
            truncated: false,
        } = (if self.max { max } else { min })
        else {
            return false;
        };
        self.offer(group, &bytes);
        true
    }

    fn add_page(&mut self, view: PageView, rows: Rows, ids: Ids, gathered: &mut Gathered) -> Result<(), ScanError> {
        let PageView::Values {
            validity,
            values,
            dictionary,
        } = view
        else {
            return Ok(());
        };
        let (rows, ids) = present(validity, rows, ids, &mut gathered.rows, &mut gathered.ids);
        match (values, dictionary) {
            (PageValues::Text(text), _) => self.offer_rows(rows, ids, |row| text.get(row)),
            (PageValues::Codes(codes), Some(entries)) => {
                self.offer_rows(rows, ids, |row| entries.get(codes.get(row)));
            }
            _ => return Err(wrong_type()),
        }
        Ok(())
    }

    fn merge(&mut self, columns: &[ArrayRef], rows: &[u32], ids: Ids) -> Result<(), ScanError> {
        let array = columns[0].as_string_opt::<i32>().ok_or_else(wrong_type)?;
        for (position, &row) in rows.iter().enumerate() {
            if array.is_valid(row as usize) {
                self.offer(ids.at(position) as u32, array.value(row as usize).as_bytes());
            }
        }
        Ok(())
    }

    fn columns(&mut self, groups: &[u32]) -> Result<Vec<ArrayRef>, ScanError> {
        let cells = groups.iter().map(|&group| &self.cells[group as usize]);
        let texts = cells.map(|cell| cell.as_deref().map(String::from_utf8_lossy));
        Ok(vec![Arc::new(texts.collect::<StringArray>())])
    }

    fn held_bytes(&self) -> usize {
        self.bytes
    }
}
