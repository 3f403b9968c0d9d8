//! Walking over a JSON value without keeping it: the strict check of RFC 8259, with a stack of bits instead of recursion.
//!
//! Used for values that are kept as text, and to find what is wrong with a record that the fast path gave up on.

use crate::cursor::Cursor;
use crate::escape::read_escape;
use crate::number::number_end;
use crate::problem::SyntaxError;
use crate::string_end::string_end;

/// A value that is JSON, but not one we store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    TooDeep,
    LoneSurrogate {
        at: usize,
    },
    /// `NaN` or `Infinity`, which some senders write for what JSON has no number for.
    NotANumber {
        at: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Skipped {
    /// The position after the value.
    pub end: usize,
    /// The first flaw, if any.
    pub flaw: Option<Flaw>,
}

/// Which open containers are objects, innermost in the lowest bit; 64 levels without allocating.
#[derive(Default)]
struct Containers {
    bits: u64,
    depth: usize,
    spilled: Vec<u64>,
}

impl Containers {
    fn push(&mut self, is_object: bool) {
        if self.depth != 0 && self.depth.is_multiple_of(64) {
            self.spilled.push(self.bits);
        }
        self.bits = self.bits << 1 | is_object as u64;
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.bits = match self.depth != 0 && self.depth.is_multiple_of(64) {
            true => self.spilled.pop().unwrap_or_default(),
            false => self.bits >> 1,
        };
    }

    fn in_object(&self) -> bool {
        self.bits & 1 == 1
    }
}

impl Cursor<'_> {
    /// Walks over the value at `at` (no white space before it), inside `depth` containers already.
    pub fn skip_value(self, at: usize, depth: usize, depth_max: usize) -> Result<Skipped, SyntaxError> {
        let mut open = Containers::default();
        let mut flaw = None;
        let mut at = at;
        loop {
            match self.peek(at) {
                byte @ (b'{' | b'[') => {
                    let is_object = byte == b'{';
                    open.push(is_object);
                    if depth + open.depth > depth_max {
                        flaw = flaw.or(Some(Flaw::TooDeep));
                    }
                    at = self.space(at + 1);
                    if self.peek(at) != if is_object { b'}' } else { b']' } {
                        if is_object {
                            at = self.skip_key(at, &mut flaw, "a key or '}'")?;
                        }
                        continue;
                    }
                    at += 1;
                    open.pop();
                }
                b'"' => at = self.skip_string(at, &mut flaw)?,
                _ => at = self.skip_scalar(at, &mut flaw)?,
            }
            while open.depth > 0 {
                at = self.space(at);
                match (self.peek(at), open.in_object()) {
                    (b'}', true) | (b']', false) => {
                        at += 1;
                        open.pop();
                    }
                    (b',', in_object) => {
                        at = self.space(at + 1);
                        if in_object {
                            at = self.skip_key(at, &mut flaw, "a key")?;
                        }
                        break;
                    }
                    (_, true) => {
                        return Err(SyntaxError {
                            at,
                            expected: "',' or '}'",
                        });
                    }
                    (_, false) => {
                        return Err(SyntaxError {
                            at,
                            expected: "',' or ']'",
                        });
                    }
                }
            }
            if open.depth == 0 {
                return Ok(Skipped { end: at, flaw });
            }
        }
    }

    /// Past the key at `at`, its colon and the white space before the value.
    fn skip_key(self, at: usize, flaw: &mut Option<Flaw>, expected: &'static str) -> Result<usize, SyntaxError> {
        if self.peek(at) != b'"' {
            return Err(SyntaxError { at, expected });
        }
        let colon = self.space(self.skip_string(at, flaw)?);
        if self.peek(colon) != b':' {
            return Err(SyntaxError {
                at: colon,
                expected: "':'",
            });
        }
        Ok(self.space(colon + 1))
    }

    fn skip_string(self, at: usize, flaw: &mut Option<Flaw>) -> Result<usize, SyntaxError> {
        let mut from = at + 1;
        loop {
            let stop = string_end(self.bytes, from);
            match self.bytes.get(stop) {
                Some(b'"') => return Ok(stop + 1),
                Some(b'\\') => {
                    let (character, next) = read_escape(self.bytes, stop)?;
                    if character.is_none() {
                        *flaw = flaw.or(Some(Flaw::LoneSurrogate { at: stop }));
                    }
                    from = next;
                }
                Some(_) => {
                    return Err(SyntaxError {
                        at: stop,
                        expected: "'\"' or an escaped control character",
                    });
                }
                None => {
                    return Err(SyntaxError {
                        at: stop,
                        expected: "'\"'",
                    });
                }
            }
        }
    }

    fn skip_scalar(self, at: usize, flaw: &mut Option<Flaw>) -> Result<usize, SyntaxError> {
        if let Some(end) = not_a_number(self.bytes, at) {
            *flaw = flaw.or(Some(Flaw::NotANumber { at }));
            return Ok(end);
        }
        match self.peek(at) {
            b't' => self.literal(at, b"true"),
            b'f' => self.literal(at, b"false"),
            b'n' => self.literal(at, b"null"),
            b'-' | b'0'..=b'9' => return number_end(self.bytes, at),
            _ => None,
        }
        .ok_or(SyntaxError {
            at,
            expected: "a value",
        })
    }
}

/// The end of a word for what is no number, in any case and with a sign.
pub(crate) fn not_a_number(bytes: &[u8], at: usize) -> Option<usize> {
    let start = at + usize::from(matches!(bytes.get(at), Some(b'-' | b'+')));
    let word = bytes.get(start..)?;
    let length = word.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let is_one = ["nan", "inf", "infinity"]
        .iter()
        .any(|known| word[..length].eq_ignore_ascii_case(known.as_bytes()));
    is_one.then_some(start + length)
}

#[cfg(test)]
mod tests;
