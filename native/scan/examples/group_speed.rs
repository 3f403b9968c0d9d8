//! Times grouping by many values and combining the answers: percentiles, distinct values, the most frequent paths.
//!
//! `cargo run --release -p basalt-scan --example group_speed [rows] [part of a name]`. Processor time of the one thread, the best of some
//! runs, each answer checked. Blocks of 65,536 rows are scanned in four parts, decoded pages from the page cache, and the
//! answers are combined in two shares.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use basalt_block::{Batch, Column, EncodeOptions, HeaderView, Strings, Text, Values, encode_block};
use basalt_cache::PageCache;
use basalt_scan::request::*;
use basalt_scan::{Cached, NoFunctions, Part, ScanOptions, Share, Sketch, combine, scan_with};
use std::collections::HashMap;
use std::sync::Arc;

const BLOCK_ROWS: usize = 65_536;
const USERS: u64 = 200_000;
const SERVICES: u64 = 24;
const STEMS: [&str; 10] = [
    "/api/v1/users",
    "/api/v1/orders",
    "/api/v1/items",
    "/api/v1/search",
    "/api/v1/cart",
    "/api/v2/recommendations",
    "/login",
    "/logout",
    "/healthz",
    "/static/app.js",
];
const SCANS: usize = 4;
const CACHE_BYTES: usize = 512 << 20;
const SHARES: u32 = 2;
const RUNS: usize = 7;

type Any<T> = Result<T, Box<dyn std::error::Error>>;

/// xorshift64*, seeded.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// Processor time of this thread so far, in milliseconds.
fn cpu_ms() -> Any<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let ns: f64 = text.split(' ').next().ok_or("no time")?.parse()?;
    Ok(ns / 1e6)
}

struct Truth {
    paths: HashMap<String, i64>,
    users: HashMap<i64, i64>,
    times: Vec<Vec<f64>>,
    trace_ids: usize,
}

fn block(random: &mut Random, first: usize, rows: usize, truth: &mut Truth) -> Any<Vec<u8>> {
    let (mut times, mut services, mut response, mut users) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut paths, mut traces) = (Text::default(), Text::default());
    for row in first..first + rows {
        let stem = STEMS[random.below(STEMS.len() as u64) as usize];
        let path = if random.below(10) < 6 {
            format!("{stem}/{}", random.below(100_000))
        } else {
            stem.to_owned()
        };
        let service = random.below(SERVICES) as usize;
        let taken = (-(1.0 - random.below(1_000_000) as f64 / 1e6).ln() * 40_000.0).round() / 1000.0;
        let user = random.below(USERS) as i64;
        paths.push(path.as_bytes());
        traces.push(format!("{:016x}{:016x}", random.below(u64::MAX), random.below(u64::MAX)).as_bytes());
        *truth.paths.entry(path).or_default() += 1;
        *truth.users.entry(user).or_default() += 1;
        truth.times[service].push(taken);
        truth.trace_ids += 1;
        times.push(1_763_769_600_000_000 + row as i64 * 17_000);
        services.push(service as u32);
        response.push(taken);
        users.push(user);
    }
    let mut entries = Text::default();
    (0..SERVICES).for_each(|index| entries.push(format!("service-{index}").as_bytes()));
    let columns = [
        ("_timestamp", Values::Int64(times)),
        (
            "service",
            Values::String(Strings::Dictionary {
                codes: services,
                entries,
            }),
        ),
        ("response_time", Values::Float64(response)),
        ("user_id", Values::Int64(users)),
        ("path", Values::String(Strings::Plain(paths))),
        ("trace_id", Values::String(Strings::Plain(traces))),
    ];
    let columns = columns.map(|(name, values)| Column {
        name: name.into(),
        validity: None,
        values,
    });
    Ok(encode_block(
        &Batch {
            rows,
            columns: columns.into(),
        },
        &EncodeOptions::segment(3),
    )?)
}

fn request(group: &str, aggregates: Vec<Aggregate>, top: Option<Top>) -> ScanRequest {
    let types = [
        ("service", RequestType::String),
        ("response_time", RequestType::Float64),
        ("user_id", RequestType::Int64),
        ("path", RequestType::String),
        ("trace_id", RequestType::String),
    ];
    let columns = types.map(|(name, column_type)| ColumnRef {
        name: name.into(),
        column_type,
    });
    ScanRequest {
        stream: "speed".into(),
        columns: columns.into(),
        time: TimeRange::default(),
        filter: None,
        output: Output::Aggregate {
            groups: vec![Group::Column { column: group.into() }],
            aggregates,
            top,
        },
    }
}

fn time(name: &str, request: &ScanRequest, parts: &[Part], check: impl FnOnce(&[RecordBatch]) -> bool) -> Any<()> {
    if std::env::args().nth(2).is_some_and(|wanted| !name.contains(&wanted)) {
        return Ok(());
    }
    let mut slab = vec![0u64; CACHE_BYTES / 8];
    // SAFETY: the memory is this slab's and used by this cache alone.
    let cache = unsafe { PageCache::attach(slab.as_mut_ptr().cast(), CACHE_BYTES, 1, 1000) }.ok_or("a bad slab")?;
    let files: Vec<u64> = (0..parts.len() as u64).collect();
    let each = parts.len().div_ceil(SCANS);
    let (mut scanned, mut combined) = (f64::INFINITY, f64::INFINITY);
    let (mut rows, mut bytes, mut last) = (0, 0, Vec::new());
    for _ in 0..RUNS {
        let start = cpu_ms()?;
        let mut answers = Vec::new();
        for (parts, files) in parts.chunks(each).zip(files.chunks(each)) {
            let cached = Cached { cache: &cache, files };
            answers.push(scan_with(
                request,
                parts,
                &ScanOptions {
                    cached: Some(cached),
                    ..ScanOptions::default()
                },
            )?);
        }
        let middle = cpu_ms()?;
        rows = answers.iter().map(|answer| answer.rows).sum();
        bytes = answers.iter().map(|answer| answer.ipc.len()).sum();
        let answers: Vec<&[u8]> = answers.iter().map(|answer| answer.ipc.as_slice()).collect();
        let start_combine = cpu_ms()?;
        last.clear();
        for index in 0..SHARES {
            last.push(combine(
                request,
                &answers,
                Share { index, of: SHARES },
                true,
                &NoFunctions,
                None,
            )?);
        }
        scanned = scanned.min(middle - start);
        combined = combined.min(cpu_ms()? - start_combine);
    }
    let mut batches = Vec::new();
    for output in &last {
        let reader = arrow_ipc::reader::StreamReader::try_new(output.ipc.as_slice(), None)?;
        for batch in reader {
            batches.push(batch?);
        }
    }
    let right = if check(&batches) { "right" } else { "WRONG" };
    println!(
        "{scanned:8.1} ms scanned, {combined:8.1} ms combined  {right}  {name}  [{rows} rows, {:.1} MB between]",
        bytes as f64 / 1e6
    );
    Ok(())
}

fn main() -> Any<()> {
    let rows: usize = std::env::args().nth(1).map_or(Ok(5_000_000), |text| text.parse())?;
    let mut random = Random(0x0123_4567_89AB_CDEF);
    let mut truth = Truth {
        paths: HashMap::new(),
        users: HashMap::new(),
        times: vec![Vec::new(); SERVICES as usize],
        trace_ids: 0,
    };
    let mut blocks = Vec::new();
    for first in (0..rows).step_by(BLOCK_ROWS) {
        blocks.push(block(&mut random, first, BLOCK_ROWS.min(rows - first), &mut truth)?);
    }
    let mut parts = Vec::new();
    for block in &blocks {
        let header = Arc::new(HeaderView::read(block, 0)?);
        parts.push(Part {
            source: block,
            offset: 0,
            header: Some(header),
        });
    }
    println!("{rows} rows, {} paths, {} users", truth.paths.len(), truth.users.len());
    let sketch = Aggregate::Sketch {
        column: "response_time".into(),
    };
    truth
        .times
        .iter_mut()
        .for_each(|times| times.sort_unstable_by(f64::total_cmp));
    time(
        "service, sketch of response_time",
        &request("service", vec![sketch], None),
        &parts,
        |batches| {
            batches.iter().all(|batch| {
                (0..batch.num_rows()).all(|row| {
                    let service: usize = batch.column(0).as_string::<i32>().value(row)["service-".len()..]
                        .parse()
                        .unwrap_or(0);
                    let mut sketch = Sketch::default();
                    sketch.merge_bytes(batch.column(1).as_binary::<i32>().value(row));
                    let times = &truth.times[service];
                    let exact = times[((times.len() - 1) as f64 * 0.95) as usize];
                    sketch
                        .quantile(0.95)
                        .is_some_and(|found| (found - exact).abs() <= exact / 250.0)
                })
            })
        },
    )?;
    let groups = |batches: &[RecordBatch]| batches.iter().map(RecordBatch::num_rows).sum::<usize>();
    time("user_id", &request("user_id", vec![], None), &parts, |batches| {
        groups(batches) == truth.users.len()
    })?;
    time(
        "user_id, count(*)",
        &request("user_id", vec![Aggregate::CountRows], None),
        &parts,
        |batches| {
            batches.iter().all(|batch| {
                let (users, counts) = (
                    batch.column(0).as_primitive::<Int64Type>(),
                    batch.column(1).as_primitive::<Int64Type>(),
                );
                users
                    .values()
                    .iter()
                    .zip(counts.values())
                    .all(|(user, count)| truth.users.get(user) == Some(count))
            })
        },
    )?;
    let top = Some(Top {
        column: 1,
        descending: true,
        nulls_first: true,
        limit: 10,
    });
    let mut counts: Vec<i64> = truth.paths.values().copied().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    for (name, top) in [("path, count(*), first 10", top), ("path, count(*)", None)] {
        let wanted = if top.is_some() { 10 } else { counts.len() };
        time(
            name,
            &request("path", vec![Aggregate::CountRows], top),
            &parts,
            |batches| {
                let mut found: Vec<i64> = batches
                    .iter()
                    .flat_map(|batch| batch.column(1).as_primitive::<Int64Type>().values().to_vec())
                    .collect();
                found.sort_unstable_by(|a, b| b.cmp(a));
                found[..wanted] == counts[..wanted]
            },
        )?;
    }
    let few = &parts[..parts.len().min(16)];
    time(
        "trace_id, count(*), of 16 blocks",
        &request("trace_id", vec![Aggregate::CountRows], None),
        few,
        |batches| groups(batches) == truth.trace_ids.min(16 * BLOCK_ROWS),
    )
}
