use super::*;

fn read(text: &str) -> Option<Number> {
    let padded = format!("{text},          ");
    let long = read_number(padded.as_bytes(), 0);
    let short = read_number(text.as_bytes(), 0);
    let value = |read: Option<(Number, usize)>| read.filter(|&(_, end)| end == text.len()).map(|(number, _)| number);
    assert_eq!(value(long), value(short), "{text}");
    assert_eq!(
        number_end(text.as_bytes(), 0).ok() == Some(text.len()),
        value(long).is_some(),
        "{text}"
    );
    value(long)
}

#[test]
fn ints() {
    for value in [
        0,
        1,
        -1,
        12345678,
        123456789,
        999999999999999999,
        i64::MAX,
        i64::MIN,
        1000000000000000000,
    ] {
        assert_eq!(read(&value.to_string()), Some(Number::Int(value)));
    }
    assert_eq!(read("-0"), Some(Number::Int(0)));
    for text in ["9223372036854775808", "10000000000000000000", "18446744073709551615"] {
        assert_eq!(read(text), Some(Number::Digits), "{text}");
    }
    for text in ["-9223372036854775809", "18446744073709551616", "100000000000000000000"] {
        assert_eq!(read(text), Some(Number::Text), "{text}");
    }
}

#[test]
fn no_numbers() {
    for text in [
        "-", "01", "-01", "00", "1.", "-1.", "1.e5", "1e", "1e+", ".5", "+1", "0x1", "1 ", "--1", "1.5e", "2.e3",
    ] {
        assert_eq!(
            if text.starts_with(['.', '+']) { None } else { read(text) },
            None,
            "{text}"
        );
    }
}

#[test]
fn floats_round_like_the_standard_library() {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..200_000 {
        let whole = random() >> (random() % 64);
        let fraction = random() >> (random() % 64);
        let sign = if random() % 2 == 0 { "-" } else { "" };
        let text = match random() % 3 {
            0 => format!("{sign}{whole}.{fraction}"),
            1 => format!("{sign}{whole}.{fraction}e{}", random() as i64 % 400),
            _ => format!("{sign}{whole}E{}", random() as i64 % 400),
        };
        let expected: f64 = text.parse().unwrap();
        match read(&text) {
            Some(Number::Float(value)) => assert_eq!(value.to_bits(), expected.to_bits(), "{text}"),
            Some(Number::Text) => assert!(expected.is_infinite(), "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    assert_eq!(read("1e999"), Some(Number::Text));
    assert_eq!(read("0.0"), Some(Number::Float(0.0)));
    assert_eq!(read("1e-400"), Some(Number::Float(0.0)));
}
