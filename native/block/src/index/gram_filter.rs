//! The gram filter (section kind 3): pages whose texts may hold a piece of an identifier, for any search within texts.
//!
//! A *gram* is eight ASCII letters and digits in a row of which at least one is a digit, in lower case. Words are on nearly
//! every page of a log, so asking for them would skip nothing; numbers, ids and hashes are on few, and grams are what is
//! known of them wherever a needle begins or ends inside one. A text holds every gram of any string that it holds.
//!
//! Texts full of identifiers have more grams than there is room for, so only those are kept whose hash ends in
//! `sample_shift` zero bits; a search must leave the others out likewise. Hash: XXH3, 64 bits, of the eight bytes.

use super::page_filter::{self, PAGES_MAX, SAMPLE_SHIFT_MAX};
use crate::codec::TextSlice;
use crate::codec::byte_mask::fill_mask;
use crate::column::Text;
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
pub fn for_each_gram(text: &[u8], visit: impl FnMut(u64)) {
    let offsets = [0, text.len() as u32];
    Windows::default().for_each_gram(
        TextSlice {
            offsets: &offsets,
            bytes: text,
        },
        visit,
    );
}

/// Finds grams 64 bytes at a time; keeps its buffers from page to page.
#[derive(Default)]
struct Windows {
    digits: Vec<u64>,
    letters: Vec<u64>,
    capitals: Vec<u64>,
    /// One bit for each position where a string begins.
    starts: Vec<u64>,
}

impl Windows {
    /// Likewise of all strings; no gram goes on from one string into the next.
    fn for_each_gram(&mut self, strings: TextSlice<'_>, mut visit: impl FnMut(u64)) {
        let bytes = strings.all_bytes();
        fill_mask(bytes, b'0', 9, &mut self.digits);
        fill_mask(bytes, b'a', 25, &mut self.letters);
        fill_mask(bytes, b'A', 25, &mut self.capitals);
        self.starts.clear();
        self.starts.resize(self.digits.len(), 0);
        let first = strings.offsets[0];
        for offset in strings.offsets.iter().map(|offset| (offset - first) as usize) {
            self.starts[offset / 64] |= 1 << (offset % 64);
        }
        // A word and the one after it, in which windows that begin in the word end.
        let pair = |words: &[u64], index: usize| {
            u128::from(words[index]) | u128::from(words.get(index + 1).copied().unwrap_or(0)) << 64
        };
        for index in 0..self.digits.len() {
            let digits = pair(&self.digits, index);
            let mut all = digits | pair(&self.letters, index) | pair(&self.capitals, index);
            all &= all >> 1;
            all &= all >> 2;
            all &= all >> 4;
            let mut any = digits | digits >> 1;
            any |= any >> 2;
            any |= any >> 4;
            let mut crossed = pair(&self.starts, index) >> 1;
            crossed |= crossed >> 1;
            crossed |= crossed >> 2;
            crossed |= crossed >> 3;
            let mut windows = (all & any & !crossed) as u64;
            while windows != 0 {
                let at = index * 64 + windows.trailing_zeros() as usize;
                windows &= windows - 1;
                if let Some(window) = bytes[at..].first_chunk::<GRAM_BYTES>() {
                    // Digits have that bit anyway.
                    visit(u64::from_le_bytes(*window) | IN_LOWER_CASE);
                }
            }
        }
    }
}

/// The hash of a gram as `for_each_gram` gives it.
pub fn hash(gram: u64) -> u64 {
    xxh3_64(&gram.to_le_bytes())
}

/// The section for a column of strings that has no dictionary; `None` where it would not pay.
pub fn section(text: &Text) -> Option<Section> {
    let pages = text.len().div_ceil(PAGE_ROWS);
    let room_bytes = text.bytes.len() / TEXT_SHARE;
    if pages > PAGES_MAX || text.bytes.len() < TEXT_BYTES_MIN {
        return None;
    }
    let mut sample = Sample::within(room_bytes);
    let mut windows = Windows::default();
    for page in 0..pages {
        let first = page * PAGE_ROWS;
        let end = text.len().min(first + PAGE_ROWS);
        // Bytes in null rows, if any, do no harm: they are grams that nobody needs.
        let strings = TextSlice {
            offsets: &text.offsets[first..=end],
            bytes: &text.bytes,
        };
        windows.for_each_gram(strings, |gram| sample.add(page_filter::entry(hash(gram), page)));
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
    fn grams_of_many_strings_are_those_of_each() {
        let text = "x 10.251.43.21:50010 blk_-1608999687919862906 7f0C9e21-AAbb00112233 é9999999999";
        let mut all = Text::default();
        let mut expected = Vec::new();
        for end in 0..200 {
            let part = &text.as_bytes()[end % 17..text.len().min(17 + end)];
            all.push(part);
            for_each_gram(part, |gram| expected.push(gram));
        }
        let mut found = Vec::new();
        Windows::default().for_each_gram(TextSlice::of(&all), |gram| found.push(gram));
        assert_eq!(found, expected);
        let windows = |text: &[u8]| {
            let plain = text
                .windows(GRAM_BYTES)
                .filter(|window| window.iter().all(u8::is_ascii_alphanumeric) && window.iter().any(u8::is_ascii_digit));
            plain.count()
        };
        let strings = TextSlice::of(&all);
        assert_eq!(
            found.len(),
            (0..strings.count()).map(|row| windows(strings.get(row))).sum::<usize>()
        );
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
        let section = section(&text).unwrap();
        assert!(
            section.bytes.len() <= text.bytes.len() / TEXT_SHARE,
            "{} bytes",
            section.bytes.len()
        );
        assert!(section.bytes[2] > 0, "not sampled");
    }
}
