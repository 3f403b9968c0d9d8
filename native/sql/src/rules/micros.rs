//! Conversions between times and the int64 microseconds that `_timestamp` holds.

use chrono::Utc;
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ExprSchema;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{Expr, ExprSchemable};

use crate::error::{SqlError, TYPE_MISMATCH};
use crate::stream_table::TIME_COLUMN;

pub(super) fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// True for the event time column, however the streams and subqueries around it are called.
pub(crate) fn is_event_time(expr: &Expr) -> bool {
    match expr {
        Expr::Column(column) | Expr::OuterReferenceColumn(_, column) => column.name == TIME_COLUMN,
        Expr::Alias(alias) => is_event_time(&alias.expr),
        _ => false,
    }
}

/// `other` in the type that an int64 `subject` is compared in: times as microseconds, and against the event time also
/// texts of times. `None` when `other` stays as it is.
pub(super) fn comparable(subject: &Expr, other: &Expr, schema: &dyn ExprSchema) -> Result<Option<Expr>> {
    let Ok(DataType::Int64) = subject.get_type(schema) else {
        return Ok(None);
    };
    let Ok(other_type) = other.get_type(schema) else {
        return Ok(None);
    };
    if is_time(&other_type) {
        return Ok(Some(micros(other.clone(), &other_type)));
    }
    if !is_text(&other_type) || !is_event_time(subject) {
        return Ok(None);
    }
    match other {
        Expr::Literal(value, _) => match value.try_as_str().flatten() {
            Some(text) => literal(text),
            None => Ok(None),
        },
        _ => Ok(Some(micros(other.clone(), &other_type))),
    }
}

/// Microseconds since the epoch of a timestamp, date or text.
fn micros(expr: Expr, data_type: &DataType) -> Expr {
    let zone = match data_type {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    let time = cast(expr, DataType::Timestamp(TimeUnit::Microsecond, zone));
    cast(time, DataType::Int64)
}

/// The timestamp of int64 microseconds.
pub(super) fn timestamp(expr: Expr) -> Expr {
    cast(expr, DataType::Timestamp(TimeUnit::Microsecond, None))
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast(Cast::new(Box::new(expr), data_type))
}

/// A text of digits stays a number for the coercion of types.
fn literal(text: &str) -> Result<Option<Expr>> {
    let text = text.trim();
    if text.parse::<i64>().is_ok() {
        return Ok(None);
    }
    Ok(Some(Expr::Literal(ScalarValue::Int64(Some(time_of_text(text)?)), None)))
}

/// Microseconds since the epoch of a constant text.
///
/// # Errors
/// 20007 for a text that is no time.
pub(crate) fn time_of_text(text: &str) -> Result<i64> {
    let time = string_to_datetime(&Utc, text).map_err(|error| {
        let message = format!("no compatible data type: '{text}' is not a time");
        SqlError::new(TYPE_MISMATCH, message).with_detail(format!(
            "{error}; write '2026-01-31 12:00:00', an RFC 3339 time, or microseconds"
        ))
    })?;
    Ok(time.timestamp_micros())
}
