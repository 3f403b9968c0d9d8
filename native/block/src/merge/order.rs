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

/// All chosen rows by (time, input, row). `inputs` has the times of each input in row order, and a bit a row that is chosen; `None`: all.
pub fn sort(inputs: &[(Vec<i64>, Option<Vec<u64>>)]) -> Result<Vec<Row>, BlockError> {
    let total = inputs.iter().map(|(times, _)| times.len()).sum();
    if u32::try_from(total).is_err() {
        return Err(BlockError::Invalid {
            what: format!("a merge of {total} rows, at most 4,294,967,295"),
        });
    }
    let mut rows = Vec::with_capacity(total);
    for (input, (times, chosen)) in inputs.iter().enumerate() {
        let is_chosen = |row: usize| {
            chosen
                .as_ref()
                .is_none_or(|words| words[row / 64] >> (row % 64) & 1 != 0)
        };
        let chosen_rows = times.iter().enumerate().filter(|(row, _)| is_chosen(*row));
        rows.extend(chosen_rows.map(|(row, &time)| Row {
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
