//! The overflow column, and inputs made to cost more than they weigh.

use crate::cells::{Cell, NOW, check_all, rows_of, shred_limited, shred_one};
use basalt_shred::BodyFormat::{Json, Multi};
use basalt_shred::{ClosedStream, ShredLimits, ShredRequest, shred};
use std::collections::HashSet;
use std::time::{Duration, Instant};

fn overflow(row: &crate::cells::Row) -> Option<&str> {
    match row.get("_all") {
        Some(Cell::Json(text)) => Some(text),
        None => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn columns_beyond_the_limit_overflow() {
    let limits = ShredLimits {
        columns_max: 3,
        ..ShredLimits::default()
    };
    let body = concat!(
        r#"[{"a":1,"b":2,"c":"x\n","d":{"E":[1, 2],"f":null,"g":{}}},"#,
        r#"{"c":1,"c":2.50,"C":3},{"b":5},{"c":1,"c":null},{"_id":"i","z":true,"b":7}]"#
    );
    let (rows, outcome) = shred_limited(body, Json, &limits);
    assert_eq!(outcome.failed, 0);
    assert_eq!(overflow(&rows[0]), Some(r#"{"c":"x\n","d_e":[1, 2],"d_g":{}}"#));
    assert_eq!(overflow(&rows[1]), Some(r#"{"c":3}"#));
    assert_eq!(overflow(&rows[2]), None);
    assert_eq!(overflow(&rows[3]), None);
    assert_eq!(overflow(&rows[4]), Some(r#"{"z":true}"#));
    assert_eq!(rows[4].get("_id"), Some(&Cell::String("i".to_owned())));
    assert_eq!(rows[4].get("b"), Some(&Cell::Int(7)));
    assert_eq!(rows[0].keys().collect::<Vec<_>>(), ["_all", "_timestamp", "a", "b"]);
}

#[test]
fn refused_columns_give_their_place_back() {
    let limits = ShredLimits {
        columns_max: 3,
        ..ShredLimits::default()
    };
    let body = "{\"a\":1,\"z\":null}\n{\"x\":1,\"y\":2,\"z\":3,\"_timestamp\":\"bad\"}\n{\"z\":4}\n{\"y\":5}";
    let (rows, outcome) = shred_limited(body, Multi, &limits);
    assert_eq!(outcome.failed, 1);
    assert_eq!(rows[1].get("z"), Some(&Cell::Int(4)));
    assert_eq!(overflow(&rows[2]), Some(r#"{"y":5}"#));
}

#[test]
fn closed_streams_take_only_known_columns() {
    let columns: HashSet<String> = ["a", "b_c"].map(str::to_owned).into();
    let closed = [ClosedStream {
        organization: 1,
        stream: "s",
        columns: &columns,
    }];
    let body = r#"[{"a":1,"b":{"c":2,"d":3},"n":4,"_timestamp":1700000000,"_id":"x"}]"#;
    let request = |organization, stream| ShredRequest {
        body: body.as_bytes(),
        format: Json,
        organization,
        stream,
    };
    let requests = [request(1, "s"), request(2, "s"), request(1, "t")];
    let limits = ShredLimits {
        columns_max: 100,
        ..ShredLimits::default()
    };
    let shredded = shred(&requests, NOW, &limits, &closed);
    check_all(&shredded);
    let rows: Vec<_> = shredded
        .groups
        .iter()
        .map(|group| rows_of(&group.batch).remove(0))
        .collect();
    assert_eq!(overflow(&rows[0]), Some(r#"{"b_d":3,"n":4}"#));
    assert_eq!(
        rows[0].keys().collect::<Vec<_>>(),
        ["_all", "_id", "_timestamp", "a", "b_c"]
    );
    assert_eq!((overflow(&rows[1]), overflow(&rows[2])), (None, None));
}

#[test]
fn long_names_overflow() {
    let key = "k".repeat(600);
    let (rows, _) = shred_one(format!("{{\"{key}\":{{\"a\":1,\"B\":\"x\"}},\"c\":2}}"), Json);
    assert_eq!(
        overflow(&rows[0]),
        Some(format!(r#"{{"{key}_a":1,"{key}_b":"x"}}"#).as_str())
    );
    assert_eq!(rows[0].get("c"), Some(&Cell::Int(2)));
    let (rows, _) = shred_one(format!("{{\"{key}\":{{\"a\":1}},\"{key}\":{{\"b\":2}}}}"), Json);
    assert_eq!(overflow(&rows[0]), Some(format!(r#"{{"{key}_b":2}}"#).as_str()));
}

#[test]
fn deep_nesting() {
    for (depth, stored) in [(10, 1), (127, 1), (128, 0), (100_000, 0)] {
        let body = format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        let (rows, outcome) = shred_one(&body, Json);
        assert_eq!((rows.len(), outcome.failed), (stored, 1 - stored as u32), "{depth}");
        let body = format!("{}1{}", "{\"a\":".repeat(depth + 1), "}".repeat(depth + 1));
        let (rows, outcome) = shred_one(&body, Multi);
        assert_eq!((rows.len(), outcome.failed), (stored, 1 - stored as u32), "{depth}");
    }
    for depth in [1, 1_000_000] {
        let (_, outcome) = shred_one("[".repeat(depth), Json);
        assert!(outcome.rejected.is_some());
        let (_, outcome) = shred_one("{\"a\":".repeat(depth), Json);
        assert!(outcome.rejected.is_some());
    }
    let limits = ShredLimits {
        flatten_levels: usize::MAX,
        depth_max: usize::MAX,
        ..ShredLimits::default()
    };
    let body = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let (rows, _) = shred_limited(format!("{{\"x\":{body},\"x\":{body}}}"), Json, &limits);
    assert_eq!(rows.len(), 1);
}

/// Each body would take minutes or gigabytes if its cost were not proportional to its size.
#[test]
fn costly_bodies_stay_cheap() {
    let start = Instant::now();
    let long = "k".repeat(200_000);
    let members: Vec<String> = (0..50_000).map(|i| format!("\"{i}\":1")).collect();
    let (rows, outcome) = shred_one(format!("{{\"{long}\":{{{}}}}}", members.join(",")), Json);
    assert_eq!((rows.len(), outcome.failed), (0, 1));
    assert!(
        outcome.errors[0].message.contains("field names"),
        "{:?}",
        outcome.errors
    );

    let (rows, _) = shred_one(format!("{{{}}}", members.join(",")), Json);
    assert_eq!(rows[0].len(), 1024 + 1);

    let failing: String = (0..50_000)
        .map(|i| format!("{{\"k{i}\":\"v{i}\",\"_timestamp\":\"x\"}}\n"))
        .collect();
    let (rows, outcome) = shred_one(format!("{{{}}}\n{failing}", members.join(",")), Multi);
    assert_eq!((rows.len(), outcome.failed), (1, 50_000));

    let lines = "{\"a\":\n".repeat(300_000);
    assert_eq!(shred_one(&lines, Multi).1.failed, 300_000);
    assert!(shred_one(&lines, Json).1.rejected.is_some());

    let duplicates = format!("{{\"a\":{{\"b\":1}},\"a\":{{{}}}}}", members.join(","));
    assert_eq!(shred_one(duplicates, Json).1.successful, 1);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}
