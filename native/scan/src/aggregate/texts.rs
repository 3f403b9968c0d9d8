//! Distinct strings and their places among each other.

use ahash::RandomState;
use hashbrown::HashTable;

/// Distinct strings, kept end to end.
pub struct Texts {
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
    pub fn len(&self) -> usize {
        self.ends.len() - 1
    }

    /// Bytes of all strings.
    pub fn text_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub fn get(&self, index: u32) -> &[u8] {
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
    pub fn find(&self, value: &[u8]) -> Option<u32> {
        self.find_hashed(self.state.hash_one(value), value)
    }

    #[inline]
    pub fn id(&mut self, value: &[u8]) -> u32 {
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
