//! Settling the type of a column and giving it the form of a batch.
//!
//! Types widen over the whole batch: bool to int to float, and to digits where an int64 is too small; anything together with text becomes
//! a text that is known to hold numbers, or booleans.

use crate::canonical::{canonical_bool, canonical_float, canonical_int};
use crate::column_builder::{ColumnBuilder, Data, Kind, Other, Others};
use crate::text_builder::Kinds;
use basalt_block::{Column, Strings, Text, Validity, Values};

impl ColumnBuilder {
    /// The column over `rows` rows, or `None` if no row has a value.
    pub fn finish(mut self, rows: usize) -> Option<Column> {
        if let Data::Untyped = self.data {
            return None;
        }
        if self.len() < rows {
            self.pad(rows);
        }
        let count = |present: &Vec<u64>| present.iter().map(|word| word.count_ones() as usize).sum::<usize>();
        let validity = self
            .present
            .filter(|present| count(present) < rows)
            .map(|words| Validity { words });
        let others = self
            .others
            .map(|others| *others)
            .filter(|others| !others.values.is_empty());
        let values = match others {
            None => plain(self.data)?,
            Some(others) => widen(self.data, &others, validity.as_ref()),
        };
        Some(Column {
            name: self.name,
            validity,
            values,
        })
    }
}

fn plain(data: Data) -> Option<Values> {
    Some(match data {
        Data::Untyped => return None,
        Data::Int(values) => Values::Int64(values),
        Data::Float(values) => Values::Float64(values),
        Data::Bool(values) => Values::Bool(values),
        Data::Text(text) => text.finish(),
    })
}

fn widen(data: Data, others: &Others, validity: Option<&Validity>) -> Values {
    let mut kinds = Kinds::default();
    match data {
        Data::Int(_) => kinds.add(Kind::Int),
        Data::Float(_) => kinds.add(Kind::Float),
        Data::Bool(_) => kinds.add(Kind::Bool),
        Data::Untyped | Data::Text(_) => {}
    }
    for (_, other) in &others.values {
        kinds.add(match other {
            Other::Bool(_) => Kind::Bool,
            Other::Int(_) => Kind::Int,
            Other::Float(_) => Kind::Float,
            Other::Text { kind, .. } => *kind,
        });
    }
    if kinds.is_text() || kinds.has(Kind::Decimal) {
        return kinds.values(Strings::Plain(to_text(&data, others, validity)));
    }
    if kinds.has(Kind::Float) {
        return Values::Float64(to_floats(data, others));
    }
    Values::Int64(to_ints(data, others))
}

/// Integers and booleans as integers.
fn to_ints(data: Data, others: &Others) -> Vec<i64> {
    let mut values = match data {
        Data::Int(values) => values,
        Data::Bool(values) => values.into_iter().map(i64::from).collect(),
        Data::Untyped | Data::Float(_) | Data::Text(_) => Vec::new(),
    };
    for &(row, other) in &others.values {
        values[row] = match other {
            Other::Bool(value) => i64::from(value),
            Other::Int(value) => value,
            Other::Float(_) | Other::Text { .. } => continue,
        };
    }
    values
}

fn to_floats(data: Data, others: &Others) -> Vec<f64> {
    let mut values: Vec<f64> = match data {
        Data::Float(values) => values,
        Data::Int(values) => values.into_iter().map(|value| value as f64).collect(),
        Data::Bool(values) => values.into_iter().map(f64::from).collect(),
        Data::Untyped | Data::Text(_) => Vec::new(),
    };
    for &(row, other) in &others.values {
        values[row] = match other {
            Other::Bool(value) => f64::from(value),
            Other::Int(value) => value as f64,
            Other::Float(value) => value,
            Other::Text { .. } => continue,
        };
    }
    values
}

/// Every value as its canonical text; a row without one is empty.
fn to_text(data: &Data, others: &Others, validity: Option<&Validity>) -> Text {
    let rows = match data {
        Data::Int(values) => values.len(),
        Data::Float(values) => values.len(),
        Data::Bool(values) => values.len(),
        Data::Untyped | Data::Text(_) => 0,
    };
    let mut text = Text::default();
    let mut rest = others.values.iter().peekable();
    for row in 0..rows {
        if validity.is_none_or(|validity| validity.is_valid(row)) {
            let into = &mut text.bytes;
            match (rest.next_if(|(other_row, _)| *other_row == row), data) {
                (Some(&(_, Other::Bool(value))), _) => into.extend_from_slice(canonical_bool(value)),
                (Some(&(_, Other::Int(value))), _) => canonical_int(value, into),
                (Some(&(_, Other::Float(value))), _) => canonical_float(value, into),
                (Some(&(_, Other::Text { start, end, .. })), _) => into.extend_from_slice(&others.bytes[start..end]),
                (None, Data::Int(values)) => canonical_int(values[row], into),
                (None, Data::Float(values)) => canonical_float(values[row], into),
                (None, Data::Bool(values)) => into.extend_from_slice(canonical_bool(values[row])),
                (None, Data::Untyped | Data::Text(_)) => {}
            }
        }
        text.offsets.push(text.bytes.len() as u32);
    }
    text
}
