//! Aggregate functions whose states are kept by the caller of the scan.

use super::gather::Gathered;
use super::grouping::Ids;
use super::state::{Compiled, State};
use crate::bits::Rows;
use crate::block_view::{BlockView, PageView};
use crate::column_builder::ColumnBuilder;
use crate::error::ScanError;
use crate::plan::Plan;
use crate::request::{Argument, RequestType};
use arrow_array::{ArrayRef, UInt32Array};
use arrow_schema::DataType;
use arrow_select::take::take;

/// Aggregate functions by name.
pub trait Functions: Sync {
    /// States of a function of these arguments, whose columns have these types. Errors tell a person what is wrong.
    fn states(
        &self,
        name: &str,
        arguments: &[(Argument, Option<RequestType>)],
        distinct: bool,
    ) -> Result<Box<dyn States>, String>;
}

/// The states of one function, for groups numbered from 0.
pub trait States {
    /// Types of the state columns.
    fn types(&self) -> Vec<DataType>;

    /// Adds rows: the argument columns in order (constants have none), the group of each row, all below `groups`.
    fn update(&mut self, columns: &[ArrayRef], ids: &[usize], groups: usize) -> Result<(), String>;

    /// Adds rows of states.
    fn merge(&mut self, states: &[ArrayRef], ids: &[usize], groups: usize) -> Result<(), String>;

    /// The states of all `groups`, in their order; nothing is added afterwards.
    fn finish(&mut self, groups: usize) -> Result<Vec<ArrayRef>, String>;

    /// Bytes held.
    fn bytes(&self) -> usize;
}

/// Knows no function.
pub struct NoFunctions;

impl Functions for NoFunctions {
    fn states(&self, name: &str, _: &[(Argument, Option<RequestType>)], _: bool) -> Result<Box<dyn States>, String> {
        Err(format!("the aggregate function {name:?} is unknown"))
    }
}

struct Function {
    name: String,
    /// Of the argument columns.
    slots: Vec<usize>,
    builders: Vec<ColumnBuilder>,
    states: Box<dyn States>,
    groups: usize,
    ids: Vec<usize>,
    finished: Option<Vec<ArrayRef>>,
}

pub fn compile(
    name: &str,
    arguments: &[Argument],
    distinct: bool,
    plan: &Plan,
    functions: &dyn Functions,
) -> Result<Compiled, ScanError> {
    let (mut slots, mut builders, mut typed) = (Vec::new(), Vec::new(), Vec::new());
    for argument in arguments {
        let column_type = match argument {
            Argument::Column { column, .. } => {
                let slot = plan.slot(column)?;
                slots.push(slot);
                builders.push(ColumnBuilder::new(plan.column_type(slot)));
                Some(plan.column_type(slot))
            }
            Argument::Constant { .. } => None,
        };
        typed.push((argument.clone(), column_type));
    }
    let states = functions.states(name, &typed, distinct);
    let states = states.map_err(|what| ScanError::Function {
        name: name.to_owned(),
        what,
    })?;
    let types = states.types().into_iter().enumerate();
    let fields = types.map(|(index, data_type)| (index.to_string(), data_type)).collect();
    let function = Function {
        name: name.to_owned(),
        slots,
        builders,
        states,
        groups: 0,
        ids: Vec::new(),
        finished: None,
    };
    Ok((Box::new(function), fields))
}

impl Function {
    fn failed(&self, what: String) -> ScanError {
        ScanError::Function {
            name: self.name.clone(),
            what,
        }
    }

    fn list_ids(&mut self, rows: usize, ids: Ids) {
        self.ids.clear();
        match ids {
            Ids::One(group) => self.ids.resize(rows, group as usize),
            Ids::Each(list) => self.ids.extend(list.iter().map(|&id| id as usize)),
        }
    }
}

impl State for Function {
    fn resize(&mut self, groups: usize) {
        self.groups = groups;
    }

    fn slot(&self) -> Option<usize> {
        self.slots.first().copied()
    }

    fn add_block(&mut self, _: &BlockView, _: u32) -> bool {
        false
    }

    fn add_page(&mut self, _: PageView, _: Rows, _: Ids, _: &mut Gathered) -> Result<(), ScanError> {
        Err(ScanError::Internal("a function was given one column only".to_owned()))
    }

    fn add_rows(
        &mut self,
        block: &mut BlockView,
        page: usize,
        rows: Rows,
        ids: Ids,
        _: &mut Gathered,
    ) -> Result<(), ScanError> {
        self.list_ids(rows.len(), ids);
        let mut columns = Vec::with_capacity(self.slots.len());
        for (&slot, builder) in self.slots.iter().zip(&mut self.builders) {
            block.load(slot, page)?;
            builder.append(block.view(slot), rows)?;
            columns.push(builder.finish()?);
        }
        let added = self.states.update(&columns, &self.ids, self.groups);
        added.map_err(|what| self.failed(what))
    }

    fn merge(&mut self, columns: &[ArrayRef], rows: &[u32], ids: Ids) -> Result<(), ScanError> {
        self.list_ids(rows.len(), ids);
        let rows = UInt32Array::from(rows.to_vec());
        let taken = columns.iter().map(|column| take(column, &rows, None));
        let taken = taken.collect::<Result<Vec<_>, _>>()?;
        let merged = self.states.merge(&taken, &self.ids, self.groups);
        merged.map_err(|what| self.failed(what))
    }

    fn columns(&mut self, groups: &[u32]) -> Result<Vec<ArrayRef>, ScanError> {
        if self.finished.is_none() {
            let finished = self.states.finish(self.groups);
            self.finished = Some(finished.map_err(|what| self.failed(what))?);
        }
        let groups = UInt32Array::from(groups.to_vec());
        let all = self.finished.iter().flatten();
        Ok(all
            .map(|column| take(column, &groups, None))
            .collect::<Result<_, _>>()?)
    }

    fn held_bytes(&self) -> usize {
        self.states.bytes()
    }
}
