//! The gram filter (section kind 3): pages whose texts may hold a piece of an identifier, for any search within texts.
//!
//! A *gram* is eight ASCII letters and digits in a row of which at least one is a digit, in lower case. Words are on nearly
//! every page of a log, so asking for them would skip nothing; numbers, ids and hashes are on few, and grams are what is
//! known of them wherever a needle begins or ends inside one. A text holds every gram of any string that it holds.
//!
//! Texts full of identifiers have more grams than there is room for, so only those are kept whose hash ends in
//! `sample_shift` zero bits; a search must leave the others out likewise. Hash: XXH3, 64 bits, of the eight bytes.

use super::page_filter::{self, PAGES_MAX, SAMPLE_SHIFT_MAX};
use crate::codec::{TextSlice, validity};
use crate::column::{Text, Validity};
use crate::reader::PAGE_ROWS;
use crate::section::{GRAM_FILTER, Section};
use xxhash_rust::xxh3::xxh3_64;

pub const GRAM_BYTES: usize = 8;
/// A gram that a row group lacks costs a page in one of 8 row groups; most needles have several.
pub const REMAINDER_BITS: u32 = 3;
/// The filter takes at most this share (1/256) of the bytes of the texts, which is 2 to 3 percent of them compressed.
pub const TEXT_SHARE: usize = 256;
/// Shorter texts are read whole anyway.
const TEXT_BYTES_MIN: usize = 256 << 10;

const IN_LOWER_CASE: u64 = 0x2020_2020_2020_2020;

/// Calls `visit` with the bytes in lower case (lowest first) of each gram of `text`.
pub fn for_each_gram(text: &[u8], mut visit: impl FnMut(u64)) {
    let mut start = 0;
    // Bytes from `start` on that are known to be letters and digits.
    let mut known = 0;
    while let Some(window) = text.get(start..).and_then(|rest| rest.first_chunk::<GRAM_BYTES>()) {
        if let Some(at) = window[known..].iter().rposition(|byte| !byte.is_ascii_alphanumeric()) {
            start += known + at + 1;
            known = 0;
            continue;
        }
        if window.iter().any(u8::is_ascii_digit) {
            // Digits have that bit anyway.
            visit(u64::from_le_bytes(*window) | IN_LOWER_CASE);
        }
        start += 1;
        known = GRAM_BYTES - 1;
    }
}

/// The hash of a gram as `for_each_gram` gives it.
pub fn hash(gram: u64) -> u64 {
    xxh3_64(&gram.to_le_bytes())
}

/// The section for a column of strings that has no dictionary; `None` where it would not pay.
pub fn section(text: &Text, present: Option<&Validity>) -> Option<Section> {
    let pages = text.len().div_ceil(PAGE_ROWS);
    let room_bytes = text.bytes.len() / TEXT_SHARE;
    if pages > PAGES_MAX || text.bytes.len() < TEXT_BYTES_MIN {
        return None;
    }
    let strings = TextSlice::of(text);
    let mut sample = Sample::within(room_bytes);
    for page in 0..pages {
        let first = page * PAGE_ROWS;
        let rows = PAGE_ROWS.min(text.len() - first);
        let mut add = |row: usize| {
            for_each_gram(strings.get(first + row), |gram| {
                sample.add(page_filter::entry(hash(gram), page))
            });
        };
        match present {
            None => (0..rows).for_each(&mut add),
            Some(present) => validity::for_each_present(&validity::slice(&present.words, first, rows), &mut add),
        }
        if sample.shift > SAMPLE_SHIFT_MAX {
            return None;
        }
    }
    sample.shrink(room_bytes);
    while page_filter::estimate_bytes(sample.entries.len(), pages, REMAINDER_BITS) > room_bytes {
        sample.halve();
    }
    if sample.shift > SAMPLE_SHIFT_MAX {
        return None;
    }
    Some(Section {
        kind: GRAM_FILTER,
        bytes: page_filter::build(&sample.entries, pages, REMAINDER_BITS, sample.shift),
    })
}

/// Entries of grams, thinned out as they come so that no more than about `entries_max` are ever held twice over.
struct Sample {
    entries: Vec<u64>,
    entries_max: usize,
    shift: u32,
}

impl Sample {
    /// An entry takes about a byte.
    fn within(room_bytes: usize) -> Self {
        Self {
            entries: Vec::new(),
            entries_max: room_bytes,
            shift: 0,
        }
    }

    fn add(&mut self, entry: u64) {
        if page_filter::is_sampled(entry, self.shift) {
            self.entries.push(entry);
            if self.entries.len() >= self.entries_max * 2 {
                self.shrink(self.entries_max);
            }
        }
    }

    /// Drops repeats, then whatever sampling must, until at most so many entries are left.
    fn shrink(&mut self, entries_max: usize) {
        page_filter::sort_distinct(&mut self.entries);
        while self.entries.len() > entries_max {
            self.halve();
        }
    }

    fn halve(&mut self) {
        self.shift += 1;
        let shift = self.shift;
        self.entries.retain(|&entry| page_filter::is_sampled(entry, shift));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grams(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        for_each_gram(text.as_bytes(), |gram| {
            all.push(String::from_utf8(gram.to_le_bytes().to_vec()).unwrap())
        });
        all
    }

    #[test]
    fn grams_are_runs_of_eight_with_a_digit() {
        assert_eq!(grams("blk_123456789"), ["12345678", "23456789"]);
        assert_eq!(grams("terminating ABCDEFG7H"), ["abcdefg7", "bcdefg7h"]);
        assert_eq!(grams("1234567 8abcdefä12345678"), ["12345678"]);
        assert_eq!(grams("12345678"), ["12345678"]);
        assert!(grams("1234567").is_empty() && grams("").is_empty());
    }

    #[test]
    fn grams_of_a_part_are_grams_of_the_whole() {
        let text = "x 10.251.43.21:50010 blk_-1608999687919862906 7f0C9e21-AAbb00112233 é9999999999";
        let whole = grams(text);
        for (start, _) in text.char_indices() {
            for (length, _) in text[start..].char_indices() {
                assert!(
                    grams(&text[start..start + length])
                        .iter()
                        .all(|gram| whole.contains(gram))
                );
            }
        }
    }

    #[test]
    fn texts_full_of_identifiers_are_sampled_into_their_budget() {
        let mut text = Text::default();
        for row in 0..20_000u64 {
            let id = hash(row);
            text.push(
                format!("the order {id:016x} was taken on by the depot and is on its way to the customer").as_bytes(),
            );
        }
        let section = section(&text, None).unwrap();
        assert!(
            section.bytes.len() <= text.bytes.len() / TEXT_SHARE,
            "{} bytes",
            section.bytes.len()
        );
        assert!(section.bytes[2] > 0, "not sampled");
    }
}
