//! Which rows of a merge's inputs go to its output.

use super::{MergeInput, read_times};
use crate::error::BlockError;
use crate::header::BlockHeader;
use crate::reader::BlockReader;
use std::collections::BTreeMap;

/// Chooses rows of the inputs. A choice depends on nothing but the row: merges of the same inputs by several selections that together
/// choose every row once lose no row and double none.
pub trait RowSelection {
    /// Whether no row of a block with this header is chosen; `false` where only the rows can tell.
    fn excludes(&self, _header: &BlockHeader) -> bool {
        false
    }

    /// One bit a row of the input, 1 = chosen, in words of 64 rows from the lowest bit up; `None`: all rows are.
    /// `times` has the event time of each row.
    fn choose(&self, input: usize, times: &[i64]) -> Result<Option<Vec<u64>>, BlockError>;
}

/// Rows by event time, microseconds: those within any of the half-open ranges, or those within none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeCut {
    /// `(from, to)`, disjoint.
    pub ranges: Vec<(i64, i64)>,
    pub inside: bool,
}

impl TimeCut {
    fn chooses(&self, time: i64) -> bool {
        self.ranges.iter().any(|&(from, to)| time >= from && time < to) == self.inside
    }
}

impl RowSelection for TimeCut {
    fn excludes(&self, header: &BlockHeader) -> bool {
        let (first, last) = (header.time_min, header.time_max);
        if self.inside {
            self.ranges.iter().all(|&(from, to)| last < from || first >= to)
        } else {
            self.ranges.iter().any(|&(from, to)| first >= from && last < to)
        }
    }

    fn choose(&self, _input: usize, times: &[i64]) -> Result<Option<Vec<u64>>, BlockError> {
        Ok(Some(bits_of(times.len(), |row| self.chooses(times[row]))))
    }
}

/// One bit a row.
pub fn bits_of(rows: usize, mut chosen: impl FnMut(usize) -> bool) -> Vec<u64> {
    let mut words = vec![0u64; rows.div_ceil(64)];
    for row in 0..rows {
        words[row / 64] |= u64::from(chosen(row)) << (row % 64);
    }
    words
}

/// Rows by `floor(time / width)`. Blocks that lie in one bucket are counted without being read.
pub fn rows_by_bucket(inputs: &[MergeInput<'_>], width: i64) -> Result<BTreeMap<i64, u64>, BlockError> {
    let mut rows = BTreeMap::new();
    for input in inputs {
        let reader = BlockReader::open(input.source, input.offset)?;
        let header = reader.header();
        let bucket = header.time_min.div_euclid(width);
        if bucket == header.time_max.div_euclid(width) {
            *rows.entry(bucket).or_default() += header.rows as u64;
            continue;
        }
        for time in read_times(&reader, input.offset)? {
            *rows.entry(time.div_euclid(width)).or_default() += 1;
        }
    }
    Ok(rows)
}
