//! Key prediction: the keys met so far, each remembering which keys followed it.
//!
//! Records of one source have their keys in one order. A *slot* is a key as it was sent (`"level":`, quotes and colon
//! included) inside one parent object, with the column it feeds. After a slot, the text that comes next is compared with
//! the two keys that last followed it; a hit costs no hashing, no folding and no look-up by name. A miss is found by hash.
//! Slots only ever speed things up: a key without one takes the same way through the [`LOOSE`] slot.

use crate::cursor::Cursor;
use crate::problem::SyntaxError;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher};

/// The slot of the record itself; its followers are the first keys.
pub(crate) const ROOT: u32 = 0;

/// The slot that stands for a key which is not remembered. It is never predicted.
pub(crate) const LOOSE: u32 = 1;

/// The parent of keys inside an object whose own key is not remembered.
pub(crate) const NO_PARENT: u32 = u32::MAX;

/// The parent of the root and of the loose slot: they are no keys, so no text may match them.
const NEVER: u32 = u32::MAX - 1;

/// Values of [`Slot::column`] that are no column.
pub(crate) const UNRESOLVED: u32 = u32::MAX;
pub(crate) const OVERFLOW: u32 = u32::MAX - 1;
pub(crate) const TIME: u32 = u32::MAX - 2;

/// Keys compared in one step: quotes, key and colon fit here.
const SHORT_BYTES: usize = 32;
const KEY_BYTES_MAX: usize = 512;
const SLOTS_MAX: usize = 16_384;

pub(crate) struct Slot {
    /// The first bytes of the key as sent, with quotes and colon; zeros after it.
    short: [u8; SHORT_BYTES],
    /// Bit per byte of `short` that counts.
    mask: u32,
    len: u32,
    parent: u32,
    followers: [u32; 2],
    /// An index into the group's columns, or one of the marks above.
    pub column: u32,
    /// How many columns had been created when none had this name.
    pub nameless_at: u64,
    /// The record that last had an object under this key.
    pub object_record: u64,
    /// The key as sent, with quotes and colon.
    sent: Box<[u8]>,
    /// The folded key.
    pub key: Box<[u8]>,
}

impl Slot {
    fn new(parent: u32, sent: &[u8], key: &[u8]) -> Self {
        let mut short = [0; SHORT_BYTES];
        let length = sent.len().min(SHORT_BYTES);
        short[..length].copy_from_slice(&sent[..length]);
        Self {
            short,
            mask: if length == SHORT_BYTES {
                u32::MAX
            } else {
                (1 << length) - 1
            },
            len: sent.len() as u32,
            parent,
            followers: [LOOSE, LOOSE],
            column: UNRESOLVED,
            nameless_at: u64::MAX,
            object_record: 0,
            sent: sent.into(),
            key: key.into(),
        }
    }
}

pub(crate) struct SlotTable {
    slots: Vec<Slot>,
    by_key: HashTable<u32>,
    state: RandomState,
}

impl SlotTable {
    pub fn new() -> Self {
        let slots = vec![Slot::new(NEVER, b"", b""), Slot::new(NEVER, b"", b"")];
        Self {
            slots,
            by_key: HashTable::new(),
            state: RandomState::default(),
        }
    }

    pub fn len(&self) -> usize {
        self.slots.len()
    }

    #[inline(always)]
    pub fn get(&self, slot: u32) -> &Slot {
        &self.slots[slot as usize]
    }

    #[inline(always)]
    pub fn get_mut(&mut self, slot: u32) -> &mut Slot {
        &mut self.slots[slot as usize]
    }

    /// The slot of the key at `at` if it is one that followed `last` before, and the position after its colon.
    #[inline(always)]
    pub fn predict(&self, last: u32, parent: u32, bytes: &[u8], at: usize) -> Option<(u32, usize)> {
        let text = bytes.get(at..)?.first_chunk::<SHORT_BYTES>()?;
        let [first, second] = self.slots[last as usize].followers;
        for follower in [first, second] {
            if let Some(slot) = self.slots.get(follower as usize)
                && slot.parent == parent
                && matching(text, &slot.short) & slot.mask == slot.mask
            {
                let end = at + slot.len as usize;
                if slot.len as usize <= SHORT_BYTES || bytes.get(at..end) == Some(&*slot.sent) {
                    return Some((follower, end));
                }
            }
        }
        None
    }

    /// The slot of `sent` (quotes and key, no colon) under `parent`.
    pub fn find(&self, parent: u32, sent: &[u8]) -> Option<u32> {
        let hash = self.hash(parent, sent);
        let is_it = |&slot: &u32| {
            let slot = &self.slots[slot as usize];
            slot.parent == parent && &slot.sent[..slot.sent.len() - 1] == sent
        };
        self.by_key.find(hash, is_it).copied()
    }

    /// Remembers a key, or puts it into the loose slot. `sent` is quotes and key, `key` the folded key.
    pub fn add(&mut self, parent: u32, sent: &[u8], key: &[u8]) -> u32 {
        if parent == NO_PARENT || sent.len() > KEY_BYTES_MAX || self.slots.len() >= SLOTS_MAX {
            let loose = &mut self.slots[LOOSE as usize];
            loose.key = key.into();
            loose.column = UNRESOLVED;
            loose.nameless_at = u64::MAX;
            loose.object_record = 0;
            return LOOSE;
        }
        let number = self.slots.len() as u32;
        let hash = self.hash(parent, sent);
        self.slots.push(Slot::new(parent, &[sent, b":"].concat(), key));
        let (slots, state) = (&self.slots, &self.state);
        self.by_key.insert_unique(hash, number, |&slot| {
            let slot = &slots[slot as usize];
            hash_key(state, slot.parent, &slot.sent[..slot.sent.len() - 1])
        });
        number
    }

    /// Notes that `slot` came after `last`, where neither prediction was right.
    pub fn learn(&mut self, last: u32, slot: u32) {
        let followers = &mut self.slots[last as usize].followers;
        followers[usize::from(followers[0] != LOOSE)] = slot;
    }

    /// Forgets the slots from `len` on.
    pub fn truncate(&mut self, len: usize) {
        while self.slots.len() > len {
            let last = self.slots.len() as u32 - 1;
            let slot = &self.slots[last as usize];
            let hash = self.hash(slot.parent, &slot.sent[..slot.sent.len() - 1]);
            if let Ok(entry) = self.by_key.find_entry(hash, |&other| other == last) {
                entry.remove();
            }
            self.slots.pop();
        }
    }

    fn hash(&self, parent: u32, sent: &[u8]) -> u64 {
        hash_key(&self.state, parent, sent)
    }
}

fn hash_key(state: &RandomState, parent: u32, sent: &[u8]) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write_u32(parent);
    hasher.write(sent);
    hasher.finish()
}

/// Bit `i` is set when byte `i` is equal.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn matching(left: &[u8; SHORT_BYTES], right: &[u8; SHORT_BYTES]) -> u32 {
    use std::arch::x86_64::*;
    // SAFETY: SSE2 is part of x86-64, and the unaligned loads read two halves of 32-byte arrays.
    unsafe {
        let (left, right) = (left.as_ptr().cast::<__m128i>(), right.as_ptr().cast::<__m128i>());
        let low = _mm_cmpeq_epi8(_mm_loadu_si128(left), _mm_loadu_si128(right));
        let high = _mm_cmpeq_epi8(_mm_loadu_si128(left.add(1)), _mm_loadu_si128(right.add(1)));
        _mm_movemask_epi8(low) as u32 | (_mm_movemask_epi8(high) as u32) << 16
    }
}

#[cfg(not(target_arch = "x86_64"))]
use matching_portable as matching;

#[cfg(any(not(target_arch = "x86_64"), test))]
fn matching_portable(left: &[u8; SHORT_BYTES], right: &[u8; SHORT_BYTES]) -> u32 {
    left.iter()
        .zip(right)
        .rev()
        .fold(0, |bits, (left, right)| bits << 1 | u32::from(left == right))
}

/// Where the quoted key at `at` ends: the position after its closing quote. Escapes are only stepped over.
pub(crate) fn key_end(cursor: Cursor, at: usize) -> Result<usize, SyntaxError> {
    if cursor.peek(at) != b'"' {
        return Err(SyntaxError { at, expected: "a key" });
    }
    let mut from = at + 1;
    loop {
        let stop = crate::string_end::string_end(cursor.bytes, from);
        match cursor.bytes.get(stop) {
            Some(b'"') => return Ok(stop + 1),
            Some(b'\\') => from = stop + 2,
            _ => {
                return Err(SyntaxError {
                    at: stop,
                    expected: "'\"'",
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_comparisons_agree() {
        let left: [u8; SHORT_BYTES] = std::array::from_fn(|place| place as u8);
        for place in 0..SHORT_BYTES {
            let mut right = left;
            right[place] ^= 0x80;
            assert_eq!(matching(&left, &right), !(1 << place));
            assert_eq!(matching_portable(&left, &right), !(1 << place));
        }
        assert_eq!(matching(&left, &left), u32::MAX);
    }

    #[test]
    fn forgotten_keys_are_not_found() {
        let mut table = SlotTable::new();
        let first = table.add(ROOT, b"\"a\"", b"a");
        table.learn(ROOT, first);
        let length = table.len();
        let second = table.add(ROOT, b"\"b\"", b"b");
        table.learn(ROOT, second);
        let text = format!("\"b\":1{}", " ".repeat(SHORT_BYTES));
        assert_eq!(table.predict(ROOT, ROOT, text.as_bytes(), 0), Some((second, 4)));
        table.truncate(length);
        assert_eq!(
            (table.find(ROOT, b"\"a\""), table.find(ROOT, b"\"b\"")),
            (Some(first), None)
        );
        assert_eq!(table.predict(ROOT, ROOT, text.as_bytes(), 0), None);
        let third = table.add(ROOT, b"\"c\"", b"c");
        assert_eq!((third, table.predict(ROOT, ROOT, text.as_bytes(), 0)), (second, None));
        assert_eq!(table.predict(ROOT, first, text.as_bytes(), 0), None);
    }

    #[test]
    fn the_table_stops_growing() {
        let mut table = SlotTable::new();
        for number in 0..SLOTS_MAX + 10 {
            let key = format!("\"{number}\"");
            let slot = table.add(ROOT, key.as_bytes(), b"x");
            assert_eq!(slot == LOOSE, number + 2 >= SLOTS_MAX);
        }
        assert_eq!(table.len(), SLOTS_MAX);
        assert_eq!(table.add(NO_PARENT, b"\"y\"", b"y"), LOOSE);
    }
}
