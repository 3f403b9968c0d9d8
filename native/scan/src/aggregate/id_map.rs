//! Numbers to ids: a table that is indexed by the number where numbers lie close together, a hash table for all others.

use ahash::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Marks a table cell without an id.
pub const UNSET: u32 = u32::MAX;

/// A window is never larger: 64 MiB of ids.
const WINDOW_CELLS_MAX: usize = 1 << 24;
/// A window of so many cells is made without asking how many numbers there are.
pub const WINDOW_CELLS_FREE: usize = 1 << 16;

#[derive(Default)]
pub struct IdMap {
    /// Ids of `base`, `base + 1`, ...
    window: Vec<u32>,
    base: i64,
    /// Of numbers outside the window.
    table: HashTable<(i64, u32)>,
    state: RandomState,
}

impl IdMap {
    /// The number's id; `next` becomes the id of a number that has none.
    #[inline(always)]
    pub fn id(&mut self, number: i64, next: impl FnOnce() -> u32) -> u32 {
        match self.window.get(self.cell(number)) {
            Some(&id) if id != UNSET => id,
            _ => self.unset_or_hashed(number, next),
        }
    }

    /// The id of a number in the window that has one, else `UNSET`.
    #[inline(always)]
    pub fn known(&self, number: i64) -> u32 {
        self.window.get(self.cell(number)).copied().unwrap_or(UNSET)
    }

    /// Where the id of a number in the window is.
    #[inline(always)]
    pub fn cell_of(&mut self, number: i64) -> Option<&mut u32> {
        let cell = self.cell(number);
        self.window.get_mut(cell)
    }

    /// Ids of the numbers from 0 on, `UNSET` where there is none, as far as the window reaches.
    pub fn dense_ids(&self) -> &[u32] {
        match usize::try_from(self.base.wrapping_neg()) {
            Ok(zero) => self.window.get(zero..).unwrap_or(&[]),
            Err(_) => &[],
        }
    }

    /// Ids of the numbers in the window, in their order.
    pub fn in_order(&self) -> impl Iterator<Item = u32> {
        self.window.iter().copied().filter(|&id| id != UNSET)
    }

    #[inline(always)]
    fn cell(&self, number: i64) -> usize {
        // A number below the base becomes one that no window reaches.
        number.wrapping_sub(self.base) as u64 as usize
    }

    #[inline(never)]
    fn unset_or_hashed(&mut self, number: i64, next: impl FnOnce() -> u32) -> u32 {
        let cell = self.cell(number);
        if let Some(cell) = self.window.get_mut(cell) {
            *cell = next();
            return *cell;
        }
        let Self { table, state, .. } = self;
        let hash = state.hash_one(number);
        match table.entry(hash, |&(held, _)| held == number, |&(held, _)| state.hash_one(held)) {
            Entry::Occupied(entry) => entry.get().1,
            Entry::Vacant(entry) => entry.insert((number, next())).get().1,
        }
    }

    /// Extends the window to `min..=max` if it then has at most `cells_max` cells.
    pub fn reserve(&mut self, min: i64, max: i64, cells_max: usize) {
        let held = self.window.len();
        let (mut low, mut high) = (i128::from(min), i128::from(max));
        if held > 0 {
            let (first, last) = (i128::from(self.base), i128::from(self.base) + held as i128 - 1);
            if first <= low && high <= last {
                return;
            }
            // At least to twice its size, so that growing step by step costs little.
            if low < first {
                low = low.min(first - held as i128).max(i128::from(i64::MIN));
            }
            if high > last {
                high = high.max(last + held as i128);
            }
            (low, high) = (low.min(first), high.max(last));
        }
        let cells_max = cells_max.min(WINDOW_CELLS_MAX) as i128;
        if high - low >= cells_max {
            // The wanted range alone may still fit, if it is not just a little more: that little would be copied again and again.
            (low, high) = (i128::from(min), i128::from(max));
            if held > 0 {
                low = low.min(i128::from(self.base));
                high = high.max(i128::from(self.base) + held as i128 - 1);
                if high - low < (held + held / 4) as i128 {
                    return;
                }
            }
        }
        if low > high || high - low >= cells_max {
            return;
        }
        let mut window = vec![UNSET; (high - low + 1) as usize];
        let shift = (i128::from(self.base) - low) as usize;
        window[if held > 0 { shift..shift + held } else { 0..0 }].copy_from_slice(&self.window);
        (self.window, self.base) = (window, low as i64);
        if !self.table.is_empty() {
            for (number, id) in std::mem::take(&mut self.table) {
                self.id(number, || id);
            }
        }
    }
}

/// These ids, and behind them all others below `count`.
pub fn with_rest(mut ids: Vec<u32>, count: usize) -> Vec<u32> {
    if ids.len() < count {
        let mut seen = vec![false; count];
        ids.iter().for_each(|&id| seen[id as usize] = true);
        ids.extend((0..count as u32).filter(|&id| !seen[id as usize]));
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn ids_stay_while_windows_grow() {
        let mut seed = 1u64;
        let mut random = |bound: i64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((seed >> 33) as i64) % bound
        };
        for base in [0, -50_000, i64::MIN, i64::MAX - 100_000] {
            let (mut map, mut expected) = (IdMap::default(), HashMap::new());
            for round in 0..60 {
                if round % 3 == 1 {
                    let min = base.saturating_add(random(60_000));
                    map.reserve(
                        min,
                        min.saturating_add(random(40_000)),
                        *[10, 50_000, 1 << 20].get(round % 4 % 3).unwrap(),
                    );
                }
                for _ in 0..200 {
                    let number = if random(10) == 0 {
                        random(i64::MAX)
                    } else {
                        base.saturating_add(random(100_000))
                    };
                    let next = expected.len() as u32;
                    let id = *expected.entry(number).or_insert(next);
                    assert_eq!(map.id(number, || next), id);
                    assert!([id, UNSET].contains(&map.known(number)));
                }
            }
            for (number, id) in expected {
                assert_eq!(map.id(number, || panic!("known")), id);
            }
        }
    }

    #[test]
    fn the_whole_range_of_numbers_gets_no_window() {
        let mut map = IdMap::default();
        map.reserve(i64::MIN, i64::MAX, usize::MAX);
        map.reserve(5, 3, usize::MAX);
        assert_eq!(
            (map.id(i64::MIN, || 0), map.id(i64::MAX, || 1), map.id(i64::MIN, || 2)),
            (0, 1, 0)
        );
        map.reserve(i64::MAX - 3, i64::MAX, 10);
        map.reserve(i64::MIN, i64::MIN + 3, 10);
        assert_eq!((map.id(i64::MAX, || 9), map.id(i64::MIN, || 9)), (1, 0));
    }
}
