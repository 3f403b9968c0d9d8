//! One column while rows arrive.
//!
//! Values of the first value's type are stored as that type; others wait beside it and the type is settled when the batch
//! is finished (`finish.rs`). So a row that is taken back takes its influence on the type back too. A string column is a
//! string column whatever follows, so there later values become text at once.

use crate::canonical::{canonical_bool, canonical_float, canonical_int};
use crate::text_builder::TextBuilder;

/// One value of a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'v> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(&'v [u8]),
    Json(&'v [u8]),
    /// Digits of a whole number that fits 64 bits without a sign.
    Decimal(&'v [u8]),
    /// The text of a number that fits no type.
    Number(&'v [u8]),
}

impl Value<'_> {
    /// What a text of this value is; `None` of null.
    fn kind(self) -> Option<Kind> {
        Some(match self {
            Value::Null => return None,
            Value::Bool(_) => Kind::Bool,
            Value::Int(_) => Kind::Int,
            Value::Float(_) => Kind::Float,
            Value::String(_) => Kind::String,
            Value::Json(_) => Kind::Json,
            Value::Decimal(_) => Kind::Decimal,
            Value::Number(_) => Kind::Number,
        })
    }
}

/// What a sender wrote, whatever it is kept as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Int,
    Float,
    Decimal,
    Number,
    String,
    Json,
}

impl Kind {
    /// The value of a text of this kind.
    pub fn value(self, text: &[u8]) -> Value<'_> {
        fn parsed<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
            std::str::from_utf8(text).ok()?.parse().ok()
        }
        let value = match self {
            Kind::Bool => parsed(text).map(Value::Bool),
            Kind::Int => parsed(text).map(Value::Int),
            Kind::Float => parsed(text).map(Value::Float),
            Kind::Decimal => Some(Value::Decimal(text)),
            Kind::Number => Some(Value::Number(text)),
            Kind::String => Some(Value::String(text)),
            Kind::Json => Some(Value::Json(text)),
        };
        value.unwrap_or(Value::String(text))
    }
}

pub(crate) enum Data {
    /// No row has a value yet.
    Untyped,
    Int(Vec<i64>),
    Float(Vec<f64>),
    Bool(Vec<bool>),
    Text(TextBuilder),
}

/// A value whose type is not the column's first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Other {
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Range in [`Others::bytes`].
    Text {
        start: usize,
        end: usize,
        kind: Kind,
    },
}

/// Values of other types, by rising row.
#[derive(Default)]
pub(crate) struct Others {
    pub values: Vec<(usize, Other)>,
    pub bytes: Vec<u8>,
}

pub(crate) struct ColumnBuilder {
    pub name: String,
    pub data: Data,
    /// Bit per row, kept only once some row has no value.
    pub present: Option<Vec<u64>>,
    pub others: Option<Box<Others>>,
    /// The row whose value gave `data` its type.
    typed_row: usize,
}

/// Integers up to here are exact as floats and have the same text.
const EXACT_INT_MAX: u64 = 1 << 53;

impl ColumnBuilder {
    pub fn new(name: String) -> Self {
        Self {
            name,
            data: Data::Untyped,
            present: None,
            others: None,
            typed_row: 0,
        }
    }

    /// Rows up to and including the last that has a value.
    pub fn len(&self) -> usize {
        match &self.data {
            Data::Untyped => 0,
            Data::Int(values) => values.len(),
            Data::Float(values) => values.len(),
            Data::Bool(values) => values.len(),
            Data::Text(text) => text.len(),
        }
    }

    /// Sets the value of `row` where that is just one more of the column's type; false, with nothing done, where it is not.
    #[inline(always)]
    pub fn try_push(&mut self, row: usize, value: Value) -> bool {
        match (&mut self.data, value) {
            (Data::Int(values), Value::Int(value)) if values.len() == row => values.push(value),
            (Data::Float(values), Value::Float(value)) if values.len() == row => values.push(value),
            (Data::Text(text), Value::String(value)) if text.len() == row => text.push(value, Kind::String),
            _ => return false,
        }
        if let Some(present) = &mut self.present {
            set_bit(present, row);
        }
        true
    }

    /// Sets the value of `row`, which is the last row so far or a later one. Null takes a value of the row away.
    #[inline(never)]
    pub fn put(&mut self, row: usize, value: Value) {
        if self.len() > row {
            self.truncate(row);
        }
        if value == Value::Null {
            return;
        }
        if let Data::Untyped = self.data {
            self.data = match value {
                Value::Bool(_) => Data::Bool(Vec::new()),
                Value::Int(_) => Data::Int(Vec::new()),
                Value::Float(_) => Data::Float(Vec::new()),
                Value::String(_) | Value::Null | Value::Json(_) | Value::Decimal(_) | Value::Number(_) => {
                    Data::Text(TextBuilder::new())
                }
            };
            self.typed_row = row;
        }
        if self.len() < row {
            self.pad(row);
        }
        if let Some(present) = &mut self.present {
            set_bit(present, row);
        }
        self.append(row, value);
    }

    fn append(&mut self, row: usize, value: Value) {
        match (&mut self.data, value) {
            (Data::Int(values), Value::Int(value)) => values.push(value),
            (Data::Bool(values), Value::Bool(value)) => values.push(value),
            (Data::Float(values), Value::Float(value)) => values.push(value),
            (Data::Float(values), Value::Int(value)) if value.unsigned_abs() <= EXACT_INT_MAX => {
                values.push(value as f64);
            }
            (Data::Text(text), value) => append_text(text, value),
            (_, value) => {
                self.others.get_or_insert_default().push(row, value);
                match &mut self.data {
                    Data::Int(values) => values.push(0),
                    Data::Float(values) => values.push(0.0),
                    Data::Bool(values) => values.push(false),
                    Data::Untyped | Data::Text(_) => {}
                }
            }
        }
    }

    /// What a row that is there was given.
    pub fn value(&self, row: usize) -> Value<'_> {
        let is_present = self
            .present
            .as_ref()
            .is_none_or(|words| words[row / 64] >> (row % 64) & 1 == 1);
        if !is_present {
            return Value::Null;
        }
        if let Some(others) = &self.others
            && let Ok(place) = others.values.binary_search_by_key(&row, |(other_row, _)| *other_row)
        {
            return match others.values[place].1 {
                Other::Bool(value) => Value::Bool(value),
                Other::Int(value) => Value::Int(value),
                Other::Float(value) => Value::Float(value),
                Other::Text { start, end, kind } => kind.value(&others.bytes[start..end]),
            };
        }
        match &self.data {
            Data::Untyped => Value::Null,
            Data::Int(values) => Value::Int(values[row]),
            Data::Float(values) => Value::Float(values[row]),
            Data::Bool(values) => Value::Bool(values[row]),
            Data::Text(text) => text.value(row),
        }
    }

    /// Appends rows without a value up to `rows`, which is more than there are.
    pub fn pad(&mut self, rows: usize) {
        let len = self.len();
        let present = self.present.get_or_insert_with(|| {
            let mut present = vec![u64::MAX; len.div_ceil(64)];
            mask_tail(&mut present, len);
            present
        });
        present.resize(rows.div_ceil(64), 0);
        match &mut self.data {
            Data::Untyped => {}
            Data::Int(values) => values.resize(rows, 0),
            Data::Float(values) => values.resize(rows, 0.0),
            Data::Bool(values) => values.resize(rows, false),
            Data::Text(text) => text.pad(rows),
        }
    }

    /// Takes back all rows from `rows` on.
    pub fn truncate(&mut self, rows: usize) {
        if let Data::Untyped = self.data {
            return;
        }
        if self.typed_row >= rows {
            self.data = Data::Untyped;
            self.present = None;
            self.others = None;
            return;
        }
        match &mut self.data {
            Data::Untyped => {}
            Data::Int(values) => values.truncate(rows),
            Data::Float(values) => values.truncate(rows),
            Data::Bool(values) => values.truncate(rows),
            Data::Text(text) => text.truncate(rows),
        }
        if let Some(present) = &mut self.present {
            present.truncate(rows.div_ceil(64));
            mask_tail(present, rows);
        }
        if let Some(others) = &mut self.others {
            others.truncate(rows);
        }
    }
}

#[inline]
fn set_bit(present: &mut Vec<u64>, row: usize) {
    if row / 64 >= present.len() {
        present.resize(row / 64 + 1, 0);
    }
    present[row / 64] |= 1 << (row % 64);
}

/// Clears the bits of the last word past `rows`.
fn mask_tail(present: &mut [u64], rows: usize) {
    if !rows.is_multiple_of(64)
        && let Some(word) = present.get_mut(rows / 64)
    {
        *word &= (1 << (rows % 64)) - 1;
    }
}

fn append_text(text: &mut TextBuilder, value: Value) {
    let mut number = Vec::new();
    let Some(kind) = value.kind() else { return };
    match value {
        Value::String(value) | Value::Json(value) | Value::Decimal(value) | Value::Number(value) => {
            text.push(value, kind)
        }
        Value::Bool(value) => text.push(canonical_bool(value), kind),
        Value::Int(value) => {
            canonical_int(value, &mut number);
            text.push(&number, kind);
        }
        Value::Float(value) => {
            canonical_float(value, &mut number);
            text.push(&number, kind);
        }
        Value::Null => {}
    }
}

impl Others {
    fn push(&mut self, row: usize, value: Value) {
        let Some(kind) = value.kind() else { return };
        let other = match value {
            Value::Bool(value) => Other::Bool(value),
            Value::Int(value) => Other::Int(value),
            Value::Float(value) => Other::Float(value),
            Value::String(value) | Value::Json(value) | Value::Decimal(value) | Value::Number(value) => {
                let start = self.bytes.len();
                self.bytes.extend_from_slice(value);
                Other::Text {
                    start,
                    end: self.bytes.len(),
                    kind,
                }
            }
            Value::Null => return,
        };
        self.values.push((row, other));
    }

    fn truncate(&mut self, rows: usize) {
        while let Some((_, other)) = self.values.pop_if(|(row, _)| *row >= rows) {
            if let Other::Text { start, .. } = other {
                self.bytes.truncate(start);
            }
        }
    }
}
