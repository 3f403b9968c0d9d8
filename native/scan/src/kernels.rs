//! Comparisons of a whole page against constants, as bitmaps.
//!
//! Each kernel compares 64 values into 64 bytes, which compilers vectorise, and packs those into one word. On x86-64 with
//! AVX2 the same code runs compiled for it; the baseline build works everywhere.

use crate::page_view::{Code, Codes};

/// Total order of IEEE 754 as integer order, as `f64::total_cmp`: -NaN < -inf < ... < -0.0 < 0.0 < ... < inf < NaN.
#[inline(always)]
pub fn float_key(value: f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// The value of a key: `float_key` is its own inverse on bit patterns.
pub fn float_of_key(key: i64) -> f64 {
    f64::from_bits((key ^ (((key >> 63) as u64) >> 1) as i64) as u64)
}

/// Eight bytes of 0 or 1 to eight bits: the product moves byte `j` to bit `56 + j`.
#[inline(always)]
fn pack(bytes: &[u8; 64]) -> u64 {
    let mut word = 0;
    for (index, eight) in bytes.as_chunks::<8>().0.iter().enumerate() {
        word |= (u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (index * 8);
    }
    word
}

/// `words &= mask`, where `fill` writes 0 or 1 for each of up to 64 values. Words without a selected row are left alone.
#[inline(always)]
fn and_mask<T: Copy>(values: &[T], words: &mut [u64], fill: impl Fn(&[T], &mut [u8])) {
    for (chunk, word) in values.chunks(64).zip(words) {
        if *word == 0 {
            continue;
        }
        let mut bytes = [0; 64];
        fill(chunk, &mut bytes[..chunk.len()]);
        *word &= pack(&bytes);
    }
}

#[inline(always)]
fn int_range(values: &[i64], words: &mut [u64], low: i64, high: i64, negated: bool) {
    and_mask(values, words, |chunk, bytes| {
        for (byte, &value) in bytes.iter_mut().zip(chunk) {
            *byte = (((value >= low) & (value <= high)) ^ negated) as u8;
        }
    });
}

#[inline(always)]
fn float_range(values: &[f64], words: &mut [u64], low: i64, high: i64, negated: bool) {
    and_mask(values, words, |chunk, bytes| {
        for (byte, &value) in bytes.iter_mut().zip(chunk) {
            let key = float_key(value);
            *byte = (((key >= low) & (key <= high)) ^ negated) as u8;
        }
    });
}

#[inline(always)]
fn codes_any<T: Copy + Eq>(values: &[T], words: &mut [u64], any: &[T], negated: bool) {
    and_mask(values, words, |chunk, bytes| {
        for &wanted in any {
            for (byte, &value) in bytes.iter_mut().zip(chunk) {
                *byte |= (value == wanted) as u8;
            }
        }
        bytes.iter_mut().for_each(|byte| *byte ^= negated as u8);
    });
}

macro_rules! kernel {
    ($(#[$doc:meta])* $name:ident = $body:ident ($($arg:ident: $type:ty),*)) => {
        $(#[$doc])*
        pub fn $name($($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn with_avx2($($arg: $type),*) {
                    $body($($arg),*)
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has AVX2, as was just asked; the body is ordinary safe code.
                    return unsafe { with_avx2($($arg),*) };
                }
            }
            $body($($arg),*)
        }
    };
}

kernel!(
    /// Keeps rows whose value is in `low..=high` (outside it when negated).
    and_int_range = int_range(values: &[i64], words: &mut [u64], low: i64, high: i64, negated: bool)
);
kernel!(
    /// Keeps rows whose `float_key` is in `low..=high` (outside it when negated).
    and_float_range = float_range(values: &[f64], words: &mut [u64], low: i64, high: i64, negated: bool)
);
kernel!(and_u8_any = codes_any(values: &[u8], words: &mut [u64], any: &[u8], negated: bool));
kernel!(and_u16_any = codes_any(values: &[u16], words: &mut [u64], any: &[u16], negated: bool));
kernel!(and_u32_any = codes_any(values: &[u32], words: &mut [u64], any: &[u32], negated: bool));

/// Keeps rows whose code is one of `any` (none of them when negated); `any` is short and of the same dictionary.
pub fn and_codes_any(values: Codes, words: &mut [u64], any: &[u32], negated: bool) {
    fn narrow<T: Code>(any: &[u32]) -> Vec<T> {
        any.iter().map(|&code| T::of(code)).collect()
    }
    match values {
        Codes::U8(values) => and_u8_any(values, words, &narrow(any), negated),
        Codes::U16(values) => and_u16_any(values, words, &narrow(any), negated),
        Codes::U32(values) => and_u32_any(values, words, any, negated),
    }
}

/// Keeps rows whose value passes `test`, which sees every value of a word that has a selected row.
pub fn and_test<T: Copy>(values: &[T], words: &mut [u64], test: impl Fn(T) -> bool) {
    and_mask(values, words, |chunk, bytes| {
        for (byte, &value) in bytes.iter_mut().zip(chunk) {
            *byte = test(value) as u8;
        }
    });
}

/// Keeps rows whose code has a 1 in `passes`; codes past its end fail.
pub fn and_codes_table<T: Code>(values: &[T], words: &mut [u64], passes: &[u8]) {
    and_mask(values, words, |chunk, bytes| {
        for (byte, &value) in bytes.iter_mut().zip(chunk) {
            *byte = passes.get(value.index()).copied().unwrap_or(0);
        }
    });
}

/// Keeps rows whose value maps to true.
pub fn and_bools(values: &[bool], words: &mut [u64], on_false: bool, on_true: bool) {
    and_mask(values, words, |chunk, bytes| {
        for (byte, &value) in bytes.iter_mut().zip(chunk) {
            *byte = ((value & on_true) | (!value & on_false)) as u8;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pack_puts_byte_j_at_bit_j() {
        let mut seed = 7u64;
        for _ in 0..200 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let mut bytes = [0u8; 64];
            for (bit, byte) in bytes.iter_mut().enumerate() {
                *byte = (seed >> bit & 1) as u8;
            }
            assert_eq!(pack(&bytes), seed);
        }
    }

    #[test]
    fn float_keys_follow_total_order() {
        let values = [
            -f64::NAN,
            f64::NEG_INFINITY,
            -1.5,
            -0.0,
            0.0,
            f64::MIN_POSITIVE,
            2.0,
            f64::INFINITY,
            f64::NAN,
        ];
        for (i, a) in values.iter().enumerate() {
            for (j, b) in values.iter().enumerate() {
                assert_eq!(float_key(*a).cmp(&float_key(*b)), i.cmp(&j));
                assert_eq!(float_key(*a).cmp(&float_key(*b)), a.total_cmp(b));
            }
            assert_eq!(float_of_key(float_key(*a)).to_bits(), a.to_bits());
        }
    }

    #[test]
    fn kernels_leave_the_tail_alone() {
        let values: Vec<i64> = (0..70).collect();
        let mut words = [u64::MAX, 0b111111];
        and_int_range(&values, &mut words, 3, 64, false);
        assert_eq!(words, [u64::MAX << 3, 1]);
        let mut words = [u64::MAX, 0b111111];
        and_int_range(&values, &mut words, 3, 64, true);
        assert_eq!(words, [0b111, 0b111110]);
        let codes: Vec<u32> = (0..70).map(|row| row % 3).collect();
        let (narrow, middle): (Vec<u8>, Vec<u16>) = codes.iter().map(|&code| (code as u8, code as u16)).unzip();
        let mut table = [u64::MAX, 0b111111];
        and_codes_table(&codes, &mut table, &[1, 0, 1]);
        for codes in [Codes::U8(&narrow), Codes::U16(&middle), Codes::U32(&codes)] {
            let mut few = [u64::MAX, 0b111111];
            and_codes_any(codes, &mut few, &[0, 2], false);
            assert_eq!(few, table);
        }
    }
}
