//! Strings to dense ids.
//!
//! A string is its stem and its number (`stem`), and ids are found by index in a table of the stem's numbers. When stems get
//! many, splitting is not worth it: strings of unknown stems are kept whole from then on. All strings of a stem known by
//! then stay split, so a string has one id throughout.

use super::deal::{NULL_HASH, Runs, text_hash};
use super::id_map::{IdMap, UNSET, with_rest};
use super::stem::split;
use super::texts::Texts;
use crate::column_builder::text_limit;
use crate::error::ScanError;
use arrow_array::{StringArray, UInt64Array};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};

/// Numbers of stems are below it.
const WHOLE: u64 = 0xFF;
const STEMS_MAX: usize = WHOLE as usize;
/// A table of numbers has at most so many cells for each string of its stem.
const CELLS_PER_STRING: usize = 16;
/// It is made of so many cells without asking: 64 KiB.
const CELLS_MIN: usize = 16_384;

/// A string in 64 bits: in the upper 8 its stem or `WHOLE`, below them its number or the index of the whole string.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packed(u64);

const NUMBER_BITS: u32 = 56;

impl Packed {
    fn of(stem: u64, number: u64) -> Self {
        Self(stem << NUMBER_BITS | number)
    }

    /// No whole string has this index.
    const NULL: Self = Self(WHOLE << NUMBER_BITS | u32::MAX as u64);

    fn stem(self) -> u64 {
        self.0 >> NUMBER_BITS
    }

    fn number(self) -> u64 {
        self.0 & ((1 << NUMBER_BITS) - 1)
    }
}

#[derive(Default)]
pub struct TextInterner {
    stems: Texts,
    numbers: Vec<Numbers>,
    whole: Texts,
    /// The id of each whole string.
    whole_ids: Vec<u32>,
    /// By id.
    parts: Vec<Packed>,
    null: Option<u32>,
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
        self.stems.text_bytes() + self.whole.text_bytes()
    }

    pub fn null(&mut self) -> u32 {
        *self.null.get_or_insert_with(|| {
            self.parts.push(Packed::NULL);
            (self.parts.len() - 1) as u32
        })
    }

    #[inline]
    pub fn id(&mut self, value: &[u8]) -> u32 {
        let (stem, number) = split(value);
        if number == 0 {
            return self.whole_id(value);
        }
        match self.stem(stem) {
            Some(stem) => self.number_id(stem, number),
            None => self.whole_id(value),
        }
    }

    /// The id of a string that is in two parts, as `split` would part it.
    pub fn parted_id(&mut self, stem: &[u8], number: u64) -> u32 {
        if number == 0 {
            return self.whole_id(stem);
        }
        match self.stem(stem) {
            Some(known) => self.number_id(known, number),
            None => {
                let mut value = stem.to_vec();
                append_number(number, &mut value);
                self.whole_id(&value)
            }
        }
    }

    /// The number of a stem, which is new where there is room; `None` where strings of this stem are kept whole.
    pub fn stem(&mut self, stem: &[u8]) -> Option<u32> {
        if self.numbers.len() == STEMS_MAX {
            return self.stems.find(stem);
        }
        let index = self.stems.id(stem);
        if index as usize == self.numbers.len() {
            self.numbers.push(Numbers::default());
        }
        Some(index)
    }

    /// The number of a stem that there is.
    pub fn find_stem(&self, stem: &[u8]) -> Option<u32> {
        self.stems.find(stem)
    }

    /// The id of a whole string that there is, else `UNSET`.
    pub fn find_whole(&self, value: &[u8]) -> u32 {
        self.whole
            .find(value)
            .map_or(UNSET, |index| self.whole_ids[index as usize])
    }

    /// Ids by the number of a stem, as far as they are in its table; `UNSET` where there is none yet.
    pub fn ids_of(&self, stem: u32) -> &[u32] {
        self.numbers[stem as usize].ids.dense_ids()
    }

    #[inline(always)]
    pub fn number_id(&mut self, stem: u32, number: u64) -> u32 {
        let Self { numbers, parts, .. } = self;
        let Numbers { ids, count } = &mut numbers[stem as usize];
        // At most 16 digits.
        match ids.cell_of(number as i64) {
            Some(cell) => {
                if *cell == UNSET {
                    *cell = parts.len() as u32;
                    *count += 1;
                    parts.push(Packed::of(u64::from(stem), number));
                }
                *cell
            }
            None => self.far_number_id(stem, number),
        }
    }

    /// Tells that so many numbers of a stem are to come, at most `max`. They are looked up by index if that takes no more than
    /// `sparse` times the cells that it usually may.
    pub fn expect(&mut self, stem: u32, numbers: usize, max: u64, sparse: usize) {
        let known = &mut self.numbers[stem as usize];
        let strings = known.count + numbers;
        known
            .ids
            .reserve(0, max as i64, strings * CELLS_PER_STRING * sparse + CELLS_MIN);
    }

    #[inline(never)]
    fn far_number_id(&mut self, stem: u32, number: u64) -> u32 {
        let (numbers, parts) = (&mut self.numbers[stem as usize], &mut self.parts);
        numbers
            .ids
            .reserve(0, number as i64, numbers.count * CELLS_PER_STRING + CELLS_MIN);
        let count = &mut numbers.count;
        numbers.ids.id(number as i64, || {
            *count += 1;
            parts.push(Packed::of(u64::from(stem), number));
            (parts.len() - 1) as u32
        })
    }

    fn whole_id(&mut self, value: &[u8]) -> u32 {
        let index = self.whole.id(value);
        if index as usize == self.whole_ids.len() {
            self.whole_ids.push(self.parts.len() as u32);
            self.parts.push(Packed::of(WHOLE, u64::from(index)));
        }
        self.whole_ids[index as usize]
    }

    /// All ids, as far as may be by stems and numbers.
    pub fn in_order(&self) -> Vec<u32> {
        let mut ids = Vec::with_capacity(self.len());
        self.numbers
            .iter()
            .for_each(|numbers| ids.extend(numbers.ids.in_order()));
        with_rest(ids, self.len())
    }

    /// Whether most strings are held as stem and number.
    pub fn is_mostly_numbered(&self) -> bool {
        self.whole.len() * 2 < self.len()
    }

    pub fn stem_text(&self, stem: u32) -> &[u8] {
        self.stems.get(stem)
    }

    pub fn stem_texts(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.numbers.len()).map(|stem| self.stems.get(stem as u32))
    }

    /// Calls `add` with each id's hash for dealing.
    pub fn deal_hashes(&self, ids: &[u32], runs: Runs, mut add: impl FnMut(usize, u64)) {
        let stems: Vec<u64> = self.stem_texts().map(text_hash).collect();
        for (place, packed) in self.packed(ids).into_iter().enumerate() {
            let hash = match stems.get(packed.stem() as usize) {
                Some(&stem) => runs.numbered_hash(stem, packed.number()),
                None if packed == Packed::NULL => NULL_HASH,
                None => text_deal_hash(self.whole.get(packed.number() as u32), runs),
            };
            add(place, hash);
        }
    }

    /// Apart from what is done with them: many that are far apart are fetched at once then.
    fn packed(&self, ids: &[u32]) -> Vec<Packed> {
        ids.iter().map(|&id| self.parts[id as usize]).collect()
    }

    /// The strings of these ids.
    pub fn column(&self, ids: &[u32]) -> Result<StringArray, ScanError> {
        self.texts(&self.packed(ids), |_| true)
    }

    /// Likewise, but those that are held as stem and number are null, and in the numbers, which are 0 for all others.
    pub fn parted_columns(&self, ids: &[u32]) -> Result<(StringArray, UInt64Array), ScanError> {
        let packed = self.packed(ids);
        let texts = self.texts(&packed, |packed| packed.stem() == WHOLE)?;
        let numbers = packed.iter();
        let numbers = numbers.map(|packed| if packed.stem() == WHOLE { 0 } else { packed.0 });
        Ok((texts, numbers.collect::<Vec<_>>().into()))
    }

    fn texts(&self, packed: &[Packed], is_wanted: impl Fn(Packed) -> bool) -> Result<StringArray, ScanError> {
        let (mut ends, mut bytes) = (Vec::with_capacity(packed.len() + 1), Vec::new());
        let mut present = vec![false; packed.len()];
        ends.push(0);
        for (&packed, present) in packed.iter().zip(&mut present) {
            if packed != Packed::NULL && is_wanted(packed) {
                *present = true;
                self.append(packed, &mut bytes);
            }
            ends.push(i32::try_from(bytes.len()).map_err(|_| text_limit())?);
        }
        let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
        let nulls = Some(NullBuffer::from(present)).filter(|nulls| nulls.null_count() > 0);
        Ok(StringArray::try_new(offsets, bytes.into(), nulls)?)
    }

    fn append(&self, packed: Packed, into: &mut Vec<u8>) {
        if packed.stem() == WHOLE {
            into.extend_from_slice(self.whole.get(packed.number() as u32));
        } else {
            into.extend_from_slice(self.stems.get(packed.stem() as u32));
            append_number(packed.number(), into);
        }
    }
}

/// What `deal_hashes` says of a string, however it is held.
pub fn text_deal_hash(value: &[u8], runs: Runs) -> u64 {
    let (stem, number) = split(value);
    runs.numbered_hash(text_hash(stem), number)
}

/// A stem and a number that `column` gave, of which it gives the place of the stem and the number.
pub fn unpack(packed: u64) -> (usize, u64) {
    let packed = Packed(packed);
    (packed.stem() as usize, packed.number())
}

pub fn append_number(number: u64, into: &mut Vec<u8>) {
    into.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Array;
    use std::collections::HashMap;

    fn text(interner: &TextInterner, id: u32) -> Option<String> {
        let texts = interner.column(&[id]).unwrap();
        texts.is_valid(0).then(|| texts.value(0).to_owned())
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
