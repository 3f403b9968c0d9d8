//! Bodies of one record a line: a bad line fails alone.

use crate::cursor::line_end;
use crate::group::GroupBuilder;
use crate::outcome::Outcome;
use crate::problem::{Problem, SyntaxError};
use crate::record::{RecordParser, Refusal};

/// Walks over the lines of a body that are not blank.
pub(crate) struct Lines {
    /// Number of the line at hand, from 1, and where it starts.
    pub number: usize,
    pub start: usize,
    at: usize,
}

impl Lines {
    pub fn new(at: usize) -> Self {
        Self {
            number: 1,
            start: at,
            at,
        }
    }

    /// The first position of the next line that is not white space.
    pub fn next(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            match bytes.get(self.at)? {
                b'\n' => {
                    self.at += 1;
                    self.number += 1;
                    self.start = self.at;
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                _ => return Some(self.at),
            }
        }
    }

    /// Goes on behind `end`, a position in the line at hand or at its end.
    pub fn leave(&mut self, end: usize) {
        self.at = end;
    }
}

/// Reads the record that fills a line from `start` on, into the row at hand. Returns the line's end and the event time.
/// After a problem the row is rolled back.
pub(crate) fn read_line(
    parser: &mut RecordParser,
    group: &mut GroupBuilder,
    start: usize,
) -> Result<(usize, i64), Problem> {
    let mark = group.mark();
    match parser.read(group, start) {
        Ok((end, time)) => {
            let end = parser.cursor.space(end);
            if parser.cursor.is_end(end) {
                return Ok((end, time));
            }
            group.roll_back(mark);
            Err(Problem::Syntax(SyntaxError {
                at: end,
                expected: "the end of the line",
            }))
        }
        Err(Refusal::Syntax(error)) => Err(Problem::Syntax(error)),
        Err(Refusal::Record { problem, .. }) => Err(problem),
    }
}

/// Shreds all lines from `from` on. `is_utf8` tells that the body is known to be valid. Returns the first syntax error.
pub(crate) fn shred_lines(
    parser: &mut RecordParser,
    group: &mut GroupBuilder,
    from: usize,
    is_utf8: bool,
    outcome: &mut Outcome,
) -> Option<SyntaxError> {
    parser.cursor.lines = true;
    let bytes = parser.cursor.bytes;
    let mut first_error = None;
    let mut lines = Lines::new(from);
    while let Some(start) = lines.next(bytes) {
        let checked = if is_utf8 { Ok(()) } else { check_utf8(bytes, start) };
        match checked.and_then(|()| read_line(parser, group, start)) {
            Ok((end, time)) => {
                group.commit(time);
                parser.tell(outcome);
                outcome.successful += 1;
                lines.leave(end);
            }
            Err(problem) => {
                if let (Problem::Syntax(error), None) = (&problem, first_error) {
                    first_error = Some(*error);
                }
                let message = problem.describe(bytes, Some((lines.number, lines.start)));
                outcome.fail(outcome.records(), &message);
                lines.leave(line_end(bytes, start));
            }
        }
        if outcome.is_overfull() {
            break;
        }
    }
    first_error
}

fn check_utf8(bytes: &[u8], start: usize) -> Result<(), Problem> {
    match std::str::from_utf8(&bytes[start..line_end(bytes, start)]) {
        Ok(_) => Ok(()),
        Err(error) => Err(Problem::InvalidUtf8 {
            at: start + error.valid_up_to(),
        }),
    }
}
