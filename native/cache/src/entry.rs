//! One place of the table: the state that all threads change, and what the entry is.

use crate::key::Key;
use std::ops::Deref;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

const EMPTY: u32 = 0;
const WRITING: u32 = 1 << 31;
/// Plus the number of pins.
const LIVE: u32 = 1 << 30;
/// So many pins that the count could never reach the bit above.
const PINS_MAX: u32 = 1 << 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Empty,
    Writing,
    Live { pins: u32 },
}

/// All but `state` is written under the lock while the state is EMPTY, and read under the lock or with a pin.
#[repr(C, align(64))]
pub struct Entry {
    state: AtomicU32,
    pub stored_seconds: AtomicU32,
    file: AtomicU64,
    offset: AtomicU64,
    column: AtomicU32,
    page: AtomicU32,
    kind: AtomicU32,
    /// First line of the extent with the bytes.
    pub extent: AtomicU32,
    pub bytes: AtomicU32,
    note: AtomicU64,
}

impl Entry {
    pub fn state(&self) -> State {
        match self.state.load(Acquire) {
            EMPTY => State::Empty,
            WRITING => State::Writing,
            live => State::Live { pins: live - LIVE },
        }
    }

    /// False unless the entry is LIVE.
    pub fn pin(&self) -> bool {
        let mut state = self.state.load(Relaxed);
        while (LIVE..LIVE + PINS_MAX).contains(&state) {
            match self.state.compare_exchange_weak(state, state + 1, Acquire, Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    fn unpin(&self) {
        self.state.fetch_sub(1, Release);
    }

    /// From LIVE without pins to EMPTY; false in any other state.
    pub fn evict(&self) -> bool {
        self.state.compare_exchange(LIVE, EMPTY, AcqRel, Relaxed).is_ok()
    }

    /// What the entry will be once `publish` is called. The state is EMPTY; then it is WRITING.
    pub fn describe(&self, key: &Key, note: u64, extent: u32, bytes: u32, now_seconds: u32) {
        self.stored_seconds.store(now_seconds, Relaxed);
        self.file.store(key.file, Relaxed);
        self.offset.store(key.offset, Relaxed);
        self.column.store(key.column, Relaxed);
        self.page.store(key.page, Relaxed);
        self.kind.store(key.kind, Relaxed);
        self.extent.store(extent, Relaxed);
        self.bytes.store(bytes, Relaxed);
        self.note.store(note, Relaxed);
        self.state.store(WRITING, Release);
    }

    pub fn publish(&self) {
        self.state.store(LIVE, Release);
    }

    pub fn abandon(&self) {
        self.state.store(EMPTY, Release);
    }

    pub fn holds(&self, key: &Key) -> bool {
        self.key() == *key
    }

    pub fn key_hash(&self) -> u64 {
        self.key().hash()
    }

    fn key(&self) -> Key {
        Key {
            file: self.file.load(Relaxed),
            offset: self.offset.load(Relaxed),
            column: self.column.load(Relaxed),
            page: self.page.load(Relaxed),
            kind: self.kind.load(Relaxed),
        }
    }
}

/// The bytes of an entry, aligned to 64 bytes. They neither change nor go while this lives.
pub struct Pinned<'c> {
    entry: &'c Entry,
    bytes: &'c [u8],
}

impl<'c> Pinned<'c> {
    /// Takes over a pin.
    pub(crate) fn new(entry: &'c Entry, bytes: &'c [u8]) -> Self {
        Self { entry, bytes }
    }

    pub(crate) fn entry(&self) -> &'c Entry {
        self.entry
    }

    /// Gives the pin back and empties the entry at once; false (and the pin is only given back) if there are other pins.
    pub(crate) fn forget(self) -> bool {
        let entry = self.entry;
        let alone = entry.state.compare_exchange(LIVE + 1, EMPTY, AcqRel, Relaxed).is_ok();
        if alone {
            std::mem::forget(self);
        }
        alone
    }

    /// As it was given to `insert`.
    pub fn note(&self) -> u64 {
        self.entry.note.load(Relaxed)
    }
}

impl Deref for Pinned<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        self.entry.unpin();
    }
}
