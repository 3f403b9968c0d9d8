//! The list of functions: it names them all, and its examples run.

use std::collections::BTreeSet;

use basalt_sql::{FunctionInfo, function_list, plan};
use serde_json::json;

use crate::harness::{context, rows, world};

fn all() -> Vec<FunctionInfo> {
    function_list().expect("a list")
}

#[test]
fn it_has_every_function_of_the_dialect_once() {
    let all = all();
    let names: BTreeSet<&str> = all.iter().map(|function| function.name.as_str()).collect();
    for name in [
        "match_all",
        "match_all_raw",
        "match_all_raw_ignore_case",
        "fuzzy_match",
        "fuzzy_match_all",
        "str_match",
        "match_field",
        "str_match_ignore_case",
        "match_field_ignore_case",
        "re_match",
        "re_not_match",
        "re_matches",
        "regexp_match_to_fields",
        "histogram",
        "timestamp_bucket",
        "approx_topk",
        "approx_topk_distinct",
        "summary_percentile",
        "spath",
        "time_range",
        "date_format",
        "cast_to_timestamp",
        "cast_to_arr",
        "to_array_string",
        "arrindex",
        "arrjoin",
        "arrcount",
        "arrsort",
        "arr_descending",
        "arrzip",
        "string_to_array_v2",
        "json_get",
        "json_get_str",
        "json_get_int",
        "json_get_float",
        "json_get_bool",
        "json_contains",
        "json_length",
        "json_object_keys",
        "abs",
        "sqrt",
        "map",
        "array_sort",
        "regexp_replace",
        "date_bin",
        "count",
        "approx_percentile_cont",
        "row_number",
        "generate_series",
    ] {
        assert!(names.contains(name), "{name}");
    }
    let keys: BTreeSet<(&str, &str)> = all
        .iter()
        .map(|function| (function.name.as_str(), function.kind))
        .collect();
    assert_eq!(keys.len(), all.len());
    let bare: Vec<&str> = all
        .iter()
        .filter(|function| function.doc.is_empty())
        .map(|function| function.name.as_str())
        .collect();
    assert_eq!(bare, [] as [&str; 0], "functions without documentation");
}

#[test]
fn the_examples_of_our_own_run() {
    let world = world();
    let examples: Vec<String> = all().into_iter().filter_map(|function| function.example).collect();
    // Those of DataFusion show a prompt and an answer.
    let ours = examples
        .iter()
        .filter(|example| example.starts_with("SELECT ") && example.lines().count() == 1 && !example.ends_with(';'));
    let ran = ours.map(|example| rows(&world, example)).count();
    assert!(ran >= 38, "{ran}");
}

#[test]
fn aggregates_of_ours_merge_over_the_parts_of_a_stream() {
    for world in [world(), world().stored(), world().combined(3)] {
        let top = rows(
            &world,
            "SELECT approx_topk(level, 2) AS top, approx_topk_distinct(level, status, 9) AS most FROM logs",
        );
        let entry = |value: &str, count: i64| json!({ "value": value, "count": count });
        assert_eq!(top[0]["top"], json!([entry("error", 60), entry("info", 60)]));
        assert_eq!(top[0]["most"].as_array().map(Vec::len), Some(4));
        let by_level = "SELECT level, approx_topk(status, 1, 1) AS top, summary_percentile(response_time, status, 0.5) AS p \
                        FROM logs GROUP BY level ORDER BY level";
        assert_eq!(rows(&world, by_level).len(), 5);
    }
}

#[test]
fn aggregates_of_ours_are_leaves() {
    let plan = plan(
        "SELECT level, approx_topk(message, 3), approx_topk_distinct(level, message, 3, 50), \
         summary_percentile(response_time, status, 0.9) FROM logs GROUP BY level",
        &context(&world()),
    )
    .expect("a valid statement");
    let request = serde_json::to_value(&plan.leaves()[0]).expect("JSON");
    let names: Vec<&str> = request["output"]["aggregates"]
        .as_array()
        .expect("a leaf of states")
        .iter()
        .filter_map(|aggregate| aggregate["name"].as_str())
        .collect();
    assert_eq!(names, ["approx_topk", "approx_topk_distinct", "summary_percentile"]);
}
