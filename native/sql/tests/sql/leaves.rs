//! What statements ask of their leaves.

use basalt_sql::plan;
use serde_json::{Value as Json, json};

use crate::harness::{HOUR_US, NOW_US, context, world};

fn leaves(sql: &str) -> Vec<Json> {
    let world = world();
    let plan = plan(sql, &context(&world)).unwrap_or_else(|error| panic!("{sql}: {error}"));
    plan.leaves()
        .iter()
        .map(|leaf| serde_json::to_value(leaf).expect("plain data"))
        .collect()
}

fn leaf(sql: &str) -> Json {
    let mut leaves = leaves(sql);
    assert_eq!(leaves.len(), 1, "{sql}: {leaves:?}");
    leaves.remove(0)
}

fn filter(predicate: &str) -> Json {
    let leaf = leaf(&format!("SELECT level FROM logs WHERE {predicate}"));
    assert_eq!(
        leaf["output"],
        json!({ "kind": "rows", "project": ["level"], "limit": null }),
        "{predicate}"
    );
    leaf["filter"].clone()
}

fn time(predicate: &str) -> Json {
    let leaf = leaf(&format!("SELECT level FROM logs WHERE {predicate}"));
    assert_eq!(leaf["filter"], Json::Null, "{predicate}");
    leaf["time"].clone()
}

/// True when a filter operator is left above the leaf.
fn stays(predicate: &str) -> bool {
    let world = world();
    let sql = format!("SELECT level FROM logs WHERE {predicate}");
    plan(&sql, &context(&world))
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
        .explain()
        .contains("FilterExec")
}

#[test]
fn the_query_of_the_feature_list_is_one_aggregate_leaf() {
    let sql = "SELECT timestamp_bucket('1 hour', timestamp) AS time_bucket, level, COUNT(*) AS count, \
               AVG(response_time) AS avg_response\n\
               FROM logs WHERE timestamp >= NOW() - INTERVAL '24 hours' AND level IN ('error', 'warn')\n\
               GROUP BY time_bucket, level ORDER BY time_bucket DESC, count DESC";
    assert_eq!(
        leaf(sql),
        json!({
            "stream": "logs",
            "columns": [
                { "name": "level", "type": "string" },
                { "name": "_timestamp", "type": "int64" },
                { "name": "response_time", "type": "float64" }
            ],
            "time": { "min": NOW_US - 24 * HOUR_US, "max": null },
            "filter": { "op": "in", "column": "level", "values": [{ "string": "error" }, { "string": "warn" }], "negated": false },
            "output": {
                "kind": "aggregate",
                "groups": [
                    { "kind": "bucket", "column": "_timestamp", "width": HOUR_US, "origin": 978_307_200_000_000_i64 },
                    { "kind": "column", "column": "level" }
                ],
                "aggregates": [{ "kind": "countRows" }, { "kind": "average", "column": "response_time" }]
            }
        })
    );
}

#[test]
fn bounds_on_the_event_time_become_the_time_range() {
    let day = 1_772_668_800_000_000_i64; // 2026-03-05
    for (predicate, min, max) in [
        ("_timestamp >= 5", Some(5), None),
        ("_timestamp > 5 AND _timestamp < 9", Some(6), Some(9)),
        ("5 <= _timestamp AND _timestamp <= 9", Some(5), Some(10)),
        ("_timestamp = 7", Some(7), Some(8)),
        ("_timestamp BETWEEN 3 AND 4", Some(3), Some(5)),
        ("NOT (_timestamp < 3)", Some(3), None),
        ("_timestamp >= now() - INTERVAL '1 hour'", Some(NOW_US - HOUR_US), None),
        (
            "now() - INTERVAL '1 hour' < timestamp",
            Some(NOW_US - HOUR_US + 1),
            None,
        ),
        ("_timestamp >= '2026-03-05'", Some(day), None),
        ("_timestamp < '2026-03-05T01:00:00Z'", None, Some(day + HOUR_US)),
        (
            "_timestamp >= '2026-03-05 01:00:00.5'",
            Some(day + HOUR_US + 500_000),
            None,
        ),
        ("_timestamp >= '1772668800000000'", Some(day), None),
        ("_timestamp >= DATE '2026-03-05'", Some(day), None),
        ("_timestamp >= TIMESTAMP '2026-03-05 00:00:00'", Some(day), None),
        ("_timestamp >= date_trunc('day', now())", Some(day), None),
        ("_timestamp BETWEEN '2026-03-05' AND now()", Some(day), Some(NOW_US + 1)),
        (
            "to_timestamp_micros(_timestamp) >= now() - INTERVAL '1 hour'",
            Some(NOW_US - HOUR_US),
            None,
        ),
        ("_timestamp::timestamp < '2026-03-05'", None, Some(day)),
        (
            "time_range(_timestamp, '2026-03-05', '2026-03-05T01:00:00Z')",
            Some(day),
            Some(day + HOUR_US),
        ),
        (
            "date_trunc('day', _timestamp) = '2026-03-05'",
            Some(day),
            Some(day + 24 * HOUR_US),
        ),
        (
            "histogram(_timestamp, '1 hour') > '2026-03-05T00:30:00'",
            Some(day + HOUR_US),
            None,
        ),
        ("_timestamp + INTERVAL '1 hour' > now()", None, None),
    ] {
        if predicate.starts_with("_timestamp +") {
            assert!(stays(predicate), "{predicate}");
            continue;
        }
        assert_eq!(time(predicate), json!({ "min": min, "max": max }), "{predicate}");
    }
}

#[test]
fn the_range_of_the_request_bounds_every_leaf() {
    let world = world();
    let mut context = context(&world);
    (context.start_time, context.end_time) = (Some(100), Some(200));
    let sql = "SELECT l.level FROM logs l JOIN users u ON l.user_id = u.user_id \
               WHERE l._timestamp >= 150 AND l.status IN (SELECT n FROM empty) \
               UNION ALL SELECT level FROM logs WHERE _timestamp < 500";
    let plan = plan(sql, &context).expect("a valid statement");
    let mut ranges: Vec<_> = plan
        .leaves()
        .iter()
        .map(|leaf| (leaf.stream.as_str(), leaf.time.min, leaf.time.max))
        .collect();
    ranges.sort_unstable();
    assert_eq!(
        ranges,
        [
            ("empty", Some(100), Some(200)),
            ("logs", Some(100), Some(200)),
            ("logs", Some(150), Some(200)),
            ("users", Some(100), Some(200)),
        ]
    );
}

#[test]
fn predicates_become_filters() {
    let compare =
        |column: &str, cmp: &str, value: Json| json!({ "op": "compare", "column": column, "cmp": cmp, "value": value });
    for (predicate, wanted) in [
        ("level = 'error'", compare("level", "=", json!({ "string": "error" }))),
        (
            "NOT level = 'error'",
            compare("level", "!=", json!({ "string": "error" })),
        ),
        ("status >= 400", compare("status", ">=", json!({ "int64": 400 }))),
        ("400 > status", compare("status", "<", json!({ "int64": 400 }))),
        ("status > 399.5", compare("status", ">", json!({ "int64": 399 }))),
        (
            "response_time < 3",
            compare("response_time", "<", json!({ "float64": "3.0" })),
        ),
        ("ok", compare("ok", "=", json!({ "bool": true }))),
        ("NOT ok", compare("ok", "=", json!({ "bool": false }))),
        (
            "level IS NULL",
            json!({ "op": "isNull", "column": "level", "negated": false }),
        ),
        (
            "level IS NOT NULL",
            json!({ "op": "isNull", "column": "level", "negated": true }),
        ),
        (
            "level IN ('a','b','c','d','e')",
            json!({ "op": "in", "column": "level", "negated": false, "values": [{ "string": "a" }, { "string": "b" },
                { "string": "c" }, { "string": "d" }, { "string": "e" }] }),
        ),
        (
            "level NOT IN ('a', 'b')",
            json!({ "op": "in", "column": "level", "negated": true, "values": [{ "string": "a" }, { "string": "b" }] }),
        ),
        (
            "message LIKE '%a_b%'",
            json!({ "op": "like", "column": "message", "pattern": "%a_b%", "negated": false, "ignoreCase": false }),
        ),
        (
            "message NOT ILIKE 'x%y'",
            json!({ "op": "like", "column": "message", "pattern": "x%y", "negated": true, "ignoreCase": true }),
        ),
        (
            "str_match(message, 'a.b')",
            json!({ "op": "contains", "column": "message", "needle": "a.b", "negated": false, "ignoreCase": false }),
        ),
        (
            "NOT match_field_ignore_case(message, 'X')",
            json!({ "op": "contains", "column": "message", "needle": "X", "negated": true, "ignoreCase": true }),
        ),
        (
            "match_all('*Foo*')",
            json!({ "op": "contains", "column": "message", "needle": "Foo", "negated": false, "ignoreCase": true }),
        ),
        (
            "match_all('foo*')",
            json!({ "op": "and", "args": [
                { "op": "contains", "column": "message", "needle": "foo", "negated": false, "ignoreCase": true },
                { "op": "regex", "column": "message", "pattern": "(?i)(?:^|[^\\p{L}\\p{N}])foo", "negated": false,
                    "ignoreCase": false }] }),
        ),
        (
            "match_all('re:a+b')",
            json!({ "op": "regex", "column": "message", "pattern": "(?i)a+b", "negated": false, "ignoreCase": false }),
        ),
        ("match_all('*')", json!(null)),
        ("level = '_o2_all_'", json!(null)),
        (
            "starts_with(message, '5%_')",
            json!({ "op": "like", "column": "message", "pattern": "5\\%\\_%", "negated": false, "ignoreCase": false }),
        ),
        (
            "NOT ends_with(message, 'x')",
            json!({ "op": "like", "column": "message", "pattern": "%x", "negated": true, "ignoreCase": false }),
        ),
        (
            "regexp_like(message, 'a+b')",
            json!({ "op": "regex", "column": "message", "pattern": "a+b", "negated": false, "ignoreCase": false }),
        ),
        (
            "re_match(message, 'a+b')",
            json!({ "op": "regex", "column": "message", "pattern": "a+b", "negated": false, "ignoreCase": false }),
        ),
        (
            "re_not_match(message, 'a+b')",
            json!({ "op": "regex", "column": "message", "pattern": "a+b", "negated": true, "ignoreCase": false }),
        ),
        (
            "message ~* 'a+b'",
            json!({ "op": "regex", "column": "message", "pattern": "a+b", "negated": false, "ignoreCase": true }),
        ),
        (
            "level = 'a' OR (status > 1 AND ok)",
            json!({ "op": "or", "args": [
                compare("level", "=", json!({ "string": "a" })),
                { "op": "and", "args": [
                    compare("status", ">", json!({ "int64": 1 })), compare("ok", "=", json!({ "bool": true }))] }] }),
        ),
    ] {
        assert!(!stays(predicate), "{predicate}");
        assert_eq!(filter(predicate), wanted, "{predicate}");
    }
}

#[test]
fn what_a_leaf_cannot_do_stays_above_it() {
    for predicate in [
        "upper(level) = 'ERROR'",
        "status + 1 = 3",
        "level = message",
        "spath(attrs, 'a.b') = 'v1'",
        "length(message) > 3",
        "message LIKE level",
        "status IN (SELECT user_id FROM users) OR ok",
    ] {
        assert!(stays(predicate), "{predicate}");
    }
    let mixed = leaf("SELECT level FROM logs WHERE upper(level) = 'ERROR' AND status = 200");
    assert_eq!(mixed["filter"]["column"], "status");
}

#[test]
fn aggregates_become_leaves_of_states() {
    let output = |sql: &str| leaf(sql)["output"].clone();
    assert_eq!(
        output("SELECT count(*) FROM logs"),
        json!({ "kind": "aggregate", "groups": [], "aggregates": [{ "kind": "countRows" }] })
    );
    assert_eq!(
        output(
            "SELECT status, count(level), sum(status), min(message), max(response_time), avg(status) FROM logs GROUP BY status"
        ),
        json!({ "kind": "aggregate", "groups": [{ "kind": "column", "column": "status" }], "aggregates": [
            { "kind": "count", "column": "level" }, { "kind": "sum", "column": "status" },
            { "kind": "min", "column": "message" }, { "kind": "max", "column": "response_time" },
            { "kind": "average", "column": "status" }] })
    );
    assert_eq!(
        output("SELECT DISTINCT level FROM logs"),
        json!({ "kind": "aggregate", "groups": [{ "kind": "column", "column": "level" }], "aggregates": [] })
    );
    assert_eq!(
        output("SELECT count(DISTINCT level) FROM logs WHERE ok GROUP BY status"),
        json!({ "kind": "aggregate", "groups": [{ "kind": "column", "column": "status" }, { "kind": "column", "column": "level" }],
            "aggregates": [] })
    );
    for (bucket, width, origin) in [
        ("date_trunc('hour', _timestamp)", HOUR_US, 0_i64),
        ("date_trunc('week', _timestamp)", 7 * 24 * HOUR_US, 345_600_000_000),
        (
            "date_bin(INTERVAL '90 seconds', to_timestamp_micros(_timestamp))",
            90_000_000,
            0,
        ),
        (
            "date_bin(INTERVAL '1 day', _timestamp, TIMESTAMP '2020-01-01T05:00:00')",
            24 * HOUR_US,
            1_577_854_800_000_000,
        ),
        ("histogram(_timestamp, '30 seconds')", 30_000_000, 978_307_200_000_000),
        ("histogram(_timestamp)", HOUR_US, 978_307_200_000_000),
        (
            "timestamp_bucket(INTERVAL '2 days', _timestamp)",
            48 * HOUR_US,
            978_307_200_000_000,
        ),
    ] {
        let sql = format!("SELECT {bucket} AS b, count(*) FROM logs GROUP BY b");
        let wanted = json!([{ "kind": "bucket", "column": "_timestamp", "width": width, "origin": origin }]);
        assert_eq!(output(&sql)["groups"], wanted, "{sql}");
    }
    for sql in [
        "SELECT count(DISTINCT level), sum(DISTINCT status) FROM logs",
        "SELECT median(status) FROM logs",
        "SELECT level, stddev(status), bool_and(ok) FROM logs GROUP BY level",
        "SELECT approx_percentile_cont(status, 0.95) FROM logs",
        "SELECT min(attrs) FROM logs",
    ] {
        assert!(
            leaves(sql).iter().all(|leaf| leaf["output"]["kind"] == "aggregate"),
            "{sql}: {:?}",
            leaves(sql)
        );
    }
    for sql in [
        "SELECT upper(level), count(*) FROM logs GROUP BY 1",
        "SELECT count(*) FILTER (WHERE ok) FROM logs",
        "SELECT approx_distinct(status) FROM logs",
        "SELECT histogram(_timestamp, '1 month') AS b, count(*) FROM logs GROUP BY b",
        "SELECT count(*) FROM logs WHERE upper(level) = 'X'",
        "SELECT level, count(*) FROM logs GROUP BY GROUPING SETS ((level), ())",
        "SELECT sum(status + 1) FROM logs GROUP BY level, upper(message)",
    ] {
        assert!(
            leaves(sql).iter().all(|leaf| leaf["output"]["kind"] == "rows"),
            "{sql}: {:?}",
            leaves(sql)
        );
    }
}

#[test]
fn order_by_time_with_a_limit_becomes_top_time() {
    let output = |sql: &str| leaf(sql)["output"].clone();
    assert_eq!(
        output("SELECT level FROM logs ORDER BY _timestamp DESC LIMIT 10"),
        json!({ "kind": "topTime", "project": ["_timestamp", "level", "#arrival"], "descending": true, "limit": 10 })
    );
    assert_eq!(
        output(
            "SELECT upper(level) AS l, timestamp FROM logs WHERE status = 200 ORDER BY timestamp LIMIT 10 OFFSET 20"
        ),
        json!({ "kind": "topTime", "project": ["_timestamp", "level", "#arrival"], "descending": false, "limit": 30 })
    );
    let union = leaves(
        "SELECT _timestamp, level FROM logs UNION ALL SELECT _timestamp, name FROM users ORDER BY _timestamp DESC LIMIT 4",
    );
    assert!(
        union
            .iter()
            .all(|leaf| leaf["output"]["limit"] == 4 && leaf["output"]["kind"] == "topTime"),
        "{union:?}"
    );
    let other = leaves("SELECT _timestamp FROM logs UNION ALL SELECT status FROM logs ORDER BY 1 LIMIT 4");
    assert_eq!(
        other.iter().filter(|leaf| leaf["output"]["kind"] == "topTime").count(),
        1,
        "{other:?}"
    );
    for sql in [
        "SELECT level FROM logs ORDER BY _timestamp DESC, level LIMIT 10",
        "SELECT level FROM logs ORDER BY status LIMIT 10",
        "SELECT level FROM logs ORDER BY _timestamp DESC",
        "SELECT level FROM logs WHERE upper(level) = 'X' ORDER BY _timestamp DESC LIMIT 10",
    ] {
        assert_eq!(output(sql)["kind"], "rows", "{sql}");
        assert_eq!(output(sql)["limit"], Json::Null, "{sql}");
    }
}

#[test]
fn a_plain_limit_reaches_the_leaf() {
    assert_eq!(
        leaf("SELECT level FROM logs WHERE ok LIMIT 10 OFFSET 5")["output"],
        json!({ "kind": "rows", "project": ["level"], "limit": 15 })
    );
    assert_eq!(leaf("SELECT upper(level) FROM logs LIMIT 10")["output"]["limit"], 10);
    assert_eq!(
        leaf("SELECT level FROM logs WHERE upper(level) = 'X' LIMIT 10")["output"]["limit"],
        Json::Null
    );
}

#[test]
fn paging_and_default_order_apply_to_plain_queries() {
    let world = world();
    let mut context = context(&world);
    (context.from, context.size, context.default_order) = (20, Some(10), true);
    let output = |sql: &str| {
        let plan = plan(sql, &context).unwrap_or_else(|error| panic!("{sql}: {error}"));
        serde_json::to_value(&plan.leaves()[0].output).expect("plain data")
    };
    let newest = |limit: u64| json!({ "kind": "topTime", "project": ["_timestamp", "level", "#arrival"], "descending": true, "limit": limit });
    assert_eq!(output("SELECT level FROM logs"), newest(30));
    assert_eq!(output("SELECT level FROM logs LIMIT 5"), newest(5));
    assert_eq!(
        output("SELECT l.level FROM logs AS l WHERE ok IS NULL OR ok")["kind"],
        "topTime"
    );
    assert_eq!(
        output("SELECT level, timestamp FROM logs ORDER BY timestamp")["descending"],
        false
    );
    for sql in [
        "SELECT level FROM logs ORDER BY level",
        "SELECT row_number() OVER (ORDER BY status) FROM logs",
        "SELECT level FROM (SELECT level FROM logs)",
        "WITH x AS (SELECT level FROM logs) SELECT level FROM x",
        "SELECT l.level FROM logs l JOIN users u ON l.user_id = u.user_id",
    ] {
        assert_eq!(output(sql)["kind"], "rows", "{sql}");
    }
    assert_eq!(
        output("SELECT level, count(*) FROM logs GROUP BY level")["kind"],
        "aggregate"
    );
    assert_eq!(output("SELECT DISTINCT level FROM logs")["kind"], "aggregate");
}
