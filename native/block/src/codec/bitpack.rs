//! Bit-packing, the primitive below frame, delta, decimal, codes and text lengths (not an encoding of its own).
//!
//! Layout: whole blocks of 1,024 values, each `128 * width` bytes, then the rest as one little-endian bit stream of
//! `ceil(rest * width / 8)` bytes. Inside a block the values are spread over lanes (the interleaving of FastLanes,
//! Afroozeh and Boncz, VLDB 2023, without its reordering): up to 32 bits wide value `i` is number `i / 32` of lane
//! `i % 32`, and each lane packs its 32 values into `width` u32 words; wider ones use 16 lanes of 64 values and u64
//! words. Word `w` of lane `l` is at index `w * lanes + l`. All lanes do the same shifts, so plain loops over lanes
//! vectorise on any CPU, and the values come out in order.
//!
//! Width 0 takes no bytes. Pays whenever values are small; costs at most `8 * count` bytes.

use crate::cursor::Damage;

/// Values of a whole block.
pub const BLOCK_VALUES: usize = 1024;

/// Bits needed for `range`.
pub fn width_of(range: u64) -> u32 {
    64 - range.leading_zeros()
}

/// Exact bytes of `count` values of `width` bits.
pub fn packed_bytes(count: usize, width: u32) -> usize {
    let width = width as usize;
    count / BLOCK_VALUES * 128 * width + (count % BLOCK_VALUES * width).div_ceil(8)
}

/// Appends `value(i) & mask` for `i` in `0..count`. `width <= 64`; values must fit.
pub fn pack(count: usize, width: u32, value: impl Fn(usize) -> u64, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    out.reserve(packed_bytes(count, width));
    let whole = count / BLOCK_VALUES * BLOCK_VALUES;
    for start in (0..whole).step_by(BLOCK_VALUES) {
        if width <= 32 {
            let mut values = [0u32; BLOCK_VALUES];
            values
                .iter_mut()
                .enumerate()
                .for_each(|(i, slot)| *slot = value(start + i) as u32);
            pack_block_u32(&values, width as usize, out);
        } else {
            let mut values = [0u64; BLOCK_VALUES];
            values
                .iter_mut()
                .enumerate()
                .for_each(|(i, slot)| *slot = value(start + i));
            pack_block_u64(&values, width as usize, out);
        }
    }
    pack_stream(whole..count, width, value, out);
}

macro_rules! block_kernels {
    ($word:ty, $lanes:expr, $pack:ident, $unpack:ident) => {
        fn $pack(values: &[$word; BLOCK_VALUES], width: usize, out: &mut Vec<u8>) {
            const BITS: usize = <$word>::BITS as usize;
            let mut words = [0 as $word; BLOCK_VALUES];
            for row in 0..BITS {
                let (word, shift) = (row * width / BITS, row * width % BITS);
                let from: &[$word; $lanes] = values[row * $lanes..][..$lanes]
                    .try_into()
                    .expect("one row of lanes");
                let to: &mut [$word; $lanes] = (&mut words[word * $lanes..][..$lanes])
                    .try_into()
                    .expect("one row of lanes");
                for lane in 0..$lanes {
                    to[lane] |= from[lane] << shift;
                }
                if shift + width > BITS {
                    let over: &mut [$word; $lanes] = (&mut words[(word + 1) * $lanes..][..$lanes])
                        .try_into()
                        .expect("one row of lanes");
                    for lane in 0..$lanes {
                        over[lane] |= from[lane] >> (BITS - shift);
                    }
                }
            }
            let start = out.len();
            out.resize(start + width * 128, 0);
            for (slot, word) in out[start..].chunks_exact_mut(BITS / 8).zip(&words) {
                slot.copy_from_slice(&word.to_le_bytes());
            }
        }

        /// `packed` is `128 * width` bytes, `width` 1 to the bits of the word.
        #[inline(always)]
        fn $unpack(packed: &[u8], width: usize, mut emit: impl FnMut(usize, &[$word; $lanes])) {
            const BITS: usize = <$word>::BITS as usize;
            let mut words = [0 as $word; BLOCK_VALUES];
            for (word, bytes) in words.iter_mut().zip(packed.chunks_exact(BITS / 8)) {
                *word = <$word>::from_le_bytes(bytes.try_into().expect("one word"));
            }
            let mask: $word = <$word>::MAX >> (BITS - width);
            let mut row_values = [0 as $word; $lanes];
            for row in 0..BITS {
                let (word, shift) = (row * width / BITS, row * width % BITS);
                let low: &[$word; $lanes] = words[word * $lanes..][..$lanes]
                    .try_into()
                    .expect("one row of lanes");
                if shift + width > BITS {
                    let high: &[$word; $lanes] = words[(word + 1) * $lanes..][..$lanes]
                        .try_into()
                        .expect("one row of lanes");
                    for lane in 0..$lanes {
                        row_values[lane] = (low[lane] >> shift | high[lane] << (BITS - shift)) & mask;
                    }
                } else {
                    for lane in 0..$lanes {
                        row_values[lane] = low[lane] >> shift & mask;
                    }
                }
                emit(row * $lanes, &row_values);
            }
        }
    };
}

block_kernels!(u32, 32, pack_block_u32, unpack_block_u32);
block_kernels!(u64, 16, pack_block_u64, unpack_block_u64);

fn pack_stream(range: std::ops::Range<usize>, width: u32, value: impl Fn(usize) -> u64, out: &mut Vec<u8>) {
    let (mut pending, mut bits) = (0u128, 0);
    for index in range {
        pending |= u128::from(value(index)) << bits;
        bits += width;
        while bits >= 32 {
            out.extend_from_slice(&(pending as u32).to_le_bytes());
            pending >>= 32;
            bits -= 32;
        }
    }
    out.extend_from_slice(&(pending as u32).to_le_bytes()[..bits.div_ceil(8) as usize]);
}

/// Checks that `packed` is exactly `count` values of `width` bits.
fn check(packed: &[u8], count: usize, width: u32, width_max: u32) -> Result<(), Damage> {
    if width > width_max {
        return Err(Damage(format!("bit width {width}, at most {width_max} allowed")));
    }
    let expected = packed_bytes(count, width);
    if packed.len() != expected {
        return Err(Damage(format!(
            "{expected} packed bytes expected, {} found",
            packed.len()
        )));
    }
    Ok(())
}

/// Replaces `into` with `count` values, each plus `base` (wrapping).
pub fn unpack_i64(packed: &[u8], count: usize, width: u32, base: i64, into: &mut Vec<i64>) -> Result<(), Damage> {
    check(packed, count, width, 64)?;
    into.clear();
    into.resize(count, base);
    if width == 0 {
        return Ok(());
    }
    let block_bytes = 128 * width as usize;
    let (mut bytes, mut blocks) = (packed, into.chunks_exact_mut(BLOCK_VALUES));
    for block in &mut blocks {
        let (packed_block, rest) = bytes.split_at(block_bytes);
        bytes = rest;
        if width <= 32 {
            unpack_block_u32(packed_block, width as usize, |start, row| {
                for (slot, &value) in block[start..start + 32].iter_mut().zip(row) {
                    *slot = base.wrapping_add(i64::from(value));
                }
            });
        } else {
            unpack_block_u64(packed_block, width as usize, |start, row| {
                for (slot, &value) in block[start..start + 16].iter_mut().zip(row) {
                    *slot = base.wrapping_add(value as i64);
                }
            });
        }
    }
    unpack_stream(bytes, width, blocks.into_remainder(), |value| {
        base.wrapping_add(value as i64)
    });
    Ok(())
}

/// Replaces `into` with `count` values of at most 32 bits.
pub fn unpack_u32(packed: &[u8], count: usize, width: u32, into: &mut Vec<u32>) -> Result<(), Damage> {
    check(packed, count, width, 32)?;
    into.clear();
    into.resize(count, 0);
    if width == 0 {
        return Ok(());
    }
    let block_bytes = 128 * width as usize;
    let (mut bytes, mut blocks) = (packed, into.chunks_exact_mut(BLOCK_VALUES));
    for block in &mut blocks {
        let (packed_block, rest) = bytes.split_at(block_bytes);
        bytes = rest;
        unpack_block_u32(packed_block, width as usize, |start, row| {
            block[start..start + 32].copy_from_slice(row)
        });
    }
    unpack_stream(bytes, width, blocks.into_remainder(), |value| value as u32);
    Ok(())
}

fn unpack_stream<T>(bytes: &[u8], width: u32, into: &mut [T], convert: impl Fn(u64) -> T) {
    let mask = u64::MAX >> (64 - width);
    let (mut pending, mut bits) = (0u128, 0);
    let mut words = bytes.chunks(8);
    for slot in into {
        if bits < width {
            let mut word = [0; 8];
            let chunk = words.next().unwrap_or_default();
            word[..chunk.len()].copy_from_slice(chunk);
            pending |= u128::from(u64::from_le_bytes(word)) << bits;
            bits += 64;
        }
        *slot = convert(pending as u64 & mask);
        pending >>= width;
        bits -= width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_and_tail_round_trips() {
        let mut state = 0x9E37_79B9_7F4A_7C15u64;
        for width in 0..=64u32 {
            for count in [1usize, 2, 63, 1023, 1024, 1025, 3000, 8192] {
                let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
                let values: Vec<u64> = (0..count)
                    .map(|_| {
                        state = state
                            .wrapping_mul(6364136223846793005)
                            .wrapping_add(1442695040888963407);
                        (state ^ state >> 29) & mask
                    })
                    .collect();
                let mut packed = Vec::new();
                pack(count, width, |i| values[i], &mut packed);
                assert_eq!(packed.len(), packed_bytes(count, width));
                let mut back = Vec::new();
                unpack_i64(&packed, count, width, -5, &mut back).unwrap();
                let expected: Vec<i64> = values.iter().map(|&v| (v as i64).wrapping_sub(5)).collect();
                assert_eq!(back, expected, "width {width} count {count}");
                if width <= 32 {
                    let mut codes = Vec::new();
                    unpack_u32(&packed, count, width, &mut codes).unwrap();
                    assert!(
                        codes
                            .iter()
                            .zip(&values)
                            .all(|(&code, &value)| u64::from(code) == value)
                    );
                }
            }
        }
    }

    #[test]
    fn wrong_lengths_and_widths_are_damage() {
        let mut into = Vec::new();
        assert!(unpack_i64(&[0; 3], 2, 8, 0, &mut into).is_err());
        assert!(unpack_i64(&[0; 16], 1, 65, 0, &mut into).is_err());
        assert!(unpack_u32(&[0; 5], 1, 33, &mut Vec::new()).is_err());
    }
}
