//! How often keys were asked for of late: a count-min sketch of 4-bit counters, the four of a key in one cache line.
//!
//! Threads count without coordination and may lose a count to each other; estimates may be too high by collisions. Both only move
//! the choice of what stays.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

const LINE_WORDS: usize = 8;
const ROWS: usize = 4;
const COUNT_MAX: u64 = 15;
/// Every counter's upper three bits, moved down by one.
const HALVES: u64 = 0x7777_7777_7777_7777;

pub struct Sketch<'s> {
    words: &'s [AtomicU64],
}

impl<'s> Sketch<'s> {
    /// `words` are a power of two, at least one line.
    pub fn new(words: &'s [AtomicU64]) -> Self {
        Self { words }
    }

    /// Counts a request.
    pub fn note(&self, hash: u64) {
        for row in 0..ROWS {
            let (word, shift) = self.counter(hash, row);
            let counts = word.load(Relaxed);
            if counts >> shift & COUNT_MAX < COUNT_MAX {
                let _ = word.compare_exchange(counts, counts + (1 << shift), Relaxed, Relaxed);
            }
        }
    }

    /// Requests counted, at most 15.
    pub fn estimate(&self, hash: u64) -> u32 {
        (0..ROWS).fold(COUNT_MAX as u32, |least, row| {
            let (word, shift) = self.counter(hash, row);
            least.min((word.load(Relaxed) >> shift & COUNT_MAX) as u32)
        })
    }

    pub fn halve(&self) {
        for word in self.words {
            word.store(word.load(Relaxed) >> 1 & HALVES, Relaxed);
        }
    }

    /// Row `row` of a key's line is a pair of words; eight bits of the hash choose one of their counters.
    fn counter(&self, hash: u64, row: usize) -> (&AtomicU64, u32) {
        let lines = self.words.len() / LINE_WORDS;
        let line = hash as usize & (lines - 1);
        let choice = (hash >> (32 + row * 8)) as u32;
        let word = line * LINE_WORDS + row * 2 + (choice & 1) as usize;
        (&self.words[word], (choice >> 1 & 15) * 4)
    }
}
