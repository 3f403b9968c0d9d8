//! The rows of one stream while requests arrive.

use crate::column_builder::{ColumnBuilder, Value};
use crate::flatten::name_of;
use crate::limits::NAME_BYTES_MAX;
use crate::overflow::OVERFLOW_COLUMN;
use crate::record_store::ODD_TIME_COLUMN;
use crate::slots::{LOOSE, OVERFLOW, SlotTable, UNRESOLVED};
use basalt_block::column::TIME_COLUMN;
use basalt_block::{Batch, Column, Values};
use std::collections::{HashMap, HashSet};

/// The column that holds the document id of bulk actions.
pub(crate) const ID_COLUMN: &str = "_id";

/// A point to go back to. Everything that grows is only appended to, so lengths say it all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    rows: usize,
    columns: usize,
    slots: usize,
    resolved: usize,
}

pub(crate) struct GroupBuilder<'a> {
    pub organization: u32,
    pub stream: String,
    /// The columns that may be created, where the stream is closed for others.
    closed: Option<&'a HashSet<String>>,
    columns_max: usize,
    pub columns: Vec<ColumnBuilder>,
    by_name: HashMap<String, u32>,
    /// Columns ever created, those taken back included.
    columns_created: u64,
    pub slots: SlotTable,
    /// Slots in the order in which they got their column.
    resolved: Vec<u32>,
    times: Vec<i64>,
    /// Counts records, accepted or not, so that a slot can tell whether it was met in this one.
    pub record: u64,
    /// Set when the request at hand first touched the group.
    pub request_mark: Option<Mark>,
}

impl<'a> GroupBuilder<'a> {
    pub fn new(
        organization: u32,
        stream: String,
        closed: Option<&'a HashSet<String>>,
        columns_max: usize,
    ) -> GroupBuilder<'a> {
        GroupBuilder {
            organization,
            stream,
            closed,
            columns_max,
            columns: Vec::new(),
            by_name: HashMap::new(),
            columns_created: 0,
            slots: SlotTable::new(),
            resolved: Vec::new(),
            times: Vec::new(),
            record: 0,
            request_mark: None,
        }
    }

    #[inline(always)]
    pub fn rows(&self) -> usize {
        self.times.len()
    }

    #[inline(always)]
    pub fn mark(&self) -> Mark {
        Mark {
            rows: self.times.len(),
            columns: self.columns.len(),
            slots: self.slots.len(),
            resolved: self.resolved.len(),
        }
    }

    /// Ends the row at hand.
    #[inline(always)]
    pub fn commit(&mut self, time_us: i64) {
        self.times.push(time_us);
    }

    /// Takes back all that came after `mark`, the row at hand included.
    pub fn roll_back(&mut self, mark: Mark) {
        self.times.truncate(mark.rows);
        for column in &mut self.columns[..mark.columns] {
            if column.len() > mark.rows {
                column.truncate(mark.rows);
            }
        }
        for column in self.columns.drain(mark.columns..) {
            self.by_name.remove(&column.name);
        }
        for slot in self.resolved.drain(mark.resolved..) {
            if (slot as usize) < mark.slots {
                self.slots.get_mut(slot).column = UNRESOLVED;
            }
        }
        self.slots.truncate(mark.slots);
    }

    /// Sets the value of a column that is known by name and always has place.
    pub fn put_named(&mut self, name: &str, value: Value) {
        let row = self.rows();
        let column = match self.by_name.get(name) {
            Some(&column) => column,
            None => self.add_column(name.to_owned()),
        };
        self.columns[column as usize].put(row, value);
    }

    /// Finds the column of a slot's key below `prefix`, creating it if there is place: an index or [`OVERFLOW`].
    pub fn resolve(&mut self, slot: u32, prefix: &[u8]) -> u32 {
        let column = match self.name_below(prefix, slot) {
            None => OVERFLOW,
            Some(name) => match self.by_name.get(&name) {
                Some(&column) => column,
                None if self.may_create(&name) => self.add_column(name),
                None => OVERFLOW,
            },
        };
        self.set_column(slot, column);
        column
    }

    /// As [`Self::resolve`] for null, which creates nothing. Keys that are always null come here with every record, so a
    /// vain look-up is not repeated before there is a new column.
    pub fn resolve_existing(&mut self, slot: u32, prefix: &[u8]) -> Option<u32> {
        if self.slots.get(slot).nameless_at == self.columns_created {
            return None;
        }
        let column = self
            .name_below(prefix, slot)
            .and_then(|name| self.by_name.get(&name).copied());
        match column {
            Some(column) => self.set_column(slot, column),
            None => self.slots.get_mut(slot).nameless_at = self.columns_created,
        }
        column
    }

    /// The flattened name of a slot's key, unless it is too long for a column.
    fn name_below(&self, prefix: &[u8], slot: u32) -> Option<String> {
        let key = &self.slots.get(slot).key;
        (prefix.len() + key.len() <= NAME_BYTES_MAX).then(|| name_of(&[prefix, key].concat()))
    }

    fn set_column(&mut self, slot: u32, column: u32) {
        self.slots.get_mut(slot).column = column;
        if slot != LOOSE {
            self.resolved.push(slot);
        }
    }

    fn may_create(&self, name: &str) -> bool {
        if name == ID_COLUMN || name == OVERFLOW_COLUMN || name == ODD_TIME_COLUMN {
            return true;
        }
        match self.closed {
            Some(names) => names.contains(name),
            // The time column counts.
            None => self.columns.len() + 1 < self.columns_max,
        }
    }

    fn add_column(&mut self, name: String) -> u32 {
        let column = self.columns.len() as u32;
        self.columns_created += 1;
        self.by_name.insert(name.clone(), column);
        self.columns.push(ColumnBuilder::new(name));
        column
    }

    /// The batch, or `None` if no row was accepted.
    pub fn finish(self) -> Option<(u32, String, Batch)> {
        let rows = self.times.len();
        if rows == 0 {
            return None;
        }
        let time = Column {
            name: TIME_COLUMN.to_owned(),
            validity: None,
            values: Values::Int64(self.times),
        };
        let columns = std::iter::once(time)
            .chain(self.columns.into_iter().filter_map(|column| column.finish(rows)))
            .collect();
        Some((self.organization, self.stream, Batch { rows, columns }))
    }
}
