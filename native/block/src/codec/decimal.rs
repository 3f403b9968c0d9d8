//! Floats that were decimal numbers: the digits as integers under one scale, bit-packed, with a list of exceptions.
//!
//! Pays for measured values printed with few digits (durations, prices, ratios), where it needs the bits of the
//! integers only. After ALP (Afroozeh, Kuffo, Boncz, SIGMOD 2023), but with a division by the power of ten: for an
//! integer below 2^53 and a scale up to 22 both operands are exact, so the quotient is the float nearest to the decimal,
//! the same that parsing the number gave. Every value is checked by its bits when it is encoded; what does not come
//! back exactly (-0.0, NaN, infinities, long fractions) is an exception and stored as it is.
//!
//! Layout: u8 scale, u8 width, u16 exceptions, i64 least integer, packed distances from it (`bitpack`, exceptions hold 0),
//! then u16 positions (rising) and 8-byte values of the exceptions.
//! Worst case: it declines when more than one value in eight is an exception.

use super::stats::FloatStats;
use super::{Codec, DECIMAL, Declined, Floats, bitpack};
use crate::cursor::{Cursor, Damage};

pub struct Decimal;

const SCALES: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];
/// 1.5 * 2^52: adding it rounds to an integer that sits in the low bits of the sum, for magnitudes below 2^51.
const ROUND: f64 = 6_755_399_441_055_744.0;
const SAMPLE: usize = 64;

/// The integer that is `value` times `scale`, if dividing gives `value` back bit for bit.
#[inline(always)]
fn scaled(value: f64, scale: f64) -> (i64, bool) {
    let digits = (value * scale + ROUND).to_bits().wrapping_sub(ROUND.to_bits()) as i64;
    (digits, unscaled(digits, scale).to_bits() == value.to_bits())
}

/// Works for magnitudes below 2^51, which `scaled` has checked by comparing bits.
#[inline(always)]
fn unscaled(digits: i64, scale: f64) -> f64 {
    (f64::from_bits(ROUND.to_bits().wrapping_add(digits as u64)) - ROUND) / scale
}

/// The scale with the fewest bytes per value on a sample, with that estimate; `None` when none pays.
fn best_scale(values: &[f64]) -> Option<(usize, usize)> {
    let step = values.len().div_ceil(SAMPLE);
    let mut best: Option<(usize, usize)> = None;
    for (index, &scale) in SCALES.iter().enumerate() {
        let (mut min, mut max, mut sampled, mut exact) = (i64::MAX, i64::MIN, 0usize, 0usize);
        for &value in values.iter().step_by(step) {
            sampled += 1;
            let (digits, is_exact) = scaled(value, scale);
            if is_exact {
                exact += 1;
                min = min.min(digits);
                max = max.max(digits);
            }
        }
        if exact * 8 < sampled * 7 {
            continue;
        }
        let width = bitpack::width_of(max.wrapping_sub(min) as u64) as usize;
        let bytes = values.len() * width / 8 + (sampled - exact) * values.len() / sampled * 10;
        if best.is_none_or(|(_, least)| bytes < least) {
            best = Some((index, bytes));
        }
        if exact == sampled {
            break;
        }
    }
    best
}

impl Codec<Floats> for Decimal {
    fn id(&self) -> u8 {
        DECIMAL
    }

    fn name(&self) -> &'static str {
        "decimal"
    }

    fn estimate_bytes(&self, values: &[f64], _: &FloatStats) -> Option<usize> {
        best_scale(values).map(|(_, bytes)| 12 + bytes)
    }

    fn encode(&self, values: &[f64], _: &FloatStats, _: i32, out: &mut Vec<u8>) -> Result<(), Declined> {
        let (scale_index, _) = best_scale(values).ok_or(Declined)?;
        let scale = SCALES[scale_index];
        let (mut min, mut max, mut exact) = (i64::MAX, i64::MIN, 0usize);
        let mut integers = Vec::with_capacity(values.len());
        for &value in values {
            let (digits, is_exact) = scaled(value, scale);
            // Exceptions must not widen the range: they get the value that leaves min and max alone.
            min = min.min(if is_exact { digits } else { i64::MAX });
            max = max.max(if is_exact { digits } else { i64::MIN });
            exact += usize::from(is_exact);
            integers.push(if is_exact { digits } else { i64::MAX });
        }
        let exceptions = values.len() - exact;
        if exceptions * 8 > values.len() || exact == 0 {
            return Err(Declined);
        }
        let width = bitpack::width_of(max.wrapping_sub(min) as u64);
        out.push(scale_index as u8);
        out.push(width as u8);
        out.extend_from_slice(&(exceptions as u16).to_le_bytes());
        out.extend_from_slice(&min.to_le_bytes());
        let distance = |index: usize| {
            if integers[index] == i64::MAX {
                0
            } else {
                (integers[index] - min) as u64
            }
        };
        bitpack::pack(values.len(), width, distance, out);
        if exceptions > 0 {
            let positions = || (0..values.len()).filter(|&index| integers[index] == i64::MAX);
            positions().for_each(|index| out.extend_from_slice(&(index as u16).to_le_bytes()));
            positions().for_each(|index| out.extend_from_slice(&values[index].to_bits().to_le_bytes()));
        }
        Ok(())
    }

    fn decode(&self, payload: &[u8], count: usize, into: &mut Vec<f64>) -> Result<(), Damage> {
        let mut cursor = Cursor::new(payload);
        let scale_index = usize::from(cursor.u8()?);
        let width = u32::from(cursor.u8()?);
        let exceptions = usize::from(cursor.u16()?);
        let least = cursor.i64()?;
        let scale = *SCALES
            .get(scale_index)
            .ok_or_else(|| Damage(format!("decimal scale {scale_index}")))?;
        if width > 64 {
            return Err(Damage(format!("bit width {width}, at most 64 allowed")));
        }
        let mut integers = Vec::new();
        bitpack::unpack_i64(
            cursor.take(bitpack::packed_bytes(count, width))?,
            count,
            width,
            least,
            &mut integers,
        )?;
        into.clear();
        into.extend(integers.iter().map(|&digits| unscaled(digits, scale)));
        let positions = cursor.take(exceptions * 2)?;
        let values = cursor.take(exceptions * 8)?;
        cursor.finish()?;
        for (position, value) in positions.chunks_exact(2).zip(values.chunks_exact(8)) {
            let position = usize::from(u16::from_le_bytes([position[0], position[1]]));
            let slot = into
                .get_mut(position)
                .ok_or_else(|| Damage(format!("exception at value {position}")))?;
            *slot = f64::from_bits(u64::from_le_bytes(value.try_into().expect("chunks of eight")));
        }
        Ok(())
    }
}
