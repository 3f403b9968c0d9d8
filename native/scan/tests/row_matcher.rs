//! The bits of `RowMatcher` are the rows that a look at each row would choose.

use basalt_block::{Batch, Column, EncodeOptions, Strings, Text, Validity, Values, encode_block};
use basalt_scan::request::*;
use basalt_scan::{Part, RowMatcher};

const ROWS: usize = 20_001;

fn level(row: usize) -> &'static str {
    ["info", "warn", "error"][row % 3]
}

fn present(row: usize) -> bool {
    !row.is_multiple_of(7)
}

fn block() -> Vec<u8> {
    let mut text = Text::default();
    (0..ROWS).for_each(|row| text.push(level(row).as_bytes()));
    let mut words = vec![0u64; ROWS.div_ceil(64)];
    (0..ROWS)
        .filter(|row| present(*row))
        .for_each(|row| words[row / 64] |= 1 << (row % 64));
    let columns = vec![
        Column {
            name: "_timestamp".into(),
            validity: None,
            values: Values::Int64((0..ROWS as i64).map(|row| row * 10).collect()),
        },
        Column {
            name: "level".into(),
            validity: None,
            values: Values::String(Strings::Plain(text)),
        },
        Column {
            name: "n".into(),
            validity: Some(Validity { words }),
            values: Values::Int64((0..ROWS as i64).map(|row| row % 1000).collect()),
        },
    ];
    encode_block(&Batch { rows: ROWS, columns }, &EncodeOptions::wal(1)).unwrap()
}

fn request(filter: Option<Filter>, time: TimeRange) -> ScanRequest {
    let column = |name: &str, column_type| ColumnRef {
        name: name.into(),
        column_type,
    };
    ScanRequest {
        stream: "test".into(),
        columns: vec![column("level", RequestType::String), column("n", RequestType::Int64)],
        time,
        filter,
        output: Output::Rows {
            project: vec![],
            limit: None,
        },
    }
}

fn check(filter: Option<Filter>, time: TimeRange, expected: impl Fn(usize) -> bool) {
    let block = block();
    let part = Part {
        source: &block,
        offset: 0,
        header: None,
    };
    let words = RowMatcher::compile(&request(filter, time))
        .unwrap()
        .matching_rows(&part, ROWS)
        .unwrap();
    assert_eq!(words.len(), ROWS.div_ceil(64));
    for row in 0..words.len() * 64 {
        assert_eq!(
            words[row / 64] >> (row % 64) & 1 == 1,
            row < ROWS && expected(row),
            "row {row}"
        );
    }
}

fn compare(column: &str, cmp: Comparison, value: Literal) -> Filter {
    Filter::Compare {
        column: column.into(),
        cmp,
        value,
    }
}

#[test]
fn are_those_of_the_filter_and_the_time_range() {
    let errors = || compare("level", Comparison::Equal, Literal::String("error".into()));
    let small = || compare("n", Comparison::Less, Literal::Int64(300));
    let all = TimeRange::default;
    check(None, all(), |_| true);
    check(Some(errors()), all(), |row| level(row) == "error");
    check(Some(small()), all(), |row| present(row) && row % 1000 < 300);
    let range = TimeRange {
        min: Some(81_000),
        max: Some(170_000),
    };
    let both = Filter::And {
        args: vec![errors(), small()],
    };
    check(Some(both), range, |row| {
        (8100..17_000).contains(&row) && level(row) == "error" && present(row) && row % 1000 < 300
    });
    let none = compare("level", Comparison::Equal, Literal::String("fatal".into()));
    check(Some(none), all(), |_| false);
}
