//! Fields of a row that found no place as a column: together they become one JSON object in the overflow column.

use std::collections::HashMap;
use std::ops::Range;

/// The overflow column: JSON objects of fields without a column, nothing else. A field that a sender calls so is one of them.
pub const OVERFLOW_COLUMN: &str = "_all";

/// Names may take this many times the bytes of their record, and some more for short ones: each name repeats the keys
/// above it, so they can be far longer than what was sent.
const NAMES_FACTOR: usize = 16;
const NAMES_FREE_BYTES: usize = 4_096;

/// The overflow fields of the row at hand.
#[derive(Default)]
pub(crate) struct Overflow {
    names: Vec<u8>,
    /// Range in `names`, and the value's text in the body (empty for null).
    fields: Vec<(Range<usize>, Range<usize>)>,
}

/// What `Overflow::write` wrote.
pub(crate) struct Written {
    pub has_fields: bool,
    /// A field that came again later in the record.
    pub replaced: Option<String>,
}

impl Overflow {
    pub fn clear(&mut self) {
        self.names.clear();
        self.fields.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Adds a field. Returns false when the names are out of proportion to `record_bytes`.
    pub fn push(&mut self, prefix: &[u8], key: &[u8], value: Range<usize>, record_bytes: usize) -> bool {
        let start = self.names.len();
        if start + prefix.len() + key.len() > NAMES_FREE_BYTES + NAMES_FACTOR * record_bytes {
            return false;
        }
        self.names.extend_from_slice(prefix);
        self.names.extend_from_slice(key);
        self.fields.push((start..self.names.len(), value));
        true
    }

    /// Appends `{"name":value,...}`, the last value of each name as it was sent; nothing when all values are null. Names are folded, so
    /// they need no escapes.
    pub fn write(&self, body: &[u8], into: &mut Vec<u8>) -> Written {
        let name = |field: &(Range<usize>, Range<usize>)| &self.names[field.0.clone()];
        let last: HashMap<&[u8], usize> = self
            .fields
            .iter()
            .enumerate()
            .map(|(place, field)| (name(field), place))
            .collect();
        let is_replaced = |(place, field): &(usize, &(Range<usize>, Range<usize>))| {
            last.get(name(field)) != Some(place) && !field.1.is_empty()
        };
        let replaced = match last.len() < self.fields.len() {
            true => self.fields.iter().enumerate().find(is_replaced),
            false => None,
        };
        let replaced = replaced.map(|(_, field)| String::from_utf8_lossy(name(field)).into_owned());
        let start = into.len();
        for (place, field) in self.fields.iter().enumerate() {
            if last.get(name(field)) == Some(&place) && !field.1.is_empty() {
                into.extend_from_slice(if into.len() == start { b"{\"" } else { b",\"" });
                into.extend_from_slice(name(field));
                into.extend_from_slice(b"\":");
                into.extend_from_slice(&body[field.1.clone()]);
            }
        }
        let has_fields = into.len() > start;
        if has_fields {
            into.push(b'}');
        }
        Written { has_fields, replaced }
    }
}
