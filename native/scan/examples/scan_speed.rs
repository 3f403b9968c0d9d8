//! Times typical scans over 5 million synthetic rows in memory, one thread, each answer checked: without a page cache, and in turn with
//! a warm one that holds all fixed-width pages.
//!
//! `cargo run --release -p basalt-scan --example scan_speed [rows]`. Rows are made in time order, in blocks of 65,536.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::StreamReader;
use basalt_block::{Batch, Column, EncodeOptions, HeaderView, Strings, Text, Values, encode_block};
use basalt_cache::PageCache;
use basalt_scan::request::*;
use basalt_scan::{Cached, Part, ScanOptions, ScanOutput, scan, scan_with};
use std::sync::Arc;
use std::time::Instant;

const BLOCK_ROWS: usize = 65_536;
const DAY_US: i64 = 86_400_000_000;
const START_US: i64 = 1_763_769_600_000_000;
const LEVELS: [&str; 5] = ["info", "debug", "warn", "error", "fatal"];
const SERVICES: usize = 24;
const RUNS: usize = 5;

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

/// What the answers are checked against, gathered while rows are made.
#[derive(Default)]
struct Totals {
    level_rows: [i64; 5],
    level_time: [f64; 5],
    timeouts: i64,
    hour_rows: std::collections::BTreeMap<(i64, u32), i64>,
    users: std::collections::HashMap<i64, i64>,
    error_times: Vec<i64>,
}

fn block(random: &mut Random, first: usize, rows: usize, total: usize, totals: &mut Totals) -> Any<Vec<u8>> {
    let (mut times, mut level_codes, mut service_codes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut status, mut response, mut users) = (Vec::new(), Vec::new(), Vec::new());
    let mut messages = Text::default();
    for row in first..first + rows {
        let time = START_US + (row as i64 * (DAY_US / total as i64)) + random.below(5) as i64;
        let level = match random.below(100) {
            0..60 => 0,
            60..80 => 1,
            80..97 => 2,
            97..99 => 3,
            _ => 4,
        };
        let taken = random.below(50_000) as f64 / 100.0;
        let user = random.below(200_000) as i64;
        let slow = random.below(500) == 0;
        let text = if slow { "upstream timeout" } else { "request served" };
        messages.push(
            format!(
                "{text} path=/api/v1/items/{} user={user} after {taken} ms",
                random.below(90_000)
            )
            .as_bytes(),
        );
        times.push(time);
        level_codes.push(level as u32);
        service_codes.push(random.below(SERVICES as u64) as u32);
        status.push([200, 200, 200, 201, 304, 404, 500, 503][random.below(8) as usize]);
        response.push(taken);
        users.push(user);
        totals.level_rows[level] += 1;
        totals.level_time[level] += taken;
        totals.timeouts += i64::from(slow);
        *totals.users.entry(user).or_default() += 1;
        if level == 2 || level == 3 {
            *totals
                .hour_rows
                .entry((time.div_euclid(3_600_000_000), level as u32))
                .or_default() += 1;
        }
        if level == 3 {
            totals.error_times.push(time);
        }
    }
    let dictionary = |codes: Vec<u32>, entries: &[String]| {
        let mut text = Text::default();
        entries.iter().for_each(|entry| text.push(entry.as_bytes()));
        Values::String(Strings::Dictionary { codes, entries: text })
    };
    let services: Vec<String> = (0..SERVICES).map(|index| format!("service-{index}")).collect();
    let columns = [
        ("_timestamp", Values::Int64(times)),
        ("level", dictionary(level_codes, &LEVELS.map(str::to_owned))),
        ("service", dictionary(service_codes, &services)),
        ("status", Values::Int64(status)),
        ("response_time", Values::Float64(response)),
        ("user_id", Values::Int64(users)),
        ("message", Values::String(Strings::Plain(messages))),
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
        &EncodeOptions::segment(1),
    )?)
}

fn request(filter: Option<Filter>, output: Output) -> ScanRequest {
    let column = |name: &str, column_type| ColumnRef {
        name: name.into(),
        column_type,
    };
    let columns = vec![
        column("_timestamp", RequestType::Int64),
        column("level", RequestType::String),
        column("service", RequestType::String),
        column("status", RequestType::Int64),
        column("response_time", RequestType::Float64),
        column("user_id", RequestType::Int64),
        column("message", RequestType::String),
    ];
    ScanRequest {
        stream: "speed".into(),
        columns,
        time: TimeRange::default(),
        filter,
        output,
    }
}

fn batches(output: &ScanOutput) -> Any<Vec<RecordBatch>> {
    Ok(StreamReader::try_new(output.ipc.as_slice(), None)?.collect::<Result<_, _>>()?)
}

fn ints(batch: &RecordBatch, column: usize) -> &[i64] {
    batch.column(column).as_primitive::<Int64Type>().values()
}

fn floats(batch: &RecordBatch, column: usize) -> &[f64] {
    batch.column(column).as_primitive::<Float64Type>().values()
}

/// Holds every column but the text.
const SLAB_BYTES: usize = 400 << 20;

struct Timing<'a> {
    parts: Vec<Part<'a>>,
    files: Vec<u64>,
    slab: std::cell::RefCell<Vec<u64>>,
}

impl Timing<'_> {
    fn scan_cached(&self, request: &ScanRequest) -> Any<ScanOutput> {
        let mut slab = self.slab.borrow_mut();
        let bytes = slab.len() * 8;
        // SAFETY: the memory is this slab's and used by this cache alone.
        let cache = unsafe { PageCache::attach(slab.as_mut_ptr().cast(), bytes, 1, 1000) }.ok_or("a bad slab")?;
        let cached = Cached {
            cache: &cache,
            files: &self.files,
        };
        Ok(scan_with(
            request,
            &self.parts,
            &ScanOptions {
                cached: Some(cached),
                ..ScanOptions::default()
            },
        )?)
    }

    /// The best of some runs; the last answer goes to `check`.
    fn time(&self, name: &str, request: &ScanRequest, check: impl FnOnce(&[RecordBatch]) -> bool) -> Any<()> {
        let (mut best, mut warm) = (f64::INFINITY, f64::INFINITY);
        let (mut last, mut cached_pages) = (None, 0);
        for _ in 0..RUNS {
            let start = Instant::now();
            let output = scan(request, &self.parts)?;
            best = best.min(start.elapsed().as_secs_f64() * 1000.0);
            let start = Instant::now();
            let cached = self.scan_cached(request)?;
            warm = warm.min(start.elapsed().as_secs_f64() * 1000.0);
            if cached.ipc.len() != output.ipc.len() {
                return Err(format!("{name}: another answer with the cache").into());
            }
            cached_pages = cached.stats.pages_cached;
            last = Some(output);
        }
        let output = last.ok_or("no run")?;
        let right = if check(&batches(&output)?) { "right" } else { "WRONG" };
        let stats = output.stats;
        println!(
            "{best:8.2} ms, cached {warm:8.2} ms  {right}  {name}  [{} rows out, {} pages read, \
             {cached_pages} of them cached, {} skipped, {:.1} MB read]",
            output.rows,
            stats.pages_read,
            stats.pages_skipped,
            stats.bytes_read as f64 / 1e6
        );
        Ok(())
    }
}

fn equal(column: &str, value: &str) -> Filter {
    Filter::Compare {
        column: column.into(),
        cmp: Comparison::Equal,
        value: Literal::String(value.into()),
    }
}

fn text_of(batch: &RecordBatch, column: usize, row: usize) -> &str {
    batch.column(column).as_string::<i32>().value(row)
}

fn level_index(name: &str) -> usize {
    LEVELS.iter().position(|level| *level == name).unwrap_or(usize::MAX)
}

fn aggregates(timing: &Timing, totals: &Totals, rows: usize) -> Any<()> {
    let group = |column: &str| Group::Column { column: column.into() };
    let average = || Aggregate::Average {
        column: "response_time".into(),
    };
    let aggregate = |groups, aggregates| Output::Aggregate {
        groups,
        aggregates,
        top: None,
    };
    timing.time(
        "count(*) where level = 'error'",
        &request(
            Some(equal("level", "error")),
            aggregate(vec![], vec![Aggregate::CountRows]),
        ),
        |batches| ints(&batches[0], 0) == [totals.level_rows[3]],
    )?;
    timing.time(
        "level, avg(response_time)",
        &request(None, aggregate(vec![group("level")], vec![average()])),
        |batches| {
            (0..batches[0].num_rows()).all(|row| {
                let level = level_index(text_of(&batches[0], 0, row));
                let sum = floats(&batches[0], 2)[row];
                ints(&batches[0], 1)[row] == totals.level_rows[level]
                    && (sum - totals.level_time[level]).abs() < sum.abs() * 1e-9
            }) && batches[0].num_rows() == LEVELS.len()
        },
    )?;
    let hour = Group::Bucket {
        column: "_timestamp".into(),
        width: 3_600_000_000,
        origin: 0,
    };
    let two_levels = Filter::In {
        column: "level".into(),
        values: vec![Literal::String("error".into()), Literal::String("warn".into())],
        negated: false,
    };
    timing.time(
        "hour, level, count(*), avg(response_time) where level in ('error', 'warn')",
        &request(
            Some(two_levels),
            aggregate(
                vec![hour.clone(), group("level")],
                vec![Aggregate::CountRows, average()],
            ),
        ),
        |batches| {
            batches[0].num_rows() == totals.hour_rows.len()
                && (0..batches[0].num_rows()).all(|row| {
                    let level = level_index(text_of(&batches[0], 1, row)) as u32;
                    let hour = ints(&batches[0], 0)[row] / 3_600_000_000;
                    totals.hour_rows.get(&(hour, level)) == Some(&ints(&batches[0], 2)[row])
                })
        },
    )?;
    timing.time(
        "hour, count(*)",
        &request(None, aggregate(vec![hour], vec![Aggregate::CountRows])),
        |batches| ints(&batches[0], 1).iter().sum::<i64>() == rows as i64,
    )?;
    timing.time(
        "service, status, count(*), max(response_time)",
        &request(
            None,
            aggregate(
                vec![group("service"), group("status")],
                vec![
                    Aggregate::CountRows,
                    Aggregate::Max {
                        column: "response_time".into(),
                    },
                ],
            ),
        ),
        |batches| ints(&batches[0], 2).iter().sum::<i64>() == rows as i64,
    )?;
    timing.time(
        "user_id, count(*) (200,000 groups)",
        &request(None, aggregate(vec![group("user_id")], vec![Aggregate::CountRows])),
        |batches| {
            let found: usize = batches.iter().map(RecordBatch::num_rows).sum();
            found == totals.users.len()
                && batches.iter().all(|batch| {
                    ints(batch, 0)
                        .iter()
                        .zip(ints(batch, 1))
                        .all(|(user, count)| totals.users.get(user) == Some(count))
                })
        },
    )?;
    timing.time(
        "user_id, level, count(*) (1,000,000 groups)",
        &request(
            None,
            aggregate(vec![group("user_id"), group("level")], vec![Aggregate::CountRows]),
        ),
        |batches| batches.iter().flat_map(|batch| ints(batch, 2)).sum::<i64>() == rows as i64,
    )?;
    timing.time(
        "count(*), sum, min, max, avg(response_time) where status >= 500",
        &request(
            Some(Filter::Compare {
                column: "status".into(),
                cmp: Comparison::GreaterOrEqual,
                value: Literal::Int64(500),
            }),
            aggregate(
                vec![],
                vec![
                    Aggregate::CountRows,
                    Aggregate::Sum {
                        column: "response_time".into(),
                    },
                    Aggregate::Min {
                        column: "response_time".into(),
                    },
                    Aggregate::Max {
                        column: "response_time".into(),
                    },
                    average(),
                ],
            ),
        ),
        |batches| ints(&batches[0], 0) == ints(&batches[0], 4),
    )
}

fn rows_and_text(timing: &Timing, totals: &Totals) -> Any<()> {
    let newest = Output::TopTime {
        project: vec!["_timestamp".into(), "level".into(), "service".into(), "message".into()],
        descending: true,
        limit: 100,
    };
    let mut times = totals.error_times.clone();
    times.sort_unstable_by(|a, b| b.cmp(a));
    timing.time(
        "newest 100 where level = 'error' (2 % of rows)",
        &request(Some(equal("level", "error")), newest),
        |batches| ints(&batches[0], 0) == &times[..100.min(times.len())],
    )?;
    let count = || Output::Aggregate {
        groups: vec![],
        aggregates: vec![Aggregate::CountRows],
        top: None,
    };
    let contains = |needle: &str, ignore_case| Filter::Contains {
        column: "message".into(),
        needle: needle.into(),
        negated: false,
        ignore_case,
    };
    for (name, filter) in [
        ("count(*) where message like '%timeout%'", contains("timeout", false)),
        (
            "count(*) where message contains 'TimeOut', any case",
            contains("TimeOut", true),
        ),
        (
            "count(*) where message ~ 'upstream t\\w+'",
            Filter::Regex {
                column: "message".into(),
                pattern: "upstream t\\w+".into(),
                negated: false,
                ignore_case: false,
            },
        ),
    ] {
        timing.time(name, &request(Some(filter), count()), |batches| {
            ints(&batches[0], 0) == [totals.timeouts]
        })?;
    }
    let both = Filter::And {
        args: vec![contains("timeout", false), equal("level", "error")],
    };
    let project = vec!["_timestamp".into(), "message".into()];
    timing.time(
        "select _timestamp, message where level = 'error' and message like '%timeout%'",
        &request(Some(both), Output::Rows { project, limit: None }),
        |batches| {
            batches
                .iter()
                .all(|batch| (0..batch.column(1).len()).all(|row| text_of(batch, 1, row).contains("upstream timeout")))
        },
    )
}

fn main() -> Any<()> {
    let rows: usize = std::env::args().nth(1).map_or(Ok(5_000_000), |text| text.parse())?;
    let mut random = Random(0x0123_4567_89AB_CDEF);
    let mut totals = Totals::default();
    let start = Instant::now();
    let mut blocks = Vec::new();
    for first in (0..rows).step_by(BLOCK_ROWS) {
        blocks.push(block(
            &mut random,
            first,
            BLOCK_ROWS.min(rows - first),
            rows,
            &mut totals,
        )?);
    }
    let bytes: usize = blocks.iter().map(Vec::len).sum();
    println!(
        "{rows} rows, {} blocks, {:.1} MB, made in {:.1} s; best of {RUNS} runs each",
        blocks.len(),
        bytes as f64 / 1e6,
        start.elapsed().as_secs_f64()
    );
    let mut parts = Vec::new();
    for block in &blocks {
        let header = Arc::new(HeaderView::read(block, 0)?);
        parts.push(Part {
            source: block,
            offset: 0,
            header: Some(header),
        });
    }
    let timing = Timing {
        files: (0..parts.len() as u64).collect(),
        slab: std::cell::RefCell::new(vec![0; SLAB_BYTES / 8]),
        parts,
    };
    aggregates(&timing, &totals, rows)?;
    rows_and_text(&timing, &totals)
}
