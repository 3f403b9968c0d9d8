//! Where the parts of a slab lie.

use crate::arena::{Arena, LINE_BYTES};
use crate::entry::Entry;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// Entries of a bucket: their tags share a cache line.
pub const WAYS: usize = 8;
/// Fewer bytes are no cache.
pub const SLAB_BYTES_MIN: usize = 64 << 10;
/// The area starts after one entry (and its part of the sketch) for each so many bytes of slab.
const BYTES_PER_ENTRY: usize = 4096;
const HEADER_BYTES: usize = 256;
/// Words of the header that are counters, from the second on: hits, misses, evictions, bytes, entries, insertions, refusals.
pub const COUNTER_WORDS: usize = 7;

/// The first bytes of the slab. Other languages read the counters.
#[repr(C)]
pub struct Header {
    pub lock: AtomicU32,
    /// Where the next entry is put if it can be; a position in the area at which an extent begins.
    pub hand: AtomicU32,
    pub hits: AtomicU64,
    pub misses: AtomicU64,
    pub evictions: AtomicU64,
    /// Of the extents of all entries.
    pub bytes: AtomicU64,
    pub entries: AtomicU64,
    pub insertions: AtomicU64,
    pub refusals: AtomicU64,
    /// Since frequencies were last halved.
    pub requests: AtomicU64,
}

pub struct Parts<'s> {
    pub header: &'s Header,
    pub tags: &'s [AtomicU32],
    pub entries: &'s [Entry],
    pub sketch: &'s [AtomicU64],
    pub arena: Arena<'s>,
}

/// Splits a slab. `None` if it is too small or its address is no multiple of 8.
///
/// # Safety
/// As for `PageCache::attach`.
pub unsafe fn split<'s>(slab: *mut u8, bytes: usize) -> Option<Parts<'s>> {
    if bytes < SLAB_BYTES_MIN || !(slab as usize).is_multiple_of(align_of::<Header>()) {
        return None;
    }
    let entries = (bytes / BYTES_PER_ENTRY).next_power_of_two().max(WAYS);
    // Whatever the address is, the parts behind the header begin at a cache line.
    let tags_at = (slab as usize + HEADER_BYTES).next_multiple_of(LINE_BYTES) - slab as usize;
    let entries_at = tags_at + (entries * size_of::<AtomicU32>()).next_multiple_of(LINE_BYTES);
    let sketch_at = entries_at + entries * size_of::<Entry>();
    let area_at = sketch_at + entries * size_of::<AtomicU64>();
    let lines = u32::try_from(bytes.checked_sub(area_at)? / LINE_BYTES).ok()?;
    // SAFETY: all parts lie within the slab, one behind the other and aligned; the memory was zero at first, which is a
    // value of each of these types, and is only used as these atomics from then on.
    unsafe {
        Some(Parts {
            header: &*slab.cast::<Header>(),
            tags: std::slice::from_raw_parts(slab.add(tags_at).cast(), entries),
            entries: std::slice::from_raw_parts(slab.add(entries_at).cast(), entries),
            sketch: std::slice::from_raw_parts(slab.add(sketch_at).cast(), entries),
            arena: Arena::new(slab.add(area_at), lines),
        })
    }
}
