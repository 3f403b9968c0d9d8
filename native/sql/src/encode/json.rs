//! Rows as JSON. The four column types that streams have are written here, and what holds values of several types; others by arrow-json's
//! encoders.

use std::io::Write;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    UnionArray,
};
use datafusion::arrow::datatypes::{DataType, FieldRef, Float64Type, Int64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::{EncoderOptions, NullableEncoder, make_encoder};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

const NULL: &[u8] = b"null";

/// How rows are laid out.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    /// Objects, or arrays of all fields.
    pub objects: bool,
    /// Objects have their null fields too.
    pub nulls: bool,
    pub separator: u8,
    /// The separator also follows the last row.
    pub ends: bool,
}

pub(super) fn encode(batches: &[RecordBatch], names: &[String], layout: Layout) -> Result<Vec<u8>, ArrowError> {
    let keys: Vec<Vec<u8>> = names.iter().map(|name| key_of(name)).collect();
    let mut out = Vec::with_capacity(batches.iter().map(RecordBatch::get_array_memory_size).sum::<usize>() + 64);
    let options = EncoderOptions::default().with_explicit_nulls(true);
    for batch in batches {
        let schema = batch.schema_ref();
        let mut columns = batch
            .columns()
            .iter()
            .zip(schema.fields())
            .map(|(array, field)| Column::new(array.as_ref(), field, &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            if !layout.ends && !out.is_empty() {
                out.push(layout.separator);
            }
            match layout.objects {
                true => write_object(&mut columns, &keys, row, layout.nulls, &mut out),
                false => write_array(&mut columns, row, &mut out),
            }
            if layout.ends {
                out.push(layout.separator);
            }
        }
    }
    Ok(out)
}

fn write_object(columns: &mut [Column], keys: &[Vec<u8>], row: usize, nulls: bool, out: &mut Vec<u8>) {
    out.push(b'{');
    let mut first = true;
    for (column, key) in columns.iter_mut().zip(keys) {
        let is_null = column.is_null(row);
        if is_null && !nulls {
            continue;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        out.extend_from_slice(key);
        match is_null {
            true => out.extend_from_slice(NULL),
            false => column.write(row, out),
        }
    }
    out.push(b'}');
}

fn write_array(columns: &mut [Column], row: usize, out: &mut Vec<u8>) {
    out.push(b'[');
    for (i, column) in columns.iter_mut().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        column.write_or_null(row, out);
    }
    out.push(b']');
}

pub(super) enum Column<'a> {
    Int64(&'a Int64Array),
    Float64(&'a Float64Array),
    Boolean(&'a BooleanArray),
    Utf8(&'a StringArray),
    /// A value of one of several types, which `json_get` answers: columns of all of them, by type id.
    Union(&'a UnionArray, Vec<(i8, Column<'a>)>),
    /// A list or a struct that has such values in it.
    List(&'a ListArray, Box<Column<'a>>),
    Struct(&'a StructArray, Vec<(Vec<u8>, Column<'a>)>),
    Other(NullableEncoder<'a>),
    /// A type that has no JSON encoder: its text.
    Display(&'a dyn Array, ArrayFormatter<'a>),
}

impl<'a> Column<'a> {
    pub fn new(array: &'a dyn Array, field: &'a FieldRef, options: &'a EncoderOptions) -> Result<Self, ArrowError> {
        Ok(match array.data_type() {
            DataType::Union(fields, _) => {
                let array = array.as_union();
                let column =
                    |(id, field): (i8, &'a FieldRef)| Ok((id, Column::new(array.child(id).as_ref(), field, options)?));
                Column::Union(array, fields.iter().map(column).collect::<Result<_, ArrowError>>()?)
            }
            DataType::List(item) if holds_union(item.data_type()) => {
                let array = array.as_list::<i32>();
                Column::List(array, Box::new(Column::new(array.values().as_ref(), item, options)?))
            }
            DataType::Struct(fields) if fields.iter().any(|field| holds_union(field.data_type())) => {
                let array = array.as_struct();
                let member = |(values, field): (&'a ArrayRef, &'a FieldRef)| {
                    Ok((key_of(field.name()), Column::new(values.as_ref(), field, options)?))
                };
                let members = array.columns().iter().zip(fields).map(member);
                Column::Struct(array, members.collect::<Result<_, ArrowError>>()?)
            }
            DataType::Int64 => Column::Int64(array.as_primitive::<Int64Type>()),
            DataType::Float64 => Column::Float64(array.as_primitive::<Float64Type>()),
            DataType::Boolean => Column::Boolean(array.as_boolean()),
            DataType::Utf8 => Column::Utf8(array.as_string::<i32>()),
            _ => match make_encoder(field, array, options) {
                Ok(encoder) => Column::Other(encoder),
                Err(_) => Column::Display(array, ArrayFormatter::try_new(array, &FormatOptions::default())?),
            },
        })
    }

    pub fn is_null(&self, row: usize) -> bool {
        match self {
            Column::Union(array, columns) => {
                member(array, columns, row).is_none_or(|column| column.is_null(array.value_offset(row)))
            }
            Column::List(array, _) => array.is_null(row),
            Column::Struct(array, _) => array.is_null(row),
            Column::Int64(array) => array.is_null(row),
            Column::Float64(array) => array.is_null(row),
            Column::Boolean(array) => array.is_null(row),
            Column::Utf8(array) => array.is_null(row),
            Column::Other(encoder) => encoder.is_null(row),
            Column::Display(array, _) => array.is_null(row),
        }
    }

    /// Writes a value that is not null.
    pub fn write(&mut self, row: usize, out: &mut Vec<u8>) {
        match self {
            Column::Union(array, columns) => {
                let id = array.type_id(row);
                if let Some((_, column)) = columns.iter_mut().find(|(of, _)| *of == id) {
                    column.write(array.value_offset(row), out);
                }
            }
            Column::List(array, items) => {
                let offsets = array.value_offsets();
                out.push(b'[');
                // Offsets of a list array are not negative.
                for (i, at) in (offsets[row] as usize..offsets[row + 1] as usize).enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    items.write_or_null(at, out);
                }
                out.push(b']');
            }
            Column::Struct(_, members) => {
                out.push(b'{');
                for (i, (key, member)) in members.iter_mut().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(key);
                    member.write_or_null(row, out);
                }
                out.push(b'}');
            }
            Column::Int64(array) => {
                out.extend_from_slice(itoa::Buffer::new().format(array.value(row)).as_bytes());
            }
            Column::Float64(array) => match array.value(row) {
                value if value.is_finite() => {
                    out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
                }
                _ => out.extend_from_slice(b"null"),
            },
            Column::Boolean(array) => out.extend_from_slice(if array.value(row) { b"true" } else { b"false" }),
            Column::Utf8(array) => write_text(array.value(row), out),
            Column::Other(encoder) => encoder.encode(row, out),
            Column::Display(_, formatter) => write_text(&formatter.value(row).to_string(), out),
        }
    }

    fn write_or_null(&mut self, row: usize, out: &mut Vec<u8>) {
        match self.is_null(row) {
            true => out.extend_from_slice(NULL),
            false => self.write(row, out),
        }
    }

    /// Writes a value that is not null as a text that stands by itself: a JSON string without its quotes and escapes, the JSON of anything
    /// else. Numbers that are none are `NaN`, `inf` and `-inf`.
    pub fn write_plain(&mut self, row: usize, out: &mut Vec<u8>) {
        match self {
            Column::Union(array, columns) => {
                let id = array.type_id(row);
                if let Some((_, column)) = columns.iter_mut().find(|(of, _)| *of == id) {
                    column.write_plain(array.value_offset(row), out);
                }
            }
            Column::Utf8(array) => out.extend_from_slice(array.value(row).as_bytes()),
            Column::Float64(array) => write_plain_float(array.value(row), out),
            Column::Display(_, formatter) => out.extend_from_slice(formatter.value(row).to_string().as_bytes()),
            Column::Other(encoder) => {
                let from = out.len();
                encoder.encode(row, out);
                if out.get(from) == Some(&b'"')
                    && let Ok(text) = serde_json::from_slice::<String>(&out[from..])
                {
                    out.truncate(from);
                    out.extend_from_slice(text.as_bytes());
                }
            }
            other => other.write(row, out),
        }
    }
}

/// Whether a value of the type can be of one of several types, or has such a value in a list or struct that `Column` takes apart.
fn holds_union(data_type: &DataType) -> bool {
    match data_type {
        DataType::Union(..) => true,
        DataType::List(item) => holds_union(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_union(field.data_type())),
        _ => false,
    }
}

/// The shortest digits that read back as the same number; with an exponent only where those without would be many.
fn write_plain_float(value: f64, out: &mut Vec<u8>) {
    const LEAST: f64 = 1e-7;
    const BOUND: f64 = 1e21;
    if !value.is_finite() {
        let text: &[u8] = match value {
            _ if value.is_nan() => b"NaN",
            _ if value > 0.0 => b"inf",
            _ => b"-inf",
        };
        out.extend_from_slice(text);
        return;
    }
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(value);
    if text.contains('e') && (LEAST..BOUND).contains(&value.abs()) {
        let from = out.len();
        // A Vec takes every write.
        let _ = write!(out, "{value}");
        if !out[from..].contains(&b'.') {
            out.extend_from_slice(b".0");
        }
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

/// A name with its colon.
fn key_of(name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() + 3);
    write_text(name, &mut key);
    key.push(b':');
    key
}

/// The column that holds the value of a row.
fn member<'c, 'a>(array: &UnionArray, columns: &'c [(i8, Column<'a>)], row: usize) -> Option<&'c Column<'a>> {
    let id = array.type_id(row);
    columns.iter().find(|(of, _)| *of == id).map(|(_, column)| column)
}

/// A JSON string. Runs without a byte to escape are copied whole.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut from = 0;
    while let Some(found) = first_escaped(&bytes[from..]) {
        let at = from + found;
        out.extend_from_slice(&bytes[from..at]);
        escape(bytes[at], out);
        from = at + 1;
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

/// Place of the first quote, backslash or control byte; eight bytes are looked at in one word.
fn first_escaped(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
    let words = bytes.chunks_exact(8);
    let tail = bytes.len() - words.remainder().len();
    for (i, chunk) in words.enumerate() {
        let Ok(word) = chunk.try_into().map(u64::from_ne_bytes) else {
            continue;
        };
        let quote = word ^ (ONES * u64::from(b'"'));
        let slash = word ^ (ONES * u64::from(b'\\'));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let zero = |x: u64| x.wrapping_sub(ONES) & !x;
        // May hit a byte after a real hit by borrow, never miss one: the word is looked through again.
        if (control | zero(quote) | zero(slash)) & HIGHS != 0
            && let Some(found) = chunk.iter().position(|byte| is_escaped(*byte))
        {
            return Some(i * 8 + found);
        }
    }
    bytes[tail..]
        .iter()
        .position(|byte| is_escaped(*byte))
        .map(|found| tail + found)
}

fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        0x08 => out.extend_from_slice(b"\\b"),
        0x0c => out.extend_from_slice(b"\\f"),
        other => {
            // A Vec takes every write.
            let _ = write!(out, "\\u{other:04x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_offset_is_escaped_as_serde_does() {
        for code in 0..=0x2000_u32 {
            let Some(odd) = char::from_u32(code) else { continue };
            for before in 0..10 {
                let text = format!("{}{odd}{}", "a".repeat(before), "é\"".repeat(before / 3));
                let mut out = Vec::new();
                write_text(&text, &mut out);
                let back: String = serde_json::from_slice(&out).expect("valid JSON");
                assert_eq!(back, text);
            }
        }
    }
}
