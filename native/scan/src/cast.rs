//! From the type a block holds to the type the stream has today.
//!
//! A stream's column only ever widens: int64 to float64, bool to a number, any of them to string; json and string hold the
//! same bytes. Canonical text: integers in decimal, `true`/`false`, floats as JavaScript's `Number.prototype.toString`.
//! Everything downstream (filters, groups, answers) sees the cast value only.

use crate::column_builder::is_valid;
use crate::page_view::PageValues;
use crate::request::RequestType;
use basalt_block::{Bound, ColumnType, Page, PageValues as DecodedValues, Text, Validity};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cast {
    /// The same bytes: same type, or json and string.
    Same,
    Int64ToFloat64,
    BoolToInt64,
    BoolToFloat64,
    ToText,
}

/// The cast from a block's type to the stream's; `None` where no block should ever need it.
pub fn cast_between(from: ColumnType, to: RequestType) -> Option<Cast> {
    use ColumnType as From;
    use RequestType as To;
    match (from, to) {
        (From::Int64, To::Int64) | (From::Float64, To::Float64) | (From::Bool, To::Bool) => Some(Cast::Same),
        (From::String | From::Json, To::String | To::Json) => Some(Cast::Same),
        (From::Decimal | From::TextNumber | From::TextBool, To::String) => Some(Cast::Same),
        (From::Int64, To::Float64) => Some(Cast::Int64ToFloat64),
        (From::Bool, To::Int64) => Some(Cast::BoolToInt64),
        (From::Bool, To::Float64) => Some(Cast::BoolToFloat64),
        (From::Int64 | From::Float64 | From::Bool, To::String) => Some(Cast::ToText),
        _ => None,
    }
}

/// A block's bound in the stream's type. Casts to numbers keep the order, so a bound stays a bound; text does not.
pub fn cast_bound(cast: Cast, bound: &Bound) -> Option<Bound> {
    match (cast, bound) {
        (Cast::Same, bound) => Some(bound.clone()),
        (Cast::Int64ToFloat64, Bound::Int64(value)) => Some(Bound::Float64(*value as f64)),
        (Cast::BoolToInt64, Bound::Bool(value)) => Some(Bound::Int64(i64::from(*value))),
        (Cast::BoolToFloat64, Bound::Bool(value)) => Some(Bound::Float64(f64::from(u8::from(*value)))),
        _ => None,
    }
}

/// Rewrites a page's values; `into` is reused. False if the page does not hold the type the cast starts from.
pub fn cast_page(cast: Cast, rows: usize, validity: Option<&[u64]>, values: PageValues, into: &mut Page) -> bool {
    into.rows = rows;
    into.validity = validity.map(|words| Validity { words: words.to_vec() });
    let texts = |push: &mut dyn FnMut(usize, &mut Text)| texts(rows, validity, push);
    into.values = match (cast, values) {
        (Cast::Int64ToFloat64, PageValues::Int64(values)) => {
            DecodedValues::Float64(values.iter().map(|&value| value as f64).collect())
        }
        (Cast::BoolToInt64, PageValues::Bool(values)) => {
            DecodedValues::Int64(values.iter().map(|&value| i64::from(value)).collect())
        }
        (Cast::BoolToFloat64, PageValues::Bool(values)) => {
            DecodedValues::Float64(values.iter().map(|&value| f64::from(u8::from(value))).collect())
        }
        (Cast::ToText, PageValues::Int64(values)) => {
            let mut buffer = itoa::Buffer::new();
            texts(&mut |row, text| text.push(buffer.format(values[row]).as_bytes()))
        }
        (Cast::ToText, PageValues::Float64(values)) => {
            let mut buffer = ryu_js::Buffer::new();
            texts(&mut |row, text| text.push(buffer.format(values[row]).as_bytes()))
        }
        (Cast::ToText, PageValues::Bool(values)) => {
            texts(&mut |row, text| text.push(if values[row] { b"true" } else { b"false" }))
        }
        _ => return false,
    };
    true
}

fn texts(rows: usize, validity: Option<&[u64]>, push: &mut dyn FnMut(usize, &mut Text)) -> DecodedValues {
    let mut text = Text::default();
    for row in 0..rows {
        if validity.is_none_or(|words| is_valid(words, row)) {
            push(row, &mut text);
        } else {
            text.push(b"");
        }
    }
    DecodedValues::Text(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(values: PageValues, rows: usize) -> Vec<String> {
        let mut into = Page::default();
        assert!(cast_page(Cast::ToText, rows, None, values, &mut into));
        let DecodedValues::Text(text) = into.values else {
            panic!("not text")
        };
        (0..rows)
            .map(|row| String::from_utf8(text.get(row).to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn canonical_text() {
        assert_eq!(
            text_of(PageValues::Int64(&[0, -7, i64::MIN]), 3),
            ["0", "-7", "-9223372036854775808"]
        );
        assert_eq!(text_of(PageValues::Bool(&[true, false]), 2), ["true", "false"]);
        let floats = vec![
            1.0,
            -0.0,
            0.1,
            1e21,
            1e-7,
            123456789012345680000.0,
            f64::NAN,
            f64::INFINITY,
            -f64::INFINITY,
        ];
        let expected = [
            "1",
            "0",
            "0.1",
            "1e+21",
            "1e-7",
            "123456789012345680000",
            "NaN",
            "Infinity",
            "-Infinity",
        ];
        assert_eq!(text_of(PageValues::Float64(&floats), 9), expected);
    }

    #[test]
    fn null_rows_cast_to_empty_text() {
        let mut into = Page::default();
        assert!(cast_page(
            Cast::ToText,
            2,
            Some(&[0b10]),
            PageValues::Int64(&[5, 6]),
            &mut into
        ));
        let DecodedValues::Text(text) = into.values else {
            panic!("not text")
        };
        assert_eq!((text.get(0), text.get(1)), (&b""[..], &b"6"[..]));
    }

    #[test]
    fn narrowing_is_refused() {
        for (from, to) in [
            (ColumnType::String, RequestType::Int64),
            (ColumnType::Float64, RequestType::Int64),
            (ColumnType::Int64, RequestType::Bool),
            (ColumnType::Int64, RequestType::Json),
            (ColumnType::Json, RequestType::Float64),
        ] {
            assert_eq!(cast_between(from, to), None);
        }
        assert!(!cast_page(
            Cast::BoolToInt64,
            1,
            None,
            PageValues::Int64(&[1]),
            &mut Page::default()
        ));
    }
}
