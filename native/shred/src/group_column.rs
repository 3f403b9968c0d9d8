//! A column of a group of rows: dense while it has a value in most rows, else the values that there are with their rows. So a field that
//! few records have costs what it has, however many rows come.

use crate::column_builder::{ColumnBuilder, Value};
use basalt_block::Column;

/// A dense column that has no value in so many rows running is looked at: it stays dense while one row in so many has a value.
const GAP_ROWS: usize = 64;
const SPARSE_FACTOR: usize = 32;

/// A sparse column of so many values becomes dense once every fourth row has one.
const DENSE_VALUES_MIN: usize = 64;
const DENSE_FACTOR: usize = 4;

pub(crate) struct GroupColumn {
    values: ColumnBuilder,
    /// The row of each value, rising; `None`: the values are those of all rows. At least `GAP_ROWS` rows before the last have none, so that
    /// no row has the number of a value.
    rows: Option<Vec<u32>>,
    /// Rows without a value, roughly, of a dense column.
    padded: usize,
    /// The stream had no such column before.
    pub is_new: bool,
}

/// A column of which no more rows come.
pub(crate) struct FinishedColumn {
    pub column: Column,
    /// As in `GroupColumn`: the column has a value for each of these, or for each row of the group.
    pub rows: Option<Vec<u32>>,
}

impl GroupColumn {
    pub fn new(name: String, is_new: bool) -> Self {
        Self {
            values: ColumnBuilder::new(name),
            rows: None,
            padded: 0,
            is_new,
        }
    }

    pub fn name(&self) -> &str {
        &self.values.name
    }

    /// Rows up to and including the last that has a value.
    #[inline(always)]
    pub fn len(&self) -> usize {
        match &self.rows {
            None => self.values.len(),
            Some(rows) => rows.last().map_or(0, |&row| row as usize + 1),
        }
    }

    /// Sets the value of `row`, which is the last row so far or a later one. Null takes a value of the row away. Returns whether the row
    /// had a value before.
    #[inline(always)]
    pub fn put(&mut self, row: usize, value: Value) -> bool {
        !self.values.try_push(row, value) && self.put_any(row, value)
    }

    #[inline(never)]
    fn put_any(&mut self, row: usize, value: Value) -> bool {
        let replaces = self.len() > row;
        self.set(row, value);
        replaces
    }

    fn set(&mut self, row: usize, value: Value) {
        if self.rows.is_none() {
            let gap = row.saturating_sub(self.values.len());
            if value != Value::Null {
                self.padded += gap;
            }
            let few = (row - self.padded.min(row)) * SPARSE_FACTOR < row;
            if value == Value::Null || gap < GAP_ROWS || !few {
                return self.values.put(row, value);
            }
            self.make_sparse();
        }
        let Some(rows) = &mut self.rows else { return };
        if rows.last() == Some(&(row as u32)) {
            rows.pop();
            self.values.truncate(rows.len());
        }
        if value == Value::Null {
            return;
        }
        self.values.put(rows.len(), value);
        rows.push(row as u32);
        let values = rows.len();
        if values >= DENSE_VALUES_MIN && values.is_power_of_two() && values * DENSE_FACTOR > row {
            self.make_dense();
        }
    }

    fn make_sparse(&mut self) {
        let mut values = ColumnBuilder::new(std::mem::take(&mut self.values.name));
        let mut rows = Vec::new();
        for row in 0..self.values.len() {
            let value = self.values.value(row);
            if value != Value::Null {
                values.put(rows.len(), value);
                rows.push(row as u32);
            }
        }
        self.values = values;
        self.rows = Some(rows);
    }

    fn make_dense(&mut self) {
        let mut values = ColumnBuilder::new(std::mem::take(&mut self.values.name));
        let rows = self.rows.take().unwrap_or_default();
        for (place, &row) in rows.iter().enumerate() {
            values.put(row as usize, self.values.value(place));
        }
        self.padded = values.len() - rows.len();
        self.values = values;
    }

    /// Takes back all rows from `rows` on.
    pub fn truncate(&mut self, rows: usize) {
        match &mut self.rows {
            None => {
                if self.values.len() > rows {
                    self.values.truncate(rows);
                }
            }
            Some(list) => {
                let kept = list.partition_point(|&row| (row as usize) < rows);
                if kept < list.len() {
                    list.truncate(kept);
                    self.values.truncate(kept);
                }
            }
        }
    }

    /// The column over `rows` rows, or `None` if no row has a value.
    pub fn finish(self, rows: usize) -> Option<FinishedColumn> {
        let values = self.rows.as_ref().map_or(rows, Vec::len);
        Some(FinishedColumn {
            column: self.values.finish(values)?,
            rows: self.rows,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::batches;

    /// However rows come, the column is what a dense one is.
    #[test]
    fn sparse_columns_have_the_values_of_dense_ones() {
        let mut state = 7u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut sparse = 0;
        for round in 0..300 {
            let rows = 1 + random(900) as usize;
            let mut column = GroupColumn::new("x".to_owned(), true);
            let mut dense = ColumnBuilder::new("x".to_owned());
            let mut step = 1 + random(200);
            let mut row = random(300) as usize;
            while row < rows {
                let text = format!("t{}", random(5)).into_bytes();
                let value = match random([2, 9, 12][round % 3]) {
                    0 | 1 => Value::Int(random(9) as i64),
                    2 => Value::Float(1.5),
                    3 => Value::Bool(true),
                    4 => Value::Json(b"[1]"),
                    5 => Value::Null,
                    9 => Value::Decimal(b"18446744073709551615"),
                    10 => Value::Number(b"1e999"),
                    _ => Value::String(&text),
                };
                column.put(row, value);
                dense.put(row, value);
                sparse += usize::from(column.rows.is_some());
                if random(40) == 0 {
                    let cut = random(row as u64 + 1) as usize;
                    column.truncate(cut);
                    dense.truncate(cut.min(dense.len()));
                }
                if random(50) == 0 {
                    step = 1 + random(200);
                }
                row += random(step) as usize;
            }
            let times: Vec<i64> = (0..rows as i64).collect();
            let finished = column.finish(rows).into_iter().collect();
            let mut all = batches(times, finished, usize::MAX);
            let batch = all.next().unwrap();
            assert!(all.next().is_none());
            assert_eq!(batch.columns.get(1).map(texts), dense.finish(rows).as_ref().map(texts));
        }
        assert!(sparse > 100);
    }

    fn texts(column: &Column) -> Vec<String> {
        use basalt_block::Values;
        let is_valid = |row: usize| column.validity.as_ref().is_none_or(|validity| validity.is_valid(row));
        let text = |row: usize| match &column.values {
            Values::Int64(values) => format!("i{}", values[row]),
            Values::Float64(values) => format!("f{}", values[row]),
            Values::Bool(values) => format!("b{}", values[row]),
            Values::String(strings) => format!("s{}", String::from_utf8_lossy(strings.get(row))),
            Values::Json(strings) => format!("j{}", String::from_utf8_lossy(strings.get(row))),
            Values::Spelled(spelled, strings) => format!("{spelled:?}{}", String::from_utf8_lossy(strings.get(row))),
        };
        let rows = 0..column.values.len();
        rows.map(|row| if is_valid(row) { text(row) } else { "-".to_owned() })
            .collect()
    }
}
