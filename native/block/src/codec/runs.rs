//! Run length: each value once with the number of times that it follows itself.
//!
//! Pays for values that stay for a while: the host of a quiet stream, states, versions, a flag once it is set.
//! Layout: u32 runs, i64 least value, u8 width, packed distances of the runs' values from it, u8 width, packed lengths less one
//! (`bitpack` both). Worst case: 14 bytes more than 12 per value; only tried where runs are `ROWS_PER_RUN_MIN` long on average.

use super::stats::{CodeStats, IntStats};
use super::{Codec, Codes, Declined, Ints, RUNS, bitpack};
use crate::cursor::{Cursor, Damage};

pub struct Runs;

/// Shorter runs seldom save bytes, and each is a branch that decoding mispredicts.
const ROWS_PER_RUN_MIN: usize = 8;

impl Codec<Ints> for Runs {
    fn id(&self) -> u8 {
        RUNS
    }

    fn name(&self) -> &'static str {
        "runs"
    }

    fn estimate_bytes(&self, values: &[i64], stats: &IntStats) -> Option<usize> {
        estimate(values.len(), stats.changes, stats.max.wrapping_sub(stats.min) as u64)
    }

    fn encode(&self, values: &[i64], stats: &IntStats, _: i32, out: &mut Vec<u8>) -> Result<(), Declined> {
        let distance = |value: i64| value.wrapping_sub(stats.min) as u64;
        encode(values, stats.changes, stats.min, distance, out);
        Ok(())
    }

    fn decode(&self, payload: &[u8], count: usize, into: &mut Vec<i64>) -> Result<(), Damage> {
        decode(payload, count, Ok, into)
    }
}

impl Codec<Codes> for Runs {
    fn id(&self) -> u8 {
        RUNS
    }

    fn name(&self) -> &'static str {
        "runs"
    }

    fn estimate_bytes(&self, values: &[u32], stats: &CodeStats) -> Option<usize> {
        estimate(values.len(), stats.changes, u64::from(stats.max - stats.min))
    }

    fn encode(&self, values: &[u32], stats: &CodeStats, _: i32, out: &mut Vec<u8>) -> Result<(), Declined> {
        let distance = |value: u32| u64::from(value - stats.min);
        encode(values, stats.changes, i64::from(stats.min), distance, out);
        Ok(())
    }

    fn decode(&self, payload: &[u8], count: usize, into: &mut Vec<u32>) -> Result<(), Damage> {
        let code = |value: i64| u32::try_from(value).map_err(|_| Damage(format!("code {value}")));
        decode(payload, count, code, into)
    }
}

fn estimate(count: usize, changes: usize, range: u64) -> Option<usize> {
    let runs = changes + 1;
    // Of the lengths only the sum is known here; as if the longest were some times the average.
    let length_width = bitpack::width_of((count / runs) as u64) + 2;
    let bytes = 14 + bitpack::packed_bytes(runs, bitpack::width_of(range)) + bitpack::packed_bytes(runs, length_width);
    (runs * ROWS_PER_RUN_MIN <= count).then_some(bytes)
}

fn encode<T: Copy + PartialEq>(
    values: &[T],
    changes: usize,
    least: i64,
    distance: impl Fn(T) -> u64,
    out: &mut Vec<u8>,
) {
    let mut runs: Vec<(u64, u64)> = Vec::with_capacity(changes + 1);
    for run in values.chunk_by(|a, b| a == b) {
        runs.push((distance(run[0]), run.len() as u64 - 1));
    }
    out.extend_from_slice(&(runs.len() as u32).to_le_bytes());
    out.extend_from_slice(&least.to_le_bytes());
    for part in [|run: &(u64, u64)| run.0, |run: &(u64, u64)| run.1] {
        let width = bitpack::width_of(runs.iter().map(part).max().unwrap_or(0));
        out.push(width as u8);
        bitpack::pack(runs.len(), width, |index| part(&runs[index]), out);
    }
}

fn decode<T: Copy>(
    payload: &[u8],
    count: usize,
    value_of: impl Fn(i64) -> Result<T, Damage>,
    into: &mut Vec<T>,
) -> Result<(), Damage> {
    let mut cursor = Cursor::new(payload);
    let runs = cursor.u32()? as usize;
    if runs == 0 || runs > count {
        return Err(Damage(format!("{runs} runs of {count} values")));
    }
    let least = cursor.i64()?;
    let width = u32::from(cursor.u8()?);
    let (mut values, mut lengths) = (Vec::new(), Vec::new());
    bitpack::unpack_i64(
        cursor.take(packed_bytes(runs, width)?)?,
        runs,
        width,
        least,
        &mut values,
    )?;
    let width = u32::from(cursor.u8()?);
    bitpack::unpack_i64(cursor.rest(), runs, width, 1, &mut lengths)?;
    into.clear();
    into.reserve(count);
    for (&value, &length) in values.iter().zip(&lengths) {
        let left = count - into.len();
        match usize::try_from(length) {
            Ok(length) if (1..=left).contains(&length) => into.resize(into.len() + length, value_of(value)?),
            _ => return Err(Damage(format!("a run of {length} where {left} values are left"))),
        }
    }
    if into.len() != count {
        return Err(Damage(format!("runs of {} values, {count} expected", into.len())));
    }
    Ok(())
}

fn packed_bytes(runs: usize, width: u32) -> Result<usize, Damage> {
    if width > 64 {
        return Err(Damage(format!("bit width {width}, at most 64 allowed")));
    }
    Ok(bitpack::packed_bytes(runs, width))
}
