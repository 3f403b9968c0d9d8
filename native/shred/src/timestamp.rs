//! Event times: anything a sender may put into `_timestamp`, as microseconds since 1970.

use crate::number::{Number, read_number};

const SECOND_US: i64 = 1_000_000;
const DAY_SECONDS: i64 = 86_400;

/// Microseconds of a number by its magnitude: seconds below 1e11, milliseconds below 1e14, microseconds below 1e17, else
/// nanoseconds. 0 means "now" and gives `None`.
#[inline]
pub(crate) fn time_of_int(value: i64) -> Option<i64> {
    Some(match value.unsigned_abs() {
        0 => return None,
        1..100_000_000_000 => value * SECOND_US,
        100_000_000_000..100_000_000_000_000 => value * 1_000,
        100_000_000_000_000..100_000_000_000_000_000 => value,
        _ => value.div_euclid(1_000),
    })
}

/// Whether a float is in the range of integers of 64 bits, in which all times are.
pub(crate) fn is_time(value: f64) -> bool {
    value.abs() < i64::MAX as f64
}

/// As [`time_of_int`], to the nearest microsecond.
pub(crate) fn time_of_float(value: f64) -> Option<i64> {
    let scaled = match value.abs() {
        0.0 => return None,
        magnitude if magnitude < 1e11 => value * 1e6,
        magnitude if magnitude < 1e14 => value * 1e3,
        magnitude if magnitude < 1e17 => value,
        _ => value / 1e3,
    };
    Some(scaled.round() as i64)
}

/// The time a string means, `Ok(None)` for now, or why it means none.
pub(crate) fn time_of_text(text: &[u8]) -> Result<Option<i64>, String> {
    let text = text.trim_ascii();
    if let Some(time) = read_date_time(text) {
        return Ok(Some(time));
    }
    if let Some(b'-' | b'0'..=b'9') = text.first()
        && let Some((number, end)) = read_number(text, 0)
        && end == text.len()
    {
        return match number {
            Number::Int(value) => Ok(time_of_int(value)),
            Number::Float(value) => Ok(time_of_float(value)),
            Number::Digits | Number::Text => Err(format!("{} is out of range", shown(text))),
        };
    }
    let text_utf8 = std::str::from_utf8(text).unwrap_or_default();
    match chrono::DateTime::parse_from_rfc2822(text_utf8) {
        Ok(time) => Ok(Some(time.timestamp_micros())),
        Err(_) => Err(format!("{} is no date and time", shown(text))),
    }
}

/// A quoted beginning of the text.
fn shown(text: &[u8]) -> String {
    format!(
        "{:?}",
        String::from_utf8_lossy(text).chars().take(64).collect::<String>()
    )
}

/// `YYYY-MM-DD`, then `T`, `t` or a space, `HH:MM:SS`, a fraction of any length (cut to microseconds) and a zone:
/// `Z`, `z`, `+HH:MM`, `+HHMM` or none, which means UTC. RFC 3339 and ISO 8601 as log senders write them.
fn read_date_time(text: &[u8]) -> Option<i64> {
    let head = text.first_chunk::<19>()?;
    if head[4] != b'-'
        || head[7] != b'-'
        || head[13] != b':'
        || head[16] != b':'
        || !matches!(head[10], b'T' | b't' | b' ')
    {
        return None;
    }
    let year = two_digits(head, 0)? * 100 + two_digits(head, 2)?;
    let (month, day) = (two_digits(head, 5)?, two_digits(head, 8)?);
    let (hour, minute, second) = (two_digits(head, 11)?, two_digits(head, 14)?, two_digits(head, 17)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_of_month(year, month) {
        return None;
    }
    // 60 is a leap second; it counts as the first second of the next minute.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction_us, rest) = read_fraction(&text[19..])?;
    let offset_seconds = read_zone(rest)?;
    let seconds =
        days_since_1970(year, month, day) * DAY_SECONDS + hour * 3_600 + minute * 60 + second - offset_seconds;
    Some(seconds * SECOND_US + fraction_us)
}

#[inline(always)]
fn two_digits(text: &[u8], at: usize) -> Option<i64> {
    let tens = text[at].wrapping_sub(b'0');
    let ones = text[at + 1].wrapping_sub(b'0');
    (tens < 10 && ones < 10).then(|| tens as i64 * 10 + ones as i64)
}

/// Microseconds of `.digits`, and what follows.
fn read_fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', digits)) = text.split_first() else {
        return Some((0, text));
    };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let digit = |place: usize| {
        if place < count {
            (digits[place] - b'0') as i64
        } else {
            0
        }
    };
    Some((
        (0..6).fold(0, |micros, place| micros * 10 + digit(place)),
        &digits[count..],
    ))
}

/// Seconds east of UTC.
fn read_zone(text: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => (*sign, two_digits(text, 1)?, two_digits(text, 4)?),
        [sign @ (b'+' | b'-'), _, _, _, _] => (*sign, two_digits(text, 1)?, two_digits(text, 3)?),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = hours * 3_600 + minutes * 60;
    Some(if sign == b'-' { -offset } else { offset })
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days in the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms").
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = year - (month <= 2) as i64;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests;
