//! The rules of flattening, typing and time, one table each.

use crate::cells::{Cell, NOW, Row, only_row, shred_limited, shred_one};
use basalt_block::Spelled;
use basalt_shred::{BodyFormat, ShredLimits};

fn text(value: &str) -> Cell {
    Cell::String(value.to_owned())
}

fn json(value: &str) -> Cell {
    Cell::Json(value.to_owned())
}

/// A number that no type holds, or one among texts.
fn number(value: &str) -> Cell {
    Cell::Spelled(Spelled::TextNumber, value.to_owned())
}

fn digits(value: &str) -> Cell {
    Cell::Spelled(Spelled::Decimal, value.to_owned())
}

fn row<const N: usize>(cells: [(&str, Cell); N]) -> Row {
    cells.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect()
}

/// The values of column `v` over records that each hold one.
fn column(values: &[&str]) -> Vec<Option<Cell>> {
    let records: Vec<String> = values.iter().map(|value| format!("{{\"v\":{value}}}")).collect();
    let (rows, outcome) = shred_one(format!("[{}]", records.join(",")), BodyFormat::Json);
    assert_eq!(outcome.rejected, None);
    rows.into_iter().map(|mut row| row.remove("v")).collect()
}

#[test]
fn values() {
    for (value, cell) in [
        ("1", Some(Cell::Int(1))),
        ("-0", Some(Cell::Int(0))),
        ("9223372036854775807", Some(Cell::Int(i64::MAX))),
        ("-9223372036854775808", Some(Cell::Int(i64::MIN))),
        ("9223372036854775808", Some(digits("9223372036854775808"))),
        (
            "123456789012345678901234567890",
            Some(number("123456789012345678901234567890")),
        ),
        ("1.0", Some(Cell::Float(1.0))),
        ("1e3", Some(Cell::Float(1000.0))),
        ("1e999", Some(number("1e999"))),
        ("-1.5E+999", Some(number("-1.5E+999"))),
        ("true", Some(Cell::Bool(true))),
        ("false", Some(Cell::Bool(false))),
        ("null", None),
        ("{}", Some(json("{}"))),
        ("{ \n }", Some(json("{ \n }"))),
        ("[]", Some(json("[]"))),
        ("[ ]", Some(json("[ ]"))),
        ("\"\"", Some(text(""))),
        ("\"a b\"", Some(text("a b"))),
        (
            r#""a\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00z""#,
            Some(text("a\"\\/\u{8}\u{c}\n\r\tAé😀z")),
        ),
        ("\"größe 日本 😀\"", Some(text("größe 日本 😀"))),
        ("[1, {\"a\" : [ ]}]", Some(json("[1, {\"a\" : [ ]}]"))),
        ("[[]]", Some(json("[[]]"))),
        ("[null]", Some(json("[null]"))),
        ("\"\\u0000\"", Some(text("\0"))),
    ] {
        assert_eq!(only_row(&format!("{{\"v\":{value}}}")).remove("v"), cell, "{value}");
    }
}

#[test]
fn flattening() {
    for (record, cells) in [
        (
            r#"{"a":{"b":1,"c":{"d":2}}}"#,
            row([("a_b", Cell::Int(1)), ("a_c_d", Cell::Int(2))]),
        ),
        (r#"{"a":{"b":{"c":{"d": 1}}}}"#, row([("a_b_c", json(r#"{"d": 1}"#))])),
        (r#"{"a":{"b":{"c":{}}}}"#, row([("a_b_c", json("{}"))])),
        (r#"{"a":{"b":{"c":[{"d":1}]}}}"#, row([("a_b_c", json(r#"[{"d":1}]"#))])),
        (
            r#"{"a":{"b":{}},"c":{"d":null},"e":1}"#,
            row([("a_b", json("{}")), ("e", Cell::Int(1))]),
        ),
        (
            r#"{"Kubernetes.Pod-Name":"x"}"#,
            row([("kubernetes_pod_name", text("x"))]),
        ),
        (
            r#"{"größe":1,"日":2}"#,
            row([("größe", Cell::Int(1)), ("日", Cell::Int(2))]),
        ),
        (r#"{"":1}"#, row([("_", Cell::Int(1))])),
        (r#"{"":{"":1}}"#, row([("___", Cell::Int(1))])),
        (r#"{"\u0041\n":1}"#, row([("a_", Cell::Int(1))])),
        (r#"{"a_b":1,"a":{"b":2}}"#, row([("a_b", Cell::Int(2))])),
        (r#"{"a":{"b":2},"a_b":1}"#, row([("a_b", Cell::Int(1))])),
        (r#"{"A":1,"a":"x"}"#, row([("a", text("x"))])),
        (r#"{"a":"x","A":1.5}"#, row([("a", Cell::Float(1.5))])),
        (r#"{"a":1,"a":2,"a":3}"#, row([("a", Cell::Int(3))])),
        (r#"{"a":1,"\u0061":2}"#, row([("a", Cell::Int(2))])),
        (r#"{"a":1,"a":null}"#, row([])),
        (r#"{"a":null,"a":1}"#, row([("a", Cell::Int(1))])),
        (r#"{"a":1,"a":{"b":2}}"#, row([("a_b", Cell::Int(2))])),
        (r#"{"a":{"b":2},"a":1}"#, row([("a", Cell::Int(1))])),
        (r#"{"a":{"b":2},"a":null}"#, row([])),
        (
            r#"{"a":{"b":1},"a_c":3,"a":{"d":2}}"#,
            row([("a_c", Cell::Int(3)), ("a_d", Cell::Int(2))]),
        ),
        (
            r#"{"x":{"a":{"b":1},"a":{"c":2}},"y":[{"a":1,"a":2}]}"#,
            row([("x_a_c", Cell::Int(2)), ("y", json(r#"[{"a":1,"a":2}]"#))]),
        ),
        (
            " {\t\"a\" :\r\n {\n\"b\"\n:\n1\n}\n, \"c\" : 2 } ",
            row([("a_b", Cell::Int(1)), ("c", Cell::Int(2))]),
        ),
        ("{}", row([])),
    ] {
        assert_eq!(only_row(record), cells, "{record}");
    }
}

#[test]
fn flatten_levels() {
    let body = r#"{"a":{"b":{"c":1}}}"#;
    for (levels, cells) in [
        (0, ("a", json(r#"{"b":{"c":1}}"#))),
        (1, ("a", json(r#"{"b":{"c":1}}"#))),
        (2, ("a_b", json(r#"{"c":1}"#))),
        (3, ("a_b_c", Cell::Int(1))),
        (usize::MAX, ("a_b_c", Cell::Int(1))),
    ] {
        let limits = ShredLimits {
            flatten_levels: levels,
            ..ShredLimits::default()
        };
        let (rows, _) = shred_limited(body, BodyFormat::Json, &limits);
        assert_eq!(rows[0].get(cells.0), Some(&cells.1), "{levels}");
    }
}

#[test]
fn widening() {
    let none = || None;
    let floats = |values: &[f64]| values.iter().map(|&value| Some(Cell::Float(value))).collect::<Vec<_>>();
    let texts = |values: &[&str]| values.iter().map(|value| Some(text(value))).collect::<Vec<_>>();
    let numbers = |values: &[&str]| values.iter().map(|value| Some(number(value))).collect::<Vec<_>>();
    let truths = |values: &[&str]| {
        let truth = |value: &&str| Some(Cell::Spelled(Spelled::TextBool, (*value).to_owned()));
        values.iter().map(truth).collect::<Vec<_>>()
    };
    let ints = |values: &[i64]| values.iter().map(|&value| Some(Cell::Int(value))).collect::<Vec<_>>();
    assert_eq!(column(&["true", "5", "false"]), ints(&[1, 5, 0]));
    assert_eq!(column(&["5", "true"]), ints(&[5, 1]));
    assert_eq!(column(&["true", "1.5"]), floats(&[1.0, 1.5]));
    assert_eq!(column(&["1.5", "true", "2"]), floats(&[1.5, 1.0, 2.0]));
    assert_eq!(column(&["1", "1.5"]), floats(&[1.0, 1.5]));
    assert_eq!(column(&["1.5", "9007199254740993"]), floats(&[1.5, 9007199254740992.0]));
    assert_eq!(column(&["false", "1", "2.5"]), floats(&[0.0, 1.0, 2.5]));
    assert_eq!(column(&["1", "\"x\""]), numbers(&["1", "x"]));
    assert_eq!(
        column(&["\"x\"", "1", "true", "2.50", "[1, 2]"]),
        numbers(&["x", "1", "true", "2.5", "[1, 2]"])
    );
    assert_eq!(
        column(&["1.0", "5", "1e21", "1e-7", "false", "null", "\"x\""]),
        [
            &numbers(&["1", "5", "1e+21", "1e-7", "false"])[..],
            &[none()],
            &numbers(&["x"])
        ]
        .concat()
    );
    assert_eq!(
        column(&["9007199254740993", "1.5", "\"\""]),
        numbers(&["9007199254740993", "1.5", ""])
    );
    assert_eq!(column(&["[1]", "[2]"]), vec![Some(json("[1]")), Some(json("[2]"))]);
    assert_eq!(column(&["[1]", "\"[2]\""]), texts(&["[1]", "[2]"]));
    assert_eq!(column(&["[1]", "7"]), numbers(&["[1]", "7"]));
    assert_eq!(column(&["7", "[1]"]), numbers(&["7", "[1]"]));
    assert_eq!(
        column(&["true", "[1]", "null"]),
        [&truths(&["true", "[1]"])[..], &[none()]].concat()
    );
    assert_eq!(
        column(&["null", "1", "null", "\"a\"", "null"]),
        [none(), Some(number("1")), none(), Some(number("a")), none()]
    );
    assert_eq!(
        column(&["5", "9223372036854775808"]),
        vec![Some(digits("5")), Some(digits("9223372036854775808"))]
    );
    assert_eq!(
        column(&["18446744073709551615", "true", "-7"]),
        vec![
            Some(digits("18446744073709551615")),
            Some(digits("true")),
            Some(digits("-7"))
        ]
    );
    assert_eq!(
        column(&["18446744073709551615", "0.5", "true"]),
        floats(&[18446744073709551615.0, 0.5, 1.0])
    );
    assert_eq!(
        column(&["true", "9223372036854775808", "0.5"]),
        floats(&[1.0, 9223372036854775808.0, 0.5])
    );
    assert_eq!(
        column(&["9223372036854775808", "\"-\""]),
        numbers(&["9223372036854775808", "-"])
    );
    assert_eq!(column(&["true", "\"-\""]), truths(&["true", "-"]));
    assert_eq!(column(&["\"-\"", "false"]), truths(&["-", "false"]));
    assert_eq!(column(&["\"-\"", "false", "7"]), numbers(&["-", "false", "7"]));
}

#[test]
fn timestamps() {
    let base = 1_700_000_000_000_000;
    for (record, time) in [
        ("{}", Some(NOW)),
        (r#"{"_timestamp":null}"#, Some(NOW)),
        (r#"{"_timestamp":{}}"#, Some(NOW)),
        (r#"{"_timestamp":[]}"#, Some(NOW)),
        (r#"{"_timestamp":0}"#, Some(NOW)),
        (r#"{"_timestamp":0.0}"#, Some(NOW)),
        (r#"{"_timestamp":"0"}"#, Some(NOW)),
        (r#"{"_timestamp":1700000000}"#, Some(base)),
        (r#"{"_timestamp":1700000000.5}"#, Some(base + 500_000)),
        (r#"{"_timestamp":1700000000123}"#, Some(base + 123_000)),
        (r#"{"_timestamp":1700000000123456}"#, Some(base + 123_456)),
        (r#"{"_timestamp":1700000000123456789}"#, Some(base + 123_456)),
        (r#"{"_timestamp":"1700000000123"}"#, Some(base + 123_000)),
        (r#"{"_timestamp":"2023-11-14T22:13:20.5Z"}"#, Some(base + 500_000)),
        (r#"{"@timestamp":"2023-11-14T22:13:20Z"}"#, Some(base)),
        (r#"{"@Timestamp":"2023-11-14 22:13:20"}"#, Some(base)),
        (r#"{"_timestamp":"Tue, 14 Nov 2023 22:13:20 +0000"}"#, Some(base)),
        (r#"{"_timestamp":1,"_timestamp":1700000000}"#, Some(base)),
        (r#"{"_timestamp":"2023-11-14T22:13:20\u005a"}"#, Some(base)),
        (r#"{"_timestamp":"soon"}"#, None),
        (r#"{"_timestamp":""}"#, None),
        (r#"{"_timestamp":true}"#, None),
        (r#"{"_timestamp":[1]}"#, None),
        (r#"{"_timestamp":1e999}"#, None),
        (r#"{"_timestamp":99999999999999999999}"#, None),
    ] {
        let (rows, outcome) = shred_one(record, BodyFormat::Json);
        let found = rows.first().and_then(|row| row.get("_timestamp").cloned());
        assert_eq!(found, time.map(Cell::Int), "{record}");
        if time.is_none() {
            assert_eq!((outcome.failed, outcome.rejected), (1, None));
            assert!(
                outcome.errors[0]
                    .message
                    .starts_with("record 0: Can't parse timestamp: "),
                "{record}"
            );
        }
    }
    let (rows, _) = shred_one(r#"{"_timestamp":{"a":5},"x":{"_timestamp":7}}"#, BodyFormat::Json);
    assert_eq!(
        rows[0],
        row([
            ("_timestamp", Cell::Int(NOW)),
            ("_timestamp_sent", json(r#"{"a":5}"#)),
            ("x__timestamp", Cell::Int(7))
        ])
    );
}

#[test]
fn dictionaries_only_where_values_repeat() {
    use basalt_block::{Strings, Values};
    let records: Vec<String> = (0..3000)
        .map(|i| {
            format!(
                r#"{{"level":"l{}","pod":"p{}","id":"{:x}","half":"{}"}}"#,
                i % 4,
                (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40 & 0xff,
                i * 7919,
                i / 2
            )
        })
        .collect();
    let body = format!("[{}]", records.join(","));
    let request = basalt_shred::ShredRequest {
        body: body.as_bytes(),
        format: BodyFormat::Json,
        organization: 1,
        stream: "s",
    };
    let (groups, _) = crate::cells::shred(&[request], &ShredLimits::default());
    let is_dictionary = |name: &str| {
        let column = groups[0]
            .batch
            .columns
            .iter()
            .find(|column| column.name == name)
            .unwrap();
        matches!(&column.values, Values::String(Strings::Dictionary { .. }))
    };
    assert!(is_dictionary("level") && is_dictionary("pod"));
    assert!(!is_dictionary("id") && !is_dictionary("half"));
}

#[test]
fn words_for_what_is_no_number_fail_their_record_alone() {
    for word in ["NaN", "nan", "Infinity", "-Infinity", "inf", "-inf", "+Inf"] {
        let records = format!("{{\"a\":1}},{{\"a\":{word}}},{{\"b\":[1,{{\"c\":{word}}}]}},{{\"a\":2}}");
        for (body, format) in [
            (format!("[{records}]"), BodyFormat::Json),
            (
                records.replace("},{\"a", "}\n{\"a").replace("},{\"b", "}\n{\"b"),
                BodyFormat::Json,
            ),
            (
                records.replace("},{\"a", "}\n{\"a").replace("},{\"b", "}\n{\"b"),
                BodyFormat::Multi,
            ),
        ] {
            let (rows, outcome) = shred_one(&body, format);
            assert_eq!((outcome.rejected, outcome.failed, rows.len()), (None, 2, 2), "{body}");
            let message = &outcome.errors[0].message;
            assert!(message.contains(&format!("{word} at byte")), "{message}");
            assert!(message.contains("send null or a text"), "{message}");
        }
    }
    let (_, outcome) = shred_one("[{\"a\":nano}]", BodyFormat::Json);
    assert!(outcome.rejected.is_some());
}

#[test]
fn a_timestamp_that_is_no_time_is_told_and_kept() {
    for (sent, kept) in [
        ("1e30", Cell::Float(1e30)),
        ("-1e300", Cell::Float(-1e300)),
        (r#"{"$date": 5}"#, json(r#"{"$date": 5}"#)),
        ("{}", json("{}")),
        ("[]", json("[]")),
    ] {
        for body in [
            format!(r#"[{{"a":1}},{{"_timestamp":{sent},"a":2}}]"#),
            format!("{{\"a\":1}}\n{{\"_timestamp\":{sent},\"a\":2}}"),
        ] {
            let (rows, outcome) = shred_one(&body, BodyFormat::Json);
            assert_eq!(
                (outcome.rejected, outcome.failed, outcome.warned),
                (None, 0, 1),
                "{body}"
            );
            assert_eq!(outcome.warnings[0].record, 1);
            let message = &outcome.warnings[0].message;
            assert!(message.contains(&format!("_timestamp {sent} is no time")), "{message}");
            assert_eq!(rows[1].get("_timestamp"), Some(&Cell::Int(NOW)), "{body}");
            assert_eq!(rows[1].get("_timestamp_sent"), Some(&kept), "{body}");
        }
    }
}

#[test]
fn values_that_are_lost_to_another_of_their_name_are_told() {
    for (record, lost) in [
        (r#"{"a.b":1,"a-b":2}"#, Some("a_b")),
        (r#"{"a":{"b":1},"a_b":null}"#, Some("a_b")),
        (r#"{"X":1,"x":"2"}"#, Some("x")),
        (r#"{"a":1,"a":{"b":2}}"#, Some("a")),
        (r#"{"a":{"b":2},"a":1}"#, Some("a")),
        (
            r#"{"_timestamp":1700000000,"@timestamp":1700000001}"#,
            Some("_timestamp"),
        ),
        (r#"{"größe":1,"gröSSe":2,"gro_e":3}"#, None),
        (r#"{"a":null,"A":1}"#, None),
        (r#"{"a":{"b":1},"a_c":2,"A":3}"#, None),
        (r#"{"a":1,"b":1}"#, None),
    ] {
        let body = format!("{{\"a_b\":5,\"x\":5,\"a\":5}}\n{record}\n{{\"a\":1}}");
        let (rows, outcome) = shred_one(&body, BodyFormat::Multi);
        assert_eq!((rows.len(), outcome.failed), (3, 0), "{record}");
        assert_eq!(
            outcome.warned,
            u32::from(lost.is_some()),
            "{record}: {:?}",
            outcome.warnings
        );
        if let Some(name) = lost {
            assert_eq!(outcome.warnings[0].record, 1);
            let message = &outcome.warnings[0].message;
            assert!(
                message.contains(&format!("the field {name} came more than once")),
                "{message}"
            );
        }
    }
}
