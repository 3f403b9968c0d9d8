//! Which rows of one page are selected: as a bitmap while filters run, as a row list once they are done.

use basalt_block::PAGE_ROWS;

pub const PAGE_WORDS: usize = PAGE_ROWS / 64;

/// One bit a row of a page; bits past the page's last row are 0.
#[derive(Clone)]
pub struct Bits {
    /// On the heap: filters keep some of these while they recurse.
    pub words: Box<[u64; PAGE_WORDS]>,
}

impl Bits {
    pub fn none() -> Self {
        Self {
            words: Box::new([0; PAGE_WORDS]),
        }
    }

    /// The first `rows` rows (at most `PAGE_ROWS`).
    pub fn first(rows: usize) -> Self {
        let mut bits = Self::none();
        bits.select_first(rows);
        bits
    }

    /// Selects the first `rows` rows and no other.
    pub fn select_first(&mut self, rows: usize) {
        self.words.fill(u64::MAX);
        self.keep_range(0, rows);
    }

    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    pub fn set(&mut self, row: usize) {
        self.words[row / 64] |= 1 << (row % 64);
    }

    pub fn and(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(other.words.iter()) {
            *word &= other;
        }
    }

    pub fn and_not(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(other.words.iter()) {
            *word &= !other;
        }
    }

    pub fn or(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(other.words.iter()) {
            *word |= other;
        }
    }

    /// Keeps the rows that have a value (`present`), or those that have none. Words that are missing count as null.
    pub fn and_validity(&mut self, validity: &[u64], present: bool) {
        let flip = if present { 0 } else { u64::MAX };
        for (index, word) in self.words.iter_mut().enumerate() {
            *word &= validity.get(index).copied().unwrap_or(0) ^ flip;
        }
    }

    /// Clears all rows outside `start..end`.
    pub fn keep_range(&mut self, start: usize, end: usize) {
        for (index, word) in self.words.iter_mut().enumerate() {
            let base = index * 64;
            let low = start.saturating_sub(base).min(64);
            let high = end.saturating_sub(base).min(64);
            *word &= below(high) & !below(low);
        }
    }

    /// Clears the selected rows that fail `test`, which sees selected rows only, in rising order.
    pub fn retain(&mut self, mut test: impl FnMut(usize) -> bool) {
        for (index, word) in self.words.iter_mut().enumerate() {
            let mut left = *word;
            while left != 0 {
                let bit = left.trailing_zeros() as usize;
                left &= left - 1;
                if !test(index * 64 + bit) {
                    *word &= !(1 << bit);
                }
            }
        }
    }

    /// Appends the selected rows in rising order.
    pub fn rows_into(&self, rows: &mut Vec<u32>) {
        for (index, &word) in self.words.iter().enumerate() {
            let mut left = word;
            while left != 0 {
                rows.push((index * 64) as u32 + left.trailing_zeros());
                left &= left - 1;
            }
        }
    }
}

fn below(bit: usize) -> u64 {
    if bit >= 64 { u64::MAX } else { (1 << bit) - 1 }
}

/// The selected rows of a page, in rising order.
#[derive(Clone, Copy)]
pub enum Rows<'a> {
    /// Every row of a page of that many rows.
    All(usize),
    /// These.
    Some(&'a [u32]),
}

impl Rows<'_> {
    pub fn len(self) -> usize {
        match self {
            Self::All(rows) => rows,
            Self::Some(list) => list.len(),
        }
    }

    /// Calls `visit(position among the selected, row)`.
    #[inline(always)]
    pub fn for_each(self, mut visit: impl FnMut(usize, usize)) {
        match self {
            Self::All(rows) => (0..rows).for_each(|row| visit(row, row)),
            Self::Some(list) => list
                .iter()
                .enumerate()
                .for_each(|(position, &row)| visit(position, row as usize)),
        }
    }

    pub fn first(self, count: usize) -> Self {
        match self {
            Self::All(rows) => Self::All(rows.min(count)),
            Self::Some(list) => Self::Some(&list[..list.len().min(count)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_counts() {
        for rows in [0, 1, 63, 64, 65, 8191, PAGE_ROWS] {
            assert_eq!(Bits::first(rows).count(), rows);
        }
        let mut bits = Bits::first(200);
        bits.keep_range(3, 130);
        let mut rows = Vec::new();
        bits.rows_into(&mut rows);
        assert_eq!(rows, (3..130).collect::<Vec<u32>>());
        bits.keep_range(64, 64);
        assert!(bits.is_empty());
    }

    #[test]
    fn retain_sees_selected_rows_only() {
        let mut bits = Bits::none();
        bits.set(5);
        bits.set(70);
        let mut seen = Vec::new();
        bits.retain(|row| {
            seen.push(row);
            row == 70
        });
        assert_eq!(seen, [5, 70]);
        assert_eq!(bits.count(), 1);
    }

    #[test]
    fn missing_validity_words_are_null() {
        let mut bits = Bits::first(128);
        bits.and_validity(&[u64::MAX], true);
        assert_eq!(bits.count(), 64);
    }
}
