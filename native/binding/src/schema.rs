//! The columns of a block as text, and the fields in its overflow column.

use crate::failure;
use basalt_block::{BlockHeader, BlockReader, Column, FileSource, Strings, decode_named};
use basalt_shred::{OVERFLOW_COLUMN, overflow_fields};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Fields whose types are told of one block; behind them it is told that there are more.
const FIELDS_MAX: usize = 20_000;
const REST: (&str, &str) = ("*", "string");

/// The header of a block that was encoded a moment ago.
pub fn block_header(block: &[u8]) -> napi::Result<BlockHeader> {
    let header_bytes = block
        .get(4..8)
        .and_then(|word| word.try_into().ok())
        .map_or(0, u32::from_le_bytes);
    let header = block.get(..header_bytes as usize).unwrap_or_default();
    BlockHeader::parse(header, 0).map_err(failure::bytes)
}

/// `name:type` of each column, comma-joined, in the header's order (by name).
pub fn schema_text(header: &BlockHeader) -> String {
    joined(
        header
            .columns
            .iter()
            .map(|column| (column.name.as_str(), column.column_type.name())),
    )
}

/// Likewise of the fields in the overflow column, if there is one among the columns: those of which `wanted` holds. A field is there once
/// for each type that it has.
pub fn overflow_types(columns: &[Column], wanted: &dyn Fn(&str, &str) -> bool) -> String {
    let Some(column) = columns.iter().find(|column| column.name == OVERFLOW_COLUMN) else {
        return String::new();
    };
    let Some(strings) = column.values.strings() else {
        return String::new();
    };
    let is_valid = |row: usize| column.validity.as_ref().is_none_or(|validity| validity.is_valid(row));
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut told: Vec<(&str, &str)> = Vec::new();
    for row in (0..strings.len()).filter(|&row| is_valid(row)) {
        for field in overflow_fields(text(strings, row)) {
            let Some(type_name) = field.value().type_name() else {
                continue;
            };
            if seen.insert((field.name, type_name)) && wanted(field.name, type_name) {
                if told.len() == FIELDS_MAX {
                    told.push(REST);
                    return joined(told.into_iter());
                }
                told.push((field.name, type_name));
            }
        }
    }
    joined(told.into_iter())
}

fn text(strings: &Strings, row: usize) -> &str {
    std::str::from_utf8(strings.get(row)).unwrap_or_default()
}

fn joined<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, type_name) in fields {
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a string does not fail.
        let _ = write!(text, "{comma}{name}:{type_name}");
    }
    text
}

/// `overflow_types` of a block in a file.
pub fn overflow_types_in(fd: i32, offset: u64, header: &BlockHeader) -> napi::Result<String> {
    if !header.columns.iter().any(|column| column.name == OVERFLOW_COLUMN) {
        return Ok(String::new());
    }
    let source = FileSource::from_fd(fd);
    let reader = BlockReader::open(&source, offset).map_err(failure::bytes)?;
    let column = decode_named(&reader, OVERFLOW_COLUMN).map_err(failure::bytes)?;
    Ok(overflow_types(column.as_slice(), &|_, _| true))
}
