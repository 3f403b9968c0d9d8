//! Action lines of bulk bodies.

use crate::cursor::Cursor;
use crate::escape::decode_string;
use crate::outcome::BulkAction;
use crate::problem::{SyntaxError, kind_of};
use crate::slots::key_end;

/// `{"<action>":{"_index":…,"_id":…}}`; other members of the inner object are allowed and ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActionLine {
    pub action: BulkAction,
    pub index: Option<String>,
    pub id: Option<String>,
}

/// Why a line in action position is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ActionError {
    Syntax(SyntaxError),
    Unusable(String),
}

impl From<SyntaxError> for ActionError {
    fn from(error: SyntaxError) -> Self {
        Self::Syntax(error)
    }
}

/// Deeper nesting than in any action; only bounds what is skipped.
const DEPTH_MAX: usize = 1_000;

/// Reads the action that fills the line from `start` on. Returns it and the line's end.
pub(crate) fn read_action(cursor: Cursor, start: usize) -> Result<(ActionLine, usize), ActionError> {
    let line = cursor.skip_value(start, 0, DEPTH_MAX)?;
    let end = cursor.space(line.end);
    if !cursor.is_end(end) {
        return Err(SyntaxError {
            at: end,
            expected: "the end of the line",
        }
        .into());
    }
    if cursor.peek(start) != b'{' {
        let found = kind_of(cursor.peek(start));
        return Err(ActionError::Unusable(format!(
            "an action must be a JSON object, found {found}"
        )));
    }
    // From here on the line is valid JSON, so every token is where the grammar wants it.
    let key_start = cursor.space(start + 1);
    if cursor.peek(key_start) == b'}' {
        return Err(ActionError::Unusable(
            "an action must name index, create, update or delete, found {}".to_owned(),
        ));
    }
    let (key, inner) = read_key(cursor, key_start)?;
    let action = match key.as_str() {
        "index" => BulkAction::Index,
        "create" => BulkAction::Create,
        "update" => BulkAction::Update,
        "delete" => BulkAction::Delete,
        other => {
            let other: String = other.chars().take(64).collect();
            return Err(ActionError::Unusable(format!(
                "an action must be index, create, update or delete, found {other:?}"
            )));
        }
    };
    if cursor.peek(inner) != b'{' {
        let found = kind_of(cursor.peek(inner));
        return Err(ActionError::Unusable(format!(
            "the value of {key} must be a JSON object, found {found}"
        )));
    }
    let mut line = ActionLine {
        action,
        index: None,
        id: None,
    };
    let inner_end = read_target(cursor, inner, &mut line)?;
    if cursor.peek(cursor.space(inner_end)) != b'}' {
        return Err(ActionError::Unusable("an action line must hold one action".to_owned()));
    }
    Ok((line, end))
}

/// Reads the members of the inner object and returns its end.
fn read_target(cursor: Cursor, start: usize, line: &mut ActionLine) -> Result<usize, ActionError> {
    let mut at = cursor.space(start + 1);
    while cursor.peek(at) == b'"' {
        let (key, value) = read_key(cursor, at)?;
        let value_end = cursor.skip_value(value, 0, DEPTH_MAX)?.end;
        let sent = &cursor.bytes[value..value_end];
        match (key.as_str(), sent.first()) {
            ("_index", Some(b'"')) => line.index = Some(read_text(cursor, value)?),
            ("_id", Some(b'"')) => line.id = Some(read_text(cursor, value)?),
            ("_id", Some(b'-' | b'0'..=b'9')) => line.id = Some(String::from_utf8_lossy(sent).into_owned()),
            ("_index" | "_id", Some(b'n')) => {}
            ("_index" | "_id", Some(&byte)) => {
                return Err(ActionError::Unusable(format!(
                    "{key} must be a string, found {}",
                    kind_of(byte)
                )));
            }
            _ => {}
        }
        at = cursor.space(value_end);
        if cursor.peek(at) == b',' {
            at = cursor.space(at + 1);
        }
    }
    Ok(at + 1)
}

/// The key at `at`, and where its value starts.
fn read_key(cursor: Cursor, at: usize) -> Result<(String, usize), ActionError> {
    let end = key_end(cursor, at)?;
    Ok((read_text(cursor, at)?, cursor.space(cursor.space(end) + 1)))
}

fn read_text(cursor: Cursor, at: usize) -> Result<String, ActionError> {
    let mut text = Vec::new();
    match decode_string(cursor.bytes, at + 1, &mut text) {
        Some(_) => Ok(String::from_utf8_lossy(&text).into_owned()),
        None => Err(ActionError::Unusable(
            "a string holds half of a surrogate pair, which is no character".to_owned(),
        )),
    }
}
