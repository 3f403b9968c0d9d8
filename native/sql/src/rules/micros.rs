//! Conversions between times and the int64 microseconds that `_timestamp` holds.

use std::sync::Arc;

use chrono::Utc;
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::ExprSchema;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{Expr, ExprSchemable};

use crate::error::{SqlError, TYPE_MISMATCH};
use crate::stream_table::{TIME_COLUMN, TIME_TAG};

pub(super) fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// True for the event time column, however the streams and subqueries around it are called.
pub(crate) fn is_time_column(expr: &Expr) -> bool {
    match expr {
        Expr::Column(column) | Expr::OuterReferenceColumn(_, column) => column.name == TIME_COLUMN,
        Expr::Alias(alias) => is_time_column(&alias.expr),
        _ => false,
    }
}

/// Functions that answer one of the values of their first argument.
const CHOOSE_OF_FIRST: [&str; 10] = [
    "min",
    "max",
    "first_value",
    "last_value",
    "nth_value",
    "any_value",
    "lag",
    "lead",
    "nullif",
    "mode",
];
/// Functions that answer one of their arguments.
const CHOOSE_OF_ALL: [&str; 5] = ["coalesce", "greatest", "least", "nvl", "ifnull"];

/// Whether the int64 values of an expression are event times: the column's, or chosen from them. Fields carry it on as `TIME_TAG`.
pub(crate) fn is_event_time(expr: &Expr, schema: &dyn ExprSchema) -> bool {
    let is_tagged = |field: &Field| field.metadata().contains_key(TIME_TAG);
    let of_first = |name: &str, args: &[Expr]| {
        CHOOSE_OF_FIRST.contains(&name) && args.first().is_some_and(|first| is_event_time(first, schema))
    };
    match expr {
        Expr::Column(column) => {
            column.name == TIME_COLUMN || schema.field_from_column(column).is_ok_and(|field| is_tagged(field))
        }
        Expr::OuterReferenceColumn(field, column) => column.name == TIME_COLUMN || is_tagged(field),
        Expr::Alias(alias) => is_event_time(&alias.expr, schema),
        Expr::AggregateFunction(call) => of_first(call.func.name(), &call.params.args),
        Expr::WindowFunction(call) => of_first(call.fun.name(), &call.params.args),
        Expr::ScalarFunction(call) if CHOOSE_OF_ALL.contains(&call.name()) => all_event_times(call.args.iter(), schema),
        Expr::ScalarFunction(call) => of_first(call.name(), &call.args),
        Expr::Case(case) => {
            let results = case.when_then_expr.iter().map(|(_, then)| then.as_ref());
            all_event_times(results.chain(case.else_expr.as_deref()), schema)
        }
        Expr::ScalarSubquery(query) => query
            .subquery
            .schema()
            .fields()
            .first()
            .is_some_and(|field| field.name() == TIME_COLUMN || is_tagged(field)),
        _ => false,
    }
}

/// Nulls say nothing.
fn all_event_times<'a>(exprs: impl Iterator<Item = &'a Expr>, schema: &dyn ExprSchema) -> bool {
    let mut some = false;
    for expr in exprs {
        if matches!(expr, Expr::Literal(value, _) if value.is_null()) {
            continue;
        }
        if !is_event_time(expr, schema) {
            return false;
        }
        some = true;
    }
    some
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
    if !is_text(&other_type) || !is_event_time(subject, schema) {
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

/// Event time as a value of `data_type`, where that is one of time. In a zone it is the moment as clocks show it there.
pub(super) fn as_time(expr: Expr, data_type: &DataType) -> Option<Expr> {
    match data_type {
        // The planner reads a number that is cast to a timestamp as seconds, and then casts on from there.
        DataType::Timestamp(TimeUnit::Second, None) => Some(timestamp(expr)),
        DataType::Timestamp(_, Some(zone)) => {
            let moment = cast(
                timestamp(expr),
                DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
            );
            Some(cast(
                moment,
                DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::clone(zone))),
            ))
        }
        DataType::Timestamp(_, None)
        | DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_) => Some(cast(timestamp(expr), data_type.clone())),
        _ => None,
    }
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
