//! Takes the bounds on the event time out of a filter.

use basalt_scan::request::{Comparison, Filter, Literal, TimeRange};

use super::combine::all_of;
use crate::stream_table::TIME_COLUMN;

/// Moves the bounds on `_timestamp` that a conjunction holds into the time range.
pub(crate) fn split_time(filter: Option<Filter>, bounds: TimeRange) -> (TimeRange, Option<Filter>) {
    let mut time = bounds;
    let parts = match filter {
        None => return (time, None),
        Some(Filter::And { args }) => args,
        Some(other) => vec![other],
    };
    let rest: Vec<Filter> = parts.into_iter().filter(|part| !narrow(&mut time, part)).collect();
    (time, all_of(rest))
}

/// True when `time` now says all that `part` said.
fn narrow(time: &mut TimeRange, part: &Filter) -> bool {
    let Filter::Compare {
        column,
        cmp,
        value: Literal::Int64(value),
    } = part
    else {
        return false;
    };
    if column != TIME_COLUMN {
        return false;
    }
    let (min, max) = match cmp {
        Comparison::GreaterOrEqual => (Some(*value), None),
        Comparison::Less => (None, Some(*value)),
        Comparison::Greater => match value.checked_add(1) {
            Some(next) => (Some(next), None),
            None => return false,
        },
        Comparison::LessOrEqual => (None, value.checked_add(1)),
        Comparison::Equal => match value.checked_add(1) {
            Some(next) => (Some(*value), Some(next)),
            None => return false,
        },
        Comparison::NotEqual => return false,
    };
    time.min = time.min.max(min);
    time.max = match (time.max, max) {
        (Some(old), Some(new)) => Some(old.min(new)),
        (old, new) => old.or(new),
    };
    true
}
