//! Sketches of numbers by group, for percentiles.

use super::gather::{Gathered, present, values_of};
use super::grouping::Ids;
use super::state::{State, wrong_type};
use crate::bits::Rows;
use crate::block_view::{BlockView, PageView};
use crate::error::ScanError;
use crate::page_view::PageValues;
use crate::sketch::Sketch;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray};
use std::mem::size_of;
use std::sync::Arc;

pub struct Sketches {
    slot: usize,
    cells: Vec<Sketch>,
    bytes: usize,
}

impl Sketches {
    pub fn new(slot: usize) -> Self {
        Self {
            slot,
            cells: Vec::new(),
            bytes: 0,
        }
    }

    fn add<T: Copy>(&mut self, values: &[T], ids: Ids, float_of: impl Fn(T) -> f64) {
        let mut grown = 0;
        match ids {
            Ids::One(group) => {
                let cell = &mut self.cells[group as usize];
                values.iter().for_each(|&value| grown += cell.add(float_of(value)));
            }
            Ids::Each(ids) => {
                for (&id, &value) in ids.iter().zip(values) {
                    grown += self.cells[id as usize].add(float_of(value));
                }
            }
        }
        self.bytes += grown;
    }
}

impl State for Sketches {
    fn resize(&mut self, groups: usize) {
        self.cells.resize_with(groups, Sketch::default);
    }

    fn slot(&self) -> Option<usize> {
        Some(self.slot)
    }

    fn add_block(&mut self, block: &BlockView, _: u32) -> bool {
        !block.present(self.slot)
    }

    fn add_page(&mut self, view: PageView, rows: Rows, ids: Ids, gathered: &mut Gathered) -> Result<(), ScanError> {
        let PageView::Values { validity, values, .. } = view else {
            return Ok(());
        };
        let (rows, ids) = present(validity, rows, ids, &mut gathered.rows, &mut gathered.ids);
        match values {
            PageValues::Int64(values) => {
                self.add(values_of(values, rows, &mut gathered.int64), ids, |value| value as f64)
            }
            PageValues::Float64(values) => self.add(values_of(values, rows, &mut gathered.float64), ids, |value| value),
            _ => return Err(wrong_type()),
        }
        Ok(())
    }

    fn merge(&mut self, columns: &[ArrayRef], rows: &[u32], ids: Ids) -> Result<(), ScanError> {
        let array = columns[0].as_binary_opt::<i32>().ok_or_else(wrong_type)?;
        for (position, &row) in rows.iter().enumerate() {
            if array.is_valid(row as usize) {
                let merged = self.cells[ids.at(position)].merge_bytes(array.value(row as usize));
                self.bytes +=
                    merged.ok_or_else(|| ScanError::Internal("a sketch of an answer is damaged".to_owned()))?;
            }
        }
        Ok(())
    }

    fn columns(&mut self, groups: &[u32]) -> Result<Vec<ArrayRef>, ScanError> {
        let sketches = groups.iter().map(|&group| {
            let mut sketch = Vec::new();
            self.cells[group as usize].write(&mut sketch);
            sketch
        });
        Ok(vec![Arc::new(BinaryArray::from_iter_values(sketches))])
    }

    fn held_bytes(&self) -> usize {
        self.bytes + self.cells.capacity() * size_of::<Sketch>()
    }
}
