//! One bit per bool.
//!
//! The general codec of bools. Layout: `ceil(count / 8)` bytes, bit `i % 8` of byte `i / 8`, spare bits 0.

use super::stats::BoolStats;
use super::{BITMAP, Bools, Codec, Declined};
use crate::cursor::Damage;

pub struct Bitmap;

impl Codec<Bools> for Bitmap {
    fn id(&self) -> u8 {
        BITMAP
    }

    fn name(&self) -> &'static str {
        "bitmap"
    }

    fn estimate_bytes(&self, values: &[bool], _: &BoolStats) -> Option<usize> {
        Some(values.len().div_ceil(8))
    }

    fn encode(&self, values: &[bool], _: &BoolStats, _: i32, out: &mut Vec<u8>) -> Result<(), Declined> {
        out.extend(values.chunks(8).map(|group| {
            group
                .iter()
                .enumerate()
                .fold(0u8, |byte, (bit, &value)| byte | u8::from(value) << bit)
        }));
        Ok(())
    }

    fn decode(&self, payload: &[u8], count: usize, into: &mut Vec<bool>) -> Result<(), Damage> {
        if payload.len() != count.div_ceil(8) {
            return Err(Damage(format!(
                "{} bitmap bytes expected, {} found",
                count.div_ceil(8),
                payload.len()
            )));
        }
        into.clear();
        into.resize(count, false);
        for (group, byte) in into.chunks_mut(8).zip(payload) {
            for (bit, slot) in group.iter_mut().enumerate() {
                *slot = byte >> bit & 1 == 1;
            }
        }
        Ok(())
    }
}
