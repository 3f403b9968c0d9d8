//! What the addon's allocator keeps of freed memory, and giving it back.

use napi_derive::napi;

/// `mi_option_purge_delay` of mimalloc 3 (its header numbers options from 0): the crate that declares `mi_option_set` has no name for it.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Gives memory that is free in the allocator back to the kernel: pages of the calling thread, and those that any thread left behind. A
/// thread keeps what it freed until it allocates again, so a thread that goes idle after a large task calls this. About a millisecond.
#[napi(catch_unwind)]
pub fn release_freed_memory() {
    // SAFETY: a plain call into the allocator, which takes calls from any thread at any time.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

/// How long freed memory is kept for the next allocation, in all threads. 0 gives it back at once: least memory, more page faults.
#[napi(catch_unwind)]
pub fn keep_freed_memory(ms: u32) {
    // SAFETY: a plain call into the allocator; it stores one word, which threads read when they next free a page.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, ms.into()) }
}
