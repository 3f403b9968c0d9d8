//! One output column, copied run by run from the columns of the inputs.

use super::has_dictionary;
use super::input::{Held, InputColumn};
use super::order::Run;
use crate::column::{Column, ColumnType, Spelled, Strings, Text, Validity, Values};
use crate::dictionary::{Interner, entries_max};
use std::collections::HashMap;

/// The column of each input, `None` where it lacks it. All have the same type.
type Sources<'a> = [Option<&'a Column>];

/// Bytes of plain text that the runs would copy, or more; 0 for other columns.
pub fn text_bytes(sources: &[(u32, &InputColumn)], runs: &[Run]) -> usize {
    let mut total = 0;
    let mut plain: HashMap<u32, &Text> = HashMap::new();
    for (input, column) in sources {
        match &column.held {
            Held::Sparse { values, .. } => total += plain_text(values).map_or(0, |text| text.bytes.len()),
            Held::Dense(column) => {
                if let Some(text) = plain_text(column) {
                    plain.insert(*input, text);
                }
            }
        }
    }
    if plain.is_empty() {
        return total;
    }
    let bytes = |run: &Run| match plain.get(&run.input) {
        Some(text) => (text.offsets[(run.start + run.rows) as usize] - text.offsets[run.start as usize]) as usize,
        None => 0,
    };
    total + runs.iter().map(bytes).sum::<usize>()
}

/// Copies the runs; rows of inputs without the column become nulls.
pub fn column(name: &str, column_type: ColumnType, sources: &Sources<'_>, runs: &[Run], rows: usize) -> Column {
    let values = match column_type {
        ColumnType::Int64 => Values::Int64(fixed(sources, runs, rows, |values| match values {
            Values::Int64(values) => Some(values),
            _ => None,
        })),
        ColumnType::Float64 => Values::Float64(fixed(sources, runs, rows, |values| match values {
            Values::Float64(values) => Some(values),
            _ => None,
        })),
        ColumnType::Bool => Values::Bool(fixed(sources, runs, rows, |values| match values {
            Values::Bool(values) => Some(values),
            _ => None,
        })),
        ColumnType::String => Values::String(strings(sources, runs, rows)),
        ColumnType::Json => Values::Json(strings(sources, runs, rows)),
        ColumnType::Decimal => Values::Spelled(Spelled::Decimal, strings(sources, runs, rows)),
        ColumnType::TextNumber => Values::Spelled(Spelled::TextNumber, strings(sources, runs, rows)),
        ColumnType::TextBool => Values::Spelled(Spelled::TextBool, strings(sources, runs, rows)),
    };
    Column {
        name: name.to_owned(),
        validity: validity(sources, runs, rows),
        values,
    }
}

fn fixed<'a, T: Copy + Default + 'a>(
    sources: &[Option<&'a Column>],
    runs: &[Run],
    rows: usize,
    pick: impl Fn(&'a Values) -> Option<&'a Vec<T>>,
) -> Vec<T> {
    let slices: Vec<Option<&[T]>> = sources
        .iter()
        .map(|column| column.and_then(|column| pick(&column.values)).map(Vec::as_slice))
        .collect();
    let mut out = Vec::with_capacity(rows);
    for run in runs {
        let (start, count) = (run.start as usize, run.rows as usize);
        match slices[run.input as usize] {
            // A copy of one element is much cheaper without a call to memcpy, and interleaved inputs give many.
            Some(values) if count == 1 => out.push(values[start]),
            Some(values) => out.extend_from_slice(&values[start..start + count]),
            None => out.resize(out.len() + count, T::default()),
        }
    }
    out
}

fn validity(sources: &Sources<'_>, runs: &[Run], rows: usize) -> Option<Validity> {
    let needed = runs
        .iter()
        .any(|run| sources[run.input as usize].is_none_or(|column| column.validity.is_some()));
    if !needed {
        return None;
    }
    let mut words = vec![0u64; rows.div_ceil(64)];
    let mut row = 0;
    for run in runs {
        let (start, count) = (run.start as usize, run.rows as usize);
        if let Some(column) = sources[run.input as usize] {
            for index in 0..count {
                let valid = column
                    .validity
                    .as_ref()
                    .is_none_or(|validity| validity.is_valid(start + index));
                words[(row + index) / 64] |= u64::from(valid) << ((row + index) % 64);
            }
        }
        row += count;
    }
    Some(Validity { words })
}

fn strings_of(column: &Column) -> Option<&Strings> {
    column.values.strings()
}

fn plain_text(column: &Column) -> Option<&Text> {
    match strings_of(column)? {
        Strings::Plain(text) => Some(text),
        Strings::Dictionary { .. } => None,
    }
}

fn strings(sources: &Sources<'_>, runs: &[Run], rows: usize) -> Strings {
    let all_coded = runs
        .iter()
        .all(|run| sources[run.input as usize].is_none_or(|column| has_dictionary(&column.values)));
    let merged = if all_coded {
        dictionary(sources, runs, rows)
    } else {
        None
    };
    merged.unwrap_or_else(|| Strings::Plain(text(sources, runs, rows)))
}

/// Union of the dictionaries, in order of first appearance; codes are translated through one table per input, so each
/// entry is hashed once per input and no row is. `None` when the union has too many entries to pay.
fn dictionary(sources: &Sources<'_>, runs: &[Run], rows: usize) -> Option<Strings> {
    const UNSEEN: u32 = u32::MAX;
    let mut interner = Interner::default();
    let mut tables: Vec<Vec<u32>> = Vec::with_capacity(sources.len());
    for column in sources {
        let entries = match column.and_then(strings_of) {
            Some(Strings::Dictionary { entries, .. }) => entries.len(),
            _ => 0,
        };
        tables.push(vec![UNSEEN; entries]);
    }
    let limit = entries_max(rows).max(1);
    let mut out = Vec::with_capacity(rows);
    for run in runs {
        let (input, start, count) = (run.input as usize, run.start as usize, run.rows as usize);
        let Some(column) = sources[input] else {
            out.resize(out.len() + count, 0);
            continue;
        };
        let Some(Strings::Dictionary { codes, entries }) = strings_of(column) else {
            return None;
        };
        for (row, &code) in (start..).zip(&codes[start..start + count]) {
            let known = tables[input][code as usize];
            if known != UNSEEN {
                out.push(known);
            } else if column.validity.as_ref().is_none_or(|validity| validity.is_valid(row)) {
                let new = interner.intern(entries.get(code as usize));
                tables[input][code as usize] = new;
                out.push(new);
            } else {
                out.push(0);
            }
        }
        if interner.len() > limit {
            return None;
        }
    }
    // Null rows hold code 0, which must exist.
    (interner.len() > 0).then(|| Strings::Dictionary {
        codes: out,
        entries: interner.into_entries(),
    })
}

fn text(sources: &Sources<'_>, runs: &[Run], rows: usize) -> Text {
    let mut out = Text {
        offsets: Vec::with_capacity(rows + 1),
        bytes: Vec::new(),
    };
    out.offsets.push(0);
    for run in runs {
        let (start, count) = (run.start as usize, run.rows as usize);
        match sources[run.input as usize].and_then(strings_of) {
            Some(Strings::Plain(text)) => {
                let (first, last) = (text.offsets[start], text.offsets[start + count]);
                let base = (out.bytes.len() as u32).wrapping_sub(first);
                out.bytes.extend_from_slice(&text.bytes[first as usize..last as usize]);
                out.offsets.extend(
                    text.offsets[start + 1..=start + count]
                        .iter()
                        .map(|end| base.wrapping_add(*end)),
                );
            }
            Some(coded) => {
                let validity = sources[run.input as usize].and_then(|column| column.validity.as_ref());
                for row in start..start + count {
                    let valid = validity.is_none_or(|validity| validity.is_valid(row));
                    out.push(if valid { coded.get(row) } else { b"" });
                }
            }
            None => out.offsets.resize(out.offsets.len() + count, out.bytes.len() as u32),
        }
    }
    out
}
