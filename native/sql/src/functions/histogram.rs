//! `histogram(time [, '1 hour' [, 'zone']])`: `timestamp_bucket` with a width that the request names or that follows the time range of
//! the search, and with a time zone, of the call or of the request, in buckets of what clocks on the wall show there.

use std::sync::Arc;

use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{AsArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNanoType, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::context::PlanContext;

use super::bucket::{BUCKET_TYPE, constant_width, date_bin, invalid, invoke_date_bin, time_type, width_of, width_type};
use super::docs::wrong_form;
use super::zone;

const US_PER_SECOND: i64 = 1_000_000;

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

/// The name of the function, for those who look for calls of it.
pub(crate) const HISTOGRAM: &str = "histogram";

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Histogram {
    /// Of calls that name none.
    default_width: String,
    /// The same; `None` is UTC.
    default_zone: Option<String>,
    signature: Signature,
}

impl Histogram {
    /// The function for a query: of the width and in the zone that the request asks for, else of the width that fits its range.
    pub fn of(context: &PlanContext) -> Self {
        let default_width = match (context.histogram_interval_seconds, context.start_time, context.end_time) {
            (Some(seconds), ..) if seconds > 0 => format!("{seconds} seconds"),
            (_, Some(start), Some(end)) if (start, end) != (0, 0) => {
                let seconds = end.saturating_sub(start).max(0) / US_PER_SECOND;
                let fit = DEFAULT_WIDTHS.iter().find(|(from, _)| seconds >= *from);
                fit.map_or(UNBOUNDED_WIDTH, |(_, width)| width).to_owned()
            }
            _ => UNBOUNDED_WIDTH.to_owned(),
        };
        let zone = context.timezone.as_deref().map(str::trim);
        let default_zone = zone.filter(|zone| !zone.is_empty() && !is_utc(zone)).map(str::to_owned);
        Histogram {
            default_width,
            default_zone,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    /// The width of a call with these arguments, in seconds; a month is 30 days. `None` where it is no constant.
    pub fn seconds(&self, args: &[Expr]) -> Option<f64> {
        let width = match args.get(1) {
            None => width_of(HISTOGRAM, &ScalarValue::from(self.default_width.as_str())),
            Some(Expr::Literal(width, _)) => width_of(HISTOGRAM, width),
            Some(_) => return None,
        };
        let ScalarValue::IntervalMonthDayNano(Some(width)) = width.ok()? else {
            return None;
        };
        let (months, days, ns) = IntervalMonthDayNanoType::to_parts(width);
        let days = i64::from(months) * 30 + i64::from(days);
        Some(days as f64 * 86_400.0 + ns as f64 / 1e9)
    }

    /// A call with all that it leaves to the request.
    fn complete(&self, mut args: Vec<Expr>) -> Vec<Expr> {
        let literal = |text: &str| Expr::Literal(ScalarValue::from(text), None);
        if args.len() == 1 {
            args.push(literal(&self.default_width));
        }
        if let (2, Some(zone)) = (args.len(), &self.default_zone) {
            args.push(literal(zone));
        }
        args
    }
}

/// Names of the time that needs no conversion.
fn is_utc(zone: &str) -> bool {
    ["utc", "gmt", "z", "etc/utc", "+00:00"]
        .iter()
        .any(|name| zone.eq_ignore_ascii_case(name))
}

impl ScalarUDFImpl for Histogram {
    fn name(&self) -> &str {
        HISTOGRAM
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let [time, rest @ ..] = arg_types else {
            return Err(wrong_form(self.name()));
        };
        let mut types = vec![time_type(self.name(), time)?];
        match rest {
            [] => {}
            [width] => types.push(width_type(self.name(), width)?),
            [width, zone] if zone.is_string() => types.extend([width_type(self.name(), width)?, DataType::Utf8]),
            _ => return Err(wrong_form(self.name())),
        }
        Ok(types)
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(BUCKET_TYPE)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let width = match args.args.get(1) {
            Some(ColumnarValue::Scalar(width)) => width_of(self.name(), width)?,
            Some(ColumnarValue::Array(_)) => return Err(constant_width(self.name())),
            None => width_of(self.name(), &ScalarValue::from(self.default_width.as_str()))?,
        };
        let zone = match (args.args.get(2), &self.default_zone) {
            (Some(ColumnarValue::Scalar(zone)), _) => Some(zone_of(self.name(), zone)?),
            (Some(ColumnarValue::Array(_)), _) => return Err(constant_zone(self.name())),
            (None, zone) => zone.as_deref().map(zone::parse).transpose()?,
        };
        if let Some(zone) = zone {
            args.args[0] = on_the_wall(&args.args[0], zone)?;
        }
        invoke_date_bin(width, 0, args)
    }

    fn simplify(&self, args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let given = args.len();
        let args = self.complete(args);
        match args.as_slice() {
            [time, width] => date_bin(self.name(), width, time),
            [time, width, zone] => {
                let simpler = date_bin(self.name(), width, time)?;
                let Expr::Literal(zone, _) = zone else {
                    return Err(constant_zone(self.name()));
                };
                zone_of(self.name(), zone)?;
                if zone.try_as_str().flatten().is_some_and(is_utc) {
                    return Ok(simpler);
                }
                if given == args.len() {
                    return Ok(ExprSimplifyResult::Original(args));
                }
                let function = Arc::new(ScalarUDF::new_from_impl(self.clone()));
                let call = Expr::ScalarFunction(ScalarFunction::new_udf(function, args));
                Ok(ExprSimplifyResult::Simplified(call))
            }
            _ => Err(wrong_form(self.name())),
        }
    }
}

fn zone_of(function: &str, name: &ScalarValue) -> Result<Tz> {
    match name.try_as_str().flatten() {
        Some(name) => zone::parse(name),
        None => Err(constant_zone(function)),
    }
}

/// Times as clocks of the zone show them.
fn on_the_wall(times: &ColumnarValue, zone: Tz) -> Result<ColumnarValue> {
    let shown = times.to_array(1)?;
    let shown = shown.as_primitive::<TimestampMicrosecondType>().iter();
    let shown: TimestampMicrosecondArray = shown.map(|time| zone::wall_clock(time?, zone)).collect();
    Ok(match times {
        ColumnarValue::Scalar(_) => ColumnarValue::Scalar(ScalarValue::try_from_array(&shown, 0)?),
        ColumnarValue::Array(_) => ColumnarValue::Array(Arc::new(shown)),
    })
}

fn constant_zone(function: &str) -> datafusion::error::DataFusionError {
    invalid(format!("the time zone of {function} has to be a constant text"))
}
