//! Counts and sums by group, and what all aggregates have in common.

use super::gather::{Gathered, present, values_of};
use super::grouping::Ids;
use super::kernels::{Cell, FloatSum, IntSum, add_all, add_each};
use super::min_max;
use crate::answer::arrow_type;
use crate::bits::Rows;
use crate::block_view::{BlockView, PageView};
use crate::error::ScanError;
use crate::page_view::PageValues;
use crate::plan::Plan;
use crate::request::{Aggregate, RequestType};
use arrow_array::{ArrayRef, Float64Array, Int64Array};
use arrow_schema::DataType;
use std::ops::Range;
use std::sync::Arc;

/// One aggregate's states, a cell a group.
pub trait State {
    /// Makes room for groups below `groups`.
    fn resize(&mut self, groups: usize);

    /// The column it reads; none for a count of rows.
    fn slot(&self) -> Option<usize>;

    /// Adds all rows of a block to one group from the header alone; false if that cannot be done (and nothing was).
    fn add_block(&mut self, block: &BlockView, group: u32) -> bool;

    /// Adds the selected rows of a page. `view` is the column's (`Null` without one); all ids have room.
    fn add_page(&mut self, view: PageView, rows: Rows, ids: Ids, gathered: &mut Gathered) -> Result<(), ScanError>;

    /// State columns in the order of `fields`, for these groups.
    fn columns(&self, groups: Range<usize>) -> Vec<ArrayRef>;

    /// Bytes of text held.
    fn text_bytes(&self) -> usize {
        0
    }
}

/// The states of an aggregate and its state columns: name after `agg<i>_`, and type.
pub type Compiled = (Box<dyn State>, Vec<(&'static str, DataType)>);

pub fn compile(aggregate: &Aggregate, plan: &Plan) -> Result<Compiled, ScanError> {
    let numeric = |column: &str| {
        let slot = plan.slot(column)?;
        match plan.column_type(slot) {
            RequestType::Int64 => Ok((slot, false)),
            RequestType::Float64 => Ok((slot, true)),
            _ => Err(ScanError::Request(format!(
                "sum and average need a number, column {column:?} is none"
            ))),
        }
    };
    Ok(match aggregate {
        Aggregate::CountRows => (
            Box::new(Count {
                slot: None,
                cells: Vec::new(),
            }),
            vec![("count", DataType::Int64)],
        ),
        Aggregate::Count { column } => {
            let slot = Some(plan.slot(column)?);
            (
                Box::new(Count {
                    slot,
                    cells: Vec::new(),
                }),
                vec![("count", DataType::Int64)],
            )
        }
        Aggregate::Sum { column } => match numeric(column)? {
            (slot, false) => (
                Box::new(SumInt64 {
                    slot,
                    cells: Vec::new(),
                }),
                vec![("sum", DataType::Int64)],
            ),
            (slot, true) => (
                Box::new(SumFloat64 {
                    slot,
                    cells: Vec::new(),
                    average: false,
                }),
                vec![("sum", DataType::Float64)],
            ),
        },
        Aggregate::Average { column } => {
            let state = SumFloat64 {
                slot: numeric(column)?.0,
                cells: Vec::new(),
                average: true,
            };
            (
                Box::new(state),
                vec![("count", DataType::Int64), ("sum", DataType::Float64)],
            )
        }
        Aggregate::Min { column } | Aggregate::Max { column } => {
            let slot = plan.slot(column)?;
            let column_type = plan.column_type(slot);
            let max = matches!(aggregate, Aggregate::Max { .. });
            let name = if max { "max" } else { "min" };
            (
                min_max::new(slot, column_type, max)?,
                vec![(name, arrow_type(column_type))],
            )
        }
    })
}

pub fn wrong_type() -> ScanError {
    ScanError::Internal("a page holds another type than its column".to_owned())
}

struct Count {
    slot: Option<usize>,
    cells: Vec<i64>,
}

impl State for Count {
    fn resize(&mut self, groups: usize) {
        self.cells.resize(groups, 0);
    }

    fn slot(&self) -> Option<usize> {
        self.slot
    }

    fn add_block(&mut self, block: &BlockView, group: u32) -> bool {
        let nulls = self.slot.map_or(0, |slot| block.null_count(slot));
        self.cells[group as usize] += (block.rows() - nulls) as i64;
        true
    }

    fn add_page(&mut self, view: PageView, rows: Rows, ids: Ids, gathered: &mut Gathered) -> Result<(), ScanError> {
        let validity = match (self.slot, view) {
            (None, _) => None,
            (Some(_), PageView::Null) => return Ok(()),
            (Some(_), PageView::Values { validity, .. }) => validity,
        };
        let (rows, ids) = present(validity, rows, ids, &mut gathered.rows, &mut gathered.ids);
        match ids {
            Ids::One(group) => self.cells[group as usize] += rows.len() as i64,
            Ids::Each(ids) => add_each(&mut self.cells, ids, |_| ()),
        }
        Ok(())
    }

    fn columns(&self, groups: Range<usize>) -> Vec<ArrayRef> {
        vec![Arc::new(Int64Array::from(self.cells[groups].to_vec()))]
    }
}

fn add<T: Copy, C: Cell<T>>(cells: &mut [C], values: &[T], ids: Ids) {
    match ids {
        Ids::One(group) => add_all(&mut cells[group as usize], values),
        Ids::Each(ids) => add_each(cells, ids, |row| values[row]),
    }
}

struct SumInt64 {
    slot: usize,
    cells: Vec<IntSum>,
}

impl State for SumInt64 {
    fn resize(&mut self, groups: usize) {
        self.cells.resize(groups, IntSum::default());
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
        let PageValues::Int64(values) = values else {
            return Err(wrong_type());
        };
        add(&mut self.cells, values_of(values, rows, &mut gathered.int64), ids);
        Ok(())
    }

    fn columns(&self, groups: Range<usize>) -> Vec<ArrayRef> {
        let sums = self.cells[groups]
            .iter()
            .map(|cell| (cell.count > 0).then_some(cell.sum));
        vec![Arc::new(sums.collect::<Int64Array>())]
    }
}

/// A sum of floats, or an average of any numbers.
struct SumFloat64 {
    slot: usize,
    cells: Vec<FloatSum>,
    average: bool,
}

impl State for SumFloat64 {
    fn resize(&mut self, groups: usize) {
        self.cells.resize(groups, FloatSum::default());
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
            PageValues::Int64(values) => add(&mut self.cells, values_of(values, rows, &mut gathered.int64), ids),
            PageValues::Float64(values) => add(&mut self.cells, values_of(values, rows, &mut gathered.float64), ids),
            _ => return Err(wrong_type()),
        }
        Ok(())
    }

    fn columns(&self, groups: Range<usize>) -> Vec<ArrayRef> {
        let cells = &self.cells[groups];
        let sums: ArrayRef = Arc::new(
            cells
                .iter()
                .map(|cell| (cell.count > 0).then_some(cell.sum))
                .collect::<Float64Array>(),
        );
        if !self.average {
            return vec![sums];
        }
        vec![
            // Null like the sum: a merge takes a group with a count, even of 0, for one that has seen values.
            Arc::new(
                cells
                    .iter()
                    .map(|cell| (cell.count > 0).then_some(cell.count))
                    .collect::<Int64Array>(),
            ),
            sums,
        ]
    }
}
