//! Times that no calendar shows. A number that was cast to a time may be far from any, and the formatters beneath would write an error's
//! text into the cell.

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit};
use datafusion::arrow::error::ArrowError;

const SECONDS_PER_DAY: i64 = 86_400;

/// # Errors
/// For a time of day that is none, and a date or timestamp outside the calendar.
pub(super) fn check(batch: &RecordBatch) -> Result<(), ArrowError> {
    batch.columns().iter().try_for_each(check_array)
}

fn check_array(array: &ArrayRef) -> Result<(), ArrowError> {
    match array.data_type() {
        DataType::Time32(unit) | DataType::Time64(unit) => {
            let last = SECONDS_PER_DAY.saturating_mul(ticks(unit)) - 1;
            within(array, 0, last, "time of day")
        }
        DataType::Timestamp(unit, _) => {
            // A day from the ends of the calendar, so that it can be shown in each zone.
            let seconds = |end: DateTime<Utc>, inwards: i64| end.timestamp() + inwards * SECONDS_PER_DAY;
            let first = seconds(DateTime::<Utc>::MIN_UTC, 1).saturating_mul(ticks(unit));
            let last = seconds(DateTime::<Utc>::MAX_UTC, -1).saturating_mul(ticks(unit));
            within(array, first, last, "timestamp of the calendar")
        }
        DataType::Date32 => {
            let day = |end: DateTime<Utc>| end.timestamp().div_euclid(SECONDS_PER_DAY);
            within(
                array,
                day(DateTime::<Utc>::MIN_UTC),
                day(DateTime::<Utc>::MAX_UTC),
                "date of the calendar",
            )
        }
        DataType::List(_) => check_array(array.as_list::<i32>().values()),
        DataType::Struct(_) => array.as_struct().columns().iter().try_for_each(check_array),
        _ => Ok(()),
    }
}

fn ticks(unit: &TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

fn within(array: &ArrayRef, first: i64, last: i64, what: &str) -> Result<(), ArrowError> {
    let array = match array.data_type() {
        DataType::Date32 | DataType::Time32(_) => &cast(&cast(array, &DataType::Int32)?, &DataType::Int64)?,
        _ => &cast(array, &DataType::Int64)?,
    };
    let outside = array.as_primitive::<Int64Type>().iter().flatten();
    match outside.into_iter().find(|value| !(first..=last).contains(value)) {
        Some(value) => Err(ArrowError::CastError(format!("{value} is no {what}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Date32Array, Time64NanosecondArray, TimestampSecondArray};

    use super::*;

    #[test]
    fn what_no_calendar_shows_is_an_error() {
        let time = |value: i64| Arc::new(Time64NanosecondArray::from(vec![None, Some(value)])) as ArrayRef;
        assert!(check_array(&time(0)).is_ok());
        assert!(check_array(&time(86_399_999_999_999)).is_ok());
        assert!(check_array(&time(86_400_000_000_000)).is_err());
        assert!(check_array(&time(-1)).is_err());
        let stamp = |value: i64| Arc::new(TimestampSecondArray::from(vec![value])) as ArrayRef;
        assert!(check_array(&stamp(1_700_000_000)).is_ok());
        assert!(check_array(&stamp(1_700_000_000_000_000)).is_err());
        assert!(check_array(&(Arc::new(Date32Array::from(vec![i32::MAX])) as ArrayRef)).is_err());
    }
}
