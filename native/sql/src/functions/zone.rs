//! Time zones: fixed offsets as `+05:30`, and names of the IANA database.

use std::str::FromStr;

use chrono::{DateTime, TimeZone, Utc};
use datafusion::arrow::array::timezone::Tz;
use datafusion::common::Result;

use crate::error::{INVALID_SQL, SqlError};

/// # Errors
/// 20001 for a name that is neither.
pub(super) fn parse(name: &str) -> Result<Tz> {
    Tz::from_str(name).map_err(|_| {
        let text =
            format!("'{name}' is not a time zone: write an offset such as '+05:30' or a name such as 'Europe/Berlin'");
        SqlError::new(INVALID_SQL, format!("Search SQL not valid: {text}"))
            .with_detail(text)
            .into()
    })
}

/// The moment of microseconds since the epoch, as clocks of the zone show it; `None` beyond the years of the calendar.
pub(super) fn local(micros: i64, zone: Tz) -> Option<DateTime<Tz>> {
    let utc = DateTime::from_timestamp_micros(micros)?;
    Some(zone.from_utc_datetime(&utc.naive_utc()))
}

/// What clocks on the wall show at that moment, in microseconds as if it were UTC.
pub(super) fn wall_clock(micros: i64, zone: Tz) -> Option<i64> {
    Some(
        local(micros, zone)?
            .naive_local()
            .and_local_timezone(Utc)
            .single()?
            .timestamp_micros(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(utc: &str, zone: &str) -> String {
        let utc: DateTime<Utc> = utc.parse().expect("a time");
        let micros = wall_clock(utc.timestamp_micros(), parse(zone).expect("a zone")).expect("in range");
        DateTime::from_timestamp_micros(micros)
            .expect("in range")
            .format("%F %T")
            .to_string()
    }

    #[test]
    fn clocks_follow_the_seasons() {
        for (utc, zone, wall) in [
            ("2023-11-14T22:13:20Z", "+05:30", "2023-11-15 03:43:20"),
            ("2023-11-14T22:13:20Z", "-08:00", "2023-11-14 14:13:20"),
            ("2024-03-31T00:59:59Z", "Europe/Berlin", "2024-03-31 01:59:59"),
            ("2024-03-31T01:00:00Z", "Europe/Berlin", "2024-03-31 03:00:00"),
            ("2024-10-27T00:30:00Z", "Europe/Berlin", "2024-10-27 02:30:00"),
            ("2024-10-27T01:30:00Z", "Europe/Berlin", "2024-10-27 02:30:00"),
            ("1970-01-01T00:00:00Z", "UTC", "1970-01-01 00:00:00"),
        ] {
            assert_eq!(shown(utc, zone), wall, "{utc} in {zone}");
        }
        assert!(parse("Mars/Olympus").is_err());
        assert!(parse("").is_err());
    }
}
