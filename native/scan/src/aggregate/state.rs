//! Counts and sums by group, and what all aggregates have in common.

use super::function::{self, Functions};
use super::gather::{Gathered, present, values_of};
use super::grouping::Ids;
use super::kernels::{Cell, FloatSum, IntSum, add_all, add_each};
use super::min_max;
use super::sketches::Sketches;
use crate::answer::arrow_type;
use crate::bits::Rows;
use crate::block_view::{BlockView, PageView};
use crate::error::ScanError;
use crate::page_view::PageValues;
use crate::plan::Plan;
use crate::request::{Aggregate, RequestType};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, Float64Array, Int64Array};
use arrow_schema::DataType;
use std::sync::Arc;

/// One aggregate's states, a cell a group.
pub trait State {
    /// Makes room for groups below `groups`.
    fn resize(&mut self, groups: usize);

    /// The column it reads, the first one if there are more; none for a count of rows.
    fn slot(&self) -> Option<usize>;

    /// Adds all rows of a block to one group from the header alone; false if that cannot be done (and nothing was).
    fn add_block(&mut self, block: &BlockView, group: u32) -> bool;

    /// Adds the selected rows of a page of a block; all ids have room.
    fn add_rows(
        &mut self,
        block: &mut BlockView,
        page: usize,
        rows: Rows,
        ids: Ids,
        gathered: &mut Gathered,
    ) -> Result<(), ScanError> {
        let view = match self.slot() {
            Some(slot) => {
                block.load(slot, page)?;
                block.view(slot)
            }
            None => PageView::Null,
        };
        self.add_page(view, rows, ids, gathered)
    }

    /// Likewise; `view` is the page of the column (`Null` without one).
    fn add_page(&mut self, view: PageView, rows: Rows, ids: Ids, gathered: &mut Gathered) -> Result<(), ScanError>;

    /// Adds the listed rows of state columns that `columns` of another state of the same aggregate made; `ids` has as many.
    fn merge(&mut self, columns: &[ArrayRef], rows: &[u32], ids: Ids) -> Result<(), ScanError>;

    /// State columns in the order of `fields`, for these groups.
    fn columns(&mut self, groups: &[u32]) -> Result<Vec<ArrayRef>, ScanError>;

    /// Bytes held beside a cell of fixed size for each group.
    fn held_bytes(&self) -> usize {
        0
    }
}

/// The states of an aggregate and its state columns: name after `agg<i>_`, and type.
pub type Compiled = (Box<dyn State>, Vec<(String, DataType)>);

pub fn compile(aggregate: &Aggregate, plan: &Plan, functions: &dyn Functions) -> Result<Compiled, ScanError> {
    Ok(match aggregate {
        Aggregate::Function {
            name,
            arguments,
            distinct,
        } => function::compile(name, arguments, *distinct, plan, functions)?,
        known => {
            let (state, fields) = compile_known(known, plan)?;
            (
                state,
                fields
                    .into_iter()
                    .map(|(name, data_type)| (name.to_owned(), data_type))
                    .collect(),
            )
        }
    })
}

type KnownFields = Vec<(&'static str, DataType)>;

fn compile_known(aggregate: &Aggregate, plan: &Plan) -> Result<(Box<dyn State>, KnownFields), ScanError> {
    let numeric = |column: &str| {
        let slot = plan.slot(column)?;
        match plan.column_type(slot) {
            RequestType::Int64 => Ok((slot, false)),
            RequestType::Float64 => Ok((slot, true)),
            _ => Err(ScanError::Request(format!(
                "sums and sketches need a number, column {column:?} is none"
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
        Aggregate::Sketch { column } => (
            Box::new(Sketches::new(numeric(column)?.0)),
            vec![("sketch", DataType::Binary)],
        ),
        Aggregate::Function { .. } => {
            return Err(ScanError::Internal(
                "a function was taken for a known aggregate".to_owned(),
            ));
        }
    })
}

/// Calls `add` with the group and the value of each listed row that has one.
pub fn merge_each<T: ArrowPrimitiveType>(
    column: &ArrayRef,
    rows: &[u32],
    ids: Ids,
    mut add: impl FnMut(usize, T::Native),
) -> Result<(), ScanError> {
    let array = column.as_primitive_opt::<T>().ok_or_else(wrong_type)?;
    if array.null_count() == 0 {
        let values = array.values();
        for (position, &row) in rows.iter().enumerate() {
            add(ids.at(position), values[row as usize]);
        }
        return Ok(());
    }
    for (position, &row) in rows.iter().enumerate() {
        if array.is_valid(row as usize) {
            add(ids.at(position), array.value(row as usize));
        }
    }
    Ok(())
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
        let Some(nulls) = self.slot.map_or(Some(0), |slot| block.null_count(slot)) else {
            return false;
        };
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

    fn merge(&mut self, columns: &[ArrayRef], rows: &[u32], ids: Ids) -> Result<(), ScanError> {
        merge_each::<Int64Type>(&columns[0], rows, ids, |group, count| self.cells[group] += count)
    }

    fn columns(&mut self, groups: &[u32]) -> Result<Vec<ArrayRef>, ScanError> {
        let counts = groups.iter().map(|&group| self.cells[group as usize]);
        Ok(vec![Arc::new(Int64Array::from_iter_values(counts))])
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

    fn merge(&mut self, columns: &[ArrayRef], rows: &[u32], ids: Ids) -> Result<(), ScanError> {
        merge_each::<Int64Type>(&columns[0], rows, ids, |group, sum| self.cells[group].add(sum))
    }

    fn columns(&mut self, groups: &[u32]) -> Result<Vec<ArrayRef>, ScanError> {
        let sums = groups.iter().map(|&group| self.cells[group as usize].value());
        Ok(vec![Arc::new(sums.collect::<Result<Int64Array, _>>()?)])
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

    fn merge(&mut self, columns: &[ArrayRef], rows: &[u32], ids: Ids) -> Result<(), ScanError> {
        let [counts @ .., sums] = columns else {
            return Err(wrong_type());
        };
        merge_each::<Float64Type>(sums, rows, ids, |group, sum| self.cells[group].sum += sum)?;
        match counts.first() {
            Some(counts) => merge_each::<Int64Type>(counts, rows, ids, |group, count| self.cells[group].count += count),
            // Only whether there are values is told of a sum.
            None => merge_each::<Float64Type>(sums, rows, ids, |group, _| self.cells[group].count += 1),
        }
    }

    fn columns(&mut self, groups: &[u32]) -> Result<Vec<ArrayRef>, ScanError> {
        let cells = || groups.iter().map(|&group| self.cells[group as usize]);
        let sums = cells().map(|cell| (cell.count > 0).then_some(cell.sum));
        let sums: ArrayRef = Arc::new(sums.collect::<Float64Array>());
        if !self.average {
            return Ok(vec![sums]);
        }
        // Null like the sum: a merge takes a group with a count, even of 0, for one that has seen values.
        let counts = cells().map(|cell| (cell.count > 0).then_some(cell.count));
        Ok(vec![Arc::new(counts.collect::<Int64Array>()), sums])
    }
}
