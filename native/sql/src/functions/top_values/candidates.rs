//! Values with what is counted of them, bounded in number.

use std::collections::HashMap;

/// What is counted of one value.
pub(super) trait Tally: Default {
    fn count(&self) -> i64;
}

impl Tally for i64 {
    fn count(&self) -> i64 {
        *self
    }
}

#[derive(Debug)]
pub(super) struct Candidates<T> {
    capacity: usize,
    tallies: HashMap<String, T>,
    /// Of the texts, and of tallies beyond their own size.
    held: usize,
}

impl<T: Tally> Candidates<T> {
    pub fn new(capacity: usize) -> Self {
        Candidates {
            capacity,
            tallies: HashMap::new(),
            held: 0,
        }
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Changes the tally of a value. `change` tells how many bytes it took.
    pub fn update(&mut self, value: &str, change: impl FnOnce(&mut T) -> usize) {
        if let Some(tally) = self.tallies.get_mut(value) {
            self.held += change(tally);
            return;
        }
        if self.tallies.len() >= 2 * self.capacity {
            self.prune();
        }
        let mut tally = T::default();
        self.held += change(&mut tally) + value.len();
        self.tallies.insert(value.to_owned(), tally);
    }

    /// Keeps the `capacity` candidates with the highest counts.
    fn prune(&mut self) {
        let mut ranked: Vec<(String, T)> = self.tallies.drain().collect();
        ranked.sort_by(|left, right| right.1.count().cmp(&left.1.count()).then_with(|| left.0.cmp(&right.0)));
        let dropped: usize = ranked.iter().skip(self.capacity).map(|(value, _)| value.len()).sum();
        let before = ranked.len();
        ranked.truncate(self.capacity);
        // What tallies hold is told only as a whole: the share of those that stay is near enough for a memory limit.
        let tallies = self.held.saturating_sub(dropped);
        self.held = tallies * ranked.len() / before.max(1);
        self.tallies.extend(ranked);
    }

    /// The first `k`: the highest counts first, of equal ones the lesser text.
    pub fn top(&self, k: usize) -> Vec<(&str, i64)> {
        let counts = self
            .tallies
            .iter()
            .map(|(value, tally)| (value.as_str(), tally.count()));
        let mut ranked: Vec<(&str, i64)> = counts.collect();
        ranked.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(right.0)));
        ranked.truncate(k);
        ranked
    }

    pub fn get(&self, value: &str) -> Option<&T> {
        self.tallies.get(value)
    }

    pub fn bytes(&self) -> usize {
        self.held + self.tallies.capacity() * size_of::<(String, T)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(candidates: &mut Candidates<i64>, value: &str, times: i64) {
        candidates.update(value, |count| {
            *count += times;
            0
        });
    }

    #[test]
    fn the_most_frequent_outlive_many_rare_ones() {
        let mut candidates = Candidates::new(10);
        for i in 0..1_000 {
            add(&mut candidates, "often", 1);
            if i % 2 == 0 {
                add(&mut candidates, "half", 1);
            }
            add(&mut candidates, &format!("rare{i}"), 1);
        }
        assert_eq!(candidates.top(2), [("often", 1_000), ("half", 500)]);
        assert!(candidates.tallies.len() <= 20);
        assert!(candidates.held < 20 * 16, "{}", candidates.held);
    }

    #[test]
    fn equal_counts_are_in_order_of_text() {
        let mut candidates = Candidates::new(10);
        for value in ["b", "c", "a"] {
            add(&mut candidates, value, 2);
        }
        assert_eq!(candidates.top(2), [("a", 2), ("b", 2)]);
    }
}
