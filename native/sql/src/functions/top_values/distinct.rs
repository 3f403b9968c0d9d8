//! How many different values there are, by the smallest of their hashes: exact up to `KEPT`, from there on an estimate from
//! how densely the smallest ones lie, right to about three percent.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BinaryBuilder, ListBuilder};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;
use xxhash_rust::xxh3::xxh3_64;

use super::candidates::{Candidates, Tally};
use super::{answer, states, values_state};

/// Hashes of one candidate.
const KEPT: usize = 1_024;
const HASH_BYTES: usize = size_of::<u64>();

#[derive(Debug, Default)]
pub(super) struct Distinct {
    smallest: BTreeSet<u64>,
}

impl Distinct {
    /// Returns the bytes that it took.
    fn add(&mut self, hash: u64) -> usize {
        if self.smallest.len() >= KEPT && self.smallest.last().is_some_and(|last| hash >= *last) {
            return 0;
        }
        let added = self.smallest.insert(hash);
        if self.smallest.len() > KEPT {
            self.smallest.pop_last();
            return 0;
        }
        if added { 2 * HASH_BYTES } else { 0 }
    }

    fn to_bytes(&self) -> Vec<u8> {
        self.smallest.iter().flat_map(|hash| hash.to_le_bytes()).collect()
    }

    fn merge(&mut self, bytes: &[u8]) -> usize {
        let hashes = bytes.as_chunks::<HASH_BYTES>().0.iter();
        hashes.map(|hash| self.add(u64::from_le_bytes(*hash))).sum()
    }
}

impl Tally for Distinct {
    fn count(&self) -> i64 {
        match self.smallest.last() {
            Some(last) if self.smallest.len() >= KEPT => {
                let covered = (*last as f64 + 1.0) / (u64::MAX as f64 + 1.0);
                ((KEPT - 1) as f64 / covered).round() as i64
            }
            _ => self.smallest.len() as i64,
        }
    }
}

/// Counts of different values of a second field.
#[derive(Debug)]
pub(super) struct Values {
    pub k: usize,
    pub candidates: Candidates<Distinct>,
}

impl Accumulator for Values {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (of, counted) = (values[0].as_string::<i32>(), values[1].as_string::<i32>());
        for (value, counted) in of.iter().zip(counted) {
            if let (Some(value), Some(counted)) = (value, counted) {
                let hash = xxh3_64(counted.as_bytes());
                self.candidates.update(value, |tally| tally.add(hash));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        answer(&self.candidates.top(self.k))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.candidates.bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let kept = self.candidates.top(self.candidates.capacity());
        let mut hashes = ListBuilder::new(BinaryBuilder::new());
        let tallies = kept.iter().map(|(value, _)| self.candidates.get(value));
        hashes.append_value(tallies.map(|tally| tally.map(Distinct::to_bytes)));
        let values = values_state(kept.iter().map(|(value, _)| *value));
        Ok(vec![values, ScalarValue::List(Arc::new(hashes.finish()))])
    }

    fn merge_batch(&mut self, arrays: &[ArrayRef]) -> Result<()> {
        for (values, hashes) in states(arrays)? {
            let hashes = hashes.as_binary::<i32>();
            for (value, hashes) in values.as_string::<i32>().iter().flatten().zip(hashes.iter().flatten()) {
                self.candidates.update(value, |tally| tally.merge(hashes));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: std::ops::Range<u32>) -> Distinct {
        let mut distinct = Distinct::default();
        for value in values {
            distinct.add(xxh3_64(&value.to_le_bytes()));
        }
        distinct
    }

    #[test]
    fn few_are_counted_and_many_are_estimated() {
        assert_eq!(of(0..0).count(), 0);
        assert_eq!(of(0..1_000).count(), 1_000);
        for many in [5_000, 100_000] {
            let error = (of(0..many).count() as f64 / f64::from(many) - 1.0).abs();
            assert!(error < 0.1, "{many}: {error}");
        }
    }

    #[test]
    fn parts_are_merged_as_if_they_were_one() {
        for (cut, end) in [(300, 900), (2_000, 50_000)] {
            let mut merged = of(0..cut);
            merged.merge(&of(cut / 2..end).to_bytes());
            assert_eq!(merged.count(), of(0..end).count());
        }
    }
}
