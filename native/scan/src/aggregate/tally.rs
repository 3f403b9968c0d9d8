//! Counts the rows of strings before they become groups.
//!
//! Where rows are only counted, a row need not know its group. So the numbers of each stem (`stem`) are gathered, for
//! millions of rows, and then counted one stem after the other: the table of one stem's counts stays near the processor,
//! which that of all groups does not. What comes out is in order, and so is all that is made of it.

use super::text_interner::TextInterner;
use crate::bits::Rows;
use crate::column_builder::is_valid;
use crate::page_view::NumberedView;

/// Gathered numbers are counted when there are so many: 8 MiB.
const NUMBERS_MAX: usize = 2 << 20;
/// They are counted by index where that takes at most so many cells for each of them, else they are sorted.
const CELLS_PER_NUMBER: usize = 8;
const CELLS_FREE: usize = 16_384;

#[derive(Default)]
pub struct Tally {
    /// By stem of the interner; 0 for the stem itself.
    numbers: Vec<Vec<u32>>,
    gathered: usize,
    /// The numbers of a page in the order of their stems.
    sorted: Vec<u32>,
    counts: Vec<u32>,
    counted: Counted,
}

/// Rows of groups; a group may come several times.
#[derive(Default)]
pub struct Counted {
    pub ids: Vec<u32>,
    pub counts: Vec<i64>,
}

impl Counted {
    fn add(&mut self, id: u32, count: usize) {
        self.ids.push(id);
        self.counts.push(count as i64);
    }
}

impl Tally {
    /// Adds the selected rows of a page; false, and nothing is added, if the interner keeps strings of one of the stems whole.
    pub fn add(&mut self, interner: &mut TextInterner, view: NumberedView, rows: Rows) -> bool {
        // Behind the stems comes null.
        let null = view.stems.count();
        let place = |row: usize| match view.validity {
            Some(words) if !is_valid(words, row) => null,
            _ => usize::from(view.codes[row]),
        };
        let mut ends = vec![0; null + 1];
        rows.for_each(|_, row| ends[place(row)] += 1);
        let mut sum = 0;
        for end in &mut ends {
            (*end, sum) = (sum, sum + *end);
        }
        self.sorted.resize(rows.len(), 0);
        let sorted = &mut self.sorted;
        // Beginnings become ends.
        rows.for_each(|_, row| {
            let end = &mut ends[place(row)];
            sorted[*end] = view.numbers[row];
            *end += 1;
        });
        let numbers_of = |stem: usize| match stem {
            0 => &sorted[..ends[0]],
            _ => &sorted[ends[stem - 1]..ends[stem]],
        };
        let mut stems = Vec::with_capacity(null);
        for stem in 0..null {
            let is_numbered = numbers_of(stem).iter().any(|&number| number > 0);
            match is_numbered.then(|| interner.stem(view.stems.get(stem))) {
                Some(None) => return false,
                known => stems.push(known.flatten()),
            }
        }
        for (stem, known) in stems.into_iter().enumerate() {
            let numbers = numbers_of(stem);
            if let Some(known) = known {
                let known = known as usize;
                self.numbers.resize(self.numbers.len().max(known + 1), Vec::new());
                self.numbers[known].extend_from_slice(numbers);
                self.gathered += numbers.len();
            } else if !numbers.is_empty() {
                self.counted
                    .add(interner.parted_id(view.stems.get(stem), 0), numbers.len());
            }
        }
        let nulls = numbers_of(null).len();
        if nulls > 0 {
            self.counted.add(interner.null(), nulls);
        }
        true
    }

    pub fn is_full(&self) -> bool {
        self.gathered + self.counted.ids.len() >= NUMBERS_MAX
    }

    /// The rows of all groups that were added since the last time.
    pub fn take(&mut self, interner: &mut TextInterner) -> Counted {
        let Self {
            numbers,
            counts,
            counted,
            ..
        } = self;
        for (stem, numbers) in numbers.iter_mut().enumerate() {
            let stem = stem as u32;
            let max = numbers.iter().copied().max().unwrap_or(0);
            interner.expect(stem, numbers.len(), u64::from(max), 1);
            let whole = interner.stem_text(stem).to_vec();
            let mut add = |number: u32, count: usize| {
                let id = match number {
                    0 => interner.parted_id(&whole, 0),
                    _ => interner.number_id(stem, u64::from(number)),
                };
                counted.add(id, count);
            };
            if max as usize <= CELLS_FREE.max(numbers.len() * CELLS_PER_NUMBER) {
                counts.clear();
                counts.resize(max as usize + 1, 0);
                numbers.iter().for_each(|&number| counts[number as usize] += 1);
                let counts = (0..).zip(counts.iter()).filter(|(_, count)| **count > 0);
                counts.for_each(|(number, count)| add(number, *count as usize));
            } else {
                numbers.sort_unstable();
                numbers
                    .chunk_by(|a, b| a == b)
                    .for_each(|same| add(same[0], same.len()));
            }
            numbers.clear();
        }
        self.gathered = 0;
        std::mem::take(counted)
    }
}
