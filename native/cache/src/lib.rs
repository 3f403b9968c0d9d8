//! Decoded pages in memory that many threads of one process share: a fixed slab, no allocation, no thread of its own.
//!
//! The slab is any zeroed memory; zeros are an empty cache, and where everything lies follows from its length and address
//! alone, so that each call attaches to it anew. Readers borrow entries in place. What is cached never changes, so a key
//! has one content and the worst that can happen is a miss.
//!
//! # Layout
//!
//! | part | what | written by |
//! |---|---|---|
//! | header (256 bytes, `layout::Header`) | lock, hand, counters | lock and counters by all, the hand under the lock |
//! | tags | 32 bits of each entry's hash, 8 of a bucket side by side | under the lock |
//! | entries (`entry::Entry`) | state, key, place of the bytes | fields under the lock, the state by all |
//! | sketch (`sketch::Sketch`) | how often keys were asked for of late | by all, lossy |
//! | area (`arena::Arena`) | extents back to back, each a header line and the bytes of one entry | headers under the lock |
//!
//! The key's hash names a bucket; an entry lies in one of its 8 places and never moves.
//!
//! # Who writes what, in which order
//!
//! The state of an entry is EMPTY, WRITING, or LIVE with a count of pins.
//!
//! - *Reader*: finds the tag (relaxed: it is only a hint), adds a pin to a LIVE state by compare-exchange (acquire), then
//!   compares the whole key, which nobody changes while there is a pin. Taking the pin back is a release. Readers take no
//!   lock and wait for nobody.
//! - *Inserter*: under the lock chooses a place in the bucket and an extent, evicts what is in the way, writes key and place,
//!   state WRITING, tag. Then, without the lock, it fills the extent, which is its own since nobody evicts a WRITING entry, and
//!   sets LIVE (release), which the readers' acquire pairs with.
//! - *Evicting* is one compare-exchange from LIVE without pins to EMPTY (acquire: the readers' unpinning happened before
//!   the bytes are overwritten). An extent belongs to an entry that is not EMPTY and says it lies there; any other is free.
//!   So nothing else has to be undone, and there is no moment at which a thread that dies leaves something half evicted.
//!
//! The lock is held for some dozen steps over the tables and is only tried for a bounded time: who does not get it does
//! without (a miss). A panic while filling gives the extent back; one under the lock releases it, and every prefix of
//! the steps under it leaves the extents a chain that can be walked.
//!
//! # What stays
//!
//! A hand goes round the area and takes the extents that it passes: free ones, expired ones, and those whose entry was asked for
//! less often of late than the one that wants in, before now. It is the hand of CLOCK with a frequency in place of the reference
//! bit; the frequencies are those of TinyLFU (Einziger, Friedman, Manes: "TinyLFU: A Highly Efficient Cache Admission Policy",
//! ACM Transactions on Storage 13(4), 2017). A scan over more than fits therefore keeps a part of it, instead of replacing all
//! each time.

mod arena;
mod entry;
mod key;
mod layout;
mod lock;
mod sketch;
#[cfg(test)]
mod tests;

pub use entry::Pinned;
pub use key::Key;
pub use layout::{COUNTER_WORDS, SLAB_BYTES_MIN};

use arena::{Arena, LINE_BYTES};
use entry::{Entry, State};
use layout::{Header, WAYS};
use lock::Guard;
use sketch::Sketch;
use std::cell::Cell;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// The hand gives up after passing so many extents that it may not take...
const REFUSALS_MAX: usize = 4;
/// ...or so many in all.
const STEPS_MAX: usize = 1024;
/// An entry takes at most this share of the area.
const ENTRY_SHARE: usize = 8;
/// Frequencies are halved after so many requests per entry.
const REQUESTS_PER_ENTRY: u64 = 10;
const AGING_ENTRIES_MIN: u64 = 1024;

/// One thread's view of a slab, for one call.
pub struct PageCache<'s> {
    header: &'s Header,
    tags: &'s [AtomicU32],
    entries: &'s [Entry],
    sketch: Sketch<'s>,
    arena: Arena<'s>,
    now_seconds: u32,
    ttl_seconds: u32,
    hits: Cell<u64>,
    misses: Cell<u64>,
}

impl<'s> PageCache<'s> {
    /// Attaches to a slab of `bytes` bytes, all zero before its first use. `None` if it is too small (`SLAB_BYTES_MIN`) or not
    /// aligned to 8 bytes. Entries that are `ttl_seconds` old are misses; `now_seconds` is any clock that all callers share and
    /// that starts above zero.
    ///
    /// # Safety
    /// The memory stays valid for `'s`, at the same address for all who attach, and nobody writes to it but through this type.
    pub unsafe fn attach(slab: *mut u8, bytes: usize, now_seconds: u32, ttl_seconds: u32) -> Option<Self> {
        // SAFETY: as promised by the caller.
        let parts = unsafe { layout::split(slab, bytes)? };
        Some(Self {
            header: parts.header,
            tags: parts.tags,
            entries: parts.entries,
            sketch: Sketch::new(parts.sketch),
            arena: parts.arena,
            now_seconds,
            ttl_seconds,
            hits: Cell::new(0),
            misses: Cell::new(0),
        })
    }

    /// The bytes of an entry, borrowed in place until the answer is dropped.
    pub fn get(&self, key: &Key) -> Option<Pinned<'_>> {
        let hash = key.hash();
        self.sketch.note(hash);
        let found = self.find(key, hash);
        let count = if found.is_some() { &self.hits } else { &self.misses };
        count.set(count.get() + 1);
        found
    }

    /// Puts `bytes` bytes in, which `fill` writes (all of them: what was there before has no meaning). `note` comes back with them. False
    /// when they were not taken: they are there already, too many, not wanted often enough, or others were in the way.
    ///
    /// `requests_min`: how often the key must have been asked for of late, by `get`; 1 is at once.
    pub fn insert(&self, key: &Key, note: u64, bytes: usize, requests_min: u32, fill: impl FnOnce(&mut [u8])) -> bool {
        let Some(reserved) = self.reserve(key, note, bytes, requests_min) else {
            self.header.refusals.fetch_add(1, Relaxed);
            return false;
        };
        let writing = Writing {
            cache: self,
            entry: reserved,
            done: false,
        };
        // SAFETY: the extent belongs to the entry, which is WRITING: nobody reads or evicts it before `publish`.
        fill(unsafe { self.arena.bytes_mut(reserved.extent.load(Relaxed), bytes) });
        writing.publish();
        self.header.insertions.fetch_add(1, Relaxed);
        true
    }

    /// Whether an entry of so many bytes could ever be taken.
    pub fn takes(&self, bytes: usize) -> bool {
        self.arena
            .lines_of(bytes)
            .is_some_and(|lines| lines as usize <= self.arena.lines() as usize / ENTRY_SHARE)
    }

    fn find(&self, key: &Key, hash: u64) -> Option<Pinned<'_>> {
        let (bucket, tag) = (self.bucket(hash), tag_of(hash));
        for place in bucket..bucket + WAYS {
            if self.tags[place].load(Relaxed) != tag {
                continue;
            }
            let entry = &self.entries[place];
            if !entry.pin() {
                continue;
            }
            let extent = entry.extent.load(Relaxed);
            let pinned = Pinned::new(entry, self.arena.bytes(extent, entry.bytes.load(Relaxed) as usize));
            if !entry.holds(key) {
                continue;
            }
            if self.expired(entry) {
                self.forget_pinned(pinned);
                return None;
            }
            return Some(pinned);
        }
        None
    }

    /// Drops an expired entry, unless others still read it: then the next one does.
    fn forget_pinned(&self, pinned: Pinned) {
        let lines = self.lines_of(pinned.entry());
        if pinned.forget() {
            self.evicted(lines);
        }
    }

    fn reserve(&self, key: &Key, note: u64, bytes: usize, requests_min: u32) -> Option<&'s Entry> {
        let lines = self.arena.lines_of(bytes).filter(|_| self.takes(bytes))?;
        let hash = key.hash();
        let requests = self.sketch.estimate(hash);
        if requests < requests_min {
            return None;
        }
        let _guard = Guard::acquire(&self.header.lock)?;
        self.age_sketch();
        let place = self.place_for(key, hash, requests)?;
        let extent = self.allocate(lines, requests)?;
        let entry = &self.entries[place];
        if entry.state() != State::Empty && !self.evict(entry) {
            return None;
        }
        entry.describe(key, note, extent, bytes as u32, self.now_seconds);
        self.arena.set(extent, lines, place as u32);
        self.tags[place].store(tag_of(hash), Relaxed);
        self.header
            .bytes
            .fetch_add(u64::from(lines) * LINE_BYTES as u64, Relaxed);
        self.header.entries.fetch_add(1, Relaxed);
        Some(entry)
    }

    /// The place in its bucket where a new entry may go; `None` if it is there already or the others are worth more.
    fn place_for(&self, key: &Key, hash: u64, requests: u32) -> Option<usize> {
        let (bucket, tag) = (self.bucket(hash), tag_of(hash));
        let mut best: Option<(u32, usize)> = None;
        for place in bucket..bucket + WAYS {
            let entry = &self.entries[place];
            let cost = match entry.state() {
                State::Empty => 0,
                State::Writing | State::Live { .. } if self.tags[place].load(Relaxed) == tag && entry.holds(key) => {
                    return None;
                }
                State::Live { pins: 0 } if self.expired(entry) => 1,
                State::Live { pins: 0 } if self.yields(entry, requests) => 2 + self.sketch.estimate(entry.key_hash()),
                State::Writing | State::Live { .. } => continue,
            };
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, place));
            }
        }
        best.map(|(_, place)| place)
    }

    /// Finds `lines` lines of area for an entry that was asked for `requests` times; the hand goes on behind them. Under the lock.
    fn allocate(&self, lines: u32, requests: u32) -> Option<u32> {
        let total = self.arena.lines();
        let (mut start, mut refusals, mut wraps) = (self.header.hand.load(Relaxed).min(total), 0, 0);
        // `start..end` are whole extents, each free or to be evicted for this entry.
        let mut end = start;
        for _ in 0..STEPS_MAX {
            if end - start >= lines {
                match self.claim(start, end) {
                    Ok(()) => {
                        self.arena.cut(start, end, lines);
                        self.header.hand.store(start + lines, Relaxed);
                        return Some(start);
                    }
                    Err(behind) => (start, refusals) = (behind, refusals + 1),
                }
                end = end.max(start);
                continue;
            }
            if refusals > REFUSALS_MAX {
                break;
            }
            if end == total {
                if wraps == 2 {
                    break;
                }
                (start, end, wraps) = (0, 0, wraps + 1);
            }
            let (extent_lines, owner) = self.arena.extent(end)?;
            let free = match self.owner_of(end, owner) {
                None => true,
                Some(entry) => match entry.state() {
                    State::Empty => true,
                    State::Live { pins: 0 } => self.expired(entry) || self.yields(entry, requests),
                    State::Writing | State::Live { .. } => false,
                },
            };
            end += extent_lines;
            if !free {
                (start, refusals) = (end, refusals + 1);
            }
        }
        self.header.hand.store(start, Relaxed);
        None
    }

    /// Evicts the entries of the extents in `start..end`; else the end of the first that somebody has pinned meanwhile.
    fn claim(&self, start: u32, end: u32) -> Result<(), u32> {
        let mut at = start;
        while at < end {
            let Some((lines, owner)) = self.arena.extent(at) else {
                return Err(end);
            };
            if let Some(entry) = self.owner_of(at, owner)
                && entry.state() != State::Empty
                && !self.evict(entry)
            {
                return Err(at + lines);
            }
            at += lines;
        }
        Ok(())
    }

    /// The entry whose bytes lie in the extent at `at`, by the owner that the extent names.
    fn owner_of(&self, at: u32, owner: u32) -> Option<&'s Entry> {
        self.entries
            .get(owner as usize)
            .filter(|entry| entry.extent.load(Relaxed) == at)
    }

    fn evict(&self, entry: &Entry) -> bool {
        let lines = self.lines_of(entry);
        let evicted = entry.evict();
        if evicted {
            self.evicted(lines);
        }
        evicted
    }

    fn evicted(&self, lines: u32) {
        self.header.evictions.fetch_add(1, Relaxed);
        self.released(lines);
    }

    fn released(&self, lines: u32) {
        self.header
            .bytes
            .fetch_sub(u64::from(lines) * LINE_BYTES as u64, Relaxed);
        self.header.entries.fetch_sub(1, Relaxed);
    }

    fn lines_of(&self, entry: &Entry) -> u32 {
        self.arena.lines_of(entry.bytes.load(Relaxed) as usize).unwrap_or(0)
    }

    /// Whether an entry goes for one that was asked for `requests` times: this very request, which is among them, does not count.
    fn yields(&self, entry: &Entry, requests: u32) -> bool {
        self.sketch.estimate(entry.key_hash()) + 1 < requests
    }

    fn expired(&self, entry: &Entry) -> bool {
        self.now_seconds.saturating_sub(entry.stored_seconds.load(Relaxed)) >= self.ttl_seconds
    }

    fn bucket(&self, hash: u64) -> usize {
        (hash as usize & (self.entries.len() / WAYS - 1)) * WAYS
    }

    /// Halves all frequencies once enough requests were made. Under the lock.
    fn age_sketch(&self) {
        let entries = self.header.entries.load(Relaxed).max(AGING_ENTRIES_MIN);
        if self.header.requests.load(Relaxed) >= entries * REQUESTS_PER_ENTRY {
            self.header.requests.store(0, Relaxed);
            self.sketch.halve();
        }
    }
}

impl Drop for PageCache<'_> {
    fn drop(&mut self) {
        let (hits, misses) = (self.hits.get(), self.misses.get());
        self.header.hits.fetch_add(hits, Relaxed);
        self.header.misses.fetch_add(misses, Relaxed);
        self.header.requests.fetch_add(hits + misses, Relaxed);
    }
}

fn tag_of(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// An entry that is being filled. Dropped without `publish` (a panic while filling), it is empty again.
struct Writing<'c, 's> {
    cache: &'c PageCache<'s>,
    entry: &'s Entry,
    done: bool,
}

impl Writing<'_, '_> {
    fn publish(mut self) {
        self.done = true;
        self.entry.publish();
    }
}

impl Drop for Writing<'_, '_> {
    fn drop(&mut self) {
        if !self.done {
            let lines = self.cache.lines_of(self.entry);
            self.entry.abandon();
            self.cache.released(lines);
        }
    }
}
