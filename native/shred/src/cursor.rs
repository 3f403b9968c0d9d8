//! Reading tokens of a body by position.

/// A body and where white space ends. Positions may lie past the end: there the byte reads as 0, which starts no token.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    pub bytes: &'a [u8],
    /// A line break ends the record instead of being white space.
    pub lines: bool,
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    pub fn peek(self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// The first position at or after `at` that is not white space.
    #[inline(always)]
    pub fn space(self, at: usize) -> usize {
        if self.peek(at) > b' ' {
            at
        } else if self.peek(at) == b' ' && self.peek(at + 1) > b' ' {
            at + 1
        } else {
            self.space_run(at)
        }
    }

    #[inline(never)]
    fn space_run(self, mut at: usize) -> usize {
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b' ' | b'\t' | b'\r' => at += 1,
                b'\n' if !self.lines => at += 1,
                _ => break,
            }
        }
        at
    }

    /// Past the literal, when it is at `at`.
    #[inline(always)]
    pub fn literal(self, at: usize, literal: &[u8]) -> Option<usize> {
        self.bytes.get(at..)?.starts_with(literal).then(|| at + literal.len())
    }

    pub fn is_end(self, at: usize) -> bool {
        at >= self.bytes.len() || (self.lines && self.bytes[at] == b'\n')
    }
}

/// The position of the line break that ends the line of `at`, or the body's length.
pub(crate) fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes
        .get(at..)
        .and_then(|rest| memchr::memchr(b'\n', rest))
        .map_or(bytes.len(), |length| at + length)
}
