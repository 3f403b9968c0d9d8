//! Rows as text.

use basalt_sql::{Format, plan};

use crate::harness::{LIMIT_BYTES, context, run_as, world};

const SQL: &str = "SELECT * FROM (VALUES (1, 1.5::double, 'a\"b', true, NULL, '2026-03-05T01:02:03.5'::timestamp), \
                   (-2, 'NaN'::double, 'x,y\nz', false, 'n', NULL)) AS v(i, f, s, b, n, t)";

fn encoded(sql: &str, format: Format) -> String {
    let world = world();
    let plan = plan(sql, &context(&world)).unwrap_or_else(|error| panic!("{sql}: {error}"));
    String::from_utf8(run_as(&world, &plan, format, LIMIT_BYTES).expect("rows")).expect("UTF-8")
}

#[test]
fn every_format_writes_the_same_rows() {
    assert_eq!(
        encoded(SQL, Format::JsonObjects),
        r#"{"i":1,"f":1.5,"s":"a\"b","b":true,"t":"2026-03-05T01:02:03.500"},{"i":-2,"f":null,"s":"x,y\nz","b":false,"n":"n"}"#
    );
    assert_eq!(
        encoded(SQL, Format::JsonArrays),
        r#"[1,1.5,"a\"b",true,null,"2026-03-05T01:02:03.500"],[-2,null,"x,y\nz",false,"n",null]"#
    );
    assert_eq!(
        encoded(SQL, Format::Ndjson),
        "{\"i\":1,\"f\":1.5,\"s\":\"a\\\"b\",\"b\":true,\"t\":\"2026-03-05T01:02:03.500\"}\n\
         {\"i\":-2,\"f\":null,\"s\":\"x,y\\nz\",\"b\":false,\"n\":\"n\"}\n"
    );
    assert_eq!(
        encoded(SQL, Format::Csv),
        "1,1.5,\"a\"\"b\",true,,2026-03-05T01:02:03.500\n-2,NaN,\"x,y\nz\",false,n,\n"
    );
}

#[test]
fn every_type_has_a_form() {
    let sql = "SELECT [1, 2] AS l, named_struct('a', 1) AS o, INTERVAL '1 hour' AS i, DATE '2026-03-05' AS d, 1.25::decimal(5,2) AS m, \
               now() AS n, TIME '01:02:03' AS t, arrow_cast(5, 'UInt64') AS u, encode('x'::bytea, 'hex') AS h";
    let text = encoded(sql, Format::JsonObjects);
    let row: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(row["l"], serde_json::json!([1, 2]));
    assert_eq!(row["o"], serde_json::json!({ "a": 1 }));
    assert_eq!(row["d"], "2026-03-05");
    assert_eq!(row["u"], 5);
    assert_eq!(row["n"].as_str().map(|text| &text[..19]), Some("2026-03-05T12:00:00"));
    assert!(row["i"].is_string(), "{text}");
    assert!(
        encoded(sql, Format::Csv).starts_with("\"[1,2]\",\"{\"\"a\"\":1}\","),
        "{}",
        encoded(sql, Format::Csv)
    );
}

#[test]
fn columns_are_described() {
    let world = world();
    let plan = plan(
        "SELECT level, count(*) AS n, histogram(_timestamp) AS h FROM logs GROUP BY level, h",
        &context(&world),
    );
    assert_eq!(
        plan.expect("a valid statement").schema_json(),
        r#"[{"name":"level","type":"Utf8"},{"name":"n","type":"Int64"},{"name":"h","type":"Timestamp(µs)"}]"#
    );
}

#[test]
fn all_nulls_are_an_empty_object() {
    assert_eq!(
        encoded("SELECT NULL AS a, NULL::bigint AS b", Format::JsonObjects),
        "{}"
    );
}

#[test]
fn csv_tells_null_from_nothing_and_keeps_what_readers_change() {
    let rows = |sql: &str| encoded(&format!("SELECT * FROM (VALUES {sql}) AS v(a, b)"), Format::Csv);
    assert_eq!(
        rows("(1, 'x'), (2, NULL), (3, ''), (4, ' x'), (5, '\\N')"),
        "1,x\n2,\n3,\"\"\n4,\" x\"\n5,\"\\N\"\n"
    );
    assert_eq!(
        rows("(1e20::double, 1e-7::double), (-1.5e16::double, 1e300::double), ('inf'::double, '-inf'::double)"),
        "100000000000000000000.0,0.0000001\n-15000000000000000.0,1e300\ninf,-inf\n"
    );
    assert_eq!(rows("('NaN'::float, 1.5::float)"), "NaN,1.5\n");
    // An empty line is no row to most readers.
    assert_eq!(
        encoded("SELECT * FROM (VALUES ('x'), (NULL)) AS v(a)", Format::Csv),
        "x\n\"\"\n"
    );
}

#[test]
fn values_of_several_types_are_what_they_are_wherever_they_stand() {
    let get = |value: &str| format!("json_get('{{\"a\":{value}}}', 'a')");
    let sql = format!(
        "SELECT {} AS i, [{}, {}] AS l, named_struct('k', {}, 'n', NULL) AS o",
        get("1"),
        get("\"x\""),
        get("null"),
        get("2.5")
    );
    assert_eq!(
        encoded(&sql, Format::JsonObjects),
        r#"{"i":1,"l":["x",null],"o":{"k":2.5,"n":null}}"#
    );
    assert_eq!(
        encoded(&sql, Format::Csv),
        "1,\"[\"\"x\"\",null]\",\"{\"\"k\"\":2.5,\"\"n\"\":null}\"\n"
    );
    assert_eq!(
        encoded(&format!("SELECT {} AS s, 1 AS n", get("\"x\"")), Format::Csv),
        "x,1\n"
    );
}

#[test]
fn ndjson_has_all_fields_where_asked() {
    assert_eq!(
        encoded("SELECT 1 AS a, NULL AS b", Format::NdjsonAllFields),
        "{\"a\":1,\"b\":null}\n"
    );
}
