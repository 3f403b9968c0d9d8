//! JSON numbers.
//!
//! Runs of digits are measured and summed eight at a time in a register (the method of D. Lemire, "Quickly parsing eight
//! digits"). A float whose digits fit 53 bits and whose power of ten is exact needs one division (W. Clinger, "How to
//! read floating point numbers accurately"); any other goes to the correctly rounded general parser.

use crate::problem::SyntaxError;

/// A parsed number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
    /// A whole number that fits 64 bits, but no int64; kept as its digits.
    Digits,
    /// Outside of all ranges; kept as its text.
    Text,
}

const POWERS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Exact powers of ten.
const FLOAT_POWERS: [f64; 19] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
];

const INT_POWERS: [u64; 19] = {
    let mut powers = [1u64; 19];
    let mut place = 1;
    while place < 19 {
        powers[place] = powers[place - 1] * 10;
        place += 1;
    }
    powers
};

/// Digits whose value surely fits 63 bits.
const SAFE_DIGITS: usize = 18;

/// The value and the end of the run of digits at `at`. The value is meaningless beyond 19 digits.
#[inline(always)]
fn digits(bytes: &[u8], at: usize) -> (u64, usize) {
    let mut value = 0u64;
    let mut at = at;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        // A digit leaves its high bit clear; a carry out of another byte only reaches bytes after it.
        let word = u64::from_le_bytes(*chunk) ^ 0x3030_3030_3030_3030;
        let others = (word.wrapping_add(0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080;
        let count = others.trailing_zeros() as usize / 8;
        if count == 0 {
            return (value, at);
        }
        value = value
            .wrapping_mul(POWERS[count])
            .wrapping_add(eight_digits(word << (64 - 8 * count)));
        at += count;
        if count < 8 {
            return (value, at);
        }
    }
    while let Some(&byte @ b'0'..=b'9') = bytes.get(at) {
        value = value.wrapping_mul(10).wrapping_add((byte - b'0') as u64);
        at += 1;
    }
    (value, at)
}

/// The number whose digits are the bytes of `word`, first digit lowest.
#[inline(always)]
fn eight_digits(word: u64) -> u64 {
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    let pairs = word.wrapping_mul(10).wrapping_add(word >> 8);
    let high = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let low = ((pairs >> 16) & PAIRS).wrapping_mul(1 + (10_000 << 32));
    high.wrapping_add(low) >> 32
}

/// The number at `at` (a `-` or a digit) and the position after it; `None` if it is not a JSON number.
#[inline(always)]
pub(crate) fn read_number(bytes: &[u8], at: usize) -> Option<(Number, usize)> {
    let negative = bytes[at] == b'-';
    let start = at + negative as usize;
    let (value, end) = digits(bytes, start);
    let count = end - start;
    if count == 0 || (count > 1 && bytes[start] == b'0') {
        return None;
    }
    match bytes.get(end) {
        Some(b'.' | b'e' | b'E') => read_float(bytes, at, value, count, end),
        _ if count <= SAFE_DIGITS => {
            let value = value as i64;
            Some((Number::Int(if negative { -value } else { value }), end))
        }
        _ => Some((read_long_int(&bytes[at..end]), end)),
    }
}

#[cold]
fn read_long_int(text: &[u8]) -> Number {
    let text = std::str::from_utf8(text).unwrap_or_default();
    match (text.parse(), text.parse::<u64>()) {
        (Ok(value), _) => Number::Int(value),
        (Err(_), Ok(_)) => Number::Digits,
        (Err(_), Err(_)) => Number::Text,
    }
}

/// A number with a fraction or an exponent: `whole` is the value of its `count` leading digits, which end at `at`.
#[inline(always)]
fn read_float(bytes: &[u8], start: usize, whole: u64, count: usize, at: usize) -> Option<(Number, usize)> {
    if bytes[at] == b'.' {
        let (fraction, end) = digits(bytes, at + 1);
        let places = end - at - 1;
        if places == 0 {
            return None;
        }
        if count + places <= SAFE_DIGITS && !matches!(bytes.get(end), Some(b'e' | b'E')) {
            let mantissa = whole * INT_POWERS[places] + fraction;
            if mantissa <= 1 << 53 {
                let value = mantissa as f64 / FLOAT_POWERS[places];
                return Some((Number::Float(if bytes[start] == b'-' { -value } else { value }), end));
            }
        }
    }
    let end = number_end(bytes, start).ok()?;
    let value: f64 = fast_float2::parse(&bytes[start..end]).ok()?;
    Some((
        if value.is_finite() {
            Number::Float(value)
        } else {
            Number::Text
        },
        end,
    ))
}

/// The position after the number at `at`, by the grammar of RFC 8259.
pub(crate) fn number_end(bytes: &[u8], at: usize) -> Result<usize, SyntaxError> {
    let run = |from: usize| {
        let end = digits(bytes, from).1;
        if end == from {
            Err(SyntaxError {
                at: from,
                expected: "a digit",
            })
        } else {
            Ok(end)
        }
    };
    let start = at + (bytes.get(at) == Some(&b'-')) as usize;
    let mut end = run(start)?;
    if bytes[start] == b'0' && end > start + 1 {
        return Err(SyntaxError {
            at: start + 1,
            expected: "no digit after a leading 0",
        });
    }
    if bytes.get(end) == Some(&b'.') {
        end = run(end + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = matches!(bytes.get(end + 1), Some(b'+' | b'-')) as usize;
        end = run(end + 1 + sign)?;
    }
    Ok(end)
}

#[cfg(test)]
mod tests;
