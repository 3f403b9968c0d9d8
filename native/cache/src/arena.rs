//! The area of the slab: extents back to back, each one header line and then the bytes of one entry.
//!
//! Extent headers are read and written under the cache's lock only. A position is a number of lines of 64 bytes from the start.

use std::marker::PhantomData;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

pub const LINE_BYTES: usize = 64;
/// Names no entry.
const NO_OWNER: u32 = u32::MAX;

#[repr(C, align(64))]
struct ExtentHeader {
    lines: AtomicU32,
    owner: AtomicU32,
}

pub struct Arena<'s> {
    base: *mut u8,
    lines: u32,
    slab: PhantomData<&'s AtomicU32>,
}

impl Arena<'_> {
    /// # Safety
    /// `base` is aligned to 64 bytes and `lines` lines from there are the arena's for `'s`.
    pub unsafe fn new(base: *mut u8, lines: u32) -> Self {
        Self {
            base,
            lines,
            slab: PhantomData,
        }
    }

    pub fn lines(&self) -> u32 {
        self.lines
    }

    /// Lines of an extent for so many bytes.
    pub fn lines_of(&self, bytes: usize) -> Option<u32> {
        u32::try_from(bytes.div_ceil(LINE_BYTES)).ok()?.checked_add(1)
    }

    fn header(&self, at: u32) -> Option<&ExtentHeader> {
        // SAFETY: the line lies within the arena, is aligned, and header lines are only ever used as atomics.
        (at < self.lines).then(|| unsafe { &*self.base.add(at as usize * LINE_BYTES).cast::<ExtentHeader>() })
    }

    /// Lines and owner of the extent that begins at `at`. `None` if no extent can begin there.
    pub fn extent(&self, at: u32) -> Option<(u32, u32)> {
        let header = self.header(at)?;
        let lines = match header.lines.load(Relaxed) {
            // Zeroed memory: nothing was ever put in.
            0 if at == 0 => self.lines,
            lines => lines,
        };
        (lines > 0 && lines <= self.lines - at).then(|| (lines, header.owner.load(Relaxed)))
    }

    /// Makes `start..end`, which are whole free extents, one extent of `lines` lines and a free one of the rest.
    pub fn cut(&self, start: u32, end: u32, lines: u32) {
        // The rest comes first, so that extents follow each other at every moment.
        if start + lines < end {
            self.set(start + lines, end - start - lines, NO_OWNER);
        }
        self.set(start, lines, NO_OWNER);
    }

    pub fn set(&self, at: u32, lines: u32, owner: u32) {
        if let Some(header) = self.header(at) {
            header.owner.store(owner, Relaxed);
            header.lines.store(lines, Relaxed);
        }
    }

    /// The bytes of the extent at `at`. The caller holds a pin on its entry for as long as it uses them.
    pub fn bytes(&self, at: u32, bytes: usize) -> &[u8] {
        let start = self.start_of(at, bytes);
        // SAFETY: within the arena; nobody writes to the bytes of a pinned entry.
        unsafe { std::slice::from_raw_parts(start, bytes) }
    }

    /// # Safety
    /// The extent at `at` has that many bytes, and nobody else reads or writes them.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn bytes_mut(&self, at: u32, bytes: usize) -> &mut [u8] {
        let start = self.start_of(at, bytes);
        // SAFETY: within the arena, and the caller's alone.
        unsafe { std::slice::from_raw_parts_mut(start, bytes) }
    }

    fn start_of(&self, at: u32, bytes: usize) -> *mut u8 {
        let start = (at as usize + 1) * LINE_BYTES;
        assert!(
            start + bytes <= self.lines as usize * LINE_BYTES,
            "an extent beyond the area"
        );
        // SAFETY: within the arena, as was just checked.
        unsafe { self.base.add(start) }
    }
}
