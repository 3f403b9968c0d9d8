//! Spans of time, which are intervals and durations, as numbers: what PostgreSQL compares and multiplies. The planner puts these in place
//! of operators; nobody can call them by a name.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, IntervalMonthDayNanoArray};
use datafusion::arrow::datatypes::{
    DataType, DurationMicrosecondType, Float64Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    IntervalUnit, TimeUnit,
};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::text::answer;
use crate::error::{SqlError, TYPE_MISMATCH};

const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);
const DURATION: DataType = DataType::Duration(TimeUnit::Microsecond);
/// As PostgreSQL compares and divides them.
const DAYS_A_MONTH: i64 = 30;
const US_A_DAY: i64 = 86_400_000_000;
const NS_A_US: i64 = 1_000;

pub(crate) fn is_span(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_) | DataType::Duration(_))
}

/// The microseconds of a span; a month has 30 days, a day 24 hours.
pub(crate) fn span_micros(span: Expr) -> Expr {
    call(Operation::Micros, vec![span])
}

/// A span so many times, or one part of so many.
pub(crate) fn span_times(span: Expr, number: Expr, divided: bool) -> Expr {
    let operation = if divided { Operation::Divided } else { Operation::Times };
    call(operation, vec![span, number])
}

fn call(operation: Operation, args: Vec<Expr>) -> Expr {
    let function = ScalarUDF::new_from_impl(Span {
        operation,
        signature: Signature::user_defined(Volatility::Immutable),
    });
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), args))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operation {
    Micros,
    Times,
    Divided,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Span {
    operation: Operation,
    signature: Signature,
}

impl ScalarUDFImpl for Span {
    fn name(&self) -> &str {
        match self.operation {
            Operation::Micros => "microseconds of",
            Operation::Times => "span times",
            Operation::Divided => "span divided by",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match (self.operation, types) {
            (Operation::Micros, [DataType::Duration(_)]) => Ok(vec![DURATION]),
            (Operation::Micros, [DataType::Interval(_)]) => Ok(vec![INTERVAL]),
            (Operation::Times | Operation::Divided, [span, number]) if is_span(span) && number.is_numeric() => {
                Ok(vec![INTERVAL, DataType::Float64])
            }
            _ => Err(wrong_arguments()),
        }
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(match self.operation {
            Operation::Micros => DataType::Int64,
            Operation::Times | Operation::Divided => INTERVAL,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let array: ArrayRef = match (self.operation, arrays.as_slice()) {
            (Operation::Micros, [spans]) => Arc::new(micros_of(spans)?),
            (operation, [spans, numbers]) => {
                let (spans, numbers) = (intervals(spans)?, numbers.as_primitive::<Float64Type>());
                let scaled = spans.iter().zip(numbers).map(|(span, number)| {
                    let (Some(span), Some(number)) = (span, number) else {
                        return Ok(None);
                    };
                    scale(span, number, operation == Operation::Divided).map(Some)
                });
                Arc::new(scaled.collect::<Result<IntervalMonthDayNanoArray>>()?)
            }
            _ => return Err(wrong_arguments()),
        };
        answer(&args.args, array)
    }
}

fn intervals(spans: &ArrayRef) -> Result<&IntervalMonthDayNanoArray> {
    spans
        .as_primitive_opt::<IntervalMonthDayNanoType>()
        .ok_or_else(wrong_arguments)
}

fn micros_of(spans: &ArrayRef) -> Result<Int64Array> {
    if let Some(durations) = spans.as_primitive_opt::<DurationMicrosecondType>() {
        return Ok(durations.reinterpret_cast::<Int64Type>());
    }
    Ok(intervals(spans)?.unary::<_, Int64Type>(|span| {
        let days = i64::from(span.months) * DAYS_A_MONTH + i64::from(span.days);
        days.saturating_mul(US_A_DAY)
            .saturating_add(span.nanoseconds.div_euclid(NS_A_US))
    }))
}

/// What is no whole month goes to the days, what is no whole day to the time, as in PostgreSQL.
fn scale(span: IntervalMonthDayNano, number: f64, divided: bool) -> Result<IntervalMonthDayNano> {
    if divided && number == 0.0 {
        return Err(DataFusionError::ArrowError(
            Box::new(datafusion::arrow::error::ArrowError::DivideByZero),
            None,
        ));
    }
    let by = |part: f64| if divided { part / number } else { part * number };
    let months = by(f64::from(span.months));
    let days = by(f64::from(span.days)) + months.fract() * DAYS_A_MONTH as f64;
    let ns = by(span.nanoseconds as f64) + days.fract() * (US_A_DAY * NS_A_US) as f64;
    let fits = |part: f64, limit: f64| part.is_finite() && part.abs() <= limit;
    if !fits(months, f64::from(i32::MAX)) || !fits(days, f64::from(i32::MAX)) || !fits(ns, 9.2e18) {
        return Err(SqlError::new(TYPE_MISMATCH, "the interval does not fit").into());
    }
    // To the microsecond, below which fractions of a day are not exact.
    let ns = (ns / NS_A_US as f64).round() as i64 * NS_A_US;
    Ok(IntervalMonthDayNano::new(
        months.trunc() as i32,
        days.trunc() as i32,
        ns,
    ))
}

fn wrong_arguments() -> DataFusionError {
    SqlError::new(
        TYPE_MISMATCH,
        "no compatible data type: an interval is multiplied and divided by numbers alone",
    )
    .into()
}
