//! Rows of very many columns: the answer is the same as of each row by itself, and takes what is in it.

use arrow_array::{Array, Int64Array, StringArray};
use arrow_schema::{DataType, Field, Schema};
use basalt_block::{Batch, Column, EncodeOptions, Strings, Text, Validity, Values, encode_block};
use basalt_scan::request::*;
use basalt_scan::{Part, decode_answer, scan};
use std::sync::Arc;

const NAMES: usize = 3000;
const ROWS: usize = 9000;

/// Row `r` has the fields `r % NAMES` (a number, of even ones a text) and `n`.
fn block(first: usize) -> Vec<u8> {
    let fixed = |name: &str, values: Vec<i64>| Column {
        name: name.to_owned(),
        validity: None,
        values: Values::Int64(values),
    };
    let times = (0..ROWS).map(|row| (first + row) as i64).collect();
    let mut columns = vec![
        fixed("_timestamp", times),
        fixed("n", (0..ROWS).map(|row| (first + row) as i64 * 2).collect()),
    ];
    for name in 0..NAMES {
        let mut words = vec![0u64; ROWS.div_ceil(64)];
        let has = |row: usize| (first + row) % NAMES == name;
        (0..ROWS)
            .filter(|row| has(*row))
            .for_each(|row| words[row / 64] |= 1 << (row % 64));
        let values = match name % 2 {
            0 => {
                let mut text = Text::default();
                (0..ROWS).for_each(|row| {
                    let value = format!("t{}", first + row);
                    text.push(if has(row) { value.as_bytes() } else { b"" });
                });
                Values::String(Strings::Plain(text))
            }
            _ => Values::Int64((0..ROWS).map(|row| (first + row) as i64).collect()),
        };
        columns.push(Column {
            name: format!("f{name:04}"),
            validity: Some(Validity { words }),
            values,
        });
    }
    encode_block(&Batch { rows: ROWS, columns }, &EncodeOptions::segment(1)).unwrap()
}

#[test]
fn answers_of_many_columns_take_what_is_in_them() {
    let blocks: Vec<Vec<u8>> = (0..2).map(|number| block(number * ROWS)).collect();
    let parts: Vec<Part> = blocks
        .iter()
        .map(|block| Part {
            source: block,
            offset: 0,
            header: None,
        })
        .collect();
    let type_of = |name: usize| match name % 2 {
        0 => (RequestType::String, DataType::Utf8),
        _ => (RequestType::Int64, DataType::Int64),
    };
    let mut columns = vec![("n".to_owned(), RequestType::Int64, DataType::Int64)];
    columns.extend((0..NAMES).map(|name| {
        let (request, arrow) = type_of(name);
        (format!("f{name:04}"), request, arrow)
    }));
    let project: Vec<String> = columns.iter().map(|(name, ..)| name.clone()).collect();
    let wanted = columns
        .iter()
        .map(|(name, _, arrow)| Field::new(name, arrow.clone(), true));
    let wanted = Arc::new(Schema::new(wanted.collect::<Vec<_>>()));
    let all = 2 * ROWS;
    let newest = |rows: usize| (0..rows).map(|row| all - 1 - row).collect::<Vec<_>>();
    for (output, expected) in [
        (
            Output::Rows {
                project: project.clone(),
                limit: None,
            },
            (0..all).collect(),
        ),
        (
            Output::Rows {
                project: project.clone(),
                limit: Some(700),
            },
            (0..700).collect(),
        ),
        (
            Output::TopTime {
                project: project.clone(),
                descending: true,
                limit: 5000,
            },
            newest(5000),
        ),
        (
            Output::TopTime {
                project: project.clone(),
                descending: true,
                limit: 10,
            },
            newest(10),
        ),
    ] {
        let request = ScanRequest {
            stream: "wide".into(),
            columns: columns
                .iter()
                .map(|(name, column_type, _)| ColumnRef {
                    name: name.clone(),
                    column_type: *column_type,
                })
                .collect(),
            time: TimeRange::default(),
            filter: None,
            output,
        };
        let answer = scan(&request, &parts).unwrap();
        // A place for each cell would take some 18,000 bytes a row.
        let bytes = answer.ipc.len();
        assert!(bytes < expected.len() * 2500 + (1 << 20), "{bytes}");
        let mut found = Vec::new();
        for batch in decode_answer(&answer.ipc, &wanted).unwrap().batches {
            assert_eq!(batch.num_columns(), NAMES + 1);
            let numbers = batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
            for row in 0..batch.num_rows() {
                let number = numbers.value(row) as usize / 2;
                let own = batch.column(1 + number % NAMES);
                match own.as_any().downcast_ref::<StringArray>() {
                    Some(texts) => assert_eq!(texts.value(row), format!("t{number}")),
                    None => {
                        let values = own.as_any().downcast_ref::<Int64Array>().unwrap();
                        assert_eq!(values.value(row), number as i64);
                    }
                }
                found.push(number);
            }
            let values: usize = batch
                .columns()
                .iter()
                .map(|column| column.len() - column.null_count())
                .sum();
            assert_eq!(values, batch.num_rows() * 2, "a row has two values");
        }
        assert_eq!(found, expected);
    }
}
