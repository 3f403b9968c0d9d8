//! JSON bodies: an array of records, one record, or records one after another.

use crate::cursor::line_end;
use crate::group::GroupBuilder;
use crate::lines::shred_lines;
use crate::outcome::Outcome;
use crate::problem::SyntaxError;
use crate::record::{RecordParser, Refusal};

/// The text for a body without any record.
pub(crate) const EMPTY_BODY: &str = "empty body: expected at least one record";

/// Where a body's text starts: behind a byte order mark, which some senders put there.
pub(crate) fn text_start(body: &[u8]) -> usize {
    if body.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 }
}

/// Shreds a JSON body. An error is the reason to refuse the whole of it; the caller then rolls its rows back.
/// `invalid_at` is the first byte that is not UTF-8.
pub(crate) fn shred_json(
    parser: &mut RecordParser,
    group: &mut GroupBuilder,
    invalid_at: Option<usize>,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let cursor = parser.cursor;
    let start = cursor.space(text_start(cursor.bytes));
    if start >= cursor.bytes.len() {
        return Err(EMPTY_BODY.to_owned());
    }
    let has_lines = cursor.peek(start) == b'{' && second_line_is_object(cursor.bytes, start);
    if let Some(at) = invalid_at {
        if !has_lines {
            return Err(SyntaxError {
                at,
                expected: "valid UTF-8",
            }
            .describe(cursor.bytes));
        }
        shred_lines(parser, group, start, false, outcome);
        return Ok(());
    }
    let shredded = match cursor.peek(start) {
        b'[' => shred_array(parser, group, start, outcome),
        b'{' => shred_objects(parser, group, start, has_lines, outcome),
        _ => Err(SyntaxError {
            at: start,
            expected: "an array or an object",
        }),
    };
    shredded.map_err(|error| error.describe(cursor.bytes))?;
    if outcome.records() == 0 {
        Err(EMPTY_BODY.to_owned())
    } else {
        Ok(())
    }
}

/// Whether the next line that is not blank starts a further object.
fn second_line_is_object(bytes: &[u8], start: usize) -> bool {
    let rest = &bytes[line_end(bytes, start)..];
    rest.trim_ascii_start().starts_with(b"{")
}

fn shred_array(
    parser: &mut RecordParser,
    group: &mut GroupBuilder,
    start: usize,
    outcome: &mut Outcome,
) -> Result<(), SyntaxError> {
    let cursor = parser.cursor;
    let mut at = cursor.space(start + 1);
    if cursor.peek(at) == b']' {
        at += 1;
    } else {
        loop {
            at = cursor.space(read_one(parser, group, at, outcome)?);
            if outcome.is_overfull() {
                return Ok(());
            }
            match cursor.peek(at) {
                b',' => at = cursor.space(at + 1),
                b']' => break,
                _ => {
                    return Err(SyntaxError {
                        at,
                        expected: "',' or ']'",
                    });
                }
            }
        }
        at += 1;
    }
    at = cursor.space(at);
    if cursor.is_end(at) {
        Ok(())
    } else {
        Err(SyntaxError {
            at,
            expected: "the end of the body",
        })
    }
}

/// One object, which may span lines; or several. Which it is shows where the first one ends.
fn shred_objects(
    parser: &mut RecordParser,
    group: &mut GroupBuilder,
    start: usize,
    has_lines: bool,
    outcome: &mut Outcome,
) -> Result<(), SyntaxError> {
    let cursor = parser.cursor;
    let mark = group.mark();
    let mut end = match read_one(parser, group, start, outcome) {
        Ok(end) => end,
        Err(error) if !has_lines => return Err(error),
        Err(_) => start,
    };
    if end <= line_end(cursor.bytes, start) && !cursor.is_end(cursor.space(end)) {
        group.roll_back(mark);
        *outcome = Outcome::default();
        let first_error = shred_lines(parser, group, start, true, outcome);
        // Nothing but errors: no lines of records, so rather one bad body.
        return first_error.filter(|_| outcome.successful == 0).map_or(Ok(()), Err);
    }
    loop {
        let next = cursor.space(end);
        if cursor.is_end(next) {
            return Ok(());
        }
        if !cursor.bytes[end..next].contains(&b'\n') {
            return Err(SyntaxError {
                at: next,
                expected: "the end of the line",
            });
        }
        end = read_one(parser, group, next, outcome)?;
        if outcome.is_overfull() {
            return Ok(());
        }
    }
}

/// Reads the record at `at`, counts it, and returns its end.
fn read_one(
    parser: &mut RecordParser,
    group: &mut GroupBuilder,
    at: usize,
    outcome: &mut Outcome,
) -> Result<usize, SyntaxError> {
    match parser.read(group, at) {
        Ok((end, time)) => {
            group.commit(time);
            parser.tell(outcome);
            outcome.successful += 1;
            Ok(end)
        }
        Err(Refusal::Syntax(error)) => Err(error),
        Err(Refusal::Record { end, problem }) => {
            outcome.fail(outcome.records(), &problem.describe(parser.cursor.bytes, None));
            Ok(end)
        }
    }
}
