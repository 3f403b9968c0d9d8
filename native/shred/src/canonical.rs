//! Numbers as text, for columns that are widened to strings.

/// Appends the shortest text that reads back as `value`, in the form of JavaScript's `Number.prototype.toString`:
/// `5`, `1.5`, `1e+21`, `1e-7`; negative zero is `0`.
pub fn canonical_float(value: f64, into: &mut Vec<u8>) {
    into.extend_from_slice(ryu_js::Buffer::new().format(value).as_bytes());
}

/// Appends the decimal text.
pub(crate) fn canonical_int(value: i64, into: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        into.push(b'-');
    }
    into.extend_from_slice(&digits[start..]);
}

pub(crate) fn canonical_bool(value: bool) -> &'static [u8] {
    if value { b"true" } else { b"false" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_as_javascript_writes_them() {
        for (value, text) in [
            (5.0, "5"),
            (1.5, "1.5"),
            (0.0, "0"),
            (-0.0, "0"),
            (-1.25, "-1.25"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (123456789012345680000.0, "123456789012345680000"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1.234e-9, "1.234e-9"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (9007199254740993.0, "9007199254740992"),
            (4.35, "4.35"),
            (100.0, "100"),
            (25.721, "25.721"),
        ] {
            let mut into = Vec::new();
            canonical_float(value, &mut into);
            assert_eq!(String::from_utf8(into).unwrap(), text);
        }
    }

    #[test]
    fn ints() {
        for value in [0, 7, -1, 10, 1_234_567_890, i64::MAX, i64::MIN] {
            let mut into = Vec::new();
            canonical_int(value, &mut into);
            assert_eq!(String::from_utf8(into).unwrap(), value.to_string());
        }
    }
}
