//! One scan request over blocks of open files.

use crate::failure;
use crate::query::cancel_of;
use basalt_block::FileSource;
use basalt_cache::{PageCache, SLAB_BYTES_MIN};
use basalt_scan::request::ScanRequest;
use basalt_scan::{Cached, Part, ScanError, ScanOutput, Share, combine, scan_with};
use basalt_sql::leaf_functions;
use napi::bindgen_prelude::{Float64Array, Int32Array, Uint8Array};
use napi_derive::napi;

#[napi(object)]
pub struct ScanAnswer {
    pub ipc: Uint8Array,
    pub rows: f64,
    pub rows_scanned: f64,
    pub rows_matched: f64,
    pub pages_read: f64,
    pub pages_cached: f64,
    pub pages_skipped: f64,
    pub skipped_by_zone_map: f64,
    pub skipped_by_dictionary: f64,
    pub skipped_by_index: f64,
    pub bytes_read: f64,
}

/// The page cache that a scan may use: the slab, shared by all threads, and a number for the file of each block.
#[napi(object)]
pub struct CacheUse {
    pub slab: Uint8Array,
    pub files: Float64Array,
    pub now_seconds: u32,
    pub ttl_seconds: u32,
}

#[napi(catch_unwind)]
pub fn scan(
    request: String,
    fds: Int32Array,
    offsets: Float64Array,
    cache: Option<CacheUse>,
    query: Option<u32>,
) -> napi::Result<ScanAnswer> {
    let cancel = cancel_of(query)?;
    let request: ScanRequest = serde_json::from_str(&request).map_err(failure::bytes)?;
    if fds.len() != offsets.len() {
        return Err(failure::bytes(format!(
            "BUG: {} descriptors for {} offsets",
            fds.len(),
            offsets.len()
        )));
    }
    let sources: Vec<FileSource> = fds.iter().map(|fd| FileSource::from_fd(*fd)).collect();
    let parts: Vec<Part> = sources
        .iter()
        .zip(offsets.iter())
        .map(|(source, offset)| Part {
            source,
            offset: *offset as u64,
            header: None,
        })
        .collect();
    let Some(CacheUse {
        mut slab,
        files,
        now_seconds,
        ttl_seconds,
    }) = cache
    else {
        return answer_of(scan_with(&request, &parts, leaf_functions(), None, Some(&cancel)));
    };
    let files: Vec<u64> = files.iter().map(|&file| file as u64).collect();
    let bytes = slab.len();
    // SAFETY: the slab is shared memory that lives as long as this call's arguments, and only page caches write to it.
    let attached = unsafe { PageCache::attach(slab.as_mut().as_mut_ptr(), bytes, now_seconds, ttl_seconds) };
    let Some(cache) = attached else {
        return Err(failure::bytes(format!(
            "BUG: a page cache of {bytes} bytes; it takes {SLAB_BYTES_MIN}, aligned to 8"
        )));
    };
    let cached = Cached {
        cache: &cache,
        files: &files,
    };
    answer_of(scan_with(
        &request,
        &parts,
        leaf_functions(),
        Some(cached),
        Some(&cancel),
    ))
}

#[napi(catch_unwind)]
pub fn combine_answers(
    request: String,
    answers: Vec<Uint8Array>,
    share: u32,
    shares: u32,
    complete: bool,
    query: Option<u32>,
) -> napi::Result<ScanAnswer> {
    let cancel = cancel_of(query)?;
    let request: ScanRequest = serde_json::from_str(&request).map_err(failure::bytes)?;
    let answers: Vec<&[u8]> = answers.iter().map(|answer| &**answer).collect();
    let share = Share {
        index: share,
        of: shares,
    };
    answer_of(combine(
        &request,
        &answers,
        share,
        complete,
        leaf_functions(),
        Some(&cancel),
    ))
}

fn answer_of(output: Result<ScanOutput, ScanError>) -> napi::Result<ScanAnswer> {
    let output = output.map_err(failure::bytes)?;
    Ok(ScanAnswer {
        ipc: Uint8Array::from(output.ipc),
        rows: output.rows as f64,
        rows_scanned: output.stats.rows_scanned as f64,
        rows_matched: output.stats.rows_matched as f64,
        pages_read: output.stats.pages_read as f64,
        pages_cached: output.stats.pages_cached as f64,
        pages_skipped: output.stats.pages_skipped as f64,
        skipped_by_zone_map: output.stats.skipped_by_zone_map as f64,
        skipped_by_dictionary: output.stats.skipped_by_dictionary as f64,
        skipped_by_index: output.stats.skipped_by_index as f64,
        bytes_read: output.stats.bytes_read as f64,
    })
}
