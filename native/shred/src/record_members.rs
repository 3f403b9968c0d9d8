//! The hot loop: the members of a record, one after another.

use crate::column_builder::Value;
use crate::escape::decode_string;
use crate::flatten::fold_key;
use crate::group::GroupBuilder;
use crate::number::{Number, read_number};
use crate::record::{Fail, RecordParser};
use crate::slots::{LOOSE, NO_PARENT, ROOT, TIME, key_end};
use crate::string_end::string_end;
use basalt_block::column::TIME_COLUMN;

impl RecordParser<'_, '_> {
    /// Reads the object at `start` into the row at hand and returns its end.
    pub(crate) fn read_object(&mut self, group: &mut GroupBuilder, start: usize) -> Result<usize, Fail> {
        let cursor = self.cursor;
        self.time_us = None;
        self.time_problem = None;
        self.odd_time = None;
        self.warning = None;
        self.record_start = start;
        self.scratch.frames.clear();
        self.scratch.prefix.clear();
        self.scratch.overflow.clear();
        let row = group.rows();
        let mut parent = ROOT;
        let mut last = ROOT;
        let mut at = cursor.space(start + 1);
        if cursor.peek(at) == b'}' {
            return Ok(at + 1);
        }
        loop {
            let (slot, after_key) = match group.slots.predict(last, parent, cursor.bytes, at) {
                Some(predicted) => predicted,
                None => self.find_key(group, last, parent, at)?,
            };
            last = slot;
            let value_start = cursor.space(after_key);
            at = match cursor.peek(value_start) {
                b'"' => self.read_string(group, slot, row, value_start)?,
                b'-' | b'0'..=b'9' => self.read_number(group, slot, row, value_start)?,
                b'{' => {
                    let inner = cursor.space(value_start + 1);
                    let is_time = group.slots.get(slot).column == TIME;
                    if cursor.peek(inner) != b'}' && !is_time && self.scratch.frames.len() + 1 < self.levels() {
                        self.open(group, slot, row, parent)?;
                        parent = if slot == LOOSE { NO_PARENT } else { slot };
                        at = inner;
                        continue;
                    }
                    self.read_json(group, slot, row, value_start)?
                }
                b'[' => self.read_json(group, slot, row, value_start)?,
                _ => self.read_literal(group, slot, row, value_start)?,
            };
            // After a value: the next member, or the end of one object or more.
            loop {
                at = cursor.space(at);
                match cursor.peek(at) {
                    b',' => {
                        at = cursor.space(at + 1);
                        break;
                    }
                    b'}' => {
                        at += 1;
                        let Some(frame) = self.scratch.frames.pop() else {
                            return self.end_row(group).map(|()| at);
                        };
                        parent = frame.parent;
                        self.scratch.prefix.truncate(frame.prefix_len);
                    }
                    _ => return Err(Fail::Unclear),
                }
            }
        }
    }

    /// The slot of the key at `at` where prediction failed, and the position after its colon.
    #[inline(never)]
    fn find_key(&mut self, group: &mut GroupBuilder, last: u32, parent: u32, at: usize) -> Result<(u32, usize), Fail> {
        let cursor = self.cursor;
        let end = key_end(cursor, at).map_err(|_| Fail::Unclear)?;
        let colon = cursor.space(end);
        if cursor.peek(colon) != b':' {
            return Err(Fail::Unclear);
        }
        let slot = match cursor.bytes[at..end].contains(&b'\\') {
            false => group.slots.find(parent, &cursor.bytes[at..end]),
            true => None,
        };
        let slot = match slot {
            Some(slot) => slot,
            None => self.find_decoded_key(group, parent, at, end)?,
        };
        if slot != LOOSE && last != LOOSE {
            group.slots.learn(last, slot);
        }
        Ok((slot, colon + 1))
    }

    /// As [`Self::find_key`] for a key that is new or has escapes. Spellings of one key share a slot, so that it can tell
    /// that the key came twice; unless the key cannot be written without escapes.
    fn find_decoded_key(&mut self, group: &mut GroupBuilder, parent: u32, at: usize, end: usize) -> Result<u32, Fail> {
        let bytes = self.cursor.bytes;
        let quoted = &mut self.scratch.text;
        quoted.clear();
        quoted.push(b'"');
        decode_string(bytes, at + 1, quoted).ok_or(Fail::Unclear)?;
        let mut key = Vec::with_capacity(quoted.len());
        fold_key(&quoted[1..], &mut key);
        let needs_escapes = string_end(quoted, 1) < quoted.len();
        quoted.push(b'"');
        let sent = if needs_escapes {
            &bytes[at..end]
        } else {
            quoted.as_slice()
        };
        let slot = match group.slots.find(parent, sent) {
            Some(slot) => slot,
            None => group.slots.add(parent, sent, &key),
        };
        if parent == ROOT && key == TIME_COLUMN.as_bytes() {
            group.slots.get_mut(slot).column = TIME;
        }
        Ok(slot)
    }

    #[inline(always)]
    fn read_string(&mut self, group: &mut GroupBuilder, slot: u32, row: usize, start: usize) -> Result<usize, Fail> {
        let bytes = self.cursor.bytes;
        let stop = string_end(bytes, start + 1);
        match bytes.get(stop) {
            Some(b'"') => {
                self.store(
                    group,
                    slot,
                    row,
                    Value::String(&bytes[start + 1..stop]),
                    start..stop + 1,
                )?;
                Ok(stop + 1)
            }
            Some(b'\\') => self.read_escaped(group, slot, row, start),
            _ => Err(Fail::Unclear),
        }
    }

    #[inline(always)]
    fn read_number(&mut self, group: &mut GroupBuilder, slot: u32, row: usize, start: usize) -> Result<usize, Fail> {
        let bytes = self.cursor.bytes;
        let (number, end) = read_number(bytes, start).ok_or(Fail::Unclear)?;
        let value = match number {
            Number::Int(value) => Value::Int(value),
            Number::Float(value) => Value::Float(value),
            Number::Digits => Value::Decimal(&bytes[start..end]),
            Number::Text => Value::Number(&bytes[start..end]),
        };
        self.store(group, slot, row, value, start..end)?;
        Ok(end)
    }

    #[inline(never)]
    fn read_escaped(&mut self, group: &mut GroupBuilder, slot: u32, row: usize, start: usize) -> Result<usize, Fail> {
        let mut text = std::mem::take(&mut self.scratch.text);
        text.clear();
        let end = decode_string(self.cursor.bytes, start + 1, &mut text).ok_or(Fail::Unclear);
        let stored = end.and_then(|end| {
            self.store(group, slot, row, Value::String(&text), start..end)?;
            Ok(end)
        });
        self.scratch.text = text;
        stored
    }

    /// An array, or an object that is empty or below the flattening depth: its text as sent.
    #[inline(never)]
    fn read_json(&mut self, group: &mut GroupBuilder, slot: u32, row: usize, start: usize) -> Result<usize, Fail> {
        let depth = self.scratch.frames.len() + 1;
        let skipped = self
            .cursor
            .skip_value(start, depth, self.limits.depth_max)
            .map_err(|_| Fail::Unclear)?;
        if skipped.flaw.is_some() {
            return Err(Fail::Unclear);
        }
        let value = Value::Json(&self.cursor.bytes[start..skipped.end]);
        self.store(group, slot, row, value, start..skipped.end)?;
        Ok(skipped.end)
    }

    fn read_literal(&mut self, group: &mut GroupBuilder, slot: u32, row: usize, start: usize) -> Result<usize, Fail> {
        let (literal, value): (&[u8], _) = match self.cursor.peek(start) {
            b't' => (b"true", Value::Bool(true)),
            b'f' => (b"false", Value::Bool(false)),
            _ => (b"null", Value::Null),
        };
        let end = self.cursor.literal(start, literal).ok_or(Fail::Unclear)?;
        self.check_null(group, slot, row, value)?;
        self.store(group, slot, row, value, start..end)?;
        Ok(end)
    }
}
