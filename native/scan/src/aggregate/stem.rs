//! Strings that differ only in the number they end with (paths, host names, request ids) are many, but few without it: the
//! stem. There is one way to split a string: the number is the longest end of decimal digits that begins with none of 0, of
//! at most `DIGITS_MAX`.

/// A number takes at most 54 bits, so that a stem's number of 8 bits fits beside it.
const DIGITS_MAX: usize = 16;

/// The stem and the number, which is 0 where there is none.
#[inline(always)]
pub fn split(value: &[u8]) -> (&[u8], u64) {
    let Some(last) = value.last_chunk::<8>() else {
        return split_slowly(value);
    };
    // The last character is in the highest byte. A byte is a digit when both it and it + 6 have the upper half 3.
    let word = u64::from_le_bytes(*last);
    let upper = 0xF0F0_F0F0_F0F0_F0F0;
    let others = ((word & upper) ^ 0x3030_3030_3030_3030)
        | ((word.wrapping_add(0x0606_0606_0606_0606) & upper) ^ 0x3030_3030_3030_3030);
    let bytes = others.leading_zeros() / 8;
    match bytes {
        0 => (value, 0),
        1..8 => {
            // Zeros in front of the digits do not count.
            let mut digits = (word & 0x0F0F_0F0F_0F0F_0F0F) >> (64 - 8 * bytes) << (64 - 8 * bytes);
            let length = 8 - digits.trailing_zeros() as usize / 8;
            digits = ((digits & 0x0F00_0F00_0F00_0F00) >> 8) + (digits & 0x000F_000F_000F_000F) * 10;
            digits = ((digits >> 16) & 0x0000_00FF_0000_00FF) + (digits & 0x0000_00FF_0000_00FF) * 100;
            let number = (digits >> 32) + (digits & 0xFFFF) * 10_000;
            (&value[..value.len() - length], number)
        }
        _ => split_slowly(value),
    }
}

fn split_slowly(value: &[u8]) -> (&[u8], u64) {
    let digits = value
        .iter()
        .rev()
        .take(DIGITS_MAX)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let start = value.len() - digits;
    let start = start + value[start..].iter().take_while(|byte| **byte == b'0').count();
    let number = value[start..]
        .iter()
        .fold(0, |number, byte| number * 10 + u64::from(byte - b'0'));
    (&value[..start], number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_alike_in_both_ways() {
        let stems = [
            "",
            "a",
            "/api/v1/items/",
            "x0",
            "00000000000",
            "é",
            "/:",
            "ab;:9x",
            "1234567a",
        ];
        let numbers = [
            "",
            "0",
            "7",
            "10",
            "007",
            "1234567",
            "12345678",
            "123456789",
            "10000000",
            "0000001",
            "999999999999999999",
            "9999999999999999999",
        ];
        for stem in stems {
            for number in numbers {
                let value = format!("{stem}{number}");
                let (found, parsed) = split(value.as_bytes());
                assert_eq!((found, parsed), split_slowly(value.as_bytes()), "{value}");
                let mut again = found.to_vec();
                if parsed > 0 {
                    again.extend(parsed.to_string().bytes());
                }
                assert_eq!(again, value.as_bytes());
            }
        }
        for byte in 0..=u8::MAX {
            let value = [b"12345".as_slice(), &[byte], b"42"].concat();
            assert_eq!(split(&value), split_slowly(&value));
        }
    }
}
