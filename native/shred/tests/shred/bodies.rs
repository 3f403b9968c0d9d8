//! How bodies are taken apart: what is refused as a whole, what fails alone, and what is told about it.

use crate::cells::{Cell, rows_of, shred, shred_limited, shred_one};
use basalt_shred::BodyFormat::{Json, Multi};
use basalt_shred::{ShredLimits, ShredRequest};

fn values(rows: &[crate::cells::Row]) -> Vec<i64> {
    rows.iter()
        .map(|row| match row.get("a") {
            Some(Cell::Int(value)) => *value,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn refusal(body: impl AsRef<[u8]>) -> String {
    let (rows, outcome) = shred_one(body.as_ref(), Json);
    assert!(rows.is_empty());
    assert_eq!((outcome.successful, outcome.failed, outcome.errors.len()), (0, 0, 0));
    outcome
        .rejected
        .unwrap_or_else(|| panic!("{} is refused", String::from_utf8_lossy(body.as_ref())))
        .message
}

#[test]
fn stored_bodies() {
    for (body, format, stored) in [
        ("[{\"a\":1},{\"a\":2}]", Json, &[1, 2][..]),
        (" \r\n[ {\"a\":1} , {\"a\":2}\n] \n", Json, &[1, 2]),
        ("{\"a\":1}", Json, &[1]),
        ("\u{feff}{\"a\":1}", Json, &[1]),
        ("\n{\n\"a\"\n:\n1\n}\n", Json, &[1]),
        ("{\"a\":1}\n{\"a\":2}", Json, &[1, 2]),
        ("{\"a\":1}\r\n\r\n \t\n{\"a\":2}\r\n", Json, &[1, 2]),
        ("{\n\"a\":1\n}\n{\n\"a\":2}\n", Json, &[1, 2]),
        ("{\"a\":1}", Multi, &[1]),
        ("\u{feff}{\"a\":1}\n{\"a\":2}\n", Multi, &[1, 2]),
        ("\n\n{\"a\":1}\r\n  \r\n {\"a\":2} \r\n", Multi, &[1, 2]),
    ] {
        let (rows, outcome) = shred_one(body, format);
        assert_eq!(values(&rows), stored, "{body:?}");
        assert_eq!(
            (outcome.rejected, outcome.successful as usize, outcome.failed),
            (None, stored.len(), 0),
            "{body:?}"
        );
    }
}

#[test]
fn bad_lines_fail_alone() {
    for (body, format, stored, messages) in [
        (
            "{\"a\":1}\n{\"a\":}\n{\"a\":3}",
            Json,
            &[1, 3][..],
            &["record 1: line 2, column 6: expected a value, found '}'"][..],
        ),
        (
            "{\"a\":\n{\"a\":2}\n{\"a\":3}\n",
            Json,
            &[2, 3],
            &["record 0: line 1, column 6: expected a value, found the end of the line"],
        ),
        (
            "{\"a\":1} x\n{\"a\":2}\n",
            Json,
            &[2],
            &["record 0: line 1, column 9: expected the end of the line, found 'x'"],
        ),
        (
            "{\"a\":1}{\"a\":2}\n{\"a\":3}\n",
            Json,
            &[3],
            &["record 0: line 1, column 8: expected the end of the line, found '{'"],
        ),
        (
            "{\"a\":1}\n[{\"a\":2}]\n\n5\n\"x\"\nnull\n{\"a\":3}",
            Multi,
            &[1, 3],
            &[
                "record 1: a record must be a JSON object, found an array",
                "record 2: a record must be a JSON object, found a number",
                "record 3: a record must be a JSON object, found a string",
                "record 4: a record must be a JSON object, found null",
            ],
        ),
        (
            "{\"a\":1\n}\n{\"a\":2}",
            Multi,
            &[2],
            &[
                "record 0: line 1, column 7: expected ',' or '}', found the end of the line",
                "record 1: line 2, column 1: expected a value, found '}'",
            ],
        ),
        (
            "oops\n{\"a\":2}",
            Multi,
            &[2],
            &["record 0: line 1, column 1: expected a value, found 'o'"],
        ),
        (
            "{\"a\":1}\n{\"a\":\"é\u{7}\"}",
            Multi,
            &[1],
            &["record 1: line 2, column 8: expected '\"' or an escaped control character, found byte 0x07"],
        ),
        (
            "{\"a\":1}\n{\"a\":2",
            Multi,
            &[1],
            &["record 1: line 2, column 7: expected ',' or '}', found the end of the body"],
        ),
    ] {
        let (rows, outcome) = shred_one(body, format);
        let found: Vec<&str> = outcome.errors.iter().map(|error| error.message.as_str()).collect();
        assert_eq!(found, messages, "{body:?}");
        assert_eq!(values(&rows), stored, "{body:?}");
        assert_eq!(
            (outcome.rejected, outcome.failed as usize),
            (None, messages.len()),
            "{body:?}"
        );
    }
}

#[test]
fn invalid_utf8() {
    let (rows, outcome) = shred_one(b"{\"a\":1}\n{\"b\":\"\xff\"}\n{\"a\":3}\n", Multi);
    assert_eq!(values(&rows), [1, 3]);
    assert_eq!(
        outcome.errors[0].message,
        "record 1: line 2 is not valid UTF-8 (byte 14)"
    );
    let (rows, _) = shred_one(b"{\"a\":1}\n{\"b\":\"\xed\xa0\x80\"}\n{\"a\":3}\n", Json);
    assert_eq!(values(&rows), [1, 3]);
    let message = refusal(b"[{\"a\":1},\n{\"b\":\"\xff\"}]");
    assert_eq!(
        message,
        "line 2, column 7 (byte 16): expected valid UTF-8, found byte 0xff"
    );
    refusal(b"{\"b\":\"\xff\"}");
}

#[test]
fn refused_bodies() {
    for (body, message) in [
        ("", "empty body: expected at least one record"),
        (" \n\t", "empty body: expected at least one record"),
        ("\u{feff}", "empty body: expected at least one record"),
        ("[]", "empty body: expected at least one record"),
        ("[ ] ", "empty body: expected at least one record"),
        (
            "5",
            "line 1, column 1 (byte 0): expected an array or an object, found '5'",
        ),
        (
            "\"x\"",
            "line 1, column 1 (byte 0): expected an array or an object, found '\"'",
        ),
        (
            "[{\"a\":1},\n {\"a\":é}]",
            "line 2, column 7 (byte 16): expected a value, found byte 0xc3",
        ),
        (
            "[{\"é\":1},{\"a\" 2}]",
            "line 1, column 15 (byte 15): expected ':', found '2'",
        ),
        (
            "[{\"a\":1}",
            "line 1, column 9 (byte 8): expected ',' or ']', found the end of the body",
        ),
        (
            "[{\"a\":1},]",
            "line 1, column 10 (byte 9): expected a value, found ']'",
        ),
        (
            "[{\"a\":1}] x",
            "line 1, column 11 (byte 10): expected the end of the body, found 'x'",
        ),
        (
            "[{\"a\":1}]\n[{\"a\":2}]",
            "line 2, column 1 (byte 10): expected the end of the body, found '['",
        ),
        (
            "{\"a\":1} x",
            "line 1, column 9 (byte 8): expected the end of the line, found 'x'",
        ),
        (
            "{\"a\":1}}",
            "line 1, column 8 (byte 7): expected the end of the line, found '}'",
        ),
        ("{\n\"a\":1,\n}", "line 3, column 1 (byte 9): expected a key, found '}'"),
        (
            "{\n\"a\":1\n} {\"a\":2}",
            "line 3, column 3 (byte 10): expected the end of the line, found '{'",
        ),
        (
            "{\"a\":\n{\"b\":x}}",
            "line 1, column 6 (byte 5): expected a value, found the end of the line",
        ),
    ] {
        assert_eq!(refusal(body), message, "{body:?}");
    }
    for body in ["", "\n\r\n  "] {
        let (_, outcome) = shred_one(body, Multi);
        assert_eq!(
            outcome.rejected.unwrap().message,
            "empty body: expected at least one record"
        );
    }
}

#[test]
fn elements_that_fail_alone() {
    let limits = ShredLimits {
        depth_max: 4,
        record_bytes_max: 60,
        ..ShredLimits::default()
    };
    let body = format!(
        r#"[{{"a":1}},5,"x",[{{"a":2}}],null,true,{{"a":1,"b":"\ud800"}},{{"a":{{"b":{{"c":{{"d":[[1]]}}}}}}}},{{"a":"{}"}},{{"a":4}}]"#,
        "x".repeat(60)
    );
    let (rows, outcome) = shred_limited(&body, Json, &limits);
    assert_eq!(values(&rows), [1, 4]);
    let messages: Vec<&str> = outcome.errors.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "record 1: a record must be a JSON object, found a number",
            "record 2: a record must be a JSON object, found a string",
            "record 3: a record must be a JSON object, found an array",
            "record 4: a record must be a JSON object, found null",
            "record 5: a record must be a JSON object, found a boolean",
            "record 6: the escape at byte 47 is half of a surrogate pair, which is no character",
            "record 7: nested deeper than 4 levels",
            "record 8: 68 bytes long, the limit is 60",
        ]
    );
    assert_eq!((outcome.successful, outcome.failed), (2, 8));
}

#[test]
fn errors_are_the_first_ten_and_the_last() {
    let body = format!("[{}]", (0..50).map(|i| i.to_string()).collect::<Vec<_>>().join(","));
    let (_, outcome) = shred_one(body, Json);
    assert_eq!((outcome.successful, outcome.failed), (0, 50));
    let records: Vec<u32> = outcome.errors.iter().map(|error| error.record).collect();
    assert_eq!(records, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 49]);
    assert!(outcome.rejected.is_none());
}

#[test]
fn a_refused_body_leaves_nothing() {
    let good = r#"[{"a":1,"level":"info"},{"a":2,"level":"warn"}]"#;
    let bad = r#"[{"a":"text","level":[1],"new":1.5},{"level":"other","newer":{"x":1}},{"a":}]"#;
    let failing = "{\"a\":\"text\",\"level\":\"odd\",\"newest\":1,\"_timestamp\":\"x\"}\n{\"a\":3,\"level\":\"info\"}";
    let requests = [good, bad, failing, bad].map(|body| ShredRequest {
        body: body.as_bytes(),
        format: Json,
        organization: 1,
        stream: "s",
    });
    let (groups, outcomes) = shred(&requests, &ShredLimits::default());
    let (without_bad, _) = shred(
        &[
            requests[0],
            ShredRequest {
                body: b"{\"a\":3,\"level\":\"info\"}",
                ..requests[2]
            },
        ],
        &ShredLimits::default(),
    );
    assert_eq!(groups, without_bad);
    let rejected: Vec<bool> = outcomes.iter().map(|outcome| outcome.rejected.is_some()).collect();
    assert_eq!(rejected, [false, true, false, true]);
    assert_eq!((outcomes[2].successful, outcomes[2].failed), (1, 1));
}

#[test]
fn groups_keep_arrival_order() {
    let body = |value: i64| format!("{{\"a\":{value}}}");
    let bodies: Vec<String> = (0..40).map(body).collect();
    let requests: Vec<ShredRequest> = bodies
        .iter()
        .enumerate()
        .map(|(place, body)| ShredRequest {
            body: body.as_bytes(),
            format: Json,
            organization: (place % 2) as u32,
            stream: ["x", "y"][place / 2 % 2],
        })
        .collect();
    let (groups, _) = shred(&requests, &ShredLimits::default());
    assert_eq!(groups.len(), 4);
    for (place, group) in groups.iter().enumerate() {
        let expected: Vec<i64> = (0..10).map(|round| round * 4 + place as i64).collect();
        assert_eq!(values(&rows_of(&group.batch)), expected);
        assert_eq!(
            (group.organization as usize, group.stream.as_str()),
            (place % 2, ["x", "y"][place / 2])
        );
    }
}

#[test]
fn many_key_orders_in_one_stream() {
    let orders = [["a", "b", "c"], ["c", "b", "a"], ["b", "a", "c"]];
    let body: Vec<String> = (0..300)
        .map(|i| {
            let members: Vec<String> = orders[i % 3]
                .iter()
                .enumerate()
                .map(|(j, key)| format!("\"{key}\": {}", i * 10 + j))
                .collect();
            format!("{{{}}}", members.join(", "))
        })
        .collect();
    let (rows, _) = shred_one(body.join("\n"), Multi);
    for (i, row) in rows.iter().enumerate() {
        for (j, key) in orders[i % 3].iter().enumerate() {
            assert_eq!(row.get(*key), Some(&Cell::Int((i * 10 + j) as i64)));
        }
    }
}
