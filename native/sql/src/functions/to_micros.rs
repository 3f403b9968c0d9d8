//! `cast_to_timestamp(value)`: the time that a value means, as int64 microseconds. Numbers and texts mean what they mean in
//! the `_timestamp` of a record; what means no time is null.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::docs::wrong_form;
use super::text::answer;
use crate::error::{SqlError, TYPE_MISMATCH};

const MICROS: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ToMicros {
    signature: Signature,
}

impl ToMicros {
    pub fn new() -> Self {
        ToMicros {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for ToMicros {
    fn name(&self) -> &str {
        "cast_to_timestamp"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let [value] = arg_types else {
            return Err(wrong_form(self.name()));
        };
        Ok(vec![match value {
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => MICROS,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => DataType::Utf8,
            number if number.is_integer() => DataType::Int64,
            number if number.is_floating() => DataType::Float64,
            other => {
                let text =
                    format!("no compatible data type: cast_to_timestamp takes a time, text or number, not {other}");
                return Err(SqlError::new(TYPE_MISMATCH, text).into());
            }
        }])
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(values) = args.args.first() else {
            return Err(wrong_form(self.name()));
        };
        let values = values.to_array(1)?;
        answer(&args.args, Arc::new(micros(&values)))
    }
}

fn micros(values: &ArrayRef) -> Int64Array {
    match values.data_type() {
        DataType::Int64 => {
            let values = values.as_primitive::<Int64Type>().iter();
            values.map(|value| by_magnitude(value?)).collect()
        }
        DataType::Float64 => {
            let values = values.as_primitive::<Float64Type>().iter();
            values.map(|value| by_magnitude_of(value?)).collect()
        }
        DataType::Utf8 => values
            .as_string::<i32>()
            .iter()
            .map(|text| of_text(text?.trim()))
            .collect(),
        _ => values.as_primitive::<TimestampMicrosecondType>().iter().collect(),
    }
}

/// Seconds, milliseconds, microseconds or nanoseconds, whichever gives a time of these years.
pub(super) fn by_magnitude(value: i64) -> Option<i64> {
    match value.unsigned_abs() {
        0..100_000_000_000 => value.checked_mul(1_000_000),
        100_000_000_000..100_000_000_000_000 => value.checked_mul(1_000),
        100_000_000_000_000..100_000_000_000_000_000 => Some(value),
        _ => Some(value.div_euclid(1_000)),
    }
}

fn by_magnitude_of(value: f64) -> Option<i64> {
    let micros = match value.abs() {
        size if size < 1e11 => value * 1e6,
        size if size < 1e14 => value * 1e3,
        size if size < 1e17 => value,
        _ => value / 1e3,
    };
    (micros.abs() < 9.2e18).then(|| micros.round() as i64)
}

fn of_text(text: &str) -> Option<i64> {
    if let Ok(time) = string_to_datetime(&Utc, text) {
        return Some(time.timestamp_micros());
    }
    if let Ok(value) = text.parse::<i64>() {
        return by_magnitude(value);
    }
    if let Ok(value) = text.parse::<f64>() {
        return by_magnitude_of(value);
    }
    DateTime::parse_from_rfc2822(text)
        .ok()
        .map(|time| time.timestamp_micros())
}
