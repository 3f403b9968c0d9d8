//! Times lookups that match a few rows of a large segment in the page cache, one thread, mean time on a core: what opening blocks and
//! asking indexes costs, and the pages that must be read after all; then the same with a warm page cache.
//!
//! `cargo run --release -p basalt-scan --example needle_speed records.ndjson segment.file [rows [repeats]]`
//! The segment is made if there is none: the records over and over, each time later and with other trace ids.

use basalt_block::*;
use basalt_cache::PageCache;
use basalt_scan::request::*;
use basalt_scan::{Cached, Part, ScanOptions, scan, scan_with};
use basalt_shred::{BodyFormat, ShredLimits, ShredRequest, shred};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

type Any<T> = Result<T, Box<dyn std::error::Error>>;

const BLOCK_ROWS: usize = 10_000;
const DAY_US: i64 = 86_400_000_000;
const WAL_LEVEL: i32 = 1;
const SEGMENT_LEVEL: i32 = 3;
const SLAB_BYTES: usize = 256 << 20;

/// xorshift64*, seeded.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

/// The line at another time, with another trace id.
fn later(line: &str, days: i64, random: &mut Random) -> Any<String> {
    let (head, rest) = line.split_once("\"_timestamp\":").ok_or("no _timestamp")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let time = rest[..digits].parse::<i64>()? + days * DAY_US;
    let (before, id) = rest[digits..].split_once("\"trace_id\":\"").ok_or("no trace_id")?;
    let trace_id = format!("{:016x}{:016x}", random.next(), random.next());
    Ok(format!(
        "{head}\"_timestamp\":{time}{before}\"trace_id\":\"{trace_id}{}",
        &id[32..]
    ))
}

fn make_segment(records: &str, path: &Path, rows: usize) -> Any<()> {
    let lines: Vec<&str> = records.lines().collect();
    let mut random = Random(0x0123_4567_89AB_CDEF);
    let mut blocks = Vec::new();
    for first in (0..rows).step_by(BLOCK_ROWS) {
        let mut body = String::new();
        for row in first..rows.min(first + BLOCK_ROWS) {
            body.push_str(&later(
                lines[row % lines.len()],
                (row / lines.len()) as i64,
                &mut random,
            )?);
            body.push('\n');
        }
        let request = ShredRequest {
            body: body.as_bytes(),
            format: BodyFormat::Multi,
            organization: 0,
            stream: "bench",
        };
        for group in shred(&[request], 0, &ShredLimits::default(), &|_, _| Ok(Arc::default())).groups {
            for batch in group.batches(usize::MAX) {
                blocks.push(encode_block(&batch, &EncodeOptions::wal(WAL_LEVEL))?);
            }
        }
    }
    let inputs: Vec<MergeInput> = blocks
        .iter()
        .map(|source| MergeInput {
            source,
            offset: 0,
            reusable: false,
        })
        .collect();
    let start = Instant::now();
    let mut file = BufWriter::new(File::create(path)?);
    merge_blocks(&inputs, &mut file, b"", &EncodeOptions::segment(SEGMENT_LEVEL))?;
    println!("merged in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn request_type(column_type: ColumnType) -> RequestType {
    match column_type {
        ColumnType::Int64 => RequestType::Int64,
        ColumnType::Float64 => RequestType::Float64,
        ColumnType::Bool => RequestType::Bool,
        ColumnType::String => RequestType::String,
        ColumnType::Json => RequestType::Json,
        ColumnType::Decimal | ColumnType::TextNumber | ColumnType::TextBool => RequestType::String,
    }
}

/// Seconds this thread was on a core, so that other work on the machine disturbs less.
fn cpu_seconds() -> f64 {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = schedule
        .split_whitespace()
        .next()
        .and_then(|field| field.parse::<f64>().ok());
    nanoseconds.unwrap_or_default() / 1e9
}

struct Bench<'a> {
    parts: Vec<Part<'a>>,
    columns: Vec<ColumnRef>,
    repeats: usize,
}

impl Bench<'_> {
    fn time(&self, name: &str, filter: Filter, counted: bool) -> Any<u64> {
        let output = if counted {
            Output::Aggregate {
                groups: vec![],
                aggregates: vec![Aggregate::CountRows],
                top: None,
            }
        } else {
            Output::Rows {
                project: self.columns.iter().map(|column| column.name.clone()).collect(),
                limit: None,
            }
        };
        let request = ScanRequest {
            stream: "bench".into(),
            columns: self.columns.clone(),
            time: TimeRange::default(),
            filter: Some(filter),
            output,
        };
        let mut last = None;
        let start = cpu_seconds();
        for _ in 0..self.repeats {
            last = Some(scan(&request, &self.parts)?);
        }
        let mean = (cpu_seconds() - start) * 1000.0 / self.repeats as f64;
        let stats = last.ok_or("no run")?.stats;
        let mut slab = vec![0u64; SLAB_BYTES / 8];
        // SAFETY: the memory is this slab's and used by this cache alone.
        let cache = unsafe { PageCache::attach(slab.as_mut_ptr().cast(), SLAB_BYTES, 1, 1000) }.ok_or("a bad slab")?;
        let cached = Cached {
            cache: &cache,
            files: &vec![1; self.parts.len()],
        };
        let options = ScanOptions {
            cached: Some(cached),
            ..ScanOptions::default()
        };
        // The second request brings text in.
        scan_with(&request, &self.parts, &options)?;
        scan_with(&request, &self.parts, &options)?;
        let start = cpu_seconds();
        let mut pages_cached = 0;
        for _ in 0..self.repeats {
            let warm = scan_with(&request, &self.parts, &options)?;
            assert_eq!(warm.stats.rows_matched, stats.rows_matched);
            pages_cached = warm.stats.pages_cached;
        }
        let warm = (cpu_seconds() - start) * 1000.0 / self.repeats as f64;
        println!(
            "{mean:8.3} ms, warm {warm:8.3} ms  {name}: {} rows; pages read {}, {pages_cached} of them cached when warm, \
             skipped {} (zone map {}, dictionary {}, index {}); {:.3} MB read",
            stats.rows_matched,
            stats.pages_read,
            stats.pages_skipped,
            stats.skipped_by_zone_map,
            stats.skipped_by_dictionary,
            stats.skipped_by_index,
            stats.bytes_read as f64 / 1e6
        );
        Ok(stats.rows_matched)
    }
}

/// Bytes of chunks and of their indexes by column.
fn print_bytes(file: &FileSource, footer: &SegmentFooter) -> Any<()> {
    let rows: f64 = footer.groups.iter().map(|group| f64::from(group.rows)).sum();
    let mut columns: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for group in &footer.groups {
        let reader = BlockReader::open(file, group.offset)?;
        for (index, entry) in reader.header().columns.iter().enumerate() {
            let chunk = reader.chunk(index)?;
            let sections: usize = chunk.section_kinds().map(|kind| chunk.section_bytes(kind)).sum();
            let sums = columns.entry(entry.name.clone()).or_default();
            sums.0 += entry.chunk_bytes;
            sums.1 += sections as u64;
        }
    }
    let (bytes, indexes) = columns
        .values()
        .fold((0, 0), |sum, column| (sum.0 + column.0, sum.1 + column.1));
    println!(
        "{rows} rows, {:.2} B a row, sections {:.2} %",
        bytes as f64 / rows,
        indexes as f64 * 100.0 / bytes as f64
    );
    for (name, (bytes, sections)) in columns.iter().filter(|(_, column)| column.1 > 0) {
        println!(
            "  {name}: {:.3} B a row, {:.3} of it sections",
            *bytes as f64 / rows,
            *sections as f64 / rows
        );
    }
    Ok(())
}

fn text_of(source: &FileSource, group: &GroupLocation, column: &str, row: usize) -> Any<String> {
    let reader = BlockReader::open(source, group.offset)?;
    let mut chunk = reader.chunk(reader.find(column).ok_or("no such column")?)?;
    let mut page = Page::default();
    chunk.read_page(row / PAGE_ROWS, &mut page)?;
    let row = row % PAGE_ROWS;
    let bytes = match &page.values {
        PageValues::Text(text) => text.get(row),
        PageValues::Codes(codes) => chunk.dictionary().ok_or("no dictionary")?.get(codes[row] as usize),
        _ => return Err("not a text column".into()),
    };
    Ok(String::from_utf8(bytes.to_vec())?)
}

fn main() -> Any<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, records, path, ..] = args.as_slice() else {
        return Err("needle_speed records.ndjson segment.file [rows [repeats]]".into());
    };
    let rows = args.get(3).map_or(Ok(5_000_000), |text| text.parse())?;
    let path = Path::new(path);
    if !path.exists() {
        make_segment(&std::fs::read_to_string(records)?, path, rows)?;
    }
    let file = File::open(path)?;
    let source = FileSource::from_fd(file.as_raw_fd());
    let footer = read_footer(&source, file.metadata()?.len())?;
    print_bytes(&source, &footer)?;
    let group = &footer.groups[footer.groups.len() / 2];
    let columns = BlockReader::open(&source, group.offset)?
        .header()
        .columns
        .iter()
        .map(|entry| ColumnRef {
            name: entry.name.clone(),
            column_type: request_type(entry.column_type),
        })
        .collect();
    let part = |group: &GroupLocation| Part {
        source: &source,
        offset: group.offset,
        header: None,
    };
    let bench = Bench {
        parts: footer.groups.iter().map(part).collect(),
        columns,
        repeats: args.get(4).map_or(Ok(20), |text| text.parse())?,
    };
    println!("{} row groups", bench.parts.len());
    let row = group.rows as usize / 2;
    let equal = |column: &str, value: &str| Filter::Compare {
        column: column.into(),
        cmp: Comparison::Equal,
        value: Literal::String(value.into()),
    };
    let contains = |column: &str, needle: &str, ignore_case| Filter::Contains {
        column: column.into(),
        needle: needle.into(),
        negated: false,
        ignore_case,
    };
    let (id, path, message) = (
        text_of(&source, group, "trace_id", row)?,
        text_of(&source, group, "path", row)?,
        text_of(&source, group, "message", row)?,
    );
    println!("{id} {path} {message}");
    assert_eq!(
        bench.time("* where trace_id = one that is there", equal("trace_id", &id), false)?,
        1
    );
    let absent: String = id.chars().rev().collect();
    assert_eq!(
        bench.time("* where trace_id = one that is not", equal("trace_id", &absent), false)?,
        0
    );
    bench.time("count(*) where path = ...", equal("path", &path), true)?;
    bench.time(
        "count(*) where path contains the last half of it",
        contains("path", &path[path.len() / 2..], false),
        true,
    )?;
    let words: Vec<&str> = message.split_whitespace().collect();
    let needle = words[words.len() / 2..].join(" ");
    bench.time(
        &format!("count(*) where message contains {needle:?}"),
        contains("message", &needle, false),
        true,
    )?;
    bench.time("the same ignoring case", contains("message", &needle, true), true)?;
    Ok(())
}
