//! Escapes in JSON strings.

use crate::problem::SyntaxError;
use crate::string_end::string_end;

/// One escape: the character it stands for, `None` for half of a surrogate pair, and the position after it.
pub(crate) fn read_escape(bytes: &[u8], at: usize) -> Result<(Option<char>, usize), SyntaxError> {
    let character = match bytes.get(at + 1).copied() {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return read_unicode(bytes, at),
        _ => {
            return Err(SyntaxError {
                at: at + 1,
                expected: "one of \"\\/bfnrtu after a backslash",
            });
        }
    };
    Ok((Some(character), at + 2))
}

fn read_unicode(bytes: &[u8], at: usize) -> Result<(Option<char>, usize), SyntaxError> {
    let first = read_hex(bytes, at + 2)?;
    let next = at + 6;
    if !(0xd800..0xe000).contains(&first) {
        return Ok((char::from_u32(first), next));
    }
    if first < 0xdc00 && bytes.get(next) == Some(&b'\\') && bytes.get(next + 1) == Some(&b'u') {
        let second = read_hex(bytes, next + 2)?;
        if (0xdc00..0xe000).contains(&second) {
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return Ok((char::from_u32(code), next + 6));
        }
    }
    Ok((None, next))
}

fn read_hex(bytes: &[u8], at: usize) -> Result<u32, SyntaxError> {
    let mut code = 0;
    for place in at..at + 4 {
        let digit = bytes.get(place).and_then(|&byte| (byte as char).to_digit(16));
        code = code << 4
            | digit.ok_or(SyntaxError {
                at: place,
                expected: "four hexadecimal digits after \\u",
            })?;
    }
    Ok(code)
}

/// Appends the string whose text starts at `from` (after the opening quote), decoded. Returns the position after the
/// closing quote, or `None` if the string is not one (or holds half a surrogate pair).
pub(crate) fn decode_string(bytes: &[u8], from: usize, into: &mut Vec<u8>) -> Option<usize> {
    let mut from = from;
    loop {
        let stop = string_end(bytes, from);
        into.extend_from_slice(&bytes[from..stop]);
        match bytes.get(stop)? {
            b'"' => return Some(stop + 1),
            b'\\' => {
                let (character, next) = read_escape(bytes, stop).ok()?;
                let mut utf8 = [0u8; 4];
                into.extend_from_slice(character?.encode_utf8(&mut utf8).as_bytes());
                from = next;
            }
            _ => return None,
        }
    }
}
