use super::*;

#[test]
fn numbers_by_magnitude() {
    for (value, time) in [
        (0, None),
        (1, Some(1_000_000)),
        (-1, Some(-1_000_000)),
        (1_700_000_000, Some(1_700_000_000_000_000)),
        (99_999_999_999, Some(99_999_999_999_000_000)),
        (100_000_000_000, Some(100_000_000_000_000)),
        (1_700_000_000_123, Some(1_700_000_000_123_000)),
        (100_000_000_000_000, Some(100_000_000_000_000)),
        (1_700_000_000_123_456, Some(1_700_000_000_123_456)),
        (100_000_000_000_000_000, Some(100_000_000_000_000)),
        (1_700_000_000_123_456_789, Some(1_700_000_000_123_456)),
        (i64::MAX, Some(i64::MAX / 1_000)),
    ] {
        assert_eq!(time_of_int(value), time, "{value}");
        assert_eq!(time_of_text(value.to_string().as_bytes()), Ok(time), "{value}");
    }
    assert!(time_of_int(i64::MIN).is_some());
    assert_eq!(time_of_float(1_700_000_000.25), Some(1_700_000_000_250_000));
    assert_eq!(time_of_float(1_795_305_600.773_23), Some(1_795_305_600_773_230));
    assert_eq!(time_of_float(1_700_000_000_123.5), Some(1_700_000_000_123_500));
    assert_eq!(time_of_float(-0.0), None);
    assert_eq!(time_of_float(1e300), Some(i64::MAX));
    assert_eq!(time_of_text(b"1700000000.5"), Ok(Some(1_700_000_000_500_000)));
}

#[test]
fn texts() {
    let base = 1_700_000_000_000_000; // 2023-11-14T22:13:20Z
    for (text, time) in [
        ("2023-11-14 22:13:20", base),
        ("2023-11-14T22:13:20", base),
        ("2023-11-14T22:13:20.123", base + 123_000),
        ("2023-11-14T22:13:20.123456", base + 123_456),
        ("2023-11-14 22:13:20.5", base + 500_000),
        ("2023-11-14T22:13:20Z", base),
        ("2023-11-14t22:13:20z", base),
        ("2023-11-14T22:13:20.123456789Z", base + 123_456),
        ("2023-11-14T22:13:20.000000999Z", base),
        ("2023-11-15T03:43:20+05:30", base),
        ("2023-11-15T03:43:20+0530", base),
        ("2023-11-14T14:13:20.25-08:00", base + 250_000),
        ("2023-11-14T22:13:20-00:00", base),
        (" 2023-11-14T22:13:20Z ", base),
        ("Tue, 14 Nov 2023 22:13:20 +0000", base),
        ("Tue, 14 Nov 2023 14:13:20 -0800", base),
        ("14 Nov 2023 22:13:20 GMT", base),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
        ("2000-02-29T00:00:00Z", 951_782_400_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
    ] {
        assert_eq!(time_of_text(text.as_bytes()), Ok(Some(time)), "{text}");
    }
}

#[test]
fn no_times() {
    for text in [
        "",
        "yesterday",
        "2023-11-14",
        "2023-13-14T22:13:20Z",
        "2023-00-14T22:13:20Z",
        "2023-02-29T22:13:20Z",
        "1900-02-29T22:13:20Z",
        "2023-11-31T22:13:20Z",
        "2023-11-14T24:13:20Z",
        "2023-11-14T22:60:20Z",
        "2023-11-14T22:13:61Z",
        "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20+25:00",
        "2023-11-14T22:13:20+05",
        "2023-11-14T22:13:20 UTC?",
        "2023/11/14 22:13:20",
        "2023-11-14_22:13:20",
        "20a3-11-14T22:13:20Z",
        "99999999999999999999",
        "1e999",
        "0x10",
        "12 ab",
    ] {
        assert!(time_of_text(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn every_day_agrees_with_the_calendar_library() {
    let mut date = chrono::NaiveDate::from_ymd_opt(1, 1, 1).unwrap();
    while date < chrono::NaiveDate::from_ymd_opt(2500, 1, 1).unwrap() {
        let text = format!("{}T01:02:03Z", date.format("%Y-%m-%d"));
        let expected = date.and_hms_opt(1, 2, 3).unwrap().and_utc().timestamp_micros();
        assert_eq!(read_date_time(text.as_bytes()), Some(expected), "{text}");
        date = date.succ_opt().unwrap();
    }
}
