//! Where the plain run of a JSON string ends: at the first `"`, `\` or control byte.
//!
//! The first 16 bytes are looked at inline with SSE2 (part of every x86-64); longer strings continue in 32-byte steps
//! where the CPU has AVX2. Elsewhere eight bytes at a time in a register.

#[inline(always)]
fn is_stop(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

/// The first stop byte at or after `from`, or `bytes.len()`.
#[inline(always)]
pub(crate) fn string_end(bytes: &[u8], from: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        let Some(chunk) = bytes.get(from..).and_then(|rest| rest.first_chunk::<16>()) else {
            return one_by_one(bytes, from);
        };
        let stops = x86::stops_of_16(chunk);
        if stops != 0 {
            return from + stops.trailing_zeros() as usize;
        }
        x86::long(bytes, from + 16)
    }
    #[cfg(not(target_arch = "x86_64"))]
    portable(bytes, from)
}

fn one_by_one(bytes: &[u8], from: usize) -> usize {
    bytes
        .get(from..)
        .and_then(|rest| rest.iter().position(|&byte| is_stop(byte)))
        .map_or(bytes.len(), |run| from + run)
}

/// Eight bytes a step: a byte is below `n` when subtracting `n` borrows and its own high bit is clear; the lowest flag is
/// always a true one.
#[cfg(any(not(target_arch = "x86_64"), test))]
fn portable(bytes: &[u8], mut from: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    while let Some(chunk) = bytes.get(from..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let quote = word ^ (ONES * b'"' as u64);
        let escape = word ^ (ONES * b'\\' as u64);
        let stops = (word.wrapping_sub(ONES * 0x20) & !word)
            | (quote.wrapping_sub(ONES) & !quote)
            | (escape.wrapping_sub(ONES) & !escape);
        if stops & HIGHS != 0 {
            return from + (stops & HIGHS).trailing_zeros() as usize / 8;
        }
        from += 8;
    }
    one_by_one(bytes, from)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::one_by_one;
    use std::arch::x86_64::*;

    /// Bit `i` is set when byte `i` is a stop byte.
    #[inline(always)]
    pub(super) fn stops_of_16(chunk: &[u8; 16]) -> u32 {
        // SAFETY: SSE2 is part of x86-64, and the unaligned load reads the 16 bytes of `chunk`.
        unsafe {
            let bytes = _mm_loadu_si128(chunk.as_ptr().cast());
            let quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
            let escape = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
            let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
            _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, escape), control)) as u32
        }
    }

    pub(super) fn long(bytes: &[u8], from: usize) -> usize {
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the CPU has AVX2.
            unsafe { long_avx2(bytes, from) }
        } else {
            long_sse2(bytes, from)
        }
    }

    pub(super) fn long_sse2(bytes: &[u8], mut from: usize) -> usize {
        while let Some(chunk) = bytes.get(from..).and_then(|rest| rest.first_chunk::<16>()) {
            let stops = stops_of_16(chunk);
            if stops != 0 {
                return from + stops.trailing_zeros() as usize;
            }
            from += 16;
        }
        one_by_one(bytes, from)
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn long_avx2(bytes: &[u8], mut from: usize) -> usize {
        while let Some(chunk) = bytes.get(from..).and_then(|rest| rest.first_chunk::<32>()) {
            // SAFETY: the unaligned load reads the 32 bytes of `chunk`.
            let word = unsafe { _mm256_loadu_si256(chunk.as_ptr().cast()) };
            let quote = _mm256_cmpeq_epi8(word, _mm256_set1_epi8(b'"' as i8));
            let escape = _mm256_cmpeq_epi8(word, _mm256_set1_epi8(b'\\' as i8));
            let control = _mm256_cmpeq_epi8(_mm256_min_epu8(word, _mm256_set1_epi8(0x1f)), word);
            let stops = _mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quote, escape), control)) as u32;
            if stops != 0 {
                return from + stops.trailing_zeros() as usize;
            }
            from += 32;
        }
        long_sse2(bytes, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stop_byte_at_every_place() {
        for length in 0..100 {
            for place in 0..=length {
                for stop in [b'"', b'\\', 0, 0x1f, b'\n'] {
                    for fill in [b'a', 0x20, 0x21, 0x5d, 0x7f, 0x80, 0xff, 0xa2, 0xdc] {
                        let mut bytes = vec![fill; length];
                        if place < length {
                            bytes[place] = stop;
                        }
                        for from in 0..=place {
                            assert_eq!(string_end(&bytes, from), place);
                            assert_eq!(portable(&bytes, from), place);
                            #[cfg(target_arch = "x86_64")]
                            assert_eq!(x86::long_sse2(&bytes, from), place);
                        }
                    }
                }
            }
        }
    }
}
