//! Where the values of a record go: a column, the event time, or the overflow column.

use crate::column_builder::Value;
use crate::group::GroupBuilder;
use crate::number::{Number, read_number};
use crate::overflow::OVERFLOW_COLUMN;
use crate::record::{Fail, Frame, RecordParser};
use crate::slots::{LOOSE, OVERFLOW, TIME, UNRESOLVED};
use crate::timestamp::{is_time, time_of_float, time_of_int, time_of_text};
use basalt_block::column::TIME_COLUMN;
use std::ops::Range;

/// Where a `_timestamp` goes that means no time.
pub(crate) const ODD_TIME_COLUMN: &str = "_timestamp_sent";

impl RecordParser<'_, '_> {
    /// A null that takes a value away may itself be overridden by an object, so only unique keys let it.
    #[inline(always)]
    pub(crate) fn check_null(&self, group: &GroupBuilder, slot: u32, row: usize, value: Value) -> Result<(), Fail> {
        let takes_away = value == Value::Null && !self.is_unique && self.has_value(group, slot, row);
        if takes_away { Err(Fail::Duplicate) } else { Ok(()) }
    }

    /// Goes into the object under `slot`.
    pub(crate) fn open(&mut self, group: &mut GroupBuilder, slot: u32, row: usize, parent: u32) -> Result<(), Fail> {
        if self.scratch.frames.len() + 2 > self.limits.depth_max {
            return Err(Fail::Unclear);
        }
        // A key that is not remembered cannot tell whether it came before.
        let is_again = group.slots.get(slot).object_record == group.record || slot == LOOSE;
        if !self.is_unique && (is_again || self.has_value(group, slot, row)) {
            return Err(Fail::Duplicate);
        }
        let entry = group.slots.get_mut(slot);
        entry.object_record = group.record;
        self.scratch.frames.push(Frame {
            parent,
            prefix_len: self.scratch.prefix.len(),
        });
        self.scratch.prefix.extend_from_slice(&entry.key);
        self.scratch.prefix.push(b'_');
        Ok(())
    }

    /// Whether the row at hand already has a value where the slot leads.
    fn has_value(&self, group: &GroupBuilder, slot: u32, row: usize) -> bool {
        match group.slots.get(slot).column {
            OVERFLOW => !self.scratch.overflow.is_empty(),
            TIME => self.time_us.is_some() || self.time_problem.is_some() || self.odd_time.is_some(),
            column => group
                .columns
                .get(column as usize)
                .is_some_and(|column| column.len() > row),
        }
    }

    /// Puts a value where its slot leads. `sent` is the value's range in the body.
    #[inline(always)]
    pub(crate) fn store(
        &mut self,
        group: &mut GroupBuilder,
        slot: u32,
        row: usize,
        value: Value,
        sent: Range<usize>,
    ) -> Result<(), Fail> {
        let entry = group.slots.get(slot);
        if entry.object_record == group.record && !self.is_unique {
            return Err(Fail::Duplicate);
        }
        match group.columns.get_mut(entry.column as usize) {
            Some(column) => {
                if column.put(row, value) {
                    self.tell_replaced(column.name());
                }
            }
            None => return self.store_apart(group, slot, row, value, sent),
        }
        Ok(())
    }

    /// The event time, a column still to be found, or an overflow field.
    #[inline(never)]
    fn store_apart(
        &mut self,
        group: &mut GroupBuilder,
        slot: u32,
        row: usize,
        value: Value,
        sent: Range<usize>,
    ) -> Result<(), Fail> {
        let mut column = group.slots.get(slot).column;
        if column == TIME {
            if self.time_us.is_some() && value != Value::Null {
                self.tell_replaced(TIME_COLUMN);
            }
            let time = read_time(value);
            self.odd_time = matches!(time, Ok(Time::None)).then_some(sent);
            self.time_us = match time {
                Ok(Time::At(time)) => Some(time),
                _ => None,
            };
            self.time_problem = time.err();
            return Ok(());
        }
        if column == UNRESOLVED {
            if value != Value::Null {
                column = group.resolve(slot, &self.scratch.prefix);
            } else if let Some(existing) = group.resolve_existing(slot, &self.scratch.prefix) {
                column = existing;
            } else if self.scratch.overflow.is_empty() {
                return Ok(());
            }
        }
        if let Some(column) = group.columns.get_mut(column as usize) {
            if column.put(row, value) {
                self.tell_replaced(column.name());
            }
            return Ok(());
        }
        let record_bytes = sent.end - self.record_start;
        let sent = if value == Value::Null { 0..0 } else { sent };
        let key = &group.slots.get(slot).key;
        match self
            .scratch
            .overflow
            .push(&self.scratch.prefix, key, sent, record_bytes)
        {
            true => Ok(()),
            false => Err(Fail::Names),
        }
    }

    #[inline(always)]
    /// Ends the row: its time must be one, and its overflow fields become a cell.
    pub(crate) fn end_row(&mut self, group: &mut GroupBuilder) -> Result<(), Fail> {
        if let Some(reason) = self.time_problem.take() {
            return Err(Fail::Timestamp(reason));
        }
        if let Some(sent) = self.odd_time.take() {
            self.keep_odd_time(group, sent);
        }
        if !self.scratch.overflow.is_empty() {
            self.scratch.text.clear();
            let written = self.scratch.overflow.write(self.cursor.bytes, &mut self.scratch.text);
            if written.has_fields {
                group.put_named(OVERFLOW_COLUMN, Value::Json(&self.scratch.text));
            }
            if let Some(name) = written.replaced {
                self.tell_replaced(&name);
            }
        }
        Ok(())
    }

    /// Two keys of the record became one field, or one came twice: only the last value is kept.
    #[cold]
    #[inline(never)]
    pub(crate) fn tell_replaced(&mut self, name: &str) {
        if self.warning.is_none() {
            let shown: String = name.chars().take(64).collect();
            self.warning = Some(format!(
                "the field {shown} came more than once, and only the last value is kept: names are told apart by ASCII letters in lower \
                 case, digits and characters beyond ASCII"
            ));
        }
    }

    /// A `_timestamp` that means no time is kept in a field of its own.
    #[cold]
    fn keep_odd_time(&mut self, group: &mut GroupBuilder, sent: Range<usize>) {
        let bytes = self.cursor.bytes;
        let text = &bytes[sent];
        let value = match read_number(text, 0) {
            Some((Number::Float(value), _)) => Value::Float(value),
            _ => Value::Json(text),
        };
        group.put_named(ODD_TIME_COLUMN, value);
        let shown: String = String::from_utf8_lossy(text).chars().take(64).collect();
        let odd = format!(
            "_timestamp {shown} is no time: the record has the time of its arrival, and the value is in the field {ODD_TIME_COLUMN}"
        );
        self.warning = Some(match self.warning.take() {
            Some(other) => format!("{other}; {odd}"),
            None => odd,
        });
    }
}

/// What a `_timestamp` means.
enum Time {
    At(i64),
    Now,
    /// Nothing, but the record is good without.
    None,
}

fn read_time(value: Value) -> Result<Time, String> {
    let or_now = |time: Option<i64>| time.map_or(Time::Now, Time::At);
    match value {
        Value::Null => Ok(Time::Now),
        Value::Int(value) => Ok(or_now(time_of_int(value))),
        Value::Float(value) if is_time(value) => Ok(or_now(time_of_float(value))),
        Value::Float(_) => Ok(Time::None),
        Value::String(text) | Value::Decimal(text) | Value::Number(text) => time_of_text(text).map(or_now),
        Value::Bool(value) => Err(format!("{value} is no date and time")),
        Value::Json(text) if is_object(text) || is_empty(text) => Ok(Time::None),
        Value::Json(_) => Err("an array is no date and time".to_owned()),
    }
}

fn is_object(text: &[u8]) -> bool {
    text.first() == Some(&b'{')
}

/// Of an array: it means nothing, as null does.
fn is_empty(text: &[u8]) -> bool {
    text[1..].trim_ascii_start().len() == 1
}
