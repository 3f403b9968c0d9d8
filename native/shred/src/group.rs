//! The rows of one stream while requests arrive.

use crate::column_builder::Value;
use crate::fields::StreamFields;
use crate::flatten::name_of;
use crate::group_column::GroupColumn;
use crate::limits::NAME_BYTES_MAX;
use crate::outcome::Group;
use crate::overflow::OVERFLOW_COLUMN;
use crate::record_store::ODD_TIME_COLUMN;
use crate::slots::{LOOSE, OVERFLOW, SlotTable, UNRESOLVED};
use std::collections::HashMap;
use std::sync::Arc;

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

pub(crate) struct GroupBuilder {
    pub organization: u32,
    pub stream: String,
    /// The columns that the stream has.
    fields: Arc<StreamFields>,
    columns_max: usize,
    pub columns: Vec<GroupColumn>,
    by_name: HashMap<String, u32>,
    /// Columns that the stream does not have yet: of all rows, and of the record at hand.
    new_columns: usize,
    record_columns: usize,
    /// Slots that overflow in this record, since it brings too many new fields.
    excess: Vec<u32>,
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

impl GroupBuilder {
    pub fn new(organization: u32, stream: String, fields: Arc<StreamFields>, columns_max: usize) -> GroupBuilder {
        GroupBuilder {
            organization,
            stream,
            fields,
            columns_max,
            columns: Vec::new(),
            by_name: HashMap::new(),
            new_columns: 0,
            record_columns: 0,
            excess: Vec::new(),
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

    /// Begins a record: what the one before brought too much of may have place now.
    #[inline(always)]
    pub fn begin_record(&mut self) {
        self.record += 1;
        self.record_columns = 0;
        if !self.excess.is_empty() {
            self.forget_excess();
        }
    }

    #[cold]
    fn forget_excess(&mut self) {
        for slot in self.excess.drain(..) {
            if (slot as usize) < self.slots.len() {
                self.slots.get_mut(slot).column = UNRESOLVED;
            }
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
            column.truncate(mark.rows);
        }
        for column in self.columns.drain(mark.columns..) {
            self.by_name.remove(column.name());
            self.new_columns -= usize::from(column.is_new);
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
            None => self.add_column(name.to_owned(), false),
        };
        self.columns[column as usize].put(row, value);
    }

    /// Finds the column of a slot's key below `prefix`, creating it if there is place: an index or [`OVERFLOW`].
    pub fn resolve(&mut self, slot: u32, prefix: &[u8]) -> u32 {
        let column = match self.name_below(prefix, slot) {
            None => OVERFLOW,
            Some(name) => match self.by_name.get(&name) {
                Some(&column) => column,
                None => self.place(name, slot),
            },
        };
        self.set_column(slot, column);
        column
    }

    /// A new column of the group, or the overflow column: where the stream is full for good, where the record is until it ends.
    fn place(&mut self, name: String, slot: u32) -> u32 {
        if name == ID_COLUMN || name == ODD_TIME_COLUMN || self.fields.has(&name) {
            return self.add_column(name, false);
        }
        // The time column counts.
        if self.record_columns + 1 >= self.columns_max {
            self.excess.push(slot);
            return OVERFLOW;
        }
        if !self.fields.has_room(self.new_columns) {
            return OVERFLOW;
        }
        self.record_columns += 1;
        self.add_column(name, true)
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

    /// The flattened name of a slot's key, unless it is too long for a column. What a sender calls like the overflow column is one of the
    /// fields in it, so that nothing else ever is.
    fn name_below(&self, prefix: &[u8], slot: u32) -> Option<String> {
        let key = &self.slots.get(slot).key;
        let name = (prefix.len() + key.len() <= NAME_BYTES_MAX).then(|| name_of(&[prefix, key].concat()));
        name.filter(|name| name != OVERFLOW_COLUMN)
    }

    fn set_column(&mut self, slot: u32, column: u32) {
        self.slots.get_mut(slot).column = column;
        if slot != LOOSE {
            self.resolved.push(slot);
        }
    }

    fn add_column(&mut self, name: String, is_new: bool) -> u32 {
        let column = self.columns.len() as u32;
        self.columns_created += 1;
        self.by_name.insert(name.clone(), column);
        self.new_columns += usize::from(is_new);
        self.columns.push(GroupColumn::new(name, is_new));
        column
    }

    /// The rows, or `None` if none was accepted. From here on the stream has the columns.
    pub fn finish(self) -> Option<Group> {
        let rows = self.times.len();
        if rows == 0 {
            return None;
        }
        let columns: Vec<_> = self
            .columns
            .into_iter()
            .filter_map(|column| column.finish(rows))
            .collect();
        self.fields
            .add(columns.iter().map(|finished| finished.column.name.as_str()));
        Some(Group {
            organization: self.organization,
            stream: self.stream,
            fields: self.fields,
            times: self.times,
            columns,
        })
    }
}
