//! One scan request over blocks of open files.

use crate::failure;
use crate::query::cancel_of;
use crate::table::Table;
use basalt_block::FileSource;
use basalt_cache::{PageCache, SLAB_BYTES_MIN};
use basalt_scan::request::ScanRequest;
use basalt_scan::{Cached, Part, ScanError, ScanOptions, ScanOutput, Share, combine, scan_with};
use basalt_sql::leaf_functions;
use napi::bindgen_prelude::{BigInt64Array, Either, Float64Array, Int32Array, Uint8Array, Uint8ArraySlice};
use napi_derive::napi;
use std::sync::{Arc, LazyLock};

#[napi(object)]
pub struct ScanAnswer {
    /// Either the bytes or the handle of bytes that stay here.
    pub ipc: Either<Uint8Array, HeldBytes>,
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
    pub resume: Option<ScanResume>,
}

#[napi(object)]
pub struct ScanResume {
    pub part: u32,
    pub page: u32,
}

/// From where on, and how much at once.
#[napi(object)]
pub struct ScanBounds {
    pub query: Option<u32>,
    pub first_page: u32,
    pub bytes_max: f64,
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
    bounds: Option<ScanBounds>,
    arrivals: Option<BigInt64Array>,
) -> napi::Result<ScanAnswer> {
    let cancel = cancel_of(bounds.as_ref().and_then(|bounds| bounds.query))?;
    let options = ScanOptions {
        functions: leaf_functions(),
        cancel: Some(&cancel),
        first_page: bounds.as_ref().map_or(0, |bounds| bounds.first_page as usize),
        arrivals: arrivals.as_ref().map_or(&[], |arrivals| &**arrivals),
        bytes_max: bounds.as_ref().map_or(usize::MAX, |bounds| bounds.bytes_max as usize),
        ..ScanOptions::default()
    };
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
        return answer_of(scan_with(&request, &parts, &options));
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
    let options = ScanOptions {
        cached: Some(cached),
        ..options
    };
    answer_of(scan_with(&request, &parts, &options))
}

#[napi(catch_unwind)]
pub fn combine_answers(
    request: String,
    answers: Vec<Either<Uint8Array, u32>>,
    share: u32,
    shares: u32,
    complete: bool,
    query: Option<u32>,
) -> napi::Result<ScanAnswer> {
    let cancel = cancel_of(query)?;
    let request: ScanRequest = serde_json::from_str(&request).map_err(failure::bytes)?;
    let answers: Vec<GivenAnswer> = answers.into_iter().map(GivenAnswer::of).collect::<napi::Result<_>>()?;
    let answers: Vec<&[u8]> = answers.iter().map(GivenAnswer::bytes).collect();
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

/// An answer as it is given to be combined.
enum GivenAnswer {
    Bytes(Uint8Array),
    Held(Arc<Vec<u8>>),
}

impl GivenAnswer {
    fn of(answer: Either<Uint8Array, u32>) -> napi::Result<Self> {
        Ok(match answer {
            Either::A(bytes) => Self::Bytes(bytes),
            Either::B(handle) => Self::Held(held(handle)?),
        })
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Held(bytes) => bytes,
        }
    }
}

/// From here on bytes stay where they are: in JavaScript they would wait for a garbage collector that does not know how large they are.
const HELD_FROM_BYTES: usize = 64 << 10;

static HELD: LazyLock<Table<Arc<Vec<u8>>>> = LazyLock::new(Table::new);

/// Bytes that stay in the addon until they are pushed into a run, or freed.
#[napi(object)]
pub struct HeldBytes {
    pub held: u32,
    pub length: f64,
}

pub fn hold(ipc: Vec<u8>) -> Either<Uint8Array, HeldBytes> {
    if ipc.len() < HELD_FROM_BYTES {
        return Either::A(Uint8Array::from(ipc));
    }
    let length = ipc.len() as f64;
    Either::B(HeldBytes {
        held: HELD.insert(Arc::new(ipc)),
        length,
    })
}

fn held(handle: u32) -> napi::Result<Arc<Vec<u8>>> {
    HELD.get(handle)
        .ok_or_else(|| failure::bytes(format!("BUG: no answer {handle}")))
}

/// The answer, which is not held any more.
pub fn take_held(handle: u32) -> napi::Result<Arc<Vec<u8>>> {
    HELD.take(handle)
        .ok_or_else(|| failure::bytes(format!("BUG: no answer {handle}")))
}

/// Copies a part of what is held, which stays held; the target may be shared memory.
#[napi(catch_unwind)]
pub fn copy_held(handle: u32, offset: f64, mut target: Uint8ArraySlice) -> napi::Result<()> {
    let bytes = held(handle)?;
    // SAFETY: the caller made the target for this and tells nobody of it before the end of the call.
    let target = unsafe { target.as_mut() };
    let offset = offset as usize;
    let Some(part) = offset.checked_add(target.len()).and_then(|end| bytes.get(offset..end)) else {
        return Err(failure::bytes(format!(
            "BUG: {} bytes from {offset} on of {}",
            target.len(),
            bytes.len()
        )));
    };
    target.copy_from_slice(part);
    Ok(())
}

/// Numbers of answers that are gone already are ignored.
#[napi]
pub fn free_held(handles: Vec<u32>) {
    for handle in handles {
        HELD.take(handle);
    }
}

fn answer_of(output: Result<ScanOutput, ScanError>) -> napi::Result<ScanAnswer> {
    let output = output.map_err(failure::scan)?;
    Ok(ScanAnswer {
        ipc: hold(output.ipc),
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
        resume: output.resume.map(|resume| ScanResume {
            part: resume.part as u32,
            page: resume.page as u32,
        }),
    })
}
