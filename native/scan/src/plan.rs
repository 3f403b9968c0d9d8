//! A request with every name resolved to a slot and every predicate compiled, ready to meet blocks.

use crate::answer::arrow_type;
use crate::error::ScanError;
use crate::filter::{self, Node};
use crate::request::{ARRIVAL, RequestType, ScanRequest};
use ahash::AHashMap;
use arrow_schema::DataType;
use basalt_block::column::TIME_COLUMN;

/// A column that the request needs. Slots are indices into `Plan::slots`.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    pub name: String,
    pub column_type: RequestType,
}

pub struct Plan {
    pub slots: Vec<Slot>,
    /// Of `_timestamp`; always there.
    pub time_slot: usize,
    /// Time range and filter together.
    pub filter: Node,
    by_name: AHashMap<String, usize>,
}

impl Plan {
    /// Errors: a column twice or of a wrong type, anything `filter::compile` refuses.
    pub fn compile(request: &ScanRequest) -> Result<Self, ScanError> {
        let mut plan = Self {
            slots: Vec::new(),
            time_slot: 0,
            filter: Node::Constant(true),
            by_name: AHashMap::new(),
        };
        for column in &request.columns {
            if plan.by_name.insert(column.name.clone(), plan.slots.len()).is_some() {
                return Err(ScanError::Request(format!("column {:?} is listed twice", column.name)));
            }
            plan.slots.push(Slot {
                name: column.name.clone(),
                column_type: column.column_type,
            });
        }
        plan.time_slot = match plan.by_name.get(TIME_COLUMN) {
            Some(&slot) => slot,
            None => {
                let name = TIME_COLUMN.to_owned();
                plan.by_name.insert(name.clone(), plan.slots.len());
                plan.slots.push(Slot {
                    name,
                    column_type: RequestType::Int64,
                });
                plan.slots.len() - 1
            }
        };
        if plan.slots[plan.time_slot].column_type != RequestType::Int64 {
            return Err(ScanError::Request("_timestamp is int64".to_owned()));
        }
        plan.filter = filter::compile(request, &plan)?;
        Ok(plan)
    }

    /// The slot of a column; an error if `columns` of the request does not list it.
    pub fn slot(&self, name: &str) -> Result<usize, ScanError> {
        self.by_name
            .get(name)
            .copied()
            .ok_or_else(|| ScanError::Request(format!("column {name:?} is used but not listed in columns")))
    }

    pub fn slots_of(&self, names: &[String]) -> Result<Vec<usize>, ScanError> {
        names.iter().map(|name| self.slot(name)).collect()
    }

    /// The slots of the columns that are projected, and whether `ARRIVAL` is wanted behind them.
    pub fn projected(&self, project: &[String]) -> Result<(Vec<usize>, bool), ScanError> {
        match project.split_last() {
            Some((last, columns)) if last == ARRIVAL => Ok((self.slots_of(columns)?, true)),
            _ => Ok((self.slots_of(project)?, false)),
        }
    }

    /// Names and types of these columns in an answer.
    pub fn fields(&self, slots: &[usize], arrival: bool) -> Vec<(String, DataType)> {
        let columns = slots.iter().map(|&slot| {
            let Slot { name, column_type } = &self.slots[slot];
            (name.clone(), arrow_type(*column_type))
        });
        let arrival = arrival.then(|| (ARRIVAL.to_owned(), DataType::Int64));
        columns.chain(arrival).collect()
    }

    pub fn column_type(&self, slot: usize) -> RequestType {
        self.slots[slot].column_type
    }
}
