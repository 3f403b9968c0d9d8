//! Strings to dense ids.
//!
//! Strings that differ only in the number they end with (paths, host names, request ids) are many, but few without it. So
//! a string is its stem and its number, and ids are found by index in a table of the stem's numbers. There is one way to
//! split a string: the number is the longest end of decimal digits that begins with none of 0, of at most `DIGITS_MAX`.
//! When stems get many, splitting is not worth it: strings of unknown stems are kept whole from then on. All strings of a
//! stem known by then stay split, so a string has one id throughout.

use super::id_map::{IdMap, UNSET};
use ahash::RandomState;
use hashbrown::HashTable;

const DIGITS_MAX: usize = 18;
const STEMS_MAX: usize = 256;
/// A table of numbers has at most so many cells for each string of its stem.
const CELLS_PER_STRING: usize = 16;
const CELLS_MIN: usize = 64;
/// In place of a stem: the string is whole.
const WHOLE: u32 = u32::MAX;

#[derive(Default)]
pub struct TextInterner {
    stems: Texts,
    numbers: Vec<Numbers>,
    whole: Texts,
    /// The id of each whole string.
    whole_ids: Vec<u32>,
    /// By id: the stem, or `WHOLE`; and the number, or the index of the whole string.
    parts: Vec<(u32, u64)>,
    null: Option<u32>,
    stems_full: bool,
}

/// The numbers of one stem.
#[derive(Default)]
struct Numbers {
    ids: IdMap,
    count: usize,
}

impl TextInterner {
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Bytes of the strings as far as they are kept.
    pub fn text_bytes(&self) -> usize {
        self.stems.bytes.len() + self.whole.bytes.len()
    }

    pub fn null(&mut self) -> u32 {
        *self.null.get_or_insert_with(|| {
            self.parts.push((WHOLE, u64::MAX));
            (self.parts.len() - 1) as u32
        })
    }

    /// Appends the string of an id; false for the id of null.
    pub fn append(&self, id: u32, into: &mut Vec<u8>) -> bool {
        if self.null == Some(id) {
            return false;
        }
        match self.parts[id as usize] {
            (WHOLE, index) => into.extend_from_slice(self.whole.get(index as u32)),
            (stem, number) => {
                into.extend_from_slice(self.stems.get(stem));
                into.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            }
        }
        true
    }

    #[inline]
    pub fn id(&mut self, value: &[u8]) -> u32 {
        let (stem, number) = split(value);
        if number == 0 {
            return self.whole_id(value);
        }
        let stem = if self.stems_full {
            self.stems.find(stem)
        } else {
            Some(self.new_stem(stem))
        };
        match stem {
            Some(stem) => self.number_id(stem, number),
            None => self.whole_id(value),
        }
    }

    fn new_stem(&mut self, stem: &[u8]) -> u32 {
        let index = self.stems.id(stem);
        if index as usize == self.numbers.len() {
            self.numbers.push(Numbers::default());
            self.stems_full = self.numbers.len() == STEMS_MAX;
        }
        index
    }

    #[inline(always)]
    fn number_id(&mut self, stem: u32, number: u64) -> u32 {
        let numbers = &mut self.numbers[stem as usize];
        // At most 18 digits.
        match numbers.ids.known(number as i64) {
            UNSET => self.new_number(stem, number),
            id => id,
        }
    }

    #[inline(never)]
    fn new_number(&mut self, stem: u32, number: u64) -> u32 {
        let (numbers, parts) = (&mut self.numbers[stem as usize], &mut self.parts);
        numbers
            .ids
            .reserve(0, number as i64, numbers.count * CELLS_PER_STRING + CELLS_MIN);
        let count = &mut numbers.count;
        numbers.ids.id(number as i64, || {
            *count += 1;
            parts.push((stem, number));
            (parts.len() - 1) as u32
        })
    }

    fn whole_id(&mut self, value: &[u8]) -> u32 {
        let index = self.whole.id(value);
        if index as usize == self.whole_ids.len() {
            self.whole_ids.push(self.parts.len() as u32);
            self.parts.push((WHOLE, u64::from(index)));
        }
        self.whole_ids[index as usize]
    }
}

/// The stem and the number, which is 0 where there is none.
#[inline(always)]
fn split(value: &[u8]) -> (&[u8], u64) {
    let Some(last) = value.last_chunk::<8>() else {
        return split_slowly(value);
    };
    // The last character is in the highest byte. A byte is a digit when both it and it + 6 have the upper half 3.
    let word = u64::from_le_bytes(*last);
    let upper = 0xF0F0_F0F0_F0F0_F0F0;
    let others = ((word & upper) ^ 0x3030_3030_3030_3030)
        | ((word.wrapping_add(0x0606_0606_0606_0606) & upper) ^ 0x3030_3030_3030_3030);
    let bytes = others.leading_zeros() / 8;
    match bytes {
        0 => (value, 0),
        1..8 => {
            // Zeros in front of the digits do not count.
            let mut digits = (word & 0x0F0F_0F0F_0F0F_0F0F) >> (64 - 8 * bytes) << (64 - 8 * bytes);
            let length = 8 - digits.trailing_zeros() as usize / 8;
            digits = ((digits & 0x0F00_0F00_0F00_0F00) >> 8) + (digits & 0x000F_000F_000F_000F) * 10;
            digits = ((digits >> 16) & 0x0000_00FF_0000_00FF) + (digits & 0x0000_00FF_0000_00FF) * 100;
            let number = (digits >> 32) + (digits & 0xFFFF) * 10_000;
            (&value[..value.len() - length], number)
        }
        _ => split_slowly(value),
    }
}

fn split_slowly(value: &[u8]) -> (&[u8], u64) {
    let digits = value
        .iter()
        .rev()
        .take(DIGITS_MAX)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let start = value.len() - digits;
    let start = start + value[start..].iter().take_while(|byte| **byte == b'0').count();
    let number = value[start..]
        .iter()
        .fold(0, |number, byte| number * 10 + u64::from(byte - b'0'));
    (&value[..start], number)
}

/// Distinct strings, kept end to end.
struct Texts {
    ends: Vec<usize>,
    bytes: Vec<u8>,
    /// Hash and index.
    table: HashTable<(u64, u32)>,
    state: RandomState,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            ends: vec![0],
            bytes: Vec::new(),
            table: HashTable::new(),
            state: RandomState::new(),
        }
    }
}

impl Texts {
    fn get(&self, index: u32) -> &[u8] {
        &self.bytes[self.ends[index as usize]..self.ends[index as usize + 1]]
    }

    #[inline]
    fn find_hashed(&self, hash: u64, value: &[u8]) -> Option<u32> {
        let found = self
            .table
            .find(hash, |&(held, index)| held == hash && self.get(index) == value);
        found.map(|&(_, index)| index)
    }

    #[inline]
    fn find(&self, value: &[u8]) -> Option<u32> {
        self.find_hashed(self.state.hash_one(value), value)
    }

    #[inline]
    fn id(&mut self, value: &[u8]) -> u32 {
        let hash = self.state.hash_one(value);
        if let Some(index) = self.find_hashed(hash, value) {
            return index;
        }
        let index = (self.ends.len() - 1) as u32;
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len());
        self.table.insert_unique(hash, (hash, index), |&(hash, _)| hash);
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn text(interner: &TextInterner, id: u32) -> Option<String> {
        let mut bytes = Vec::new();
        interner
            .append(id, &mut bytes)
            .then(|| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn splits_alike_in_both_ways() {
        let stems = [
            "",
            "a",
            "/api/v1/items/",
            "x0",
            "00000000000",
            "é",
            "/:",
            "ab;:9x",
            "1234567a",
        ];
        let numbers = [
            "",
            "0",
            "7",
            "10",
            "007",
            "1234567",
            "12345678",
            "123456789",
            "10000000",
            "0000001",
            "999999999999999999",
            "9999999999999999999",
        ];
        for stem in stems {
            for number in numbers {
                let value = format!("{stem}{number}");
                let (found, parsed) = split(value.as_bytes());
                assert_eq!((found, parsed), split_slowly(value.as_bytes()), "{value}");
                let mut again = found.to_vec();
                if parsed > 0 {
                    again.extend(parsed.to_string().bytes());
                }
                assert_eq!(again, value.as_bytes());
            }
        }
        for byte in 0..=u8::MAX {
            let value = [b"12345".as_slice(), &[byte], b"42"].concat();
            assert_eq!(split(&value), split_slowly(&value));
        }
    }

    #[test]
    fn strings_keep_their_ids() {
        let mut seed = 5u64;
        let mut random = |bound: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % bound
        };
        for stems in [1, 20, 255, 256, 257, 2000] {
            let (mut interner, mut expected) = (TextInterner::default(), HashMap::new());
            for _ in 0..20_000 {
                let next = expected.len() as u32;
                if random(50) == 0 {
                    let id = *expected.entry(None).or_insert(next);
                    assert_eq!(interner.null(), id);
                    continue;
                }
                let mut value = match random(3) {
                    0 => String::new(),
                    _ => format!("/{}/", random(stems)),
                };
                match random(6) {
                    0 => {}
                    1 => value.push_str(&random(u64::MAX).to_string()),
                    2 => value.push_str(&format!("{:020}", random(100))),
                    _ => value.push_str(&random(3000).to_string()),
                }
                let id = *expected.entry(Some(value.clone())).or_insert(next);
                assert_eq!(interner.id(value.as_bytes()), id, "{value}");
            }
            assert_eq!(interner.len(), expected.len());
            for (value, id) in expected {
                assert_eq!(text(&interner, id), value);
            }
        }
    }
}
