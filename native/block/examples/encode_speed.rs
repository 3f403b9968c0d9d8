//! Speed and size of blocks: rows a second and bytes a row, for each column, and of a merge of all blocks.
//!
//! `cargo run --release -p basalt-block --example encode_speed [records.ndjson [block rows [wal level [merge level [lanes]]]]]`
//! `lanes`: blocks that are filled side by side, as by several workers, so that they overlap in time.
//! Times are those the thread spent on a core, so that other work on the machine disturbs less.
//! Without a file it makes its own seeded records. Nested objects become `parent_child` columns.

use basalt_block::*;
use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;
use std::time::Instant;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number = |index: usize, default: i64| args.get(index).map_or(default, |arg| arg.parse().expect("a number"));
    let (block_rows, wal_level, merge_level) = (number(2, 10_000) as usize, number(3, 1) as i32, number(4, 3) as i32);
    let lanes = number(5, 1) as usize;
    let records = match args.get(1).filter(|path| !path.is_empty()) {
        Some(path) => read_records(path),
        None => seeded_records(200_000),
    };
    let rows = records.len();
    let lane_of = |part: &[Record], lane| part.iter().skip(lane).step_by(lanes).cloned().collect::<Vec<_>>();
    let batches: Vec<Batch> = records
        .chunks(block_rows * lanes)
        .flat_map(|part| {
            (0..lanes.min(part.len()))
                .map(|lane| batch_of(&lane_of(part, lane)))
                .collect::<Vec<_>>()
        })
        .collect();
    drop(records);

    let options = EncodeOptions::wal(wal_level);
    let mut blocks = Vec::new();
    let mut best = f64::MAX;
    for _ in 0..3 {
        let start = cpu_seconds();
        blocks = batches
            .iter()
            .map(|batch| encode_block(batch, &options).expect("encodes"))
            .collect::<Vec<_>>();
        best = best.min(cpu_seconds() - start);
    }
    let bytes: usize = blocks.iter().map(Vec::len).sum();
    println!(
        "encode  {:>9.0} rows/s  {:.2} bytes/row (zstd level {wal_level})",
        rows as f64 / best,
        bytes as f64 / rows as f64
    );

    let start = cpu_seconds();
    let decoded: usize = blocks
        .iter()
        .map(|block| decode_block(block, 0).expect("decodes").rows)
        .sum();
    println!("decode  {:>9.0} rows/s", decoded as f64 / (cpu_seconds() - start));
    print_columns(&batches, &blocks, wal_level, rows);

    drop(batches);
    let before = resident("VmRSS");
    let inputs: Vec<MergeInput<'_>> = blocks
        .iter()
        .map(|source| MergeInput {
            source,
            offset: 0,
            reusable: false,
        })
        .collect();
    let mut segment = Vec::new();
    let mut seconds = f64::MAX;
    let mut footer = None;
    for _ in 0..3 {
        segment.clear();
        let start = cpu_seconds();
        let options = EncodeOptions::segment(merge_level);
        footer = Some(merge_blocks(&inputs, &mut segment, b"", &options).expect("merges"));
        seconds = seconds.min(cpu_seconds() - start);
    }
    let footer = footer.expect("merged at least once");
    println!(
        "merge   {:>9.0} rows/s  {:.2} bytes/row (zstd level {merge_level}, {} groups)",
        rows as f64 / seconds,
        segment.len() as f64 / rows as f64,
        footer.groups.len()
    );
    print_segment_columns(&segment, &footer, rows);
    println!(
        "memory  {} MB at most, {} MB of it before the merge",
        resident("VmHWM"),
        before
    );
}

/// Seconds this thread was on a core; of the clock on the wall where the system does not tell.
fn cpu_seconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let wall = START.get_or_init(Instant::now).elapsed().as_secs_f64();
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = schedule
        .split_whitespace()
        .next()
        .and_then(|field| field.parse::<f64>().ok());
    nanoseconds.map_or(wall, |nanoseconds| nanoseconds / 1e9)
}

/// A memory figure of this process in MB, 0 where the system does not tell.
fn resident(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with(field))
        .unwrap_or_default()
        .to_owned();
    line.split_whitespace()
        .nth(1)
        .and_then(|kilobytes| kilobytes.parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}

fn print_columns(batches: &[Batch], blocks: &[Vec<u8>], level: i32, rows: usize) {
    let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
    for block in blocks {
        for entry in BlockReader::open(block, 0).expect("opens").header().columns.iter() {
            *bytes.entry(entry.name.clone()).or_default() += entry.chunk_bytes;
        }
    }
    for (name, bytes) in bytes {
        let start = cpu_seconds();
        for batch in batches {
            let columns = batch
                .columns
                .iter()
                .filter(|column| column.name == name || column.name == "_timestamp");
            let alone = Batch {
                rows: batch.rows,
                columns: columns.cloned().collect(),
            };
            std::hint::black_box(encode_block(&alone, &EncodeOptions::wal(level)).expect("encodes"));
        }
        let nanoseconds = (cpu_seconds() - start) * 1e9 / rows as f64;
        println!(
            "  {name:<20} {:>7.2} bytes/row {nanoseconds:>7.1} ns/row (with _timestamp and a copy)",
            bytes as f64 / rows as f64
        );
    }
}

fn print_segment_columns(segment: &[u8], footer: &SegmentFooter, rows: usize) {
    let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
    for header in footer.group_headers() {
        for entry in header.expect("parses").columns {
            *bytes.entry(entry.name).or_default() += entry.chunk_bytes;
        }
    }
    bytes
        .iter()
        .for_each(|(name, bytes)| println!("  {name:<20} {:>7.2} bytes/row", *bytes as f64 / rows as f64));
    let start = cpu_seconds();
    let decoded: usize = footer
        .groups
        .iter()
        .map(|group| decode_block(segment, group.offset).expect("decodes").rows)
        .sum();
    println!(
        "decode  {:>9.0} rows/s of the segment",
        decoded as f64 / (cpu_seconds() - start)
    );
}

#[derive(Clone)]
enum Value {
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
}

type Record = Vec<(String, Value)>;

fn read_records(path: &str) -> Vec<Record> {
    let text = std::fs::read_to_string(path).expect("a readable file");
    text.lines()
        .map(|line| {
            let mut record = Record::new();
            flatten("", &serde_json::from_str(line).expect("a JSON record"), &mut record);
            record
        })
        .collect()
}

fn flatten(name: &str, value: &serde_json::Value, record: &mut Record) {
    use serde_json::Value as Json;
    let value = match value {
        Json::Object(fields) => {
            for (key, field) in fields {
                let full = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}_{key}")
                };
                flatten(&full, field, record);
            }
            return;
        }
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            // A column of the trial data is float throughout once it has a fraction anywhere.
            Some(value) if name != "response_time" => Value::Int(value),
            _ => Value::Float(number.as_f64().expect("a number")),
        },
        Json::String(value) => Value::Text(value.clone()),
        other => Value::Text(other.to_string()),
    };
    record.push((name.to_owned(), value));
}

fn seeded_records(count: usize) -> Vec<Record> {
    let mut state = 7u64;
    let mut random = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut time = 1_795_305_600_000_000;
    (0..count)
        .map(|_| {
            time += random(30_000) as i64;
            let id = format!(
                "{:08x}{:08x}{:08x}{:08x}",
                random(1 << 31),
                random(1 << 31),
                random(1 << 31),
                random(1 << 31)
            );
            let message = match random(3) {
                0 => format!(
                    "connection from 10.0.{}.{} closed after {} ms",
                    random(256),
                    random(256),
                    random(90_000)
                ),
                1 => format!(
                    "GET /api/v1/items/{} answered {} bytes",
                    random(100_000),
                    random(1 << 20)
                ),
                _ => format!(
                    "worker {} finished batch {} of queue orders-{}",
                    random(64),
                    random(1 << 30),
                    random(12)
                ),
            };
            vec![
                ("_timestamp".into(), Value::Int(time)),
                (
                    "level".into(),
                    Value::Text(["info", "info", "debug", "warn"][random(4) as usize].into()),
                ),
                ("host".into(), Value::Text(format!("node-{}", random(40)))),
                ("trace_id".into(), Value::Text(id)),
                (
                    "status".into(),
                    Value::Int([200, 200, 201, 404, 500][random(5) as usize]),
                ),
                ("response_time".into(), Value::Float(random(200_000) as f64 / 1000.0)),
                ("cached".into(), Value::Bool(random(2) == 0)),
                ("message".into(), Value::Text(message)),
            ]
        })
        .collect()
}

/// As ingestion does it: strings with few distinct values come as a dictionary.
fn batch_of(records: &[Record]) -> Batch {
    let mut columns: Vec<(String, Vec<Option<Value>>)> = Vec::new();
    let mut index: HashMap<String, usize> = HashMap::new();
    for (row, record) in records.iter().enumerate() {
        for (name, value) in record {
            let column = *index.entry(name.clone()).or_insert_with(|| {
                columns.push((name.clone(), Vec::new()));
                columns.len() - 1
            });
            columns[column].1.resize(row, None);
            columns[column].1.push(Some(value.clone()));
        }
    }
    let rows = records.len();
    let columns = columns.into_iter().map(|(name, mut values)| {
        values.resize(rows, None);
        column_of(name, &values)
    });
    Batch {
        rows,
        columns: columns.collect(),
    }
}

fn column_of(name: String, values: &[Option<Value>]) -> Column {
    let mut words = vec![0u64; values.len().div_ceil(64)];
    values
        .iter()
        .enumerate()
        .filter(|(_, value)| value.is_some())
        .for_each(|(row, _)| words[row / 64] |= 1 << (row % 64));
    let validity = values.iter().any(Option::is_none).then_some(Validity { words });
    let data = match values.iter().flatten().next() {
        Some(Value::Int(_)) => Values::Int64(
            values
                .iter()
                .map(|value| if let Some(Value::Int(value)) = value { *value } else { 0 })
                .collect(),
        ),
        Some(Value::Float(_)) => Values::Float64(
            values
                .iter()
                .map(|value| {
                    if let Some(Value::Float(value)) = value {
                        *value
                    } else {
                        0.0
                    }
                })
                .collect(),
        ),
        Some(Value::Bool(_)) => Values::Bool(
            values
                .iter()
                .map(|value| matches!(value, Some(Value::Bool(true))))
                .collect(),
        ),
        _ => Values::String(strings_of(values)),
    };
    Column {
        name,
        validity,
        values: data,
    }
}

fn strings_of(values: &[Option<Value>]) -> Strings {
    let text = |value: &Option<Value>| {
        if let Some(Value::Text(text)) = value {
            text.clone()
        } else {
            String::new()
        }
    };
    let mut codes_of: HashMap<String, u32> = HashMap::new();
    let (mut codes, mut entries, mut plain) = (Vec::new(), Text::default(), Text::default());
    for value in values {
        let string = text(value);
        plain.push(string.as_bytes());
        let next = codes_of.len() as u32;
        codes.push(*codes_of.entry(string.clone()).or_insert_with(|| {
            entries.push(string.as_bytes());
            next
        }));
    }
    if entries.len() * 4 <= values.len() {
        Strings::Dictionary { codes, entries }
    } else {
        Strings::Plain(plain)
    }
}
