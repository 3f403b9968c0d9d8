//! Floats as their 8 bytes, compressed if that pays. The general codec of floats.
//!
//! Layout: u8 compression (`compress`), then the bytes transposed: all first bytes of the values, then all second ones,
//! and so on, so that the slowly changing sign and exponent bytes lie together. Worst case: 1 byte more than 8 per value.

use super::stats::FloatStats;
use super::{Codec, Declined, FLOAT_BITS, Floats};
use crate::compress;
use crate::cursor::Damage;

pub struct FloatBits;

impl Codec<Floats> for FloatBits {
    fn id(&self) -> u8 {
        FLOAT_BITS
    }

    fn name(&self) -> &'static str {
        "float_bits"
    }

    fn estimate_bytes(&self, values: &[f64], _: &FloatStats) -> Option<usize> {
        Some(1 + values.len() * 8)
    }

    fn encode(&self, values: &[f64], _: &FloatStats, zstd_level: i32, out: &mut Vec<u8>) -> Result<(), Declined> {
        let count = values.len();
        let mut bytes = vec![0; count * 8];
        for (index, value) in values.iter().enumerate() {
            for (plane, byte) in value.to_bits().to_le_bytes().into_iter().enumerate() {
                bytes[plane * count + index] = byte;
            }
        }
        compress::compress(&bytes, zstd_level, out);
        Ok(())
    }

    fn decode(&self, payload: &[u8], count: usize, into: &mut Vec<f64>) -> Result<(), Damage> {
        let mut bytes = Vec::new();
        compress::decompress(payload, count * 8, &mut bytes)?;
        into.clear();
        into.extend((0..count).map(|index| {
            let value: [u8; 8] = std::array::from_fn(|plane| bytes[plane * count + index]);
            f64::from_bits(u64::from_le_bytes(value))
        }));
        Ok(())
    }
}
