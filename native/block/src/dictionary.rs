//! Deciding for a dictionary, and building one.

use crate::codec::TextSlice;
use crate::column::{Text, Validity};
use ahash::RandomState;
use hashbrown::HashTable;

/// Most entries of a dictionary: codes stay within 15 bits and a scan's per-entry tables within the L2 cache.
pub const ENTRIES_MAX: usize = 32_768;
/// Bytes of all entries: more is a text column with repeats, which zstd does better page by page.
pub const ENTRY_BYTES_MAX: usize = 8 << 20;
/// Rows looked at first. A column with few enough distinct strings shows many repeats among them.
const SAMPLE_ROWS: usize = 512;

/// Most entries that pay for so many rows with a value.
pub fn entries_max(rows: usize) -> usize {
    (rows / 4).min(ENTRIES_MAX)
}

#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    code: u32,
}

fn spread(hash: u32) -> u64 {
    // The table takes its control bits from the top and its index from the bottom.
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Distinct strings with codes in order of first appearance.
pub struct Interner {
    hasher: RandomState,
    table: HashTable<Slot>,
    entries: Text,
}

impl Default for Interner {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            table: HashTable::new(),
            entries: Text::default(),
        }
    }
}

impl Interner {
    /// The code of `string`, which is added if new.
    pub fn intern(&mut self, string: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(string) as u32;
        let same = |slot: &Slot| slot.hash == hash && self.entries.get(slot.code as usize) == string;
        if let Some(slot) = self.table.find(spread(hash), same) {
            return slot.code;
        }
        let code = self.entries.len() as u32;
        self.entries.push(string);
        self.table
            .insert_unique(spread(hash), Slot { hash, code }, |slot| spread(slot.hash));
        code
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn entry_bytes(&self) -> usize {
        self.entries.bytes.len()
    }

    pub fn into_entries(self) -> Text {
        self.entries
    }
}

/// Codes of all rows (0 in null rows) and the entries, or `None` when a dictionary does not pay. Work spent on a
/// column that is refused is at most that of `entries_max` insertions.
pub fn build(text: &Text, validity: Option<&Validity>, present: usize) -> Option<(Vec<u32>, Text)> {
    let limit = entries_max(present);
    if limit == 0 || !sample_repeats(text, validity) {
        return None;
    }
    let strings = TextSlice::of(text);
    let mut interner = Interner::default();
    let mut codes = Vec::with_capacity(text.len());
    for row in 0..text.len() {
        if validity.is_some_and(|validity| !validity.is_valid(row)) {
            codes.push(0);
            continue;
        }
        codes.push(interner.intern(strings.get(row)));
        if interner.len() > limit || interner.entry_bytes() > ENTRY_BYTES_MAX {
            return None;
        }
    }
    Some((codes, interner.into_entries()))
}

/// Whether strings repeat among some hundred rows spread over the column. With `entries_max` distinct strings among
/// 65,536 rows about 8 of 512 repeat, among fewer rows far more; none at all means that nearly all differ.
fn sample_repeats(text: &Text, validity: Option<&Validity>) -> bool {
    let step = text.len().div_ceil(SAMPLE_ROWS);
    let mut interner = Interner::default();
    let mut seen = 0;
    for row in (0..text.len()).step_by(step) {
        if validity.is_none_or(|validity| validity.is_valid(row)) {
            interner.intern(text.get(row));
            seen += 1;
        }
    }
    // A mostly null column may show too few rows to tell.
    seen < 64 || interner.len() < seen
}
