//! The steps of a fixed width into which `date_bin` and `date_trunc` cut time.

use datafusion::arrow::datatypes::{IntervalDayTimeType, IntervalMonthDayNanoType};
use datafusion::common::ScalarValue;

const US_PER_SECOND: i64 = 1_000_000;
const US_PER_DAY: i64 = 86_400 * US_PER_SECOND;
/// 1970-01-05, a Monday: weeks begin on Mondays.
const FIRST_MONDAY_US: i64 = 4 * US_PER_DAY;
pub(super) const NS_PER_US: i64 = 1_000;

/// Cuts a time to `origin + floor((time - origin) / width) * width`, all in microseconds; the width is positive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    pub width_us: i64,
    pub origin_us: i64,
}

impl Steps {
    /// The steps of `date_bin(width, time [, origin])`; `None` where they have no width in microseconds.
    pub fn of_bin(width: &ScalarValue, origin: Option<&ScalarValue>) -> Option<Self> {
        let (months, days, ns) = match width {
            ScalarValue::IntervalMonthDayNano(Some(value)) => IntervalMonthDayNanoType::to_parts(*value),
            ScalarValue::IntervalDayTime(Some(value)) => {
                let (days, ms) = IntervalDayTimeType::to_parts(*value);
                (0, days, i64::from(ms) * 1_000_000)
            }
            _ => return None,
        };
        let origin_us = match origin {
            None => 0,
            Some(ScalarValue::TimestampNanosecond(Some(ns), zone))
                if is_utc(zone.as_deref()) && ns % NS_PER_US == 0 =>
            {
                ns / NS_PER_US
            }
            Some(_) => return None,
        };
        if months != 0 || ns % NS_PER_US != 0 {
            return None;
        }
        let width_us = i64::from(days).checked_mul(US_PER_DAY)?.checked_add(ns / NS_PER_US)?;
        (width_us > 0).then_some(Steps { width_us, origin_us })
    }

    /// The steps of `date_trunc(unit, time)`; `None` for units whose width changes.
    pub fn of_trunc(unit: &ScalarValue) -> Option<Self> {
        let (width_us, origin_us) = match unit.try_as_str().flatten()?.to_ascii_lowercase().as_str() {
            "millisecond" => (1_000, 0),
            "second" => (US_PER_SECOND, 0),
            "minute" => (60 * US_PER_SECOND, 0),
            "hour" => (3_600 * US_PER_SECOND, 0),
            "day" => (US_PER_DAY, 0),
            "week" => (7 * US_PER_DAY, FIRST_MONDAY_US),
            _ => return None,
        };
        Some(Steps { width_us, origin_us })
    }

    /// The beginnings of the step that a time is in and of the next one; `None` at the ends of the range of i64.
    pub fn around(&self, us: i64) -> Option<(i64, i64)> {
        let inside = us.checked_sub(self.origin_us)?.rem_euclid(self.width_us);
        let start = us.checked_sub(inside)?;
        Some((start, start.checked_add(self.width_us)?))
    }
}

/// A zone in which local time and UTC are the same.
pub(super) fn is_utc(zone: Option<&str>) -> bool {
    matches!(zone, None | Some("UTC" | "+00:00" | "+00" | "Z"))
}
