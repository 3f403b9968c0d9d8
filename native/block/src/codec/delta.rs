//! Steps from one integer to the next, as distances from the least step, bit-packed.
//!
//! Pays for sorted or nearly sorted values: time, counters, sequence numbers. Layout: i64 start, i64 least step,
//! u8 width, packed distances (`bitpack`), one per value; value `i` is `start` plus the sum of the first `i + 1`
//! steps (so the packed run has whole blocks when the page has). Worst case: 17 bytes more than 8 per value.

use super::stats::IntStats;
use super::{Codec, DELTA, Declined, Ints, bitpack};
use crate::cursor::{Cursor, Damage};

pub struct Delta;

impl Codec<Ints> for Delta {
    fn id(&self) -> u8 {
        DELTA
    }

    fn name(&self) -> &'static str {
        "delta"
    }

    fn estimate_bytes(&self, values: &[i64], stats: &IntStats) -> Option<usize> {
        let (least, greatest) = stats.steps?;
        Some(17 + bitpack::packed_bytes(values.len(), width(least, greatest)))
    }

    fn encode(&self, values: &[i64], stats: &IntStats, _: i32, out: &mut Vec<u8>) -> Result<(), Declined> {
        let (least, greatest) = stats.steps.ok_or(Declined)?;
        let width = width(least, greatest);
        out.extend_from_slice(&values[0].wrapping_sub(least).to_le_bytes());
        out.extend_from_slice(&least.to_le_bytes());
        out.push(width as u8);
        let distance = |index: usize| {
            let previous = if index == 0 {
                values[0].wrapping_sub(least)
            } else {
                values[index - 1]
            };
            values[index].wrapping_sub(previous).wrapping_sub(least) as u64
        };
        bitpack::pack(values.len(), width, distance, out);
        Ok(())
    }

    fn decode(&self, payload: &[u8], count: usize, into: &mut Vec<i64>) -> Result<(), Damage> {
        let mut cursor = Cursor::new(payload);
        let start = cursor.i64()?;
        let least = cursor.i64()?;
        let width = u32::from(cursor.u8()?);
        bitpack::unpack_i64(cursor.rest(), count, width, least, into)?;
        let mut value = start;
        for slot in into.iter_mut() {
            value = value.wrapping_add(*slot);
            *slot = value;
        }
        Ok(())
    }
}

fn width(least: i64, greatest: i64) -> u32 {
    bitpack::width_of(greatest.wrapping_sub(least) as u64)
}
