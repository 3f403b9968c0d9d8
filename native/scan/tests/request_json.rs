//! The JSON form of requests, which TypeScript and the SQL crate share: each text reads back and writes out unchanged.

use basalt_scan::request::*;

fn round_trip(request: &ScanRequest, json: &str) {
    let expected: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_value(request).unwrap(), expected);
    assert_eq!(&serde_json::from_str::<ScanRequest>(json).unwrap(), request);
}

fn column(name: &str, column_type: RequestType) -> ColumnRef {
    ColumnRef {
        name: name.into(),
        column_type,
    }
}

#[test]
fn rows_with_every_filter() {
    let request = ScanRequest {
        stream: "app".into(),
        columns: vec![
            column("i", RequestType::Int64),
            column("f", RequestType::Float64),
            column("b", RequestType::Bool),
            column("s", RequestType::String),
            column("j", RequestType::Json),
        ],
        time: TimeRange {
            min: Some(1),
            max: None,
        },
        filter: Some(Filter::And {
            args: vec![
                Filter::Or {
                    args: vec![Filter::Constant { value: false }],
                },
                Filter::Compare {
                    column: "i".into(),
                    cmp: Comparison::LessOrEqual,
                    value: Literal::Int64(-5),
                },
                Filter::Compare {
                    column: "f".into(),
                    cmp: Comparison::NotEqual,
                    value: Literal::Float64(1.5),
                },
                Filter::Compare {
                    column: "b".into(),
                    cmp: Comparison::Equal,
                    value: Literal::Bool(true),
                },
                Filter::In {
                    column: "s".into(),
                    values: vec![Literal::String("x".into())],
                    negated: true,
                },
                Filter::Like {
                    column: "s".into(),
                    pattern: "a%".into(),
                    negated: false,
                    ignore_case: true,
                },
                Filter::Contains {
                    column: "j".into(),
                    needle: "k".into(),
                    negated: false,
                    ignore_case: false,
                },
                Filter::Regex {
                    column: "s".into(),
                    pattern: "^a".into(),
                    negated: true,
                    ignore_case: false,
                },
                Filter::IsNull {
                    column: "i".into(),
                    negated: true,
                },
            ],
        }),
        output: Output::Rows {
            project: vec!["s".into()],
            limit: Some(10),
        },
    };
    round_trip(
        &request,
        r#"{
            "stream": "app",
            "columns": [
                {"name": "i", "type": "int64"}, {"name": "f", "type": "float64"}, {"name": "b", "type": "bool"},
                {"name": "s", "type": "string"}, {"name": "j", "type": "json"}
            ],
            "time": {"min": 1, "max": null},
            "filter": {"op": "and", "args": [
                {"op": "or", "args": [{"op": "constant", "value": false}]},
                {"op": "compare", "column": "i", "cmp": "<=", "value": {"int64": -5}},
                {"op": "compare", "column": "f", "cmp": "!=", "value": {"float64": "1.5"}},
                {"op": "compare", "column": "b", "cmp": "=", "value": {"bool": true}},
                {"op": "in", "column": "s", "values": [{"string": "x"}], "negated": true},
                {"op": "like", "column": "s", "pattern": "a%", "negated": false, "ignoreCase": true},
                {"op": "contains", "column": "j", "needle": "k", "negated": false, "ignoreCase": false},
                {"op": "regex", "column": "s", "pattern": "^a", "negated": true, "ignoreCase": false},
                {"op": "isNull", "column": "i", "negated": true}
            ]},
            "output": {"kind": "rows", "project": ["s"], "limit": 10}
        }"#,
    );
}

#[test]
fn top_time() {
    let request = ScanRequest {
        stream: "app".into(),
        columns: vec![],
        time: TimeRange::default(),
        filter: None,
        output: Output::TopTime {
            project: vec![],
            descending: true,
            limit: 100,
        },
    };
    round_trip(
        &request,
        r#"{"stream": "app", "columns": [], "time": {"min": null, "max": null}, "filter": null,
            "output": {"kind": "topTime", "project": [], "descending": true, "limit": 100}}"#,
    );
}

#[test]
fn aggregates() {
    let of = |column: &str| column.to_owned();
    let request = ScanRequest {
        stream: "app".into(),
        columns: vec![column("_timestamp", RequestType::Int64)],
        time: TimeRange {
            min: Some(i64::MIN),
            max: Some(i64::MAX),
        },
        filter: None,
        output: Output::Aggregate {
            groups: vec![
                Group::Column { column: of("level") },
                Group::Bucket {
                    column: of("_timestamp"),
                    width: 60,
                    origin: -1,
                },
            ],
            aggregates: vec![
                Aggregate::CountRows,
                Aggregate::Count { column: of("a") },
                Aggregate::Sum { column: of("a") },
                Aggregate::Min { column: of("a") },
                Aggregate::Max { column: of("a") },
                Aggregate::Average { column: of("a") },
            ],
            top: None,
        },
    };
    round_trip(
        &request,
        r#"{"stream": "app", "columns": [{"name": "_timestamp", "type": "int64"}],
            "time": {"min": -9223372036854775808, "max": 9223372036854775807}, "filter": null,
            "output": {"kind": "aggregate",
                "groups": [{"kind": "column", "column": "level"},
                           {"kind": "bucket", "column": "_timestamp", "width": 60, "origin": -1}],
                "aggregates": [{"kind": "countRows"}, {"kind": "count", "column": "a"}, {"kind": "sum", "column": "a"},
                               {"kind": "min", "column": "a"}, {"kind": "max", "column": "a"},
                               {"kind": "average", "column": "a"}]}}"#,
    );
}

#[test]
fn unknown_fields_and_kinds_are_errors() {
    for json in [
        r#"{"op": "compare", "column": "i", "cmp": "<>", "value": {"int64": 1}}"#,
        r#"{"op": "not", "args": []}"#,
        r#"{"op": "isNull", "column": "i", "negated": true, "extra": 1}"#,
        r#"{"op": "compare", "column": "i", "cmp": "=", "value": {"decimal": 1}}"#,
    ] {
        assert!(serde_json::from_str::<Filter>(json).is_err(), "{json}");
    }
}

#[test]
fn floats_come_back_bit_for_bit() {
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        bits
    };
    let random = (0..20_000).flat_map(|_| {
        let bits = next();
        let unit = (bits >> 11) as f64 / (1u64 << 53) as f64;
        [f64::from_bits(bits), unit, unit * 1e3, unit * 1e5, -unit * 1e9]
    });
    let extremes = [
        0.0,
        -0.0,
        f64::MIN_POSITIVE,
        5e-324,
        2.225_073_858_507_201e-308,
        f64::MAX,
        f64::MIN,
        f64::EPSILON,
        940.976_001_087_999_1,
        0.000_938_575_714_826_583_9,
        1e22,
        1e23,
        9_007_199_254_740_993.0,
    ];
    for value in random.chain(extremes).filter(|value| value.is_finite()) {
        let json = serde_json::to_string(&Literal::Float64(value)).unwrap();
        match serde_json::from_str(&json) {
            Ok(Literal::Float64(back)) => assert_eq!(back.to_bits(), value.to_bits(), "{json}"),
            other => panic!("{json}: {other:?}"),
        }
    }
}
