//! Dictionary codes, bit-packed.
//!
//! Pays whenever a column has a dictionary. Layout: u8 width, packed codes (`bitpack`).
//! Worst case: 1 byte more than 4 per value. That codes lie inside the dictionary is checked by the page reader.

use super::stats::CodeStats;
use super::{CODES, Codec, Codes, Declined, bitpack};
use crate::cursor::{Cursor, Damage};

pub struct PackedCodes;

impl Codec<Codes> for PackedCodes {
    fn id(&self) -> u8 {
        CODES
    }

    fn name(&self) -> &'static str {
        "codes"
    }

    fn estimate_bytes(&self, values: &[u32], stats: &CodeStats) -> Option<usize> {
        Some(1 + bitpack::packed_bytes(values.len(), bitpack::width_of(u64::from(stats.max))))
    }

    fn encode(&self, values: &[u32], stats: &CodeStats, _: i32, out: &mut Vec<u8>) -> Result<(), Declined> {
        let width = bitpack::width_of(u64::from(stats.max));
        out.push(width as u8);
        bitpack::pack(values.len(), width, |index| u64::from(values[index]), out);
        Ok(())
    }

    fn decode(&self, payload: &[u8], count: usize, into: &mut Vec<u32>) -> Result<(), Damage> {
        let mut cursor = Cursor::new(payload);
        let width = u32::from(cursor.u8()?);
        bitpack::unpack_u32(cursor.rest(), count, width, into)
    }
}
