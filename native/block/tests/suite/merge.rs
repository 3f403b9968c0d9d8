//! A merge equals sorting the concatenation of its inputs.

use crate::support::{Cell, Random, assert_same, cell, random_batch, random_column};
use basalt_block::*;
use std::collections::BTreeMap;

const OPTIONS: EncodeOptions = EncodeOptions::segment(1);

/// A row by meaning: columns that are null are left out.
type Row = BTreeMap<String, Cell>;

fn rows_of(batch: &Batch) -> Vec<Row> {
    let row = |row: usize| {
        let cells = batch
            .columns
            .iter()
            .map(|column| (column.name.clone(), cell(column, row)));
        cells.filter(|(_, cell)| *cell != Cell::Null).collect()
    };
    (0..batch.rows).map(row).collect()
}

fn time_of(row: &Row) -> i64 {
    match row["_timestamp"] {
        Cell::Int64(time) => time,
        _ => panic!("a time"),
    }
}

fn merged(batches: &[Batch]) -> (Vec<u8>, SegmentFooter) {
    let blocks: Vec<Vec<u8>> = batches
        .iter()
        .map(|batch| encode_block(batch, &OPTIONS).unwrap())
        .collect();
    let inputs: Vec<MergeInput<'_>> = blocks.iter().map(|source| MergeInput { source, offset: 0 }).collect();
    let mut segment = Vec::new();
    let footer = merge_blocks(&inputs, &mut segment, b"", &OPTIONS).unwrap();
    assert_eq!(footer.file_bytes, segment.len() as u64);
    assert_eq!(read_footer(&segment, footer.file_bytes).unwrap(), footer);
    for (group, header) in footer.groups.iter().zip(footer.group_headers()) {
        assert_eq!(verify_block(&segment, group.offset).unwrap(), header.unwrap());
    }
    (segment, footer)
}

fn segment_rows(segment: &[u8], footer: &SegmentFooter) -> Vec<Row> {
    footer
        .groups
        .iter()
        .flat_map(|group| rows_of(&decode_block(segment, group.offset).unwrap()))
        .collect()
}

#[test]
fn equals_the_sorted_concatenation() {
    for seed in 0..25u64 {
        let mut random = Random(seed);
        let columns = random_batch(&mut random, 1, 6).columns;
        let batches: Vec<Batch> = (0..1 + random.below(6))
            .map(|_| {
                let rows = 1 + random.below(3000) as usize;
                let mut batch = random_batch(&mut random, rows, 0);
                if let (Values::Int64(times), true) = (&mut batch.columns[0].values, seed % 3 == 0) {
                    let shift = random.below(100_000_000) as i64;
                    times.iter_mut().for_each(|time| *time = (*time + shift) / 1000 * 1000);
                }
                // Same names and types in every input; some inputs lack some of the columns.
                for column in columns
                    .iter()
                    .skip(1)
                    .filter(|_| random.below(4) != 0)
                    .collect::<Vec<_>>()
                {
                    let same_type = column.values.column_type();
                    let made = std::iter::repeat_with(|| random_column(&mut random, column.name.clone(), rows));
                    batch
                        .columns
                        .extend(made.skip_while(|made| made.values.column_type() != same_type).take(1));
                }
                batch
            })
            .collect();
        let (segment, footer) = merged(&batches);
        let mut expected: Vec<Row> = batches.iter().flat_map(rows_of).collect();
        expected.sort_by_key(time_of);
        let actual = segment_rows(&segment, &footer);
        assert_eq!(actual.len(), expected.len(), "seed {seed}");
        for (row, (actual, expected)) in actual.iter().zip(&expected).enumerate() {
            assert_eq!(actual, expected, "seed {seed}, row {row}");
        }
    }
}

#[test]
fn fills_groups_of_the_stated_size_and_merges_segments_again() {
    let mut random = Random(77);
    let mut batches = Vec::new();
    for part in 0..8i64 {
        let mut batch = random_batch(&mut random, 20_000, 0);
        if let Values::Int64(times) = &mut batch.columns[0].values {
            times
                .iter_mut()
                .enumerate()
                .for_each(|(row, time)| *time = part * 20_000 + row as i64);
        }
        let levels: Vec<&str> = (0..20_000)
            .map(|_| ["info", "warn", "error"][random.below(3) as usize])
            .collect();
        let mut text = Text::default();
        levels.iter().for_each(|level| text.push(level.as_bytes()));
        let values = Values::String(Strings::Plain(text));
        batch.columns.push(Column {
            name: "level".into(),
            validity: None,
            values,
        });
        batches.push(batch);
    }
    let (segment, footer) = merged(&batches);
    let rows: Vec<u32> = footer.groups.iter().map(|group| group.rows).collect();
    assert_eq!(
        rows,
        [GROUP_ROWS as u32, GROUP_ROWS as u32, 160_000 - 2 * GROUP_ROWS as u32]
    );
    let header = footer.group_headers().next().unwrap().unwrap();
    assert_eq!(header.columns[header.find("level").unwrap()].distinct, 3);
    assert!(header.sorted_by_time);

    let inputs: Vec<MergeInput<'_>> = footer
        .groups
        .iter()
        .map(|group| MergeInput {
            source: &segment,
            offset: group.offset,
        })
        .collect();
    let mut again = Vec::new();
    let second = merge_blocks(&inputs, &mut again, b"", &OPTIONS).unwrap();
    assert_eq!(second.groups, footer.groups);
    assert_eq!(again, segment, "merging a segment alone changes nothing");
}

fn one_type(name: &str, values: Values) -> Batch {
    let rows = values.len();
    let times = Values::Int64((0..rows as i64).collect());
    let columns = vec![
        Column {
            name: "_timestamp".into(),
            validity: None,
            values: times,
        },
        Column {
            name: name.into(),
            validity: None,
            values,
        },
    ];
    Batch { rows, columns }
}

#[test]
fn conflicting_types_stay_in_groups_of_their_own() {
    let mut text = Text::default();
    ["x", "y", "z"].iter().for_each(|string| text.push(string.as_bytes()));
    let batches = [
        one_type("a", Values::Int64(vec![1, 2, 3])),
        one_type("a", Values::String(Strings::Plain(text))),
        one_type("b", Values::Bool(vec![true, false])),
        one_type("a", Values::Int64(vec![4])),
    ];
    let (segment, footer) = merged(&batches);
    assert_eq!(footer.groups.iter().map(|group| group.rows).collect::<Vec<_>>(), [6, 3]);
    let second = decode_block(&segment, footer.groups[1].offset).unwrap();
    assert_same(&second, &batches[1], "the text group");
}

#[test]
fn no_inputs_give_an_empty_segment() {
    let (segment, footer) = merged(&[]);
    assert!(footer.groups.is_empty() && footer.headers.is_empty());
    assert_eq!(segment.len(), segment::FILE_HEADER_BYTES + 32 + segment::TRAILER_BYTES);
}

#[test]
fn a_damaged_input_is_an_error_with_its_place() {
    let mut block = encode_block(&one_type("a", Values::Int64((0..100).collect())), &OPTIONS).unwrap();
    let last = block.len() - 1;
    block[last] ^= 1;
    let inputs = [MergeInput {
        source: &block,
        offset: 0,
    }];
    let error = merge_blocks(&inputs, &mut Vec::new(), b"", &OPTIONS).unwrap_err();
    assert!(error.to_string().contains("column a, page 0: checksum"), "{error}");
}
