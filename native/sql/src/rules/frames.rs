//! `RANGE BETWEEN INTERVAL '2 seconds' PRECEDING …` over event time: the bounds become the microseconds that it is counted in.

use datafusion::arrow::compute::kernels::cast_utils::parse_interval_month_day_nano;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{ExprSchemable, WindowFrame, WindowFrameBound, WindowFrameUnits};

use super::micros::is_event_time;
use crate::error::{INVALID_SQL, SqlError};

const US_A_DAY: i64 = 86_400_000_000;
const NS_A_US: i64 = 1_000;

/// Whether the frame was changed.
///
/// # Errors
/// 20001 for a bound in months, which have no fixed length.
pub(super) fn count_in_micros(call: &mut WindowFunction, schema: &DFSchema) -> Result<bool> {
    let [key] = call.params.order_by.as_slice() else {
        return Ok(false);
    };
    let frame = &call.params.window_frame;
    let over_time = is_event_time(&key.expr, schema) && matches!(key.expr.get_type(schema), Ok(DataType::Int64));
    if frame.units != WindowFrameUnits::Range || !over_time {
        return Ok(false);
    }
    let (start, end) = (micros(&frame.start_bound)?, micros(&frame.end_bound)?);
    if start.is_none() && end.is_none() {
        return Ok(false);
    }
    let bound =
        |changed: Option<WindowFrameBound>, before: &WindowFrameBound| changed.unwrap_or_else(|| before.clone());
    let (start, end) = (bound(start, &frame.start_bound), bound(end, &frame.end_bound));
    call.params.window_frame = WindowFrame::new_bounds(WindowFrameUnits::Range, start, end);
    Ok(true)
}

/// The bound as a number of microseconds; `None` when it is one already, or none.
fn micros(bound: &WindowFrameBound) -> Result<Option<WindowFrameBound>> {
    let (ScalarValue::Utf8(Some(text)), preceding) = (match bound {
        WindowFrameBound::Preceding(value) => (value, true),
        WindowFrameBound::Following(value) => (value, false),
        WindowFrameBound::CurrentRow => return Ok(None),
    }) else {
        return Ok(None);
    };
    if text.trim().parse::<i64>().is_ok() {
        return Ok(None);
    }
    let span = parse_interval_month_day_nano(text).map_err(|_| {
        invalid(format!(
            "'{text}' is no length of time for a frame: write INTERVAL '5 minutes'"
        ))
    })?;
    if span.months != 0 {
        return Err(invalid(format!(
            "'{text}' has no fixed length: write days, as in INTERVAL '30 days'"
        ))
        .into());
    }
    let us = i64::from(span.days)
        .saturating_mul(US_A_DAY)
        .saturating_add(span.nanoseconds / NS_A_US);
    let value = ScalarValue::Utf8(Some(us.to_string()));
    Ok(Some(if preceding {
        WindowFrameBound::Preceding(value)
    } else {
        WindowFrameBound::Following(value)
    }))
}

fn invalid(text: String) -> SqlError {
    SqlError::new(INVALID_SQL, format!("Search SQL not valid: {text}")).with_detail(text)
}
