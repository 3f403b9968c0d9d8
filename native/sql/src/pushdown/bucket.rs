//! Recognises a fixed-width time bucket of an int64 column in a physical expression.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, IntervalDayTimeType, IntervalMonthDayNanoType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use super::operand::is_utc;

const US_PER_SECOND: i64 = 1_000_000;
const US_PER_DAY: i64 = 86_400 * US_PER_SECOND;
/// 1970-01-05, a Monday: weeks begin on Mondays.
const FIRST_MONDAY_US: i64 = 4 * US_PER_DAY;
const NS_PER_US: i64 = 1_000;

/// `origin + floor((column - origin) / width) * width`, all in microseconds.
pub(super) struct Bucket<'a> {
    pub column: &'a str,
    pub width_us: i64,
    pub origin_us: i64,
}

pub(super) fn bucket(expr: &Arc<dyn PhysicalExpr>) -> Option<Bucket<'_>> {
    let function = expr.downcast_ref::<ScalarFunctionExpr>()?;
    match (function.name(), function.args()) {
        ("date_bin", [width, source]) => date_bin(width, source, 0),
        ("date_bin", [width, source, origin]) => match constant(origin)? {
            ScalarValue::TimestampNanosecond(Some(ns), zone) if is_utc(zone.as_deref()) && ns % NS_PER_US == 0 => {
                date_bin(width, source, ns / NS_PER_US)
            }
            _ => None,
        },
        ("date_trunc", [unit, source]) => {
            let column = time_source(source)?;
            let (width_us, origin_us) = truncation(constant(unit)?.try_as_str().flatten()?)?;
            Some(Bucket {
                column,
                width_us,
                origin_us,
            })
        }
        _ => None,
    }
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

fn date_bin<'a>(
    width: &Arc<dyn PhysicalExpr>,
    source: &'a Arc<dyn PhysicalExpr>,
    origin_us: i64,
) -> Option<Bucket<'a>> {
    let (months, days, ns) = match constant(width)? {
        ScalarValue::IntervalMonthDayNano(Some(value)) => IntervalMonthDayNanoType::to_parts(*value),
        ScalarValue::IntervalDayTime(Some(value)) => {
            let (days, ms) = IntervalDayTimeType::to_parts(*value);
            (0, days, i64::from(ms) * 1_000_000)
        }
        _ => return None,
    };
    if months != 0 || ns % NS_PER_US != 0 {
        return None;
    }
    let width_us = i64::from(days).checked_mul(US_PER_DAY)?.checked_add(ns / NS_PER_US)?;
    (width_us > 0).then_some(())?;
    Some(Bucket {
        column: time_source(source)?,
        width_us,
        origin_us,
    })
}

/// Width and origin of the units that have one width.
fn truncation(unit: &str) -> Option<(i64, i64)> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "millisecond" => (1_000, 0),
        "second" => (US_PER_SECOND, 0),
        "minute" => (60 * US_PER_SECOND, 0),
        "hour" => (3_600 * US_PER_SECOND, 0),
        "day" => (US_PER_DAY, 0),
        "week" => (7 * US_PER_DAY, FIRST_MONDAY_US),
        _ => return None,
    })
}

fn constant(expr: &Arc<dyn PhysicalExpr>) -> Option<&ScalarValue> {
    expr.downcast_ref::<Literal>().map(Literal::value)
}

fn column(expr: &Arc<dyn PhysicalExpr>) -> Option<&str> {
    expr.downcast_ref::<Column>().map(Column::name)
}
