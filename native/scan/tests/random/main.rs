//! Random requests over random blocks, against a plain row-by-row evaluator, without a page cache and with ones that hold everything
//! or next to nothing. Set `SCAN_SEED` to repeat one case.

mod generate;
mod reference;
mod value;

use basalt_block::{Batch, BlockReader, EncodeOptions, encode_block};
use basalt_cache::{PageCache, SLAB_BYTES_MIN};
use basalt_scan::request::{Output, ScanRequest};
use basalt_scan::{Cached, Part, ScanOutput, scan, scan_with_cache};
use generate::Random;
use reference::{Evaluator, Row};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const STREAMS: u64 = 1_000;
const REQUESTS: usize = 6;
const ROOMY_BYTES: usize = 32 << 20;

/// Over all cases.
static CACHED_PAGES: AtomicU64 = AtomicU64::new(0);

/// A slab that no other file of the case uses.
struct Slab {
    words: Vec<u64>,
    scans: u64,
    hits: u64,
}

impl Slab {
    fn new(bytes: usize) -> Self {
        Self {
            words: vec![0; bytes / 8],
            scans: 0,
            hits: 0,
        }
    }

    fn scan(&mut self, request: &ScanRequest, parts: &[Part]) -> Result<ScanOutput, String> {
        // SAFETY: the memory is this slab's and used by this cache alone.
        let cache = unsafe { PageCache::attach(self.words.as_mut_ptr().cast(), self.words.len() * 8, 1, 100) };
        let cached = Cached {
            cache: &cache.unwrap(),
            files: &vec![7; parts.len()],
        };
        let output = scan_with_cache(request, parts, cached).map_err(|error| error.to_string())?;
        self.scans += 1;
        self.hits += output.stats.pages_cached;
        Ok(output)
    }
}

/// Cold, then warm, in a roomy and in a tiny slab: the same answer as without.
fn check_cached(request: &ScanRequest, parts: &[Part], slabs: &mut [Slab]) -> Result<(), String> {
    let plain = scan(request, parts).map_err(|error| error.to_string())?;
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

fn sort_groups(rows: &mut [Row], groups: usize) {
    rows.sort_by_cached_key(|row| row[..groups].iter().map(reference::exact).collect::<Vec<_>>());
}

fn check(request: &ScanRequest, batches: &[Batch], rows: &[Row], parts: &[Part]) -> Result<(), String> {
    let (names, mut expected) = Evaluator::new(request).answer(rows);
    let output = scan(request, parts).map_err(|error| error.to_string())?;
    let mut found = value::decode(&output.ipc);
    if found.names != names {
        return Err(format!("columns {:?}, expected {names:?}", found.names));
    }
    if let Output::Aggregate { groups, .. } = &request.output {
        sort_groups(&mut found.rows, groups.len());
        sort_groups(&mut expected, groups.len());
    }
    if found.rows.len() != expected.len() || output.rows as usize != expected.len() {
        return Err(format!(
            "{} rows ({}), expected {}",
            found.rows.len(),
            output.rows,
            expected.len()
        ));
    }
    for (index, (found, expected)) in found.rows.iter().zip(&expected).enumerate() {
        if found.len() != expected.len()
            || !expected
                .iter()
                .zip(found)
                .all(|(expected, found)| expected.matches(found))
        {
            return Err(format!("row {index}: {found:?}, expected {expected:?}"));
        }
    }
    let all: usize = batches.iter().map(|batch| batch.rows).sum();
    let stats = output.stats;
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
    let options = EncodeOptions { zstd_level: 1 };
    // One file of blocks back to back, as a segment has them.
    let mut file: Vec<u8> = vec![0xAB; random.below(40)];
    let mut offsets = Vec::new();
    for batch in &batches {
        offsets.push(file.len() as u64);
        file.extend(encode_block(batch, &options).unwrap());
    }
    let known_headers = random.chance(50);
    let parts: Vec<Part> = offsets
        .iter()
        .map(|&offset| {
            let header = known_headers.then(|| Arc::new(BlockReader::open(&file, offset).unwrap().header().clone()));
            Part {
                source: &file,
                offset,
                header,
            }
        })
        .collect();
    let rows = reference::rows(&batches, &generate::columns());
    let mut slabs = [Slab::new(ROOMY_BYTES), Slab::new(SLAB_BYTES_MIN)];
    for number in 0..if large { 2 } else { REQUESTS } {
        let request = generate::request(random);
        let checked = check(&request, &batches, &rows, &parts);
        if let Err(problem) = checked.and_then(|()| check_cached(&request, &parts, &mut slabs)) {
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
}
