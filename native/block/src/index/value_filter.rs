//! The value filter (section kind 2): pages that may hold a string, for columns of identifiers without a dictionary.
//!
//! Pays for equality and IN on trace ids, UUIDs, user names and paths. Hash of a value: XXH3, 64 bits, of its bytes.

use super::page_filter::{self, PAGES_MAX};
use crate::codec::{TextSlice, validity};
use crate::column::{Text, Validity};
use crate::reader::PAGE_ROWS;
use crate::section::{Section, VALUE_FILTER};
use xxhash_rust::xxh3::xxh3_64;

/// Bits of a hash beyond its bucket: a value that a row group lacks costs a page in one of 32 row groups.
pub const REMAINDER_BITS: u32 = 5;
/// Chunks with fewer values are read whole anyway.
const VALUES_MIN: usize = 2048;
/// Longer strings are texts that nobody compares as a whole.
const MEAN_BYTES_MAX: usize = 128;
const SAMPLE_ROWS: usize = 256;

pub fn hash(value: &[u8]) -> u64 {
    xxh3_64(value)
}

/// The section for a column of strings that has no dictionary; `None` where it would not pay.
pub fn section(text: &Text, present: Option<&Validity>) -> Option<Section> {
    let pages = text.len().div_ceil(PAGE_ROWS);
    let strings = TextSlice::of(text);
    if pages > PAGES_MAX || text.len() < VALUES_MIN || !holds_identifiers(strings) {
        return None;
    }
    let mut entries = Vec::with_capacity(text.len());
    for page in 0..pages {
        let first = page * PAGE_ROWS;
        let rows = PAGE_ROWS.min(text.len() - first);
        let mut add = |row: usize| entries.push(page_filter::entry(hash(strings.get(first + row)), page));
        match present {
            None => (0..rows).for_each(add),
            Some(present) => validity::for_each_present(&validity::slice(&present.words, first, rows), &mut add),
        }
    }
    if entries.len() < VALUES_MIN {
        return None;
    }
    page_filter::sort_distinct(&mut entries);
    Some(Section {
        kind: VALUE_FILTER,
        bytes: page_filter::build(&entries, pages, REMAINDER_BITS, 0),
    })
}

/// Identifiers are short and without spaces; a sample tells.
fn holds_identifiers(strings: TextSlice<'_>) -> bool {
    if strings.all_bytes().len() > strings.count() * MEAN_BYTES_MAX {
        return false;
    }
    let step = strings.count().div_ceil(SAMPLE_ROWS);
    let (mut seen, mut spaced) = (0, 0);
    for row in (0..strings.count()).step_by(step) {
        seen += 1;
        spaced += usize::from(strings.get(row).contains(&b' '));
    }
    spaced * 8 <= seen
}
