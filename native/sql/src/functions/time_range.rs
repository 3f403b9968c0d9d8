//! `time_range(time, 'from', 'to')`: whether a time is not before the one and before the other. Becomes two comparisons, so
//! on the event time it bounds what is read.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility, lit};

use super::bucket::time_type;
use super::docs::wrong_form;
use super::text::{answer, as_text};
use super::to_micros::by_magnitude;
use crate::rules::time_of_text;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct TimeRange {
    signature: Signature,
}

impl TimeRange {
    pub fn new() -> Self {
        TimeRange {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for TimeRange {
    fn name(&self) -> &str {
        "time_range"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// An int64 stays one: it holds microseconds, and a bound on it reaches the leaf.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let [time, from, to] = arg_types else {
            return Err(wrong_form(self.name()));
        };
        let time = match time {
            DataType::Int64 => DataType::Int64,
            other => time_type(self.name(), other)?,
        };
        Ok(vec![time, as_text(self.name(), from)?, as_text(self.name(), to)?])
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [times, ColumnarValue::Scalar(from), ColumnarValue::Scalar(to)] = args.args.as_slice() else {
            return Err(wrong_form(self.name()));
        };
        let times = cast(&times.to_array(1)?, &DataType::Int64)?;
        let times = times.as_primitive::<Int64Type>();
        let array: BooleanArray = match (bound(from)?, bound(to)?) {
            (Some(from), Some(to)) => times.iter().map(|time| Some((from..to).contains(&time?))).collect(),
            _ => BooleanArray::new_null(times.len()),
        };
        answer(&args.args, Arc::new(array))
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let [time, Expr::Literal(from, _), Expr::Literal(to, _)] = args.as_slice() else {
            return Err(wrong_form(self.name()));
        };
        let (Some(from), Some(to)) = (bound(from)?, bound(to)?) else {
            return Ok(ExprSimplifyResult::Simplified(lit(ScalarValue::Boolean(None))));
        };
        let limit = |micros: i64| match info.get_data_type(time) {
            Ok(DataType::Timestamp(TimeUnit::Microsecond, None)) => {
                lit(ScalarValue::TimestampMicrosecond(Some(micros), None))
            }
            _ => lit(micros),
        };
        let within = time.clone().gt_eq(limit(from)).and(time.clone().lt(limit(to)));
        Ok(ExprSimplifyResult::Simplified(within))
    }
}

/// The microseconds of a bound; `None` for null. Digits are seconds, milliseconds, microseconds or nanoseconds, by their number.
fn bound(text: &ScalarValue) -> Result<Option<i64>> {
    match text.try_as_str().flatten().map(str::trim) {
        Some(text) => match text.parse() {
            Ok(time) => Ok(by_magnitude(time)),
            Err(_) => time_of_text(text).map(Some),
        },
        None => Ok(None),
    }
}
