//! Strings of a column as codes into a dictionary while it is built, so that nothing needs to hash them again.
//!
//! Entries stay in order of first appearance and each was used by some row: cutting rows off takes the entries with it
//! that appeared in them. The hash table is never cleaned on such a cut: a code past the entries, or one whose
//! fingerprint no longer fits, is skipped like any other collision, and the table is rebuilt when it fills up.

use crate::fingerprint::{Fingerprint, Seed};
use crate::text_append::{append, entry};
use basalt_block::{Strings, Text};

/// A row without a value, until the dictionary is finished.
const NULL_CODE: u32 = u32::MAX;

const ENTRIES_MAX: usize = 32_768;

/// From this many rows on a column that nearly never repeats is given up.
const EARLY_ROWS: usize = 256;

/// New entries are free up to this many; then at most every fourth row may bring one.
const FREE_ENTRIES: usize = 512;

pub(crate) struct DictionaryBuilder {
    codes: Vec<u32>,
    entries: Text,
    /// Per entry.
    prints: Vec<Fingerprint>,
    first_rows: Vec<u32>,
    /// Open addressing with linear probing; `code + 1`, 0 = never used.
    table: Vec<u32>,
    table_used: usize,
    last_code: u32,
    nulls: usize,
    seed: Seed,
}

impl DictionaryBuilder {
    pub fn new() -> Self {
        Self {
            codes: Vec::new(),
            entries: Text::default(),
            prints: Vec::new(),
            first_rows: Vec::new(),
            table: vec![0; 64],
            table_used: 0,
            last_code: 0,
            nulls: 0,
            seed: Seed::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// The string of a row that has one.
    pub fn get(&self, row: usize) -> &[u8] {
        entry(&self.entries, self.codes[row] as usize)
    }

    /// Appends a row. Returns false, having appended it, when the column has too many distinct values for a dictionary.
    #[inline(always)]
    pub fn push(&mut self, value: &[u8]) -> bool {
        let print = Fingerprint::of(value, &self.seed);
        if self.is_entry(self.last_code, &print, value) {
            self.codes.push(self.last_code);
            return true;
        }
        self.push_other(value, print)
    }

    #[inline(always)]
    fn is_entry(&self, code: u32, print: &Fingerprint, value: &[u8]) -> bool {
        self.prints.get(code as usize) == Some(print)
            && (print.is_exact() || entry(&self.entries, code as usize) == value)
    }

    #[inline(never)]
    fn push_other(&mut self, value: &[u8], print: Fingerprint) -> bool {
        let mask = self.table.len() - 1;
        let mut place = print.hash(&self.seed) & mask;
        while self.table[place] != 0 {
            let code = self.table[place] - 1;
            if self.is_entry(code, &print, value) {
                self.last_code = code;
                self.codes.push(code);
                return true;
            }
            place = (place + 1) & mask;
        }
        self.add_entry(value, print, place)
    }

    fn add_entry(&mut self, value: &[u8], print: Fingerprint, place: usize) -> bool {
        let code = self.prints.len() as u32;
        self.table[place] = code + 1;
        self.table_used += 1;
        self.prints.push(print);
        self.first_rows.push(self.codes.len() as u32);
        append(&mut self.entries, value);
        self.codes.push(code);
        self.last_code = code;
        if self.table_used * 2 > self.table.len() {
            self.rebuild_table();
        }
        let (entries, values) = (self.prints.len(), self.codes.len() - self.nulls.min(self.codes.len()));
        let unique = values >= EARLY_ROWS && entries * 8 > values * 7;
        !unique && entries <= ENTRIES_MAX && entries <= FREE_ENTRIES + values / 4
    }

    fn rebuild_table(&mut self) {
        let size = (self.prints.len() * 4).next_power_of_two().max(64);
        self.table.clear();
        self.table.resize(size, 0);
        for (code, print) in self.prints.iter().enumerate() {
            let mut place = print.hash(&self.seed) & (size - 1);
            while self.table[place] != 0 {
                place = (place + 1) & (size - 1);
            }
            self.table[place] = code as u32 + 1;
        }
        self.table_used = self.prints.len();
    }

    /// Appends rows without a value up to `rows`.
    pub fn pad(&mut self, rows: usize) {
        self.nulls += rows.saturating_sub(self.codes.len());
        self.codes.resize(rows, NULL_CODE);
    }

    pub fn truncate(&mut self, rows: usize) {
        self.codes.truncate(rows);
        while self.first_rows.last().is_some_and(|&row| row as usize >= rows) {
            self.first_rows.pop();
            self.prints.pop();
            self.entries.offsets.pop();
        }
        let bytes = *self.entries.offsets.last().unwrap_or(&0);
        self.entries.bytes.truncate(bytes as usize);
    }

    /// The same rows without a dictionary; rows without a value become empty.
    pub fn to_plain(&self) -> Text {
        let mut text = Text::default();
        text.offsets.reserve(self.codes.len() * 2);
        text.bytes.reserve(self.entries.bytes.len() * 2);
        for &code in &self.codes {
            text.push(if code == NULL_CODE {
                b""
            } else {
                self.entries.get(code as usize)
            });
        }
        text
    }

    /// The rows, through the dictionary if its values repeat at all.
    pub fn finish(mut self) -> Strings {
        let values = self.codes.len() - self.nulls.min(self.codes.len());
        if self.prints.len() * 2 > values && values > 8 {
            return Strings::Plain(self.to_plain());
        }
        if self.nulls > 0 {
            for code in &mut self.codes {
                *code = if *code == NULL_CODE { 0 } else { *code };
            }
        }
        Strings::Dictionary {
            codes: self.codes,
            entries: self.entries,
        }
    }
}
