//! What a scan leaves unread, what it refuses, and what it makes of damaged blocks.

use basalt_block::{Batch, Column, EncodeOptions, Strings, Text, Values, encode_block};
use basalt_scan::request::*;
use basalt_scan::{FILTER_DEPTH_MAX, Part, ScanError, ScanOutput, aggregate, scan};

const OPTIONS: EncodeOptions = EncodeOptions::wal(1);

fn column(name: &str, values: Values) -> Column {
    Column {
        name: name.into(),
        validity: None,
        values,
    }
}

fn text(rows: impl Iterator<Item = String>) -> Values {
    let mut text = Text::default();
    rows.for_each(|row| text.push(row.as_bytes()));
    Values::String(Strings::Plain(text))
}

/// `rows` rows from time `start` on, one a microsecond.
fn block(start: i64, rows: usize) -> Vec<u8> {
    let columns = vec![
        column("_timestamp", Values::Int64((start..start + rows as i64).collect())),
        column("level", text((0..rows).map(|row| ["info", "warn"][row % 2].into()))),
        column(
            "message",
            text((0..rows).map(|row| format!("message number {} {}", row, row * 7919 % 1009))),
        ),
        column(
            "status",
            Values::Int64((0..rows).map(|row| 200 + row as i64 % 5).collect()),
        ),
    ];
    encode_block(&Batch { rows, columns }, &OPTIONS).unwrap()
}

fn request(filter: Option<Filter>, output: Output) -> ScanRequest {
    let column = |name: &str, column_type| ColumnRef {
        name: name.into(),
        column_type,
    };
    ScanRequest {
        stream: "test".into(),
        columns: vec![
            column("_timestamp", RequestType::Int64),
            column("level", RequestType::String),
            column("message", RequestType::String),
            column("status", RequestType::Int64),
        ],
        time: TimeRange::default(),
        filter,
        output,
    }
}

fn count() -> Output {
    Output::Aggregate {
        groups: vec![],
        aggregates: vec![Aggregate::CountRows],
        top: None,
    }
}

fn equal(column: &str, value: Literal) -> Filter {
    Filter::Compare {
        column: column.into(),
        cmp: Comparison::Equal,
        value,
    }
}

fn run(request: &ScanRequest, blocks: &[Vec<u8>]) -> Result<ScanOutput, ScanError> {
    let parts: Vec<Part> = blocks
        .iter()
        .map(|block| Part {
            source: block,
            offset: 0,
            header: None,
        })
        .collect();
    scan(request, &parts)
}

#[test]
fn headers_and_dictionaries_decide_blocks_without_pages() {
    let blocks = [block(0, 20_000), block(20_000, 20_000), block(40_000, 20_000)];
    let mut in_time = request(None, count());
    in_time.time = TimeRange {
        min: Some(20_000),
        max: Some(40_000),
    };
    let stats = run(&in_time, &blocks).unwrap().stats;
    assert_eq!(
        (stats.rows_matched, stats.rows_scanned, stats.pages_read),
        (20_000, 20_000, 0)
    );
    for filter in [
        equal("status", Literal::Int64(205)),
        equal("level", Literal::String("warm".into())),
        Filter::Contains {
            column: "level".into(),
            needle: "x".into(),
            negated: false,
            ignore_case: false,
        },
        Filter::Compare {
            column: "message".into(),
            cmp: Comparison::Less,
            value: Literal::String("m".into()),
        },
        Filter::IsNull {
            column: "status".into(),
            negated: false,
        },
    ] {
        let stats = run(&request(Some(filter), count()), &blocks).unwrap().stats;
        assert_eq!((stats.rows_matched, stats.rows_scanned, stats.pages_read), (0, 0, 0));
    }
    let min_max = Output::Aggregate {
        groups: vec![Group::Bucket {
            column: "_timestamp".into(),
            width: 20_000,
            origin: 0,
        }],
        aggregates: vec![
            Aggregate::CountRows,
            Aggregate::Min {
                column: "status".into(),
            },
            Aggregate::Max { column: "level".into() },
            Aggregate::Count {
                column: "message".into(),
            },
        ],
        top: None,
    };
    let output = run(&request(None, min_max), &blocks).unwrap();
    assert_eq!((output.rows, output.stats.pages_read), (3, 0));
}

#[test]
fn columns_are_read_only_for_pages_with_rows() {
    // Five pages; only the third has the wanted time.
    let blocks = [block(0, 40_000)];
    let project = vec!["message".into(), "status".into()];
    let mut one = request(
        None,
        Output::Rows {
            project: project.clone(),
            limit: None,
        },
    );
    one.time = TimeRange {
        min: Some(17_000),
        max: Some(17_010),
    };
    let output = run(&one, &blocks).unwrap();
    assert_eq!((output.rows, output.stats.pages_read), (10, 3));
    let limited = request(
        None,
        Output::Rows {
            project: project.clone(),
            limit: Some(3),
        },
    );
    let output = run(&limited, &blocks).unwrap();
    assert_eq!((output.rows, output.stats.pages_read), (3, 2));
    let newest = Output::TopTime {
        project,
        descending: true,
        limit: 5,
    };
    let output = run(
        &request(Some(equal("level", Literal::String("warn".into()))), newest),
        &blocks,
    )
    .unwrap();
    // Level and time of the last page, then the two columns of the same page.
    assert_eq!((output.rows, output.stats.pages_read), (5, 4));
}

#[test]
fn top_time_stops_at_blocks_that_cannot_improve() {
    let blocks: Vec<Vec<u8>> = (0..6).map(|index| block(index * 1000, 1000)).collect();
    for (descending, first) in [(true, 5990), (false, 0)] {
        let output = Output::TopTime {
            project: vec!["_timestamp".into()],
            descending,
            limit: 10,
        };
        let stats = run(&request(None, output), &blocks).unwrap().stats;
        assert_eq!(stats.rows_scanned, 1000, "{descending} {first}");
    }
}

#[test]
fn no_parts_and_no_columns() {
    let output = run(&request(None, count()), &[]).unwrap();
    assert_eq!(output.rows, 1);
    let output = run(
        &request(
            None,
            Output::Rows {
                project: vec!["level".into()],
                limit: None,
            },
        ),
        &[],
    )
    .unwrap();
    assert_eq!(output.rows, 0);
    let blocks = [block(0, 9000), block(0, 10)];
    let rows_only = Output::Rows {
        project: vec![],
        limit: None,
    };
    let output = run(&request(None, rows_only), &blocks).unwrap();
    assert_eq!((output.rows, output.stats.pages_read), (9010, 0));
    let batches: usize = arrow_ipc::reader::StreamReader::try_new(output.ipc.as_slice(), None)
        .unwrap()
        .map(|batch| batch.unwrap().num_rows())
        .sum();
    assert_eq!(batches, 9010);
}

#[test]
fn deep_filters_run_on_a_small_stack_and_deeper_ones_are_refused() {
    let nested = |depth: usize| {
        let mut filter = equal("status", Literal::Int64(200));
        for level in 1..depth {
            let other = equal("status", Literal::Int64(201 + (level % 3) as i64));
            filter = match level % 2 {
                0 => Filter::And {
                    args: vec![Filter::Or { args: vec![] }, filter],
                },
                _ => Filter::Or {
                    args: vec![other, filter],
                },
            };
            if let Filter::And { args } = &mut filter {
                args[0] = Filter::Compare {
                    column: "status".into(),
                    cmp: Comparison::NotEqual,
                    value: Literal::Int64(204),
                };
            }
        }
        filter
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        let blocks = [block(0, 1000)];
        let rows = |depth| {
            run(
                &request(
                    Some(nested(depth)),
                    Output::Rows {
                        project: vec![],
                        limit: None,
                    },
                ),
                &blocks,
            )
        };
        assert_eq!(rows(FILTER_DEPTH_MAX).unwrap().rows, 800);
        let error = rows(FILTER_DEPTH_MAX + 1).unwrap_err().to_string();
        assert!(error.contains("1000"), "{error}");
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn contradictions_are_refused_with_their_column() {
    let blocks = [block(0, 10)];
    let unknown = Output::Rows {
        project: vec!["nothing".into()],
        limit: None,
    };
    let sum = Output::Aggregate {
        groups: vec![],
        aggregates: vec![Aggregate::Sum { column: "level".into() }],
        top: None,
    };
    let bucket = |column: &str, width| Output::Aggregate {
        groups: vec![Group::Bucket {
            column: column.into(),
            width,
            origin: 0,
        }],
        aggregates: vec![],
        top: None,
    };
    for (request, wanted) in [
        (request(None, unknown), "nothing"),
        (request(None, sum), "level"),
        (request(None, bucket("level", 10)), "bucket"),
        (request(None, bucket("status", 0)), "bucket"),
        (
            request(Some(equal("status", Literal::String("200".into()))), count()),
            "status",
        ),
        (
            request(
                Some(Filter::Like {
                    column: "status".into(),
                    pattern: "%".into(),
                    negated: false,
                    ignore_case: false,
                }),
                count(),
            ),
            "status",
        ),
        (
            request(
                Some(Filter::Regex {
                    column: "level".into(),
                    pattern: "(".into(),
                    negated: false,
                    ignore_case: false,
                }),
                count(),
            ),
            "regular expression",
        ),
    ] {
        let error = run(&request, &blocks).unwrap_err();
        assert!(
            matches!(error, ScanError::Request(_) | ScanError::Pattern(_)) && error.to_string().contains(wanted),
            "{error}"
        );
    }
}

#[test]
fn an_impossible_cast_names_block_and_column() {
    let mut file = vec![0; 100];
    file.extend(block(0, 10));
    let mut request = request(None, count());
    request.columns[1].column_type = RequestType::Int64;
    let error = scan(
        &request,
        &[Part {
            source: &file,
            offset: 100,
            header: None,
        }],
    )
    .unwrap_err();
    let shown = error.to_string();
    assert!(
        matches!(error, ScanError::Internal(_)) && shown.contains("byte 100") && shown.contains("level"),
        "{shown}"
    );
}

#[test]
fn too_many_groups_are_an_error_that_says_so() {
    let rows = 1 << 20;
    let mut blocks = Vec::new();
    for start in (0..=aggregate::GROUPS_MAX as i64).step_by(rows) {
        let ids = (start..start + rows as i64).collect();
        let columns = vec![
            column("_timestamp", Values::Int64(vec![0; rows])),
            column("status", Values::Int64(ids)),
        ];
        blocks.push(encode_block(&Batch { rows, columns }, &OPTIONS).unwrap());
    }
    let output = Output::Aggregate {
        groups: vec![Group::Column {
            column: "status".into(),
        }],
        aggregates: vec![Aggregate::CountRows],
        top: None,
    };
    let request = request(None, output);
    let error = run(&request, &blocks).unwrap_err();
    assert!(
        matches!(error, ScanError::Limit(_)) && error.to_string().contains("5000000"),
        "{error}"
    );
    let fine = run(&request, &blocks[..4]).unwrap();
    assert_eq!(fine.rows, 4 << 20);
}

#[test]
fn damaged_blocks_give_an_error_or_the_right_answer() {
    let intact = block(0, 300);
    let contains = Filter::Contains {
        column: "message".into(),
        needle: "number 7".into(),
        negated: false,
        ignore_case: false,
    };
    let requests = [
        request(
            Some(contains),
            Output::Rows {
                project: vec!["message".into(), "level".into()],
                limit: None,
            },
        ),
        request(
            None,
            Output::TopTime {
                project: vec!["status".into()],
                descending: true,
                limit: 7,
            },
        ),
        request(
            None,
            Output::Aggregate {
                groups: vec![
                    Group::Column { column: "level".into() },
                    Group::Column {
                        column: "status".into(),
                    },
                ],
                aggregates: vec![Aggregate::Max {
                    column: "message".into(),
                }],
                top: None,
            },
        ),
    ];
    for request in &requests {
        let expected = run(request, std::slice::from_ref(&intact)).unwrap().ipc;
        for position in 0..intact.len() {
            for flip in [0x01, 0x80, 0xFF] {
                let mut damaged = intact.clone();
                damaged[position] ^= flip;
                match run(request, &[damaged]) {
                    Ok(output) => assert_eq!(output.ipc, expected, "byte {position}"),
                    Err(error) => assert!(matches!(error, ScanError::Block { offset: 0, .. }), "{error}"),
                }
            }
        }
        for length in 0..intact.len() {
            if let Ok(output) = run(request, &[intact[..length].to_vec()]) {
                assert_eq!(output.ipc, expected, "first {length} bytes");
            }
        }
    }
}
