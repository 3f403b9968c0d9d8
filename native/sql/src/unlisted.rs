//! Fields that the schema of a stream does not list: it has more names than are listed, and the rest is in the overflow column. A name that
//! resolves nowhere may be one of those, so it is tried as a column of texts and numbers.

use std::borrow::Cow;

use crate::context::{ColumnInfo, FieldType, PlanContext};
use crate::error::{FIELD_NOT_FOUND, SqlError};

/// Fields of one statement that are found so.
const UNLISTED_MAX: usize = 64;

/// `plan` with the context, and again with each unknown field as a column of the streams that may have it.
pub(crate) fn with_unlisted<T>(
    context: &PlanContext,
    plan: impl Fn(&PlanContext) -> Result<T, SqlError>,
) -> Result<T, SqlError> {
    let mut known = Cow::Borrowed(context);
    for _ in 0..UNLISTED_MAX {
        let error = match plan(&known) {
            Err(error) if error.code == FIELD_NOT_FOUND => error,
            answer => return answer,
        };
        if !error.unknown_field.as_deref().is_some_and(|name| add(name, &mut known)) {
            return Err(error);
        }
    }
    plan(&known)
}

/// Whether there is a stream that may have the field, and did not have it before.
fn add(name: &str, context: &mut Cow<PlanContext>) -> bool {
    let may_have = |stream: &crate::context::StreamInfo| {
        stream.unlisted && !stream.columns.iter().any(|column| column.name == name)
    };
    if !context.streams.iter().any(may_have) {
        return false;
    }
    let streams = context.to_mut().streams.iter_mut();
    for stream in streams.filter(|stream| may_have(stream)) {
        stream.columns.push(ColumnInfo {
            name: name.to_owned(),
            column_type: FieldType::TextNumber,
        });
    }
    true
}
