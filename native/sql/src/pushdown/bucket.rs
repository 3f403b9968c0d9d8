//! Recognises a fixed-width time bucket of an int64 column in a physical expression.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use super::steps::{Steps, is_utc};

pub(super) struct Bucket<'a> {
    pub column: &'a str,
    pub steps: Steps,
}

pub(super) fn bucket(expr: &Arc<dyn PhysicalExpr>) -> Option<Bucket<'_>> {
    let function = expr.downcast_ref::<ScalarFunctionExpr>()?;
    let (source, steps) = match (function.name(), function.args()) {
        ("date_bin", [width, source]) => (source, Steps::of_bin(constant(width)?, None)?),
        ("date_bin", [width, source, origin]) => (source, Steps::of_bin(constant(width)?, Some(constant(origin)?))?),
        ("date_trunc", [unit, source]) => (source, Steps::of_trunc(constant(unit)?)?),
        _ => return None,
    };
    Some(Bucket {
        column: time_source(source)?,
        steps,
    })
}

/// The int64 column of microseconds whose timestamp this expression is, at microsecond or finer units in UTC.
pub(super) fn time_source(expr: &Arc<dyn PhysicalExpr>) -> Option<&str> {
    if let Some(function) = expr.downcast_ref::<ScalarFunctionExpr>() {
        return match (function.name(), function.args()) {
            ("to_timestamp_micros", [argument]) => column(argument),
            _ => None,
        };
    }
    let cast = expr.downcast_ref::<CastExpr>()?;
    let DataType::Timestamp(unit, zone) = cast.cast_type() else {
        return None;
    };
    match (unit, column(cast.expr())) {
        // A number becomes a timestamp by its ticks, so only the unit of the column keeps its meaning.
        (TimeUnit::Microsecond, Some(name)) if zone.is_none() => Some(name),
        (TimeUnit::Microsecond | TimeUnit::Nanosecond, None) if is_utc(zone.as_deref()) => time_source(cast.expr()),
        _ => None,
    }
}

fn constant(expr: &Arc<dyn PhysicalExpr>) -> Option<&ScalarValue> {
    expr.downcast_ref::<Literal>().map(Literal::value)
}

fn column(expr: &Arc<dyn PhysicalExpr>) -> Option<&str> {
    expr.downcast_ref::<Column>().map(Column::name)
}
