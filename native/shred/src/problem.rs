//! What can be wrong with a body or a record, and how it is told.

use crate::skip::not_a_number;

/// Text that is not JSON: what should have been at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub at: usize,
    pub expected: &'static str,
}

impl SyntaxError {
    /// `<place>: expected X, found Y` with the place as `line L, column C (byte B)`.
    pub fn describe(&self, bytes: &[u8]) -> String {
        let before = &bytes[..self.at.min(bytes.len())];
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let column = column(before, line_start);
        format!(
            "line {line}, column {column} (byte {}): {}",
            self.at,
            self.describe_expectation(bytes)
        )
    }

    /// As [`Self::describe`] for a record in its line, without counting the lines before.
    fn describe_in_line(&self, bytes: &[u8], line: usize, line_start: usize) -> String {
        let before = &bytes[..self.at.min(bytes.len())];
        format!(
            "line {line}, column {}: {}",
            column(before, line_start),
            self.describe_expectation(bytes)
        )
    }

    fn describe_expectation(&self, bytes: &[u8]) -> String {
        let found = match bytes.get(self.at) {
            None => "the end of the body".to_owned(),
            Some(b'\n') => "the end of the line".to_owned(),
            Some(&byte) if byte.is_ascii_graphic() || byte == b' ' => format!("'{}'", byte as char),
            Some(&byte) => format!("byte 0x{byte:02x}"),
        };
        format!("expected {}, found {found}", self.expected)
    }
}

/// Characters (not bytes) from the line's start, from 1.
fn column(before: &[u8], line_start: usize) -> usize {
    before
        .get(line_start..)
        .unwrap_or_default()
        .iter()
        .filter(|&&byte| byte & 0xc0 != 0x80)
        .count()
        + 1
}

/// Why one record fails while its neighbours may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    Syntax(SyntaxError),
    /// Only where the body is read line by line.
    InvalidUtf8 {
        at: usize,
    },
    NotAnObject {
        found: &'static str,
    },
    TooDeep {
        depth_max: usize,
    },
    LoneSurrogate {
        at: usize,
    },
    NotANumber {
        at: usize,
    },
    TooLarge {
        bytes: usize,
        bytes_max: usize,
    },
    Timestamp(String),
    /// The flattened names of the overflow fields are out of proportion to the record.
    Names,
}

impl Problem {
    /// The text for the sender. `line` is the number of the record's line and where it starts, if the body has lines.
    pub fn describe(&self, bytes: &[u8], line: Option<(usize, usize)>) -> String {
        match self {
            Self::Syntax(error) => match line {
                Some((line, start)) => error.describe_in_line(bytes, line, start),
                None => error.describe(bytes),
            },
            Self::InvalidUtf8 { at } => match line {
                Some((line, _)) => format!("line {line} is not valid UTF-8 (byte {at})"),
                None => format!("invalid UTF-8 at byte {at}"),
            },
            Self::NotAnObject { found } => format!("a record must be a JSON object, found {found}"),
            Self::TooDeep { depth_max } => format!("nested deeper than {depth_max} levels"),
            Self::LoneSurrogate { at } => {
                format!("the escape at byte {at} is half of a surrogate pair, which is no character")
            }
            Self::NotANumber { at } => {
                let end = not_a_number(bytes, *at).unwrap_or(*at);
                let word = String::from_utf8_lossy(&bytes[*at..end]);
                format!(
                    "{word} at byte {at} is no JSON value: send null or a text in its place, or leave the field out"
                )
            }
            Self::TooLarge { bytes, bytes_max } => format!("{bytes} bytes long, the limit is {bytes_max}"),
            Self::Timestamp(reason) => format!("Can't parse timestamp: {reason}"),
            Self::Names => "too many long field names beyond the column limit".to_owned(),
        }
    }
}

/// What a value that starts with `byte` is called.
pub(crate) fn kind_of(byte: u8) -> &'static str {
    match byte {
        b'{' => "an object",
        b'[' => "an array",
        b'"' => "a string",
        b't' | b'f' => "a boolean",
        b'n' => "null",
        _ => "a number",
    }
}
