//! Frame of reference: each integer as its distance from the least, bit-packed.
//!
//! Pays for any integers that are not spread over the whole range; the general codec of integers.
//! Layout: i64 least value, u8 width, packed distances (`bitpack`). Worst case: 9 bytes more than 8 per value.

use super::stats::IntStats;
use super::{Codec, Declined, FRAME, Ints, bitpack};
use crate::cursor::{Cursor, Damage};

pub struct Frame;

impl Codec<Ints> for Frame {
    fn id(&self) -> u8 {
        FRAME
    }

    fn name(&self) -> &'static str {
        "frame"
    }

    fn estimate_bytes(&self, values: &[i64], stats: &IntStats) -> Option<usize> {
        Some(9 + bitpack::packed_bytes(values.len(), width(stats)))
    }

    fn encode(&self, values: &[i64], stats: &IntStats, _: i32, out: &mut Vec<u8>) -> Result<(), Declined> {
        let width = width(stats);
        out.extend_from_slice(&stats.min.to_le_bytes());
        out.push(width as u8);
        bitpack::pack(
            values.len(),
            width,
            |index| values[index].wrapping_sub(stats.min) as u64,
            out,
        );
        Ok(())
    }

    fn decode(&self, payload: &[u8], count: usize, into: &mut Vec<i64>) -> Result<(), Damage> {
        let mut cursor = Cursor::new(payload);
        let least = cursor.i64()?;
        let width = u32::from(cursor.u8()?);
        bitpack::unpack_i64(cursor.rest(), count, width, least, into)
    }
}

fn width(stats: &IntStats) -> u32 {
    bitpack::width_of(stats.max.wrapping_sub(stats.min) as u64)
}
