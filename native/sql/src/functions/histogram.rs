//! `histogram(time [, '1 hour' [, 'zone']])`: `timestamp_bucket` with a width that follows the time range of the search, and
//! with a time zone in buckets of what clocks on the wall show there.

use std::sync::Arc;

use datafusion::arrow::array::timezone::Tz;
use datafusion::arrow::array::{AsArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

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
            None => width_of(self.name(), &ScalarValue::from(self.default_width))?,
        };
        if let Some(zone) = args.args.get(2) {
            let ColumnarValue::Scalar(zone) = zone else {
                return Err(constant_zone(self.name()));
            };
            let zone = zone_of(self.name(), zone)?;
            args.args[0] = on_the_wall(&args.args[0], zone)?;
        }
        invoke_date_bin(width, 0, args)
    }

    fn simplify(&self, args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let default = Expr::Literal(ScalarValue::from(self.default_width), None);
        match args.as_slice() {
            [time] => date_bin(self.name(), &default, time),
            [time, width] => date_bin(self.name(), width, time),
            [time, width, zone] => {
                let simpler = date_bin(self.name(), width, time)?;
                let Expr::Literal(zone, _) = zone else {
                    return Err(constant_zone(self.name()));
                };
                zone_of(self.name(), zone)?;
                let is_utc = matches!(zone.try_as_str(), Some(Some("UTC" | "Z" | "+00:00")));
                Ok(if is_utc {
                    simpler
                } else {
                    ExprSimplifyResult::Original(args)
                })
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
