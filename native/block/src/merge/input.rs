//! The columns of an input that is being merged. A column that few rows have is held as the values that there are, so that an input of
//! thousands of names takes what is stored in it, not rows times names.

use crate::column::{Column, ColumnType, Strings, Text, Validity, Values};
use crate::error::BlockError;
use crate::reader::{BlockReader, decode_column};
use crate::source::ReadAt;
use std::borrow::Cow;

/// A column is sparse where fewer than one row in so many has a value.
const SPARSE_FACTOR: usize = 32;

pub struct InputColumn {
    pub held: Held,
    rows: usize,
}

pub enum Held {
    Dense(Column),
    /// The rows that have a value, rising, and a value for each, without nulls. Strings have no dictionary.
    Sparse {
        rows: Vec<u32>,
        values: Column,
    },
}

impl InputColumn {
    pub fn name(&self) -> &str {
        &self.column().name
    }

    pub fn column_type(&self) -> ColumnType {
        self.column().values.column_type()
    }

    fn column(&self) -> &Column {
        match &self.held {
            Held::Dense(column) | Held::Sparse { values: column, .. } => column,
        }
    }

    /// The column with a place for each row.
    pub fn dense(&self) -> Cow<'_, Column> {
        match &self.held {
            Held::Dense(column) => Cow::Borrowed(column),
            Held::Sparse { rows, values } => {
                let places = rows.iter().enumerate().map(|(place, &row)| (row as usize, place));
                Cow::Owned(spread(values, places, self.rows))
            }
        }
    }
}

/// Decodes all columns of a block, sorted by name.
pub fn load<S: ReadAt + ?Sized>(source: &S, offset: u64) -> Result<Vec<InputColumn>, BlockError> {
    let reader = BlockReader::open(source, offset)?;
    let rows = reader.header().rows;
    let columns = reader.header().columns.iter().enumerate().map(|(index, entry)| {
        let column = decode_column(&reader, index)?;
        let is_sparse = (rows - entry.null_count as usize) * SPARSE_FACTOR < rows;
        let held = match (&column.validity, is_sparse) {
            (Some(validity), true) => sparse(&column, validity, rows),
            _ => Held::Dense(column),
        };
        Ok(InputColumn { held, rows })
    });
    columns.collect()
}

fn sparse(column: &Column, validity: &Validity, rows: usize) -> Held {
    let mut present = Vec::new();
    for (index, &word) in validity.words.iter().enumerate() {
        let mut rest = word;
        while rest != 0 {
            let row = index * 64 + rest.trailing_zeros() as usize;
            if row < rows {
                present.push(row as u32);
            }
            rest &= rest - 1;
        }
    }
    let values = match &column.values {
        Values::Int64(values) => Values::Int64(pick(values, &present)),
        Values::Float64(values) => Values::Float64(pick(values, &present)),
        Values::Bool(values) => Values::Bool(pick(values, &present)),
        Values::String(strings) => Values::String(pick_text(strings, &present)),
        Values::Json(strings) => Values::Json(pick_text(strings, &present)),
        Values::Spelled(spelled, strings) => Values::Spelled(*spelled, pick_text(strings, &present)),
    };
    Held::Sparse {
        rows: present,
        values: Column {
            name: column.name.clone(),
            validity: None,
            values,
        },
    }
}

fn pick<T: Copy>(values: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|&row| values[row as usize]).collect()
}

fn pick_text(strings: &Strings, rows: &[u32]) -> Strings {
    let mut text = Text::default();
    rows.iter().for_each(|&row| text.push(strings.get(row as usize)));
    Strings::Plain(text)
}

/// A column of `rows` rows from the values of one that has no nulls. `places` are pairs of a row and the value that it has, by rising row.
pub fn spread(values: &Column, places: impl Iterator<Item = (usize, usize)> + Clone, rows: usize) -> Column {
    let mut words = vec![0; rows.div_ceil(64)];
    places.clone().for_each(|(row, _)| words[row / 64] |= 1 << (row % 64));
    Column {
        name: values.name.clone(),
        validity: Some(Validity { words }),
        values: match &values.values {
            Values::Int64(values) => Values::Int64(spread_fixed(values, places, rows)),
            Values::Float64(values) => Values::Float64(spread_fixed(values, places, rows)),
            Values::Bool(values) => Values::Bool(spread_fixed(values, places, rows)),
            Values::String(strings) => Values::String(spread_text(strings, places, rows)),
            Values::Json(strings) => Values::Json(spread_text(strings, places, rows)),
            Values::Spelled(spelled, strings) => Values::Spelled(*spelled, spread_text(strings, places, rows)),
        },
    }
}

fn spread_fixed<T: Copy + Default>(values: &[T], places: impl Iterator<Item = (usize, usize)>, rows: usize) -> Vec<T> {
    let mut out = vec![T::default(); rows];
    places.for_each(|(row, place)| out[row] = values[place]);
    out
}

fn spread_text(strings: &Strings, places: impl Iterator<Item = (usize, usize)>, rows: usize) -> Strings {
    let mut out = Text::default();
    for (row, place) in places {
        let end = out.bytes.len() as u32;
        out.offsets.resize(row + 1, end);
        out.push(strings.get(place));
    }
    let end = out.bytes.len() as u32;
    out.offsets.resize(rows + 1, end);
    Strings::Plain(out)
}
