//! The overflow column read back: the fields of one of its objects.

use crate::cursor::Cursor;
use crate::escape::decode_string;
use crate::number::{Number, read_number};
use crate::string_end::string_end;
use std::borrow::Cow;

/// A field that a row has in its overflow column.
#[derive(Debug, Clone, PartialEq)]
pub struct OverflowField<'a> {
    pub name: &'a str,
    /// Its JSON, as it was sent.
    pub sent: &'a str,
}

/// What the JSON of a field means, by the rules by which columns are made.
#[derive(Debug, Clone, PartialEq)]
pub enum OverflowValue<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
    /// A whole number that fits 64 bits without a sign, but no int64.
    Decimal(&'a str),
    /// The text of a number that fits no type.
    Number(&'a str),
    /// An array or an object.
    Json(&'a str),
}

/// Deeper than any record may be.
const DEPTH_MAX: usize = 1 << 20;

/// The fields of an overflow cell. A text that is no such object ends the list where it stops being one.
pub fn overflow_fields(cell: &str) -> impl Iterator<Item = OverflowField<'_>> {
    let cursor = Cursor {
        bytes: cell.as_bytes(),
        lines: false,
    };
    let mut at = if cursor.peek(0) == b'{' { Some(1) } else { None };
    std::iter::from_fn(move || {
        let (field, next) = field_at(cell, cursor, at?)?;
        at = next;
        Some(field)
    })
}

/// The field at a position, and where the next one begins.
fn field_at<'a>(cell: &'a str, cursor: Cursor<'a>, at: usize) -> Option<(OverflowField<'a>, Option<usize>)> {
    if cursor.peek(at) != b'"' {
        return None;
    }
    // Names are folded: they have no escapes.
    let name_end = string_end(cursor.bytes, at + 1);
    let name = cell.get(at + 1..name_end)?;
    if cursor.peek(name_end) != b'"' || cursor.peek(name_end + 1) != b':' {
        return None;
    }
    let start = name_end + 2;
    let end = match cursor.peek(start) {
        b'"' => simple_string_end(cursor, start),
        _ => None,
    };
    let end = match end {
        Some(end) => end,
        None => cursor.skip_value(start, 0, DEPTH_MAX).ok()?.end,
    };
    let sent = cell.get(start..end)?;
    let next = (cursor.peek(end) == b',').then_some(end + 1);
    Some((OverflowField { name, sent }, next))
}

/// The end of a string without escapes.
fn simple_string_end(cursor: Cursor, start: usize) -> Option<usize> {
    let stop = string_end(cursor.bytes, start + 1);
    (cursor.bytes.get(stop) == Some(&b'"')).then_some(stop + 1)
}

impl<'a> OverflowField<'a> {
    pub fn value(&self) -> OverflowValue<'a> {
        let bytes = self.sent.as_bytes();
        match bytes.first() {
            Some(b't') => OverflowValue::Bool(true),
            Some(b'f') => OverflowValue::Bool(false),
            Some(b'{' | b'[') => OverflowValue::Json(self.sent),
            Some(b'"') => match string_end(bytes, 1) {
                stop if stop + 1 == bytes.len() => OverflowValue::Text(Cow::Borrowed(&self.sent[1..stop])),
                _ => {
                    let mut text = Vec::new();
                    match decode_string(bytes, 1, &mut text).map(|_| String::from_utf8(text)) {
                        Some(Ok(text)) => OverflowValue::Text(Cow::Owned(text)),
                        _ => OverflowValue::Null,
                    }
                }
            },
            Some(b'-' | b'0'..=b'9') => match read_number(bytes, 0) {
                Some((Number::Int(value), _)) => OverflowValue::Int(value),
                Some((Number::Float(value), _)) => OverflowValue::Float(value),
                Some((Number::Digits, _)) => OverflowValue::Decimal(self.sent),
                _ => OverflowValue::Number(self.sent),
            },
            _ => OverflowValue::Null,
        }
    }
}

impl OverflowValue<'_> {
    /// The type of a column of such values, as block headers name it.
    pub fn type_name(&self) -> Option<&'static str> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(_) => "bool",
            Self::Int(_) => "int64",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Decimal(_) => "decimal",
            Self::Number(_) => "textnumber",
            Self::Json(_) => "json",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_back() {
        let cell = r#"{"a":1,"größe":"x\n","d_e":[1, {"x":"}"}],"f":2.50,"g":true,"h":"plain","i":123456789012345678901,"j":{"k":1}}"#;
        let fields: Vec<_> = overflow_fields(cell).map(|field| (field.name, field.value())).collect();
        let expected = [
            ("a", OverflowValue::Int(1)),
            ("größe", OverflowValue::Text("x\n".into())),
            ("d_e", OverflowValue::Json(r#"[1, {"x":"}"}]"#)),
            ("f", OverflowValue::Float(2.5)),
            ("g", OverflowValue::Bool(true)),
            ("h", OverflowValue::Text("plain".into())),
            ("i", OverflowValue::Number("123456789012345678901")),
            ("j", OverflowValue::Json(r#"{"k":1}"#)),
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn other_texts_are_no_fields() {
        for cell in ["", "x", "{}", "[1]", "{\"a\"", "{\"a\":", "{\"a\":tru", "{a:1}"] {
            assert_eq!(overflow_fields(cell).count(), 0, "{cell}");
        }
        assert_eq!(overflow_fields("{\"a\":1,\"b\":").count(), 1);
    }
}
