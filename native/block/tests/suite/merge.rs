//! A merge equals sorting the concatenation of its inputs.

use crate::support::{Cell, Random, assert_same, blocks_of, cell, inputs_of, random_batch, random_column};
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
    let blocks = blocks_of(batches, &OPTIONS);
    let inputs = inputs_of(&blocks, false);
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
    assert_eq!(rows, [53_334, 53_334, 53_332]);
    let header = footer.group_headers().next().unwrap().unwrap();
    assert_eq!(header.columns[header.find("level").unwrap()].distinct, 3);
    assert!(header.sorted_by_time);

    let inputs: Vec<MergeInput<'_>> = footer
        .groups
        .iter()
        .map(|group| MergeInput {
            source: &segment,
            offset: group.offset,
            reusable: false,
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
        reusable: false,
    }];
    let error = merge_blocks(&inputs, &mut Vec::new(), b"", &OPTIONS).unwrap_err();
    assert!(error.to_string().contains("column a, page 0: checksum"), "{error}");
}

/// A segment over the batches, and its groups as inputs of another merge.
struct Segment {
    bytes: Vec<u8>,
    footer: SegmentFooter,
}

impl Segment {
    fn of(batches: &[Batch]) -> Self {
        let (bytes, footer) = merged(batches);
        Self { bytes, footer }
    }

    fn inputs(&self) -> impl Iterator<Item = MergeInput<'_>> {
        self.footer.groups.iter().map(|group| MergeInput {
            source: &self.bytes,
            offset: group.offset,
            reusable: true,
        })
    }

    fn rows(&self) -> Vec<Row> {
        segment_rows(&self.bytes, &self.footer)
    }
}

/// `rows` rows whose times rise by 0 to 2 from `start`, with a number and a text.
fn rising(random: &mut Random, start: i64, rows: usize) -> Batch {
    let mut time = start;
    let mut text = Text::default();
    let times = (0..rows)
        .map(|_| {
            time += random.below(3) as i64;
            text.push(format!("text {}", random.below(50)).as_bytes());
            time
        })
        .collect();
    let mut batch = one_type(
        "n",
        Values::Int64((0..rows).map(|_| random.below(1000) as i64).collect()),
    );
    batch.columns[0].values = Values::Int64(times);
    batch.columns.push(Column {
        name: "text".into(),
        validity: None,
        values: Values::String(Strings::Plain(text)),
    });
    batch
}

#[test]
fn reused_groups_change_nothing_but_the_work() {
    // Of about 35 groups; two out of three seams have some to encode anew.
    const GROUPS_MIN: usize = 15;
    let mut reused_groups = 0;
    for seed in 0..6u64 {
        let mut random = Random(seed);
        let mut start = 0;
        let segments: Vec<Segment> = (0..3)
            .map(|_| {
                let rows = 40_000 + random.below(150_000) as usize;
                let segment = Segment::of(&[rising(&mut random, start, rows)]);
                // Each begins a little before the one before it ends, or after a gap, or right at its end.
                let end = segment.footer.groups.last().unwrap().time_max;
                start = end + [-1000, 0, 500][random.below(3) as usize];
                segment
            })
            .collect();
        let inputs: Vec<MergeInput<'_>> = segments.iter().flat_map(Segment::inputs).collect();
        let mut bytes = Vec::new();
        let footer = merge_blocks(&inputs, &mut bytes, b"", &OPTIONS).unwrap();
        let mut expected: Vec<Row> = segments.iter().flat_map(Segment::rows).collect();
        expected.sort_by_key(time_of);
        assert!(segment_rows(&bytes, &footer) == expected, "seed {seed}");
        let reused = inputs.iter().filter(|input| {
            let block = BlockReader::open(input.source, input.offset)
                .unwrap()
                .header()
                .block_bytes;
            let mut part = vec![0; block as usize];
            input.source.read_at(&mut part, input.offset).unwrap();
            footer
                .groups
                .iter()
                .any(|group| bytes[group.offset as usize..][..group.bytes as usize] == part)
        });
        reused_groups += reused.count();
        let small = footer
            .groups
            .iter()
            .filter(|group| (group.rows as usize) < GROUP_ROWS / 2);
        assert!(small.count() <= 1, "only the last group may be small, seed {seed}");
    }
    assert!(
        reused_groups >= GROUPS_MIN,
        "{reused_groups} groups were taken over as they are"
    );
}

/// Chooses rows of each input by a bit pattern.
struct Pattern(Vec<Option<Vec<u64>>>);

impl RowSelection for Pattern {
    fn choose(&self, input: usize, _times: &[i64]) -> Result<Option<Vec<u64>>, BlockError> {
        Ok(self.0[input].clone())
    }
}

#[test]
fn only_chosen_rows_go_to_the_output() {
    for seed in 0..20u64 {
        let mut random = Random(seed);
        let batches: Vec<Batch> = (0..4)
            .map(|part| {
                let rows = 1 + random.below(70_000) as usize;
                rising(&mut random, part * 20_000, rows)
            })
            .collect();
        let pattern = Pattern(
            batches
                .iter()
                .map(|batch| match random.below(4) {
                    0 => None,
                    1 => Some(bits_of(batch.rows, |_| false)),
                    2 => Some(bits_of(batch.rows, |_| true)),
                    _ => Some(bits_of(batch.rows, |_| random.below(3) == 0)),
                })
                .collect(),
        );
        let blocks = blocks_of(&batches, &OPTIONS);
        let inputs = inputs_of(&blocks, seed % 2 == 0);
        let mut expected = Vec::new();
        for (batch, chosen) in batches.iter().zip(&pattern.0) {
            for (row, content) in rows_of(batch).into_iter().enumerate() {
                if chosen
                    .as_ref()
                    .is_none_or(|words| words[row / 64] >> (row % 64) & 1 != 0)
                {
                    expected.push(content);
                }
            }
        }
        expected.sort_by_key(time_of);
        let mut bytes = Vec::new();
        let footer = merge_selected(&inputs, Some(&pattern), &mut bytes, b"", &OPTIONS).unwrap();
        assert!(segment_rows(&bytes, &footer) == expected, "seed {seed}");
    }
}

#[test]
fn cuts_by_time_split_the_rows_and_lose_none() {
    let mut random = Random(3);
    let segment = Segment::of(&[rising(&mut random, -70_000, 150_000)]);
    let late = Segment::of(&[rising(&mut random, -200_000, 300)]);
    let inputs: Vec<MergeInput<'_>> = segment.inputs().chain(late.inputs()).collect();
    let all: Vec<Row> = [segment.rows(), late.rows()].concat();
    let width = 40_000;
    let counts = rows_by_bucket(&inputs, width).unwrap();
    let mut by_hand = BTreeMap::new();
    all.iter()
        .for_each(|row| *by_hand.entry(time_of(row).div_euclid(width)).or_insert(0) += 1);
    assert_eq!(counts, by_hand);
    let ranges = vec![(-width, 0), (width, 2 * width)];
    let mut total = 0;
    for inside in [true, false] {
        let cut = TimeCut {
            ranges: ranges.clone(),
            inside,
        };
        let mut bytes = Vec::new();
        let footer = merge_selected(&inputs, Some(&cut), &mut bytes, b"", &OPTIONS).unwrap();
        let mut expected: Vec<Row> = all
            .iter()
            .filter(|row| ranges.iter().any(|&(from, to)| (from..to).contains(&time_of(row))) == inside)
            .cloned()
            .collect();
        expected.sort_by_key(time_of);
        total += expected.len();
        assert!(segment_rows(&bytes, &footer) == expected, "inside: {inside}");
    }
    assert_eq!(total, all.len());
}

/// Rows whose keys are identifiers, each in one row: groups are cut by cells, and each has the names of its own rows only.
#[test]
fn rows_of_many_names_go_into_groups_of_bounded_cells() {
    const CELLS_MAX: usize = 1 << 27;
    let (inputs, names, rows) = (8usize, 600usize, 4000usize);
    let batch = |input: usize| {
        let times = (0..rows).map(|row| (row * inputs + input) as i64).collect();
        let mut columns = vec![Column {
            name: "_timestamp".to_owned(),
            validity: None,
            values: Values::Int64(times),
        }];
        columns.extend((0..names).map(|name| {
            let row = name * rows / names;
            let mut words = vec![0u64; rows.div_ceil(64)];
            words[row / 64] |= 1 << (row % 64);
            let mut values = vec![0; rows];
            values[row] = name as i64;
            Column {
                name: format!("k{input}_{name:04}"),
                validity: Some(Validity { words }),
                values: Values::Int64(values),
            }
        }));
        Segment::of(&[Batch { rows, columns }])
    };
    let segments: Vec<Segment> = (0..inputs).map(batch).collect();
    let all: Vec<MergeInput<'_>> = segments.iter().flat_map(Segment::inputs).collect();
    let mut segment = Vec::new();
    let footer = merge_selected(&all, None, &mut segment, b"", &OPTIONS).unwrap();
    assert!(footer.groups.len() > 1);
    let mut found = Vec::new();
    for (header, group) in footer.group_headers().zip(&footer.groups) {
        let header = header.unwrap();
        assert!(header.rows * header.columns.len() <= CELLS_MAX, "{} rows", header.rows);
        for column in decode_block(&segment, group.offset).unwrap().columns {
            let (Values::Int64(values), Some(validity)) = (&column.values, &column.validity) else {
                assert_eq!(column.name, "_timestamp");
                continue;
            };
            let present: Vec<usize> = (0..header.rows).filter(|&row| validity.is_valid(row)).collect();
            assert_eq!(present.len(), 1, "columns that no row has");
            found.push((
                group.time_min as usize + present[0],
                column.name,
                values[present[0]] as usize,
            ));
        }
    }
    found.sort();
    let mut expected: Vec<_> = (0..inputs * names)
        .map(|number| (number / names, number % names))
        .map(|(input, name)| {
            (
                name * rows / names * inputs + input,
                format!("k{input}_{name:04}"),
                name,
            )
        })
        .collect();
    expected.sort();
    assert_eq!(found, expected);
}

/// Keys that are identifiers, names that a few rows have, and some that all have: what is merged are the same rows.
#[test]
fn sparse_columns_keep_their_values() {
    let mut random = Random(77);
    let batches: Vec<Batch> = (0..7).map(|input| sparse_batch(&mut random, input)).collect();
    let (segment, footer) = merged(&batches);
    let mut expected: Vec<Row> = batches.iter().flat_map(rows_of).collect();
    expected.sort_by_key(time_of);
    assert_eq!(segment_rows(&segment, &footer), expected);
}

/// Two thousand rows of a block, in overlapping times.
fn sparse_batch(random: &mut Random, input: i64) -> Batch {
    let rows = 2000usize;
    let times = (0..rows as i64).map(|row| row * 10 + input * 3000).collect();
    let mut columns = vec![Column {
        name: "_timestamp".to_owned(),
        validity: None,
        values: Values::Int64(times),
    }];
    for (name, one_in) in [
        ("all", 1),
        ("half", 2),
        ("few", 300),
        ("fewer", 1500),
        ("text", 90),
        ("json", 400),
    ] {
        let present: Vec<bool> = (0..rows).map(|_| random.below(one_in) == 0).collect();
        columns.extend(column_of(name, &present, random));
    }
    for number in 0..40 {
        let mut present = vec![false; rows];
        present[random.below(rows as u64) as usize] = true;
        let name = format!("id_{input}_{number}");
        columns.extend(column_of(&name, &present, random));
    }
    Batch { rows, columns }
}

fn column_of(name: &str, present: &[bool], random: &mut Random) -> Option<Column> {
    let mut words = vec![0u64; present.len().div_ceil(64)];
    let with_value = present.iter().enumerate().filter(|(_, present)| **present);
    with_value.for_each(|(row, _)| words[row / 64] |= 1 << (row % 64));
    if !present.contains(&true) {
        return None;
    }
    let mut text = || {
        let mut text = Text::default();
        for &present in present {
            let value = format!("v{}", random.below(30));
            text.push(if present { value.as_bytes() } else { b"" });
        }
        Strings::Plain(text)
    };
    let values = match name {
        "text" | "half" => Values::String(text()),
        "json" => Values::Json(text()),
        "few" => Values::Float64(
            present
                .iter()
                .map(|&present| f64::from(u8::from(present)) * 1.5)
                .collect(),
        ),
        "fewer" => Values::Bool(present.to_vec()),
        _ => Values::Int64(
            present
                .iter()
                .zip(1..)
                .map(|(&present, row)| i64::from(present) * row)
                .collect(),
        ),
    };
    Some(Column {
        name: name.to_owned(),
        validity: present.contains(&false).then_some(Validity { words }),
        values,
    })
}
