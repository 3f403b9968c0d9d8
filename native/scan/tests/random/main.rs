//! Random requests over random blocks, against a plain row-by-row evaluator, without a page cache and with ones that hold everything
//! or next to nothing. Set `SCAN_SEED` to repeat one case.

mod functions;
mod generate;
mod indexed;
mod overflow;
mod reference;
mod value;

use basalt_block::{Batch, EncodeOptions, HeaderView, encode_block};
use basalt_cache::{PageCache, SLAB_BYTES_MIN};
use basalt_scan::request::{Group, Output, RequestType, ScanRequest, Top};
use basalt_scan::{Cached, Part, ScanError, ScanOptions, ScanOutput, ScanStats, Share, combine, scan_with};
use functions::TestFunctions;
use generate::Random;
use reference::{Evaluator, Row};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use value::Value;

const STREAMS: u64 = 1_000;
const REQUESTS: usize = 6;
const ROOMY_BYTES: usize = 32 << 20;

/// Over all cases.
static CACHED_PAGES: AtomicU64 = AtomicU64::new(0);
static OVERFLOWS: AtomicU64 = AtomicU64::new(0);

/// A slab that no other file of the case uses.
struct Slab {
    words: Vec<u64>,
    /// Of parts in their order.
    files: Vec<u64>,
    scans: u64,
    hits: u64,
}

impl Slab {
    /// `files`: a number of the file for each part that will be scanned.
    fn new(bytes: usize, files: Vec<u64>) -> Self {
        Self {
            words: vec![0; bytes / 8],
            files,
            scans: 0,
            hits: 0,
        }
    }

    fn scan(&mut self, request: &ScanRequest, parts: &[Part]) -> Result<ScanOutput, String> {
        // SAFETY: the memory is this slab's and used by this cache alone.
        let cache = unsafe { PageCache::attach(self.words.as_mut_ptr().cast(), self.words.len() * 8, 1, 100) };
        let cached = Cached {
            cache: &cache.unwrap(),
            files: &self.files[..parts.len()],
        };
        let output = scan_with(
            request,
            parts,
            &ScanOptions {
                cached: Some(cached),
                ..OPTIONS
            },
        )
        .map_err(|error| error.to_string())?;
        self.scans += 1;
        self.hits += output.stats.pages_cached;
        Ok(output)
    }
}

/// Cold, then warm, in a roomy and in a tiny slab: the same answer as without.
fn check_cached(request: &ScanRequest, parts: &[Part], slabs: &mut [Slab]) -> Result<(), String> {
    let plain = scan_with(request, parts, &OPTIONS).map_err(|error| error.to_string())?;
    let touched = plain.stats.pages_read;
    for slab in slabs {
        let bytes = slab.words.len() * 8;
        for round in 0..3 {
            let output = slab.scan(request, parts)?;
            let stats = output.stats;
            if output.ipc != plain.ipc || stats.rows_matched != plain.stats.rows_matched {
                return Err(format!("another answer with a cache of {bytes} bytes, round {round}"));
            }
            if stats.pages_read + stats.pages_cached != touched {
                return Err(format!("{stats:?} where {touched} pages are read without a cache"));
            }
            if bytes > ROOMY_BYTES / 2 && round == 2 && stats.pages_read > 0 {
                return Err(format!("{stats:?} in the third scan with room for all"));
            }
        }
    }
    Ok(())
}

/// Of every scan here.
const OPTIONS: ScanOptions = ScanOptions {
    functions: &TestFunctions,
    cached: None,
    cancel: None,
    first_page: 0,
    arrivals: &[],
    bytes_max: usize::MAX,
};

/// Under a limit of bytes, going on where each answer stopped: all answers together hold what one would.
fn check_resumed(request: &ScanRequest, names: &[String], expected: &mut [Row], parts: &[Part]) -> Result<(), String> {
    let limited = match &request.output {
        Output::Rows { limit, .. } => limit.is_some(),
        Output::TopTime { .. } => true,
        Output::Aggregate { .. } => false,
    };
    if limited {
        return Ok(());
    }
    for bytes_max in [0, 2000, 100_000] {
        let mut answers: Vec<Vec<u8>> = Vec::new();
        let (mut part, mut first_page) = (0, 0);
        loop {
            let options = ScanOptions {
                first_page,
                bytes_max,
                ..OPTIONS
            };
            let output = scan_with(request, &parts[part..], &options).map_err(|error| error.to_string())?;
            answers.push(output.ipc);
            let Some(resume) = output.resume else { break };
            if resume.part == 0 && resume.page <= first_page {
                return Err(format!("no progress behind page {first_page} of part {part}"));
            }
            part += resume.part;
            first_page = resume.page;
        }
        if let Output::Aggregate { .. } = &request.output {
            answers = combined(request, &answers, 1)?;
        }
        let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
        compare(request, names, expected, &answers)?;
    }
    Ok(())
}

fn sort_groups(rows: &mut [Row], groups: usize) {
    rows.sort_by_cached_key(|row| row[..groups].iter().map(reference::exact).collect::<Vec<_>>());
}

fn check(request: &ScanRequest, batches: &[Batch], rows: &[Row], parts: &[Part]) -> Result<(), String> {
    let (names, mut expected) = Evaluator::new(request).answer(rows);
    let output = scan_with(request, parts, &OPTIONS).map_err(|error| error.to_string())?;
    compare(request, &names, &mut expected, &[&output.ipc])?;
    if output.rows as usize != expected.len() {
        return Err(format!("{} rows counted, expected {}", output.rows, expected.len()));
    }
    if !parts.is_empty() {
        check_resumed(request, &names, &mut expected, parts).map_err(|problem| format!("resumed: {problem}"))?;
    }
    if let Output::Aggregate { groups, .. } = &request.output {
        check_combined(request, &names, &mut expected, parts).map_err(|problem| format!("combined: {problem}"))?;
        if groups.iter().all(|group| !is_float(request, group)) {
            check_top(request, &names, &expected, parts).map_err(|problem| format!("top: {problem}"))?;
        }
    }
    check_stats(request, batches, rows, output.stats)
}

/// The two zeros are two groups here and one in SQL, which asks for no top of such groups.
fn is_float(request: &ScanRequest, group: &Group) -> bool {
    let (Group::Column { column } | Group::Bucket { column, .. }) = group;
    request
        .columns
        .iter()
        .any(|known| known.name == *column && known.column_type == RequestType::Float64)
}

/// Each block scanned alone, their answers combined in shares; then those combined again.
fn check_combined(request: &ScanRequest, names: &[String], expected: &mut [Row], parts: &[Part]) -> Result<(), String> {
    let answers = answers(request, parts)?;
    for of in [1, 2, 3] {
        let shares = combined(request, &answers, of)?;
        let shares: Vec<&[u8]> = shares.iter().map(Vec::as_slice).collect();
        compare(request, names, expected, &shares)?;
        let again =
            combine(request, &shares, Share::ALL, true, &TestFunctions, None).map_err(|error| error.to_string())?;
        compare(request, names, expected, &[&again.ipc])?;
    }
    Ok(())
}

fn answers(request: &ScanRequest, parts: &[Part]) -> Result<Vec<Vec<u8>>, String> {
    let answer = |part: &Part| scan_with(request, std::slice::from_ref(part), &OPTIONS).map(|output| output.ipc);
    let answers = parts.iter().map(answer).collect::<Result<_, _>>();
    answers.map_err(|error: ScanError| error.to_string())
}

fn combined(request: &ScanRequest, answers: &[Vec<u8>], of: u32) -> Result<Vec<Vec<u8>>, String> {
    let answers: Vec<&[u8]> = answers.iter().map(Vec::as_slice).collect();
    let share =
        |index| combine(request, &answers, Share { index, of }, true, &TestFunctions, None).map(|output| output.ipc);
    let shares = (0..of).map(share).collect::<Result<_, _>>();
    shares.map_err(|error: ScanError| error.to_string())
}

/// Of each share the first groups by each column that has an order: all that a sort of all groups puts first, ties too.
fn check_top(request: &ScanRequest, names: &[String], expected: &[Row], parts: &[Part]) -> Result<(), String> {
    let Output::Aggregate { groups, aggregates, .. } = &request.output else {
        return Ok(());
    };
    let answers = answers(request, parts)?;
    for column in 0..names.len() {
        let ordered = |value: &Value| {
            matches!(
                value,
                Value::Null | Value::Int64(_) | Value::Float64(_) | Value::Bool(_)
            )
        };
        if !expected.iter().all(|row| ordered(&row[column]))
            || expected.iter().all(|row| matches!(row[column], Value::Null))
        {
            continue;
        }
        for (descending, nulls_first, limit) in
            [(true, true, 3), (false, false, 1), (true, false, 40), (false, true, 0)]
        {
            let top = Top {
                column,
                descending,
                nulls_first,
                limit,
            };
            let output = Output::Aggregate {
                groups: groups.clone(),
                aggregates: aggregates.clone(),
                top: Some(top),
            };
            let request = ScanRequest {
                output,
                ..request.clone()
            };
            let order = |a: &Row, b: &Row| {
                let null = |row: &Row| matches!(row[column], Value::Null);
                match (null(a), null(b)) {
                    (false, false) if descending => b[column].order(&a[column]),
                    (false, false) => a[column].order(&b[column]),
                    (a, b) if nulls_first => b.cmp(&a),
                    (a, b) => a.cmp(&b),
                }
            };
            let mut sorted = expected.to_vec();
            sorted.sort_by(order);
            let border = limit.checked_sub(1).and_then(|last| sorted.get(last as usize)).cloned();
            sorted.retain(|row| border.as_ref().map_or(limit > 0, |border| order(row, border).is_le()));
            for of in [1, 2] {
                let mut found = Vec::new();
                for share in combined(&request, &answers, of)? {
                    found.extend(value::decode(&share).rows);
                }
                found.sort_by(order);
                found.retain(|row| border.as_ref().map_or(limit > 0, |border| order(row, border).is_le()));
                compare_rows(groups.len(), &mut found, &mut sorted.clone())?;
            }
        }
    }
    Ok(())
}

fn compare(request: &ScanRequest, names: &[String], expected: &mut [Row], answers: &[&[u8]]) -> Result<(), String> {
    let mut found = Vec::new();
    for answer in answers {
        // Many groups are dealt out; a combination of this one answer is plain again.
        let is_dealt = answer.starts_with(b"BSLTDLT1");
        let plain = is_dealt.then(|| combine(request, &[answer], Share::ALL, true, &TestFunctions, None));
        let plain = plain.transpose().map_err(|error| error.to_string())?;
        let decoded = value::decode(plain.as_ref().map_or(answer, |plain| plain.ipc.as_slice()));
        if decoded.names != names {
            return Err(format!("columns {:?}, expected {names:?}", decoded.names));
        }
        found.extend(decoded.rows);
    }
    let groups = match &request.output {
        Output::Aggregate { groups, .. } => groups.len(),
        _ => 0,
    };
    compare_rows(groups, &mut found, expected)
}

/// Rows in their order, or with `groups` in the order of these first columns.
fn compare_rows(groups: usize, found: &mut [Row], expected: &mut [Row]) -> Result<(), String> {
    if groups > 0 {
        sort_groups(found, groups);
        sort_groups(expected, groups);
    }
    if found.len() != expected.len() {
        return Err(format!("{} rows, expected {}", found.len(), expected.len()));
    }
    for (index, (found, expected)) in found.iter().zip(expected.iter()).enumerate() {
        if found.len() != expected.len()
            || !expected
                .iter()
                .zip(found)
                .all(|(expected, found)| expected.matches(found))
        {
            return Err(format!("row {index}: {found:?}, expected {expected:?}"));
        }
    }
    Ok(())
}

fn check_stats(request: &ScanRequest, batches: &[Batch], rows: &[Row], stats: ScanStats) -> Result<(), String> {
    let all: usize = batches.iter().map(|batch| batch.rows).sum();
    if stats.rows_scanned > all as u64 || stats.rows_matched > stats.rows_scanned {
        return Err(format!("{stats:?} of {all} rows"));
    }
    let partial = matches!(
        request.output,
        Output::TopTime { .. } | Output::Rows { limit: Some(_), .. }
    );
    if !partial {
        let mut evaluator = Evaluator::new(request);
        let matching = rows.iter().filter(|row| evaluator.passes(row)).count() as u64;
        if stats.rows_matched != matching {
            return Err(format!("{stats:?}, {matching} rows match"));
        }
    }
    Ok(())
}

fn run(seed: u64) {
    let random = &mut Random(seed);
    let blocks = 1 + random.below(5);
    let large = random.chance(4);
    let sizes: &[usize] = if large {
        &[8191, 8192, 8193, 17000]
    } else {
        &[1, 2, 63, 64, 65, 200, 500]
    };
    let batches: Vec<Batch> = (0..blocks)
        .map(|_| {
            let rows = *random.pick(sizes);
            generate::batch(random, rows)
        })
        .collect();
    let options = EncodeOptions::segment(1);
    // One file of blocks back to back, as a segment has them.
    let mut file: Vec<u8> = vec![0xAB; random.below(40)];
    let mut offsets = Vec::new();
    let hides = random.chance(40);
    for batch in &batches {
        offsets.push(file.len() as u64);
        let stored = match hides && random.chance(70) {
            true => &overflow::hide(random, batch),
            false => batch,
        };
        file.extend(encode_block(stored, &options).unwrap());
    }
    let known_headers = random.chance(50);
    let parts: Vec<Part> = offsets
        .iter()
        .map(|&offset| {
            let header = known_headers.then(|| Arc::new(HeaderView::read(&file, offset).unwrap()));
            Part {
                source: &file,
                offset,
                header,
            }
        })
        .collect();
    let rows = reference::rows(&batches, &generate::columns());
    let mut slabs = [ROOMY_BYTES, SLAB_BYTES_MIN].map(|bytes| Slab::new(bytes, vec![7; parts.len()]));
    for number in 0..if large { 2 } else { REQUESTS } {
        let request = generate::request(random);
        let checked = check(&request, &batches, &rows, &parts);
        if let Err(problem) = checked.and_then(|()| check_cached(&request, &parts, &mut slabs)) {
            if problem.contains("integer overflow") && Evaluator::new(&request).may_overflow(&rows) {
                OVERFLOWS.fetch_add(1, Relaxed);
                continue;
            }
            let json = serde_json::to_string(&request).unwrap();
            panic!("SCAN_SEED={seed}, request {number}: {problem}\n{json}");
        }
    }
    for slab in slabs {
        assert!(slab.scans >= 3);
        CACHED_PAGES.fetch_add(slab.hits, Relaxed);
    }
}

#[test]
fn random_requests_agree_with_a_plain_evaluator() {
    if let Ok(seed) = std::env::var("SCAN_SEED") {
        return run(seed.parse().unwrap());
    }
    let first = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos() as u64;
    println!("SCAN_SEED={first} and the {STREAMS} after it");
    for index in 0..STREAMS {
        run(first.wrapping_add(index));
    }
    assert!(CACHED_PAGES.load(Relaxed) > STREAMS, "the caches were used");
    let requests = STREAMS * REQUESTS as u64;
    assert!(OVERFLOWS.load(Relaxed) < requests / 10, "most requests have answers");
}
