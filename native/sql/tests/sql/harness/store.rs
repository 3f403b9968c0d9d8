//! The world's rows in encoded blocks, read by the real scan.

use std::collections::HashMap;

use basalt_block::{Batch, Column, EncodeOptions, Strings, Text, Validity, Values, encode_block};
use basalt_scan::request::{RequestType, ScanRequest};
use basalt_scan::{Part, ScanOptions, scan_with};
use basalt_sql::leaf_functions;

use super::{Row, Stream, Value};

/// Blocks by stream, one for each part.
#[derive(Debug, Clone, Default)]
pub struct Store(HashMap<String, Vec<Vec<u8>>>);

impl Store {
    pub fn of(streams: &[Stream]) -> Self {
        let blocks = streams.iter().map(|stream| {
            let encoded = stream
                .parts
                .iter()
                .map(|rows| encode_block(&batch(stream, rows), &EncodeOptions::segment(1)).expect("an encoded block"));
            (stream.info.name.clone(), encoded.collect())
        });
        Store(blocks.collect())
    }

    /// The first two blocks as one morsel, then each other alone.
    pub fn answers(&self, request: &ScanRequest) -> Vec<Vec<u8>> {
        let blocks = self.0.get(&request.stream).map(Vec::as_slice).unwrap_or_default();
        let (first, rest) = blocks.split_at(blocks.len().min(2));
        let morsels = std::iter::once(first)
            .chain(rest.chunks(1))
            .filter(|morsel| !morsel.is_empty());
        morsels
            .map(|morsel| {
                let parts: Vec<Part> = morsel
                    .iter()
                    .map(|block| Part {
                        source: block,
                        offset: 0,
                        header: None,
                    })
                    .collect();
                scan_with(
                    request,
                    &parts,
                    &ScanOptions {
                        functions: leaf_functions(),
                        ..ScanOptions::default()
                    },
                )
                .unwrap_or_else(|error| panic!("{error}: {request:?}"))
                .ipc
            })
            .collect()
    }
}

/// A column that is null in every row is left out, as a writer would.
fn batch(stream: &Stream, rows: &[Row]) -> Batch {
    let mut columns: Vec<Column> = stream
        .info
        .columns
        .iter()
        .filter(|column| {
            rows.iter()
                .any(|row| row.get(&column.name).is_some_and(|value| *value != Value::Null))
        })
        .map(|column| {
            let cells: Vec<Value> = rows
                .iter()
                .map(|row| row.get(&column.name).cloned().unwrap_or(Value::Null))
                .collect();
            Column {
                name: column.name.clone(),
                validity: validity(&cells),
                values: values(column.column_type.scanned(), &cells),
            }
        })
        .collect();
    columns.sort_by(|left, right| left.name.cmp(&right.name));
    Batch {
        rows: rows.len(),
        columns,
    }
}

fn validity(cells: &[Value]) -> Option<Validity> {
    if !cells.contains(&Value::Null) {
        return None;
    }
    let mut words = vec![0_u64; cells.len().div_ceil(64)];
    for (row, _) in cells.iter().enumerate().filter(|(_, cell)| **cell != Value::Null) {
        words[row / 64] |= 1 << (row % 64);
    }
    Some(Validity { words })
}

fn values(column_type: RequestType, cells: &[Value]) -> Values {
    let texts = || {
        let mut text = Text::default();
        for cell in cells {
            match cell {
                Value::Text(value) => text.push(value.as_bytes()),
                _ => text.push(b""),
            }
        }
        Strings::Plain(text)
    };
    match column_type {
        RequestType::Int64 => Values::Int64(
            cells
                .iter()
                .map(|cell| if let Value::Int(v) = cell { *v } else { 0 })
                .collect(),
        ),
        RequestType::Float64 => Values::Float64(
            cells
                .iter()
                .map(|cell| if let Value::Float(v) = cell { *v } else { 0.0 })
                .collect(),
        ),
        RequestType::Bool => Values::Bool(cells.iter().map(|cell| *cell == Value::Bool(true)).collect()),
        RequestType::String => Values::String(texts()),
        RequestType::Json => Values::Json(texts()),
    }
}
