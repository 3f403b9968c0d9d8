//! The rows of a group as batches: one, or several that follow each other where many names lie over many rows. A batch has a place for
//! each of its columns in each of its rows, so what bounds its memory is their product.

use crate::group_column::FinishedColumn;
use basalt_block::column::TIME_COLUMN;
use basalt_block::{Batch, Column, Strings, Text, Validity, Values};
use std::ops::Range;

/// Batches of at most `cells_max` cells, or of one row; in order, with all rows together. Each is made when it is asked for.
pub(crate) fn batches(
    times: Vec<i64>,
    columns: Vec<FinishedColumn>,
    cells_max: usize,
) -> Box<dyn Iterator<Item = Batch>> {
    let rows = times.len();
    if rows.saturating_mul(columns.len() + 1) <= cells_max {
        let others = columns.into_iter().filter_map(|column| match column.rows {
            None => Some(column.column),
            Some(_) => part_of(&column, 0..rows),
        });
        let batch = batch(times, others);
        return Box::new(std::iter::once(batch));
    }
    let part_rows = (cells_max / (columns.len() + 1)).max(1);
    Box::new((0..rows.div_ceil(part_rows)).map(move |part| {
        let range = part * part_rows..rows.min((part + 1) * part_rows);
        let others = columns.iter().filter_map(|column| part_of(column, range.clone()));
        batch(times[range.clone()].to_vec(), others)
    }))
}

fn batch(times: Vec<i64>, others: impl Iterator<Item = Column>) -> Batch {
    let rows = times.len();
    let time = Column {
        name: TIME_COLUMN.to_owned(),
        validity: None,
        values: Values::Int64(times),
    };
    Batch {
        rows,
        columns: std::iter::once(time).chain(others).collect(),
    }
}

/// The rows of a range, or `None` if none of them has a value.
fn part_of(finished: &FinishedColumn, range: Range<usize>) -> Option<Column> {
    let FinishedColumn { column, rows: listed } = finished;
    let places: Vec<(usize, usize)> = match listed {
        None => {
            let is_valid = |row: &usize| column.validity.as_ref().is_none_or(|validity| validity.is_valid(*row));
            range
                .clone()
                .filter(is_valid)
                .map(|row| (row - range.start, row))
                .collect()
        }
        Some(listed) => {
            let from = listed.partition_point(|&row| (row as usize) < range.start);
            let to = listed.partition_point(|&row| (row as usize) < range.end);
            (from..to)
                .map(|place| (listed[place] as usize - range.start, place))
                .collect()
        }
    };
    if places.is_empty() {
        return None;
    }
    let validity = (places.len() < range.len()).then(|| {
        let mut words = vec![0; range.len().div_ceil(64)];
        places.iter().for_each(|(row, _)| words[row / 64] |= 1 << (row % 64));
        Validity { words }
    });
    Some(Column {
        name: column.name.clone(),
        validity,
        values: spread(&column.values, &places, range.len()),
    })
}

/// `places` are pairs of a row and the value that it has; the other rows hold a placeholder.
fn spread(values: &Values, places: &[(usize, usize)], rows: usize) -> Values {
    match values {
        Values::Int64(values) => Values::Int64(fixed(values, places, rows)),
        Values::Float64(values) => Values::Float64(fixed(values, places, rows)),
        Values::Bool(values) => Values::Bool(fixed(values, places, rows)),
        Values::String(strings) => Values::String(text(strings, places, rows)),
        Values::Json(strings) => Values::Json(text(strings, places, rows)),
        Values::Spelled(spelled, strings) => Values::Spelled(*spelled, text(strings, places, rows)),
    }
}

fn fixed<T: Copy + Default>(values: &[T], places: &[(usize, usize)], rows: usize) -> Vec<T> {
    let mut out = vec![T::default(); rows];
    places.iter().for_each(|&(row, place)| out[row] = values[place]);
    out
}

fn text(strings: &Strings, places: &[(usize, usize)], rows: usize) -> Strings {
    // Some of the values may not use all entries.
    if let Strings::Dictionary { codes, entries } = strings
        && codes.len() == places.len()
    {
        return Strings::Dictionary {
            codes: fixed(codes, places, rows),
            entries: entries.clone(),
        };
    }
    let mut out = Text::default();
    for &(row, place) in places {
        let end = out.bytes.len() as u32;
        out.offsets.resize(row + 1, end);
        out.push(strings.get(place));
    }
    let end = out.bytes.len() as u32;
    out.offsets.resize(rows + 1, end);
    Strings::Plain(out)
}
