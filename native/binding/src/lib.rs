//! The one crate that knows Node: thin wrappers that turn byte views and descriptors into calls of the engine crates.
//! `src/native/index.ts` is their only caller and documents each verb.

mod failure;
mod fields;
mod functions;
mod ingest;
mod inspect;
mod memory;
mod query;
mod scan;
mod schema;
mod segment;
mod socket;
mod table;

use napi::bindgen_prelude::Uint8ArraySlice;
use napi_derive::napi;

/// A batch allocates and frees tens of megabytes; the C library's allocator would hand the pages back and fault them in again each time,
/// which cost a third of the shredder's speed on small bodies.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Raised together with `ABI_VERSION` in `src/native/index.ts`.
const ABI_VERSION: u32 = 14;

#[napi(object)]
pub struct Abi {
    pub abi: u32,
    pub block_format: u32,
    pub segment_format: u32,
    pub cpu_features: Vec<String>,
}

/// What this addon speaks, checked at load.
#[napi]
pub fn abi() -> Abi {
    Abi {
        abi: ABI_VERSION,
        block_format: 1,
        segment_format: basalt_block::segment::FORMAT_VERSION,
        cpu_features: cpu_features(),
    }
}

/// The features that kernels choose by at run time, where this processor has them.
#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<String> {
    let known = [
        ("sse4.2", std::arch::is_x86_feature_detected!("sse4.2")),
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("bmi2", std::arch::is_x86_feature_detected!("bmi2")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
    ];
    known
        .iter()
        .filter(|(_, present)| *present)
        .map(|(name, _)| (*name).to_string())
        .collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_features() -> Vec<String> {
    Vec::new()
}

/// Copies `source` into `target` at `offset` bytes. The target may be shared memory: the caller owns the range it writes.
#[napi(catch_unwind)]
pub fn copy_bytes(mut target: Uint8ArraySlice, offset: f64, source: &[u8]) -> napi::Result<()> {
    let start = offset as usize;
    let room = target.len();
    // SAFETY: the caller has reserved the range, so nobody else reads or writes it during the call; the rest is not touched.
    let target = unsafe { target.as_mut() };
    let range = start
        .checked_add(source.len())
        .and_then(|end| target.get_mut(start..end));
    let Some(range) = range else {
        return Err(failure::bytes(format!(
            "BUG: {} bytes at {start} of {room}",
            source.len()
        )));
    };
    range.copy_from_slice(source);
    Ok(())
}

/// Adds to the nice value of the calling thread alone; to what the process was started with, so that no privilege is needed and threads
/// keep their distances whatever that was.
#[napi(catch_unwind)]
pub fn add_thread_nice(by: u32) -> napi::Result<()> {
    let by = i32::try_from(by).unwrap_or(i32::MAX);
    // SAFETY: plain system calls on the calling thread, which Linux takes this call to mean; errno is the thread's own.
    let (nice, error) = unsafe {
        *libc::__errno_location() = 0;
        (libc::nice(by), std::io::Error::last_os_error())
    };
    // Less than nothing is a nice value too.
    if nice == -1 && error.raw_os_error() != Some(0) {
        return Err(failure::bytes(error));
    }
    Ok(())
}

/// Ends the process at once, whatever its threads do. The host's own exit waits for every worker thread to come back from its native
/// call, and a merge may take half a minute. Everything that must last is on disk by then; nothing is flushed here.
#[napi]
pub fn end_process(code: i32) {
    // SAFETY: a plain system call that does not return.
    unsafe { libc::_exit(code) }
}
