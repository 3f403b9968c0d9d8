//! Values to dense ids: the first value seen is 0, the next new one 1, and so on. Null takes an id like any value.

use super::id_map::{IdMap, UNSET, with_rest};
use ahash::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// 64-bit values: integers, bucket starts, bit patterns of floats, bools.
#[derive(Default)]
pub struct NumberInterner {
    values: Vec<i64>,
    null: Option<u32>,
    ids: IdMap,
}

impl NumberInterner {
    pub fn len(&self) -> usize {
        self.values.len()
    }

    pub fn value(&self, id: u32) -> Option<i64> {
        if self.null == Some(id) {
            None
        } else {
            self.values.get(id as usize).copied()
        }
    }

    pub fn null(&mut self) -> u32 {
        *self.null.get_or_insert_with(|| {
            self.values.push(0);
            (self.values.len() - 1) as u32
        })
    }

    #[inline(always)]
    pub fn id(&mut self, value: i64) -> u32 {
        let values = &mut self.values;
        self.ids.id(value, || {
            values.push(value);
            (values.len() - 1) as u32
        })
    }

    /// All ids, as far as may be by their values.
    pub fn in_order(&self) -> Vec<u32> {
        with_rest(self.ids.in_order().collect(), self.len())
    }

    /// The id of a value if it is at hand, else `UNSET`.
    #[inline(always)]
    pub fn known(&self, value: i64) -> u32 {
        self.ids.known(value)
    }

    /// Tells that values of `min..=max` are to come. They are looked up by index if that takes at most `cells_max` cells.
    pub fn reserve(&mut self, min: i64, max: i64, cells_max: usize) {
        self.ids.reserve(min, max, cells_max);
    }
}

/// Pairs of ids to ids. Chained, pairs make groups of any number of columns.
#[derive(Default)]
pub struct PairInterner {
    /// `left << 32 | right` by id.
    keys: Vec<u64>,
    /// While the product of both sides is small: id by `left * right_room + right`.
    dense: Vec<u32>,
    left_room: usize,
    right_room: usize,
    /// Once it is not. The key is here too: found in one step rather than two far apart.
    table: HashTable<(u64, u32)>,
    state: RandomState,
}

/// The largest dense table.
pub const DENSE_MAX: usize = 65_536;

impl PairInterner {
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn pair(&self, id: u32) -> (u32, u32) {
        let key = self.keys[id as usize];
        ((key >> 32) as u32, key as u32)
    }

    /// Makes room for left ids below `left` and right ids below `right`; comes before `id` with such ids.
    pub fn reserve(&mut self, left: usize, right: usize) {
        let hashing = self.dense.is_empty() && self.left_room > 0;
        if hashing || left <= self.left_room && right <= self.right_room {
            return;
        }
        self.left_room = self.left_room.max(left.next_power_of_two());
        self.right_room = self.right_room.max(right.next_power_of_two());
        match self
            .left_room
            .checked_mul(self.right_room)
            .filter(|&cells| cells <= DENSE_MAX)
        {
            Some(cells) => {
                self.dense = vec![UNSET; cells];
                for (id, &key) in self.keys.iter().enumerate() {
                    self.dense[(key >> 32) as usize * self.right_room + key as u32 as usize] = id as u32;
                }
            }
            None => {
                self.dense = Vec::new();
                let Self { keys, table, state, .. } = self;
                for (id, &key) in keys.iter().enumerate() {
                    table.insert_unique(state.hash_one(key), (key, id as u32), |&(held, _)| state.hash_one(held));
                }
            }
        }
    }

    #[inline]
    pub fn id(&mut self, left: u32, right: u32) -> u32 {
        match self.dense.get(left as usize * self.right_room + right as usize) {
            Some(&id) if id != UNSET => id,
            _ => self.new_or_hashed(left, right),
        }
    }

    #[inline(never)]
    fn new_or_hashed(&mut self, left: u32, right: u32) -> u32 {
        let Self {
            keys,
            dense,
            right_room,
            table,
            state,
            ..
        } = self;
        let key = u64::from(left) << 32 | u64::from(right);
        let id = keys.len() as u32;
        if !dense.is_empty() {
            dense[left as usize * *right_room + right as usize] = id;
            keys.push(key);
            return id;
        }
        match table.entry(
            state.hash_one(key),
            |&(held, _)| held == key,
            |&(held, _)| state.hash_one(held),
        ) {
            Entry::Occupied(entry) => entry.get().1,
            Entry::Vacant(entry) => {
                entry.insert((key, id));
                keys.push(key);
                id
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_not_its_placeholder() {
        let mut numbers = NumberInterner::default();
        assert_eq!(
            (numbers.null(), numbers.id(0), numbers.id(0), numbers.null()),
            (0, 1, 1, 0)
        );
        assert_eq!((numbers.value(0), numbers.value(1)), (None, Some(0)));
    }

    #[test]
    fn pairs_keep_their_ids_while_tables_grow() {
        let mut pairs = PairInterner::default();
        let mut expected = std::collections::HashMap::new();
        for round in 1..=400u32 {
            pairs.reserve(round as usize, round as usize * 2);
            for step in 0..20 {
                let (left, right) = (round * 7 % round, (round * 13 + step) % (round * 2));
                let next = expected.len() as u32;
                assert_eq!(pairs.id(left, right), *expected.entry((left, right)).or_insert(next));
            }
        }
        assert!(pairs.dense.is_empty() && !pairs.table.is_empty());
        for ((left, right), id) in expected {
            assert_eq!(pairs.pair(id), (left, right));
        }
    }
}
