//! `timestamp_bucket('1 hour', time)`: `date_bin` with an origin on a Monday that begins a month and a year, so that buckets
//! of weeks, months and years fall on the calendar.

use std::sync::Arc;

use datafusion::arrow::compute::kernels::cast_utils::parse_interval_month_day_nano;
use datafusion::arrow::datatypes::{DataType, Field, IntervalMonthDayNanoType, IntervalUnit, TimeUnit};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions::datetime;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::docs::wrong_form;
use crate::error::{INVALID_SQL, SqlError, TYPE_MISMATCH};

/// 2001-01-01T00:00:00Z.
const ORIGIN_NS: i64 = 978_307_200 * 1_000_000_000;
pub(super) const BUCKET_TYPE: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct TimestampBucket {
    signature: Signature,
}

impl TimestampBucket {
    pub fn new() -> Self {
        TimestampBucket {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for TimestampBucket {
    fn name(&self) -> &str {
        "timestamp_bucket"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [width, time] => Ok(vec![width_type(self.name(), width)?, time_type(self.name(), time)?]),
            _ => Err(wrong_form(self.name())),
        }
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(BUCKET_TYPE)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.first() {
            Some(ColumnarValue::Scalar(width)) => invoke_date_bin(width_of(self.name(), width)?, 1, args),
            _ => Err(constant_width(self.name())),
        }
    }

    fn simplify(&self, args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match args.as_slice() {
            [width, time] => date_bin(self.name(), width, time),
            _ => Err(wrong_form(self.name())),
        }
    }
}

pub(super) fn date_bin(function: &str, width: &Expr, time: &Expr) -> Result<ExprSimplifyResult> {
    let width = match width {
        Expr::Literal(width, _) => width_of(function, width)?,
        _ => return Err(constant_width(function)),
    };
    let args = vec![Expr::Literal(width, None), time.clone(), Expr::Literal(origin(), None)];
    let function = ScalarFunction::new_udf(datetime::date_bin(), args);
    Ok(ExprSimplifyResult::Simplified(Expr::ScalarFunction(function)))
}

/// The same as the simplified form, for where the call was not simplified.
pub(super) fn invoke_date_bin(width: ScalarValue, time: usize, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
    let Some(time) = args.args.get(time).cloned() else {
        return Err(invalid("a bucket needs a time".to_owned()));
    };
    let scalars = [width, origin()];
    let field = |data_type: DataType| Arc::new(Field::new("argument", data_type, true));
    let arg_fields = vec![
        field(scalars[0].data_type()),
        field(BUCKET_TYPE),
        field(scalars[1].data_type()),
    ];
    let function = datetime::date_bin();
    let return_field = function.return_field_from_args(ReturnFieldArgs {
        arg_fields: &arg_fields,
        scalar_arguments: &[Some(&scalars[0]), None, Some(&scalars[1])],
    })?;
    let [width, origin] = scalars;
    function.invoke_with_args(ScalarFunctionArgs {
        args: vec![ColumnarValue::Scalar(width), time, ColumnarValue::Scalar(origin)],
        arg_fields,
        return_field,
        number_rows: args.number_rows,
        config_options: args.config_options,
    })
}

fn origin() -> ScalarValue {
    ScalarValue::TimestampNanosecond(Some(ORIGIN_NS), None)
}

/// Timestamps, dates, their texts and int64 microseconds are times.
pub(super) fn time_type(function: &str, data_type: &DataType) -> Result<DataType> {
    match data_type {
        DataType::Int64
        | DataType::Timestamp(..)
        | DataType::Date32
        | DataType::Date64
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Null => Ok(BUCKET_TYPE),
        _ => {
            let text = format!(
                "no compatible data type: {function} needs a time, not a value of another kind: write {function} of cast_to_timestamp(…)"
            );
            Err(SqlError::new(TYPE_MISMATCH, text).into())
        }
    }
}

pub(super) fn width_type(function: &str, data_type: &DataType) -> Result<DataType> {
    match data_type {
        DataType::Interval(_) => Ok(DataType::Interval(IntervalUnit::MonthDayNano)),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(DataType::Utf8),
        other => Err(invalid(format!(
            "{function} needs a width such as '5 minutes' or INTERVAL '5 minutes', not a value of type {other}"
        ))),
    }
}

/// A positive interval. A bare number is refused: its unit could be anything.
pub(super) fn width_of(function: &str, width: &ScalarValue) -> Result<ScalarValue> {
    let value = match width {
        ScalarValue::IntervalMonthDayNano(Some(value)) => *value,
        other => {
            let text = other.try_as_str().flatten().map(str::trim).unwrap_or("");
            let bare = text.is_empty() || text.chars().all(|c| c.is_ascii_digit() || c == '.');
            match parse_interval_month_day_nano(text) {
                Ok(value) if !bare => value,
                _ => {
                    return Err(invalid(format!(
                        "'{text}' is not a width for {function}: write a number and a unit, as in '5 minutes'"
                    )));
                }
            }
        }
    };
    let (months, days, ns) = IntervalMonthDayNanoType::to_parts(value);
    if months < 0 || days < 0 || ns < 0 || (months, days, ns) == (0, 0, 0) {
        return Err(invalid(format!(
            "the width of {function} has to be longer than nothing"
        )));
    }
    if months > 0 && (days, ns) != (0, 0) {
        return Err(invalid(format!(
            "the width of {function} cannot mix months with shorter units"
        )));
    }
    Ok(ScalarValue::IntervalMonthDayNano(Some(value)))
}

pub(super) fn constant_width(function: &str) -> datafusion::error::DataFusionError {
    invalid(format!("the width of {function} has to be a constant"))
}

pub(super) fn invalid(text: String) -> datafusion::error::DataFusionError {
    SqlError::new(INVALID_SQL, format!("Search SQL not valid: {text}"))
        .with_detail(text)
        .into()
}
