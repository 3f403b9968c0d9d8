//! The order of the output: which row of which input comes next.

use crate::error::BlockError;

/// A row of an input, with what it is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub time: i64,
    pub input: u32,
    pub row: u32,
}

/// Rows `start..start + rows` of an input that follow each other in the output too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub input: u32,
    pub start: u32,
    pub rows: u32,
}

/// All rows by (time, input, row). `times` has the times of each input in row order.
pub fn sort(times: &[Vec<i64>]) -> Result<Vec<Row>, BlockError> {
    let total = times.iter().map(Vec::len).sum();
    if u32::try_from(total).is_err() {
        return Err(BlockError::Invalid {
            what: format!("a merge of {total} rows, at most 4,294,967,295"),
        });
    }
    let mut rows = Vec::with_capacity(total);
    for (input, times) in times.iter().enumerate() {
        rows.extend(times.iter().enumerate().map(|(row, &time)| Row {
            time,
            input: input as u32,
            row: row as u32,
        }));
    }
    // Stable, so equal times keep input and row order; it finds presorted runs, which inputs mostly are.
    rows.sort_by_key(|row| row.time);
    Ok(rows)
}

/// Joins neighbours: few long runs when inputs do not overlap in time.
pub fn runs(rows: &[Row]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for row in rows {
        match runs.last_mut() {
            Some(last) if last.input == row.input && last.start + last.rows == row.row => last.rows += 1,
            _ => runs.push(Run {
                input: row.input,
                start: row.row,
                rows: 1,
            }),
        }
    }
    runs
}
