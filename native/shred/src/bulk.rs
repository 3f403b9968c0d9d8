//! Bulk bodies: action lines, each with its document line.

use crate::body::{EMPTY_BODY, text_start};
use crate::bulk_action::{ActionError, ActionLine, read_action};
use crate::bulk_items::ItemError;
use crate::column_builder::Value;
use crate::cursor::{Cursor, line_end};
use crate::group::ID_COLUMN;
use crate::lines::{Lines, read_line};
use crate::outcome::{BulkAction, Outcome};
use crate::problem::Problem;
use crate::record::{RecordParser, Scratch};
use crate::request::ShredRequest;
use crate::shredder::Groups;
use crate::stream_name::normalize_stream;

const BAD_REQUEST: u16 = 400;
const UNPROCESSABLE: u16 = 422;

/// Longer stream names are refused: names travel in WAL frames and in memory.
const STREAM_BYTES_MAX: usize = 256;

/// An action line and what it leads to; kept because most bodies repeat one line.
struct Action<'b> {
    text: &'b [u8],
    line: ActionLine,
    stream: String,
}

/// Shreds a bulk body, which is valid UTF-8. An error is the reason to refuse the whole of it.
pub(crate) fn shred_bulk(
    request: &ShredRequest,
    body: &[u8],
    groups: &mut Groups,
    scratch: &mut Scratch,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let cursor = Cursor {
        bytes: body,
        lines: true,
    };
    let limits = groups.limits;
    let mut parser = RecordParser::new(cursor, limits, groups.now_us, scratch);
    let mut lines = Lines::new(text_start(body));
    let mut action: Option<Action> = None;
    while let Some(start) = lines.next(body) {
        let end = line_end(body, start);
        let text = body[start..end].trim_ascii_end();
        let action = match action.take().filter(|action| action.text == text) {
            Some(same) => action.insert(same),
            None => action.insert(
                new_action(cursor, start, text, request.stream).map_err(|error| match error {
                    ActionError::Syntax(error) => format!("unusable action line: {}", error.describe(body)),
                    ActionError::Unusable(reason) => format!("line {}: {reason}", lines.number),
                })?,
            ),
        };
        lines.leave(end);
        let result = match action.line.action {
            BulkAction::Delete => Err(refusal(
                "deleting a document is not supported: records cannot be changed",
            )),
            BulkAction::Update => {
                skip_document(&mut lines, body);
                Err(refusal(
                    "updating a document is not supported: records cannot be changed",
                ))
            }
            BulkAction::Index | BulkAction::Create => match action.stream.as_str() {
                name if name.is_empty() || name == "_" || name.len() > STREAM_BYTES_MAX => {
                    skip_document(&mut lines, body);
                    Err((
                        BAD_REQUEST,
                        "invalid_index_name_exception",
                        format!("the name of the stream must have 1 to {STREAM_BYTES_MAX} bytes, and not be '_'"),
                    ))
                }
                stream => match groups.get(request.organization, stream) {
                    Ok(group) => read_document(&mut parser, &mut lines, group, action.line.id.as_deref()),
                    Err(reason) => {
                        skip_document(&mut lines, body);
                        Err((BAD_REQUEST, "validation_exception", reason))
                    }
                },
            },
        };
        if result.is_ok() {
            parser.tell(outcome);
        }
        count(action, result, outcome);
        if outcome.is_overfull() {
            break;
        }
    }
    if outcome.records() == 0 {
        Err(EMPTY_BODY.to_owned())
    } else {
        Ok(())
    }
}

fn refusal(reason: &str) -> ItemError {
    (BAD_REQUEST, "illegal_argument_exception", reason.to_owned())
}

fn new_action<'b>(cursor: Cursor<'b>, start: usize, text: &'b [u8], default: &str) -> Result<Action<'b>, ActionError> {
    let (line, _) = read_action(cursor, start)?;
    let stream = line
        .index
        .as_deref()
        .map_or_else(|| default.to_owned(), normalize_stream);
    Ok(Action { text, line, stream })
}

fn skip_document(lines: &mut Lines, body: &[u8]) {
    if let Some(start) = lines.next(body) {
        lines.leave(line_end(body, start));
    }
}

fn read_document(
    parser: &mut RecordParser,
    lines: &mut Lines,
    group: &mut crate::group::GroupBuilder,
    id: Option<&str>,
) -> Result<(), ItemError> {
    let body = parser.cursor.bytes;
    let Some(start) = lines.next(body) else {
        return Err((
            BAD_REQUEST,
            "mapper_parsing_exception",
            "the document line is missing".to_owned(),
        ));
    };
    match read_line(parser, group, start) {
        Ok((end, time)) => {
            if let Some(id) = id {
                group.put_named(ID_COLUMN, Value::String(id.as_bytes()));
            }
            group.commit(time);
            lines.leave(end);
            Ok(())
        }
        Err(problem) => {
            lines.leave(line_end(body, start));
            let reason = problem.describe(body, Some((lines.number, lines.start)));
            Err(match problem {
                Problem::Timestamp(_) => (UNPROCESSABLE, "timestamp_parsing_failed", reason),
                _ => (BAD_REQUEST, "mapper_parsing_exception", reason),
            })
        }
    }
}

fn count(action: &Action, result: Result<(), ItemError>, outcome: &mut Outcome) {
    let error = match result {
        Ok(()) => {
            outcome.successful += 1;
            None
        }
        Err(error) => {
            outcome.fail(outcome.records(), &error.2);
            Some(error)
        }
    };
    let line = &action.line;
    outcome
        .items
        .push(line.action, &action.stream, line.id.as_deref(), error);
}
