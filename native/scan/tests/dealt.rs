//! Answers of many groups, which are dealt out: whatever is done with them, each group comes out once, with its rows.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use basalt_block::{Batch, Column, EncodeOptions, Strings, Text, Validity, Values, encode_block};
use basalt_scan::request::*;
use basalt_scan::{NoFunctions, Part, Share, combine, decode_answer, scan};
use std::collections::HashMap;
use std::sync::Arc;

const BLOCK_ROWS: usize = 14_000;
const BLOCKS: u64 = 4;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Few stems with many numbers; `stems`: how many there are beside them.
fn path(random: &mut Random, stems: u64) -> String {
    match random.below(20) {
        0 => format!("/whole/{}x", random.below(3000)),
        1 => format!("/zeros/{:09}", random.below(2000)),
        2 => format!("/long/{}", random.below(50) * 123_456_789_012),
        3 => format!("/longer/{}{:020}", random.below(9), random.below(2000)),
        4 => format!("/v{}/many/{}", random.below(stems), random.below(50)),
        5 => "/plain".to_owned(),
        6 => random.below(100).to_string(),
        kind => format!("/api/v{}/items/{}", kind % 3, random.below(9000)),
    }
}

/// One row: path, user, ratio.
type Row = (Option<String>, Option<i64>, f64);

fn rows(random: &mut Random, stems: u64) -> Vec<Row> {
    let row = |random: &mut Random| {
        let path = (random.below(50) > 0).then(|| path(random, stems));
        let user = (random.below(50) > 0).then(|| match random.below(10) {
            0 => random.below(1 << 31) as i64 * 4_000_000_000 - (1 << 60),
            _ => random.below(30_000) as i64 - 100,
        });
        (path, user, random.below(9000) as f64 / 8.0)
    };
    (0..BLOCK_ROWS).map(|_| row(random)).collect()
}

fn block(rows: &[Row], options: &EncodeOptions) -> Vec<u8> {
    let mut paths = Text::default();
    rows.iter()
        .for_each(|(path, _, _)| paths.push(path.as_deref().unwrap_or("").as_bytes()));
    let validity = |present: &dyn Fn(&Row) -> bool| {
        let mut words = vec![0u64; rows.len().div_ceil(64)];
        for (row, _) in rows.iter().enumerate().filter(|(_, row)| present(row)) {
            words[row / 64] |= 1 << (row % 64);
        }
        Some(Validity { words })
    };
    let column = |name: &str, validity, values| Column {
        name: name.into(),
        validity,
        values,
    };
    let columns = vec![
        column("_timestamp", None, Values::Int64((0..rows.len() as i64).collect())),
        column(
            "path",
            validity(&|row| row.0.is_some()),
            Values::String(Strings::Plain(paths)),
        ),
        column(
            "user",
            validity(&|row| row.1.is_some()),
            Values::Int64(rows.iter().map(|row| row.1.unwrap_or(0)).collect()),
        ),
        column("ratio", None, Values::Float64(rows.iter().map(|row| row.2).collect())),
    ];
    encode_block(
        &Batch {
            rows: rows.len(),
            columns,
        },
        options,
    )
    .unwrap()
}

fn request(members: &[&str]) -> ScanRequest {
    let types = [
        ("path", RequestType::String),
        ("user", RequestType::Int64),
        ("ratio", RequestType::Float64),
    ];
    let columns = types.map(|(name, column_type)| ColumnRef {
        name: name.into(),
        column_type,
    });
    ScanRequest {
        stream: "dealt".into(),
        columns: columns.into(),
        time: TimeRange::default(),
        filter: None,
        output: Output::Aggregate {
            groups: members
                .iter()
                .map(|column| Group::Column {
                    column: (*column).into(),
                })
                .collect(),
            aggregates: vec![Aggregate::CountRows, Aggregate::Max { column: "user".into() }],
            top: None,
        },
    }
}

/// Values of the members as text, to rows and greatest user.
type Groups = HashMap<Vec<Option<String>>, (i64, Option<i64>)>;

fn expected(rows: &[Row], members: &[&str]) -> Groups {
    let mut groups = Groups::new();
    for (path, user, ratio) in rows {
        let key = members.iter().map(|member| match *member {
            "path" => path.clone(),
            "user" => user.map(|user| user.to_string()),
            _ => Some(ratio.to_string()),
        });
        let (count, max) = groups.entry(key.collect()).or_default();
        *count += 1;
        *max = (*max).max(*user);
    }
    groups
}

fn text(array: &ArrayRef, row: usize) -> Option<String> {
    array.is_valid(row).then(|| match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        _ => array.as_primitive::<Float64Type>().value(row).to_string(),
    })
}

fn schema(members: &[&str]) -> Arc<Schema> {
    let field = |(index, member): (usize, &&str)| {
        let data_type = match *member {
            "path" => DataType::Utf8,
            "user" => DataType::Int64,
            _ => DataType::Float64,
        };
        Field::new(format!("group{index}"), data_type, true)
    };
    let mut fields: Vec<Field> = members.iter().enumerate().map(field).collect();
    fields.push(Field::new("agg0_count", DataType::Int64, true));
    fields.push(Field::new("agg1_max", DataType::Int64, true));
    Arc::new(Schema::new(fields))
}

fn check(answers: &[Vec<u8>], members: &[&str], expected: &Groups, what: &str) {
    let mut found = Groups::new();
    let batches = answers
        .iter()
        .flat_map(|answer| decode_answer(answer, &schema(members)).unwrap().batches);
    for batch in batches.collect::<Vec<RecordBatch>>() {
        let counts = batch.column(members.len()).as_primitive::<Int64Type>();
        let greatest = batch.column(members.len() + 1).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let key: Vec<_> = (0..members.len())
                .map(|member| text(batch.column(member), row))
                .collect();
            let max = greatest.is_valid(row).then(|| greatest.value(row));
            let before = found.insert(key, (counts.value(row), max));
            assert!(before.is_none(), "{what}: a group came twice");
        }
    }
    assert_eq!(found.len(), expected.len(), "{what}: groups");
    assert!(found == *expected, "{what}: other values");
}

fn check_all(stems: u64, members: &[&str], options: &EncodeOptions) {
    let mut random = Random(stems + members.len() as u64);
    let (mut all, mut blocks) = (Vec::new(), Vec::new());
    for _ in 0..BLOCKS {
        let rows = rows(&mut random, stems);
        blocks.push(block(&rows, options));
        all.extend(rows);
    }
    // Few enough groups for the plain form.
    let last = vec![(Some("/api/v0/items/1".to_owned()), Some(5), 0.125); 100];
    blocks.push(block(&last, options));
    all.extend(last);
    let (request, expected) = (request(members), expected(&all, members));
    assert!(expected.len() > 8192);
    let part = |block| Part {
        source: block,
        offset: 0,
        header: None,
    };
    let parts: Vec<Part> = blocks.iter().map(|block| part(block)).collect();
    check(&[scan(&request, &parts).unwrap().ipc], members, &expected, "one scan");
    let answers: Vec<Vec<u8>> = parts
        .iter()
        .map(|part| scan(&request, std::slice::from_ref(part)).unwrap().ipc)
        .collect();
    let combined = |answers: &[Vec<u8>], of, complete| -> Vec<Vec<u8>> {
        let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        (0..of)
            .map(|index| {
                combine(&request, &answers, Share { index, of }, complete, &NoFunctions, None)
                    .unwrap()
                    .ipc
            })
            .collect()
    };
    for of in [1, 3, 17] {
        let what = format!("{members:?}, {stems} stems, {of} shares");
        check(&combined(&answers, of, true), members, &expected, &what);
        let halfway = combined(&answers, of, false);
        check(&halfway, members, &expected, &format!("{what}, incomplete"));
        check(
            &combined(&halfway, 2, true),
            members,
            &expected,
            &format!("{what}, again"),
        );
    }
}

#[test]
fn each_group_comes_out_once() {
    for options in [EncodeOptions::segment(3), EncodeOptions::wal(1)] {
        for stems in [3, 200, 1000] {
            for members in [&["path"][..], &["user"], &["ratio", "path"], &["path", "user"]] {
                check_all(stems, members, &options);
            }
        }
    }
}

#[test]
fn damaged_answers_are_refused() {
    let mut random = Random(1);
    let block = block(&rows(&mut random, 3), &EncodeOptions::segment(3));
    let part = Part {
        source: &block,
        offset: 0,
        header: None,
    };
    let request = request(&["path"]);
    let answer = scan(&request, &[part]).unwrap().ipc;
    for length in [8, 12, 20, 100, answer.len() / 2, answer.len() - 1] {
        let cut = &answer[..length];
        assert!(decode_answer(cut, &schema(&["path"])).is_err(), "{length} bytes");
        assert!(
            combine(&request, &[cut], Share::ALL, true, &NoFunctions, None).is_err(),
            "{length} bytes"
        );
    }
}
