//! `timestamp_bucket('1 hour', time)` and `histogram(time [, '1 hour'])`: both are `date_bin` with an origin on a Monday
//! that begins a month and a year, so that buckets of weeks, months and years fall on the calendar.

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

use crate::error::{INVALID_SQL, SqlError, TYPE_MISMATCH};

/// 2001-01-01T00:00:00Z.
const ORIGIN_NS: i64 = 978_307_200 * 1_000_000_000;
const US_PER_SECOND: i64 = 1_000_000;
const BUCKET_TYPE: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// Widths by the length of the query's range in seconds: the first row whose length is reached counts.
const DEFAULT_WIDTHS: [(i64, &str); 11] = [
    (60 * 86_400, "1 day"),
    (30 * 86_400, "12 hours"),
    (28 * 86_400, "6 hours"),
    (21 * 86_400, "3 hours"),
    (15 * 86_400, "2 hours"),
    (6 * 3_600, "1 hour"),
    (2 * 3_600, "1 minute"),
    (3_600, "30 seconds"),
    (1_800, "15 seconds"),
    (10, "10 seconds"),
    (0, "1 second"),
];
const UNBOUNDED_WIDTH: &str = "1 hour";

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Histogram {
    default_width: &'static str,
    signature: Signature,
}

impl Histogram {
    /// The function for a query over `[start, end)` in microseconds.
    pub fn for_range(start: Option<i64>, end: Option<i64>) -> Self {
        let default_width = match (start, end) {
            (Some(start), Some(end)) if (start, end) != (0, 0) => {
                let seconds = end.saturating_sub(start).max(0) / US_PER_SECOND;
                DEFAULT_WIDTHS
                    .iter()
                    .find(|(from, _)| seconds >= *from)
                    .map_or(UNBOUNDED_WIDTH, |(_, width)| width)
            }
            _ => UNBOUNDED_WIDTH,
        };
        Histogram {
            default_width,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Histogram {
    fn name(&self) -> &str {
        "histogram"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [time] => Ok(vec![time_type(self.name(), time)?]),
            [time, width] => Ok(vec![time_type(self.name(), time)?, width_type(self.name(), width)?]),
            _ => Err(usage("histogram(time [, 'number unit'])")),
        }
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(BUCKET_TYPE)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let width = match args.args.get(1) {
            Some(ColumnarValue::Scalar(width)) => width_of(self.name(), width)?,
            Some(ColumnarValue::Array(_)) => return Err(constant_width(self.name())),
            None => width_of(self.name(), &ScalarValue::from(self.default_width))?,
        };
        invoke_date_bin(width, 0, args)
    }

    fn simplify(&self, args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let default = Expr::Literal(ScalarValue::from(self.default_width), None);
        match args.as_slice() {
            [time] => date_bin(self.name(), &default, time),
            [time, width] => date_bin(self.name(), width, time),
            _ => Err(usage("histogram(time [, 'number unit'])")),
        }
    }
}

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
            _ => Err(usage("timestamp_bucket('number unit', time)")),
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
            _ => Err(usage("timestamp_bucket('number unit', time)")),
        }
    }
}

fn date_bin(function: &str, width: &Expr, time: &Expr) -> Result<ExprSimplifyResult> {
    let width = match width {
        Expr::Literal(width, _) => width_of(function, width)?,
        _ => return Err(constant_width(function)),
    };
    let args = vec![Expr::Literal(width, None), time.clone(), Expr::Literal(origin(), None)];
    let function = ScalarFunction::new_udf(datetime::date_bin(), args);
    Ok(ExprSimplifyResult::Simplified(Expr::ScalarFunction(function)))
}

/// The same as the simplified form, for where the call was not simplified.
fn invoke_date_bin(width: ScalarValue, time: usize, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
    let Some(time) = args.args.get(time).cloned() else {
        return Err(usage("a time argument"));
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
fn time_type(function: &str, data_type: &DataType) -> Result<DataType> {
    match data_type {
        DataType::Int64
        | DataType::Timestamp(..)
        | DataType::Date32
        | DataType::Date64
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Null => Ok(BUCKET_TYPE),
        other => {
            let text = format!("no compatible data type: {function} needs a time, not {other}");
            Err(SqlError::new(TYPE_MISMATCH, text).into())
        }
    }
}

fn width_type(function: &str, data_type: &DataType) -> Result<DataType> {
    match data_type {
        DataType::Interval(_) => Ok(DataType::Interval(IntervalUnit::MonthDayNano)),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(DataType::Utf8),
        other => Err(invalid(format!(
            "{function} needs a width such as '5 minutes' or INTERVAL '5 minutes', not a value of type {other}"
        ))),
    }
}

/// A positive interval. A bare number is refused: its unit could be anything.
fn width_of(function: &str, width: &ScalarValue) -> Result<ScalarValue> {
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

fn constant_width(function: &str) -> datafusion::error::DataFusionError {
    invalid(format!("the width of {function} has to be a constant"))
}

fn usage(form: &str) -> datafusion::error::DataFusionError {
    invalid(format!("the form is {form}"))
}

fn invalid(text: String) -> datafusion::error::DataFusionError {
    SqlError::new(INVALID_SQL, format!("Search SQL not valid: {text}"))
        .with_detail(text)
        .into()
}
