//! Answers of what this dialect adds to DataFusion's.

use basalt_sql::plan;
use serde_json::{Value as Json, json};

use crate::harness::{HOUR_US, NOW_US, Value, World, context, rows, rows_in, run, world};

#[test]
fn the_query_of_the_feature_list_answers() {
    let sql = "SELECT timestamp_bucket('1 hour', timestamp) AS time_bucket, level, COUNT(*) AS count, \
               AVG(response_time) AS avg_response\n\
               FROM logs WHERE timestamp >= NOW() - INTERVAL '24 hours' AND level IN ('error', 'warn')\n\
               GROUP BY time_bucket, level ORDER BY time_bucket DESC, count DESC";
    for world in [world(), world().stored()] {
        let rows = rows(&world, sql);
        assert_eq!(rows.len(), 48);
        assert_eq!(rows[0]["time_bucket"], "2026-03-05T11:00:00");
        let total: i64 = rows.iter().map(|row| row["count"].as_i64().expect("a count")).sum();
        assert_eq!(total, 60 - 6);
    }
}

#[test]
fn the_event_time_is_an_integer_and_answers_to_timestamp() {
    let world = world();
    let newest = rows(
        &world,
        "SELECT timestamp, level FROM logs ORDER BY timestamp DESC LIMIT 2",
    );
    assert_eq!(
        newest,
        [
            json!({ "timestamp": NOW_US - HOUR_US / 5 }),
            json!({ "timestamp": NOW_US - 2 * HOUR_US / 5, "level": "info" })
        ]
    );
    assert_eq!(
        rows(&world, "SELECT \"timestamp\" FROM logs LIMIT 1")[0],
        json!({ "timestamp": NOW_US - 48 * HOUR_US })
    );
    assert_eq!(
        rows(&world, "SELECT l.timestamp FROM logs l LIMIT 1")[0],
        json!({ "timestamp": NOW_US - 48 * HOUR_US })
    );
    assert!(
        !rows(&world, "SELECT * FROM logs LIMIT 1")[0]
            .as_object()
            .expect("a row")
            .contains_key("timestamp")
    );
    let inner = "SELECT max(timestamp) AS t FROM (SELECT timestamp FROM logs WHERE status = 200) x";
    assert_eq!(rows(&world, inner), [json!({ "t": NOW_US - HOUR_US })]);
    let unnamed = "SELECT * FROM logs WHERE timestamp > 5 AND \"timestamp\" > 6 ORDER BY \"timestamp\" DESC LIMIT 1";
    assert_eq!(rows(&world, unnamed)[0]["_timestamp"], NOW_US - HOUR_US / 5);
    let grouped = "SELECT timestamp, count(*) AS n FROM logs GROUP BY timestamp ORDER BY timestamp LIMIT 1";
    assert_eq!(
        rows(&world, grouped),
        [json!({ "timestamp": NOW_US - 48 * HOUR_US, "n": 1 })]
    );
}

#[test]
fn a_real_field_or_alias_named_timestamp_wins() {
    let world = world();
    assert_eq!(
        rows(&world, "SELECT timestamp FROM clock"),
        [json!({ "timestamp": "noon" })]
    );
    let alias = "SELECT date_trunc('day', _timestamp) AS timestamp FROM logs ORDER BY timestamp LIMIT 1";
    assert_eq!(rows(&world, alias), [json!({ "timestamp": "2026-03-03T00:00:00" })]);
}

#[test]
fn times_compare_and_compute() {
    let world = world();
    let count = |predicate: &str| {
        let rows = rows(&world, &format!("SELECT count(*) AS n FROM logs WHERE {predicate}"));
        rows[0]["n"].as_i64().expect("a count")
    };
    assert_eq!(count("_timestamp >= now() - INTERVAL '1 hour'"), 5);
    assert_eq!(count("to_timestamp(_timestamp) >= now() - INTERVAL '1 hour'"), 5);
    assert_eq!(count("to_unixtime(_timestamp) >= 1772708400"), 5);
    assert_eq!(count("to_date(_timestamp) = '2026-03-05'"), 60);
    assert_eq!(
        count("date_bin(INTERVAL '1 day', _timestamp, '2020-01-01') = '2026-03-05'"),
        60
    );
    assert_eq!(count("histogram(_timestamp, '1 hour') = '2026-03-05T11:00:00'"), 5);
    assert_eq!(count("_timestamp + INTERVAL '1 hour' >= now()"), 5);
    assert_eq!(count("now() - _timestamp <= INTERVAL '1 hour'"), 5);
    assert_eq!(
        count("_timestamp IN ('2026-03-05T11:00:00', TIMESTAMP '2026-03-05 10:00:00', 5)"),
        2
    );
    assert_eq!(count("date_part('hour', _timestamp) = 3"), 10);
    assert_eq!(count("EXTRACT(hour FROM timestamp) = 3"), 10);
    assert_eq!(count("to_char(_timestamp, '%H') = '03'"), 10);
    assert_eq!(count("date_trunc('day', _timestamp) = '2026-03-05'"), 60);
    assert_eq!(count("CAST(_timestamp AS TIMESTAMP) >= '2026-03-05'"), 60);
    assert_eq!(count("current_date() <= _timestamp"), 60);
    let joined = "SELECT count(*) AS n FROM logs a JOIN (SELECT to_timestamp_micros(_timestamp) AS t FROM users) b ON a._timestamp = b.t";
    assert_eq!(rows(&world, joined), [json!({ "n": 10 })]);
}

#[test]
fn texts_compare_with_numbers_without_failing() {
    use crate::harness::{Value, World, row, stream, text};
    use basalt_scan::request::RequestType::{Int64, String as Text};
    let codes = ["5", "200", "404", "oops", "", "5.5", "-1"];
    let rows_of = codes
        .iter()
        .enumerate()
        .map(|(i, code)| row(&[("_timestamp", Value::Int(i as i64)), ("code", text(code))]));
    let mixed = stream(
        "mixed",
        &[("_timestamp", Int64), ("code", Text)],
        &[],
        vec![rows_of.collect()],
    );
    let world = World {
        streams: vec![mixed],
        shares: 0,
        store: None,
    };
    for (predicate, codes) in [
        ("code = 200", "200"),
        ("200 = code", "200"),
        ("code <> 200", "-1,,404,5,5.5,oops"),
        ("code > 100", "200,404"),
        ("6 > code", "-1,5,5.5"),
        ("code = 5.5", "5.5"),
        ("code IN (5, 404, 7)", "404,5"),
        ("code NOT IN (5, 404)", "-1,,200,5.5,oops"),
        ("code BETWEEN 5 AND 300", "200,5,5.5"),
        ("code LIKE '4%'", "404"),
    ] {
        let found = rows(
            &world,
            &format!("SELECT string_agg(code, ',' ORDER BY code) AS c FROM mixed WHERE {predicate}"),
        );
        let mut found: Vec<&str> = found[0]["c"].as_str().unwrap_or("none").split(',').collect();
        let mut wanted: Vec<&str> = codes.split(',').collect();
        (found.sort_unstable(), wanted.sort_unstable());
        assert_eq!(found, wanted, "{predicate}");
    }
}

#[test]
fn buckets_follow_the_range_of_the_request() {
    let world = world();
    let hour = 3600;
    for (seconds, bucket) in [
        (61 * 24 * hour, "2026-03-05T00:00:00"),
        (31 * 24 * hour, "2026-03-05T00:00:00"),
        (15 * 24 * hour, "2026-03-05T10:00:00"),
        (6 * hour, "2026-03-05T11:00:00"),
        (2 * hour, "2026-03-05T11:48:00"),
        (20, "2026-03-05T11:48:00"),
    ] {
        let mut context = context(&world);
        let end = NOW_US - HOUR_US / 5 + 10_000_000;
        (context.start_time, context.end_time) = (Some(end - seconds * 1_000_000), Some(end));
        let rows = rows_in(
            &world,
            "SELECT histogram(_timestamp) AS h FROM logs ORDER BY _timestamp DESC LIMIT 1",
            &context,
        );
        assert_eq!(rows, [json!({ "h": bucket })], "{seconds}");
    }
    assert_eq!(
        rows(
            &world,
            "SELECT histogram(_timestamp, '1 month') AS h, count(*) AS n FROM logs GROUP BY h"
        ),
        [json!({ "h": "2026-03-01T00:00:00", "n": 240 })]
    );
    assert_eq!(
        rows(
            &world,
            "SELECT timestamp_bucket('1 week', _timestamp) AS h, count(*) AS n FROM logs GROUP BY h"
        ),
        [json!({ "h": "2026-03-02T00:00:00", "n": 240 })]
    );
}

/// The same predicate in the leaf and, hidden from it by a condition that it cannot take, above it.
#[test]
fn functions_answer_alike_in_the_leaf_and_above_it() {
    let world = world().stored();
    for predicate in [
        "str_match(message, 'user1')",
        "str_match(message, 'USER1')",
        "str_match_ignore_case(message, 'USER1')",
        "match_field(level, 'rr')",
        "NOT match_field_ignore_case(level, 'RR')",
        "re_match(message, 'user1[02] ')",
        "re_not_match(level, '^e')",
        "re_match(level, '(?i)^E')",
        "match_all('uSer3 ')",
        "NOT match_all('user3')",
        "histogram(_timestamp, '1 hour') = '2026-03-05T11:00:00'",
        "level ~ 'r+'",
    ] {
        let below = rows(
            &world,
            &format!("SELECT _timestamp FROM logs WHERE {predicate} ORDER BY 1"),
        );
        let above =
            format!("SELECT _timestamp FROM logs WHERE ({predicate}) AND (random() < 2 OR {predicate}) ORDER BY 1");
        assert_eq!(below, rows(&world, &above), "{predicate}");
        let column = format!(
            "SELECT _timestamp FROM (SELECT _timestamp, ({predicate}) AS p, random() AS r FROM logs) WHERE p AND r < 2 ORDER BY 1"
        );
        if !predicate.contains("match_all") {
            assert_eq!(below, rows(&world, &column), "{predicate}");
        }
        assert!(!below.is_empty() || predicate.contains("USER1"), "{predicate}");
    }
}

#[test]
fn match_all_finds_rows_without_the_text_too() {
    let world = world();
    let count =
        |predicate: &str| rows(&world, &format!("SELECT count(*) AS n FROM logs WHERE {predicate}"))[0]["n"].clone();
    let (with, without) = (count("match_all('user3')"), count("NOT match_all('user3')"));
    assert_eq!(with.as_i64().unwrap_or(0) + without.as_i64().unwrap_or(0), 240);
    assert_eq!(count("match_all('*')"), 240);
    assert_eq!(
        rows(
            &world,
            "SELECT count(*) AS n FROM (SELECT * FROM logs WHERE match_all('user3')) t"
        ),
        [json!({ "n": with })]
    );
}

#[test]
fn spath_reads_json_columns() {
    let world = world();
    let one = rows(
        &world,
        "SELECT spath(attrs, 'a.b') AS b, spath(attrs, 'a') AS a, spath(attrs, 'list.1') AS l, spath(attrs, 'x.y') AS x, \
         spath(message, 'a') AS m FROM logs LIMIT 1",
    );
    assert_eq!(one, [json!({ "b": "v0", "a": "{\"b\":\"v0\",\"n\":0}", "l": "0" })]);
}

#[test]
fn names_fold_and_may_be_qualified() {
    let world = world();
    for sql in [
        "SELECT LEVEL FROM LOGS LIMIT 1",
        "SELECT \"level\" FROM \"logs\" LIMIT 1",
        "SELECT level FROM logs.logs LIMIT 1",
        "SELECT logs.level FROM logs.logs LIMIT 1",
        "SELECT logs.logs.level FROM logs.logs LIMIT 1",
        "SELECT x.level FROM \"logs\".\"logs\" x LIMIT 1",
        "select level from logs limit 1;",
        ";;SELECT level FROM logs LIMIT 1; ;",
    ] {
        assert_eq!(rows(&world, sql), [json!({ "level": "error" })], "{sql}");
    }
    let both = &rows(
        &world,
        "SELECT * FROM logs l JOIN users u ON l.user_id = u.user_id ORDER BY l._timestamp LIMIT 1",
    )[0];
    assert_eq!(both["user_id"], both["u.user_id"]);
    assert!(both["u._timestamp"].is_i64() && both["_timestamp"].is_i64());
}

#[test]
fn explain_tells_the_plan_as_rows() {
    let world = world();
    let plan = plan(
        "EXPLAIN SELECT level, count(*) FROM logs GROUP BY level",
        &context(&world),
    )
    .expect("a valid statement");
    assert!(plan.leaves().is_empty());
    assert_eq!(plan.schema_json(), r#"[{"name":"plan","type":"Utf8"}]"#);
    let rows = run(&world, &plan).expect("a run");
    assert!(
        rows.iter().any(|row| row["plan"]
            .as_str()
            .is_some_and(|line| line.contains("Scan: {\"stream\":\"logs\""))),
        "{rows:?}"
    );
}

#[test]
fn explain_analyze_runs_the_query() {
    let world = world();
    let plan = plan("EXPLAIN ANALYZE SELECT level, status + 1 FROM logs", &context(&world)).expect("a valid statement");
    assert_eq!(plan.explains(), Some(basalt_sql::Explain::Analyze));
    let mut run = basalt_sql::Run::start(
        &plan,
        1 << 20,
        &crate::harness::resources(),
        basalt_scan::Cancel::default(),
    )
    .expect("a run");
    for answer in world.answers(&plan.leaves()[0]) {
        run.push(0, &answer).expect("an answer");
    }
    run.finish_leaf(0);
    assert!(run.advance().expect("progress").done);
    assert!(
        run.explain_analyze().contains("output_rows=240"),
        "{}",
        run.explain_analyze()
    );
}

#[test]
fn empty_streams_answer() {
    let world = world();
    assert_eq!(rows(&world, "SELECT * FROM empty"), Vec::<Json>::new());
    assert_eq!(
        rows(&world, "SELECT count(*) AS n, sum(n) AS s FROM empty"),
        [json!({ "n": 0 })]
    );
    assert_eq!(
        rows(&world, "SELECT level FROM empty ORDER BY _timestamp DESC LIMIT 3"),
        Vec::<Json>::new()
    );
}

/// A star over very many fields is resolved in a way of its own.
#[test]
fn a_star_of_a_thousand_fields_is_all_of_them_in_every_form() {
    use basalt_scan::request::RequestType;
    let names: Vec<String> = (0..1000).map(|i| format!("f{i:03}")).collect();
    let columns: Vec<(&str, RequestType)> = [("_timestamp", RequestType::Int64)]
        .into_iter()
        .chain(names.iter().map(|name| (name.as_str(), RequestType::Int64)))
        .collect();
    let rows = (0..20_i64).map(|i| {
        let mut row = crate::harness::row(&[("_timestamp", Value::Int(i))]);
        row.extend(names.iter().map(|name| (name.clone(), Value::Int(i))));
        row
    });
    let world = World {
        streams: vec![crate::harness::stream("wide", &columns, &[], vec![rows.collect()])],
        ..World::default()
    };
    let mut context = context(&world);
    (context.default_order, context.size) = (true, Some(3));
    for (sql, first, count) in [
        ("SELECT * FROM wide", 19, 3),
        ("SELECT * FROM wide WHERE f001 < 7", 6, 3),
        (
            "SELECT * FROM wide AS w WHERE w.f001 < 7 ORDER BY _timestamp LIMIT 5",
            0,
            5,
        ),
        ("SELECT * FROM wide ORDER BY f002 DESC LIMIT 2", 19, 2),
        ("SELECT * FROM (SELECT * FROM wide) AS w WHERE f999 = 4", 4, 1),
        (
            "SELECT * FROM wide WHERE f001 IN ((SELECT f001 FROM wide WHERE f001 < 3 \
             UNION ALL SELECT f001 FROM wide WHERE f001 < 2) EXCEPT ALL SELECT f001 FROM wide WHERE f001 < 3)",
            1,
            2,
        ),
    ] {
        let found = rows_in(&world, sql, &context);
        assert_eq!(found.len(), count, "{sql}");
        assert_eq!(found[0].as_object().map(serde_json::Map::len), Some(1001), "{sql}");
        assert_eq!(
            (&found[0]["f999"], &found[0]["_timestamp"]),
            (&first.into(), &first.into()),
            "{sql}"
        );
    }
}
