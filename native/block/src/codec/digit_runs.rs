//! Finding the runs of decimal digits in strings, 64 bytes at a time.

use super::TextSlice;
use super::byte_mask::{Positions, count_ones, fill_mask};

/// Runs of digits, and the buffers to find them with.
#[derive(Default)]
pub struct DigitRuns {
    mask: Vec<u64>,
    /// One bit for each position where a string begins or ends.
    borders: Vec<u64>,
    starts: Positions,
    ends: Positions,
    /// Digits in all runs.
    pub digits: usize,
}

impl DigitRuns {
    /// Finds the runs, from the first byte of the first string. No run goes on from one string into the next.
    pub fn find(&mut self, values: TextSlice<'_>) {
        let Self {
            mask,
            borders,
            starts,
            ends,
            digits,
        } = self;
        fill_mask(values.all_bytes(), b'0', 9, mask);
        borders.clear();
        borders.resize(mask.len(), 0);
        let first = values.offsets[0];
        for offset in values.offsets.iter().map(|offset| (offset - first) as usize) {
            borders[offset / 64] |= 1 << (offset % 64);
        }
        *digits = count_ones(mask);
        starts.start(*digits);
        ends.start(*digits);
        let mut carry = 0;
        for (index, (&digits, &borders)) in mask.iter().zip(borders.iter()).enumerate() {
            let after_digit = digits << 1 | carry;
            carry = digits >> 63;
            starts.append(index * 64, digits & (!after_digit | borders));
            ends.append(index * 64, after_digit & (!digits | borders));
        }
    }

    /// Start and end of each run, rising.
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize)> {
        let pairs = self.starts.as_slice().iter().zip(self.ends.as_slice());
        pairs.map(|(&start, &end)| (start as usize, end as usize))
    }
}
