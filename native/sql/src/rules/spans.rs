//! Comparisons of intervals and of differences between times, which are those of their lengths: 7 days of 24 hours are more than one day.
//! An int64 beside a span is a difference of event times, in microseconds.

use datafusion::arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::{ExprSchema, ScalarValue};
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{Expr, ExprSchemable};

use crate::functions::{is_span, span_micros};

/// Both sides as microseconds, where at least one is a span and the other can be one. Chains of arithmetic are not asked for their types.
pub(super) fn comparable(left: &Expr, right: &Expr, schema: &dyn ExprSchema) -> Option<(Expr, Expr)> {
    let (left_type, right_type) = (left.get_type(schema).ok()?, right.get_type(schema).ok()?);
    if !is_span(&left_type) && !is_span(&right_type) {
        return None;
    }
    Some((micros(left, &left_type)?, micros(right, &right_type)?))
}

fn micros(side: &Expr, data_type: &DataType) -> Option<Expr> {
    match data_type {
        DataType::Int64 => Some(side.clone()),
        span if is_span(span) => Some(span_micros(side.clone())),
        // As PostgreSQL, which takes a literal for an interval there.
        DataType::Utf8 => match side {
            Expr::Literal(ScalarValue::Utf8(Some(_)), _) => {
                let interval = Cast::new(Box::new(side.clone()), DataType::Interval(IntervalUnit::MonthDayNano));
                Some(span_micros(Expr::Cast(interval)))
            }
            _ => None,
        },
        _ => None,
    }
}
