//! The overflow column, and inputs made to cost more than they weigh.

use crate::cells::{Cell, NOW, Row, batched, rows_of, shred_limited, shred_one};
use basalt_shred::BodyFormat::{Json, Multi};
use basalt_shred::{STREAM_COLUMNS_MAX, ShredLimits, ShredRequest, StreamFields, shred};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn overflow(row: &crate::cells::Row) -> Option<&str> {
    match row.get("_all") {
        Some(Cell::Json(text)) => Some(text),
        None => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_one_record_brings_too_much_of_overflows() {
    let limits = ShredLimits {
        columns_max: 3,
        ..ShredLimits::default()
    };
    let body = concat!(
        r#"[{"a":1,"b":2,"c":"x\n","d":{"E":[1, 2],"f":null,"g":{}}},"#,
        r#"{"c":1,"c":2.50,"C":3,"e":1,"f":1,"f":null,"h":{"i":1},"h":2},{"b":5},{"_id":"i","z":true,"b":7,"y":1,"x":[1]}]"#
    );
    let (rows, outcome) = shred_limited(body, Json, &limits);
    assert_eq!(outcome.failed, 0);
    assert_eq!(overflow(&rows[0]), Some(r#"{"c":"x\n","d_e":[1, 2],"d_g":{}}"#));
    assert_eq!(rows[0].keys().collect::<Vec<_>>(), ["_all", "_timestamp", "a", "b"]);
    assert_eq!(overflow(&rows[1]), Some(r#"{"h":2}"#));
    assert_eq!(rows[1].keys().collect::<Vec<_>>(), ["_all", "_timestamp", "c", "e"]);
    assert_eq!(overflow(&rows[2]), None);
    assert_eq!(overflow(&rows[3]), Some(r#"{"x":[1]}"#));
    assert_eq!(rows[3].get("_id"), Some(&Cell::String("i".to_owned())));
    assert_eq!(rows[3].get("b"), Some(&Cell::Int(7)));
    assert_eq!(
        rows[3].keys().collect::<Vec<_>>(),
        ["_all", "_id", "_timestamp", "b", "y", "z"]
    );
}

#[test]
fn refused_columns_give_their_place_back() {
    let fields = filled(STREAM_COLUMNS_MAX - 2);
    let body = "{\"a\":1,\"z\":null}\n{\"x\":1,\"y\":2,\"z\":3,\"_timestamp\":\"bad\"}\n{\"z\":4}\n{\"y\":5}";
    let rows = shred_known(body, &fields);
    assert_eq!(rows[1].get("z"), Some(&Cell::Int(4)));
    assert_eq!(overflow(&rows[2]), Some(r#"{"y":5}"#));
}

/// A stream that has so many columns, `f0` and so on.
fn filled(columns: usize) -> Arc<StreamFields> {
    let fields = Arc::new(StreamFields::default());
    let names: Vec<String> = (0..columns).map(|number| format!("f{number}")).collect();
    fields.add(names.iter().map(String::as_str));
    fields
}

fn shred_known(body: &str, fields: &Arc<StreamFields>) -> Vec<Row> {
    let request = ShredRequest {
        body: body.as_bytes(),
        format: Multi,
        organization: 1,
        stream: "s",
    };
    let shredded = shred(&[request], NOW, &ShredLimits::default(), &|_, _| Ok(Arc::clone(fields)));
    let groups = batched(shredded.groups);
    groups.iter().flat_map(|group| rows_of(&group.batch)).collect()
}

#[test]
fn full_streams_take_only_known_columns() {
    let fields = filled(STREAM_COLUMNS_MAX - 1);
    let rows = shred_known("{\"last\":1}", &fields);
    assert_eq!(rows[0].get("last"), Some(&Cell::Int(1)));
    let body = r#"{"f7":1,"last":{"c":2,"d":3},"last":5,"n":4,"_timestamp":1700000000,"_id":"x","_all":"own"}"#;
    let rows = shred_known(body, &fields);
    assert_eq!(overflow(&rows[0]), Some(r#"{"n":4,"_all":"own"}"#));
    assert_eq!(
        rows[0].keys().collect::<Vec<_>>(),
        ["_all", "_id", "_timestamp", "f7", "last"]
    );
}

/// What one record has too much of takes nothing from others, whatever came first.
#[test]
fn known_fields_of_wide_records_stay_columns() {
    let fields = Arc::new(StreamFields::default());
    shred_known("{\"level\":\"info\"}", &fields);
    let members: Vec<String> = (0..3000).map(|number| format!("\"g{number}\":{number}")).collect();
    let wide = format!("{{{},\"level\":\"error\",\"message\":\"late\"}}", members.join(","));
    let rows = shred_known(&format!("{wide}\n{{\"level\":\"warn\",\"message\":\"disk\"}}"), &fields);
    assert_eq!(rows[0].get("level"), Some(&Cell::String("error".to_owned())));
    assert_eq!(rows[0].len(), 1 + 1023 + 1 + 1);
    assert!(overflow(&rows[0]).is_some_and(|text| text.ends_with(",\"message\":\"late\"}")));
    assert_eq!(rows[1].len(), 3);
    assert_eq!(rows[1].get("message"), Some(&Cell::String("disk".to_owned())));
}

/// Keys that are identifiers: the batches have no more cells than is allowed, and all rows.
#[test]
fn many_names_are_cut_into_batches() {
    let lines: Vec<String> = (0..5000)
        .map(|row| format!("{{\"level\":\"info\",\"user_{row}\":{row},\"n{}\":\"x\"}}", row % 7))
        .collect();
    let (body, fields) = (lines.join("\n"), Arc::new(StreamFields::default()));
    let request = ShredRequest {
        body: body.as_bytes(),
        format: Multi,
        organization: 1,
        stream: "s",
    };
    let whole = shred_known(&body, &fields);
    let mut groups = shred(&[request], NOW, &ShredLimits::default(), &|_, _| {
        Ok(Arc::clone(&fields))
    })
    .groups;
    let cells_max = 1_000_000;
    let mut rows = Vec::new();
    for batch in groups.remove(0).batches(cells_max) {
        assert!(batch.rows * batch.columns.len() <= cells_max);
        assert!(batch.columns.len() <= batch.rows + 9, "columns that no row has");
        rows.extend(rows_of(&batch));
    }
    assert_eq!(rows, whole);
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
