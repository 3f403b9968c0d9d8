//! Columns that are sparse in every input: gathered value by value, without looking at the rows that have none.

use super::input::{Held, InputColumn, spread};
use super::order::Run;
use crate::column::{Column, ColumnType, Spelled, Strings, Text, Values};
use std::collections::HashMap;

/// Where the rows of a group go: for each input that has any, the first of its rows that is in the group, and from there on the row of the
/// group that each becomes.
pub struct Places(HashMap<u32, (u32, Vec<u32>)>);

const NOWHERE: u32 = u32::MAX;

impl Places {
    pub fn of(runs: &[Run]) -> Self {
        let mut spans: HashMap<u32, (u32, u32)> = HashMap::new();
        for run in runs {
            let (from, to) = spans.entry(run.input).or_insert((run.start, run.start));
            *from = run.start.min(*from);
            *to = (run.start + run.rows).max(*to);
        }
        let mut places: HashMap<u32, (u32, Vec<u32>)> = spans
            .into_iter()
            .map(|(input, (from, to))| (input, (from, vec![NOWHERE; (to - from) as usize])))
            .collect();
        let mut row = 0;
        for run in runs {
            if let Some((from, list)) = places.get_mut(&run.input) {
                let start = (run.start - *from) as usize;
                for place in &mut list[start..start + run.rows as usize] {
                    *place = row;
                    row += 1;
                }
            }
        }
        Self(places)
    }
}

impl Places {
    /// Whether the column may have a value in the group.
    pub fn may_have(&self, input: u32, column: &InputColumn) -> bool {
        let Some((from, list)) = self.0.get(&input) else {
            return false;
        };
        match &column.held {
            Held::Dense(_) => true,
            Held::Sparse { rows, .. } => {
                let first = rows.partition_point(|row| row < from);
                rows.get(first).is_some_and(|&row| ((row - from) as usize) < list.len())
            }
        }
    }
}

/// The column over `rows` rows of a group, or no column if none of them has a value; `None` if a source is not sparse. Sources are of one
/// type.
pub fn column(sources: &[(u32, &InputColumn)], places: &Places, rows: usize) -> Option<Option<Column>> {
    // Row of the group, source, place among its values.
    let mut found: Vec<(u32, u32, u32)> = Vec::new();
    let mut values = Vec::with_capacity(sources.len());
    for (number, (input, source)) in sources.iter().enumerate() {
        let Held::Sparse {
            rows: present,
            values: column,
        } = &source.held
        else {
            return None;
        };
        values.push(column);
        let Some((from, list)) = places.0.get(input) else {
            continue;
        };
        let first = present.partition_point(|row| row < from);
        for (place, row) in present.iter().enumerate().skip(first) {
            match list.get((row - from) as usize) {
                None => break,
                Some(&NOWHERE) => {}
                Some(&row) => found.push((row, number as u32, place as u32)),
            }
        }
    }
    if found.is_empty() {
        return Some(None);
    }
    found.sort_unstable();
    let packed = Column {
        name: values.first()?.name.clone(),
        validity: None,
        values: packed(&values, &found),
    };
    let places = found
        .iter()
        .enumerate()
        .map(|(place, (row, ..))| (*row as usize, place));
    Some(Some(spread(&packed, places, rows)))
}

/// The values that were found, one after the other.
fn packed(sources: &[&Column], found: &[(u32, u32, u32)]) -> Values {
    match sources[0].values.column_type() {
        ColumnType::Int64 => Values::Int64(fixed(sources, found, |values| match values {
            Values::Int64(values) => values,
            _ => &[],
        })),
        ColumnType::Float64 => Values::Float64(fixed(sources, found, |values| match values {
            Values::Float64(values) => values,
            _ => &[],
        })),
        ColumnType::Bool => Values::Bool(fixed(sources, found, |values| match values {
            Values::Bool(values) => values,
            _ => &[],
        })),
        ColumnType::String => Values::String(text(sources, found)),
        ColumnType::Json => Values::Json(text(sources, found)),
        ColumnType::Decimal => Values::Spelled(Spelled::Decimal, text(sources, found)),
        ColumnType::TextNumber => Values::Spelled(Spelled::TextNumber, text(sources, found)),
        ColumnType::TextBool => Values::Spelled(Spelled::TextBool, text(sources, found)),
    }
}

fn fixed<T: Copy>(sources: &[&Column], found: &[(u32, u32, u32)], pick: impl Fn(&Values) -> &[T]) -> Vec<T> {
    let value = |(_, source, place): &(u32, u32, u32)| pick(&sources[*source as usize].values)[*place as usize];
    found.iter().map(value).collect()
}

fn text(sources: &[&Column], found: &[(u32, u32, u32)]) -> Strings {
    let mut out = Text::default();
    for (_, source, place) in found {
        if let Some(strings) = sources[*source as usize].values.strings() {
            out.push(strings.get(*place as usize));
        }
    }
    Strings::Plain(out)
}
