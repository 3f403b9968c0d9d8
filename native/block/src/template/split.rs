//! A column's strings taken apart.

use super::{RUN_DIGITS_MAX, SLOT};
use crate::codec::TextSlice;
use crate::codec::digit_runs::DigitRuns;
use crate::codec::pieces::{PIECE, Pieces};
use crate::column::{Text, Validity};
use crate::dictionary::{ENTRY_BYTES_MAX, Interner, entries_max};
use crate::reader::PAGE_ROWS;

pub struct Split {
    /// The template of each row, 0 in null rows.
    pub codes: Vec<u32>,
    /// The templates in bytewise order, which compresses best.
    pub entries: Text,
    /// Lengths of the runs of all rows with a value, in row order.
    pub lengths: Vec<u8>,
    /// Their digits in ASCII, and a piece of padding.
    pub digits: Vec<u8>,
}

/// Rows looked at first, spread over the column.
const SAMPLE_ROWS: usize = 512;

/// `None` when there are too many templates, or a run is too long. Work spent on a column that is refused is at most
/// that of a few pages, unless it takes to other shapes later on.
pub fn split(text: &Text, validity: Option<&Validity>, present: usize) -> Option<Split> {
    let limit = entries_max(present);
    if limit == 0 || !sample_repeats(text, validity) {
        return None;
    }
    let mut splitter = Splitter::default();
    let mut codes = Vec::with_capacity(text.len());
    for start in (0..text.len()).step_by(PAGE_ROWS) {
        let rows = PAGE_ROWS.min(text.len() - start);
        let values = TextSlice {
            offsets: &text.offsets[start..=start + rows],
            bytes: &text.bytes,
        };
        let is_present = |row: usize| validity.is_none_or(|validity| validity.is_valid(start + row));
        splitter.add(values, is_present, &mut codes)?;
        // Half of the first pages' rows new means that most of the others will be too.
        let templates = splitter.interner.len();
        if templates > limit || templates * 2 > codes.len() || splitter.interner.entry_bytes() > ENTRY_BYTES_MAX {
            return None;
        }
    }
    let Splitter {
        interner,
        lengths,
        mut digits,
        ..
    } = splitter;
    let entries = sort_entries(&interner.into_entries(), &mut codes);
    digits.resize(digits.len() + PIECE, 0);
    Some(Split {
        codes,
        entries,
        lengths,
        digits,
    })
}

#[derive(Default)]
struct Splitter {
    interner: Interner,
    lengths: Vec<u8>,
    digits: Vec<u8>,
    runs: DigitRuns,
    template: Pieces,
    page_digits: Pieces,
}

impl Splitter {
    /// Takes the strings apart; `None` at a run that is too long.
    fn add(&mut self, values: TextSlice<'_>, is_present: impl Fn(usize) -> bool, codes: &mut Vec<u32>) -> Option<()> {
        self.runs.find(values);
        self.page_digits.start(self.runs.digits);
        let bytes = values.all_bytes();
        let first = values.offsets[0];
        let mut runs = self.runs.iter().peekable();
        for (row, pair) in values.offsets.windows(2).enumerate() {
            let (mut at, end) = ((pair[0] - first) as usize, (pair[1] - first) as usize);
            if !is_present(row) {
                while runs.next_if(|(start, _)| *start < end).is_some() {}
                codes.push(0);
                continue;
            }
            self.template.start(end - at);
            while let Some((start, stop)) = runs.next_if(|(start, _)| *start < end) {
                if stop - start > RUN_DIGITS_MAX {
                    return None;
                }
                self.template.copy(bytes, at, start);
                self.template.push(SLOT);
                self.page_digits.copy(bytes, start, stop);
                self.lengths.push((stop - start) as u8);
                at = stop;
            }
            self.template.copy(bytes, at, end);
            codes.push(self.interner.intern(self.template.bytes()));
        }
        self.digits.extend_from_slice(self.page_digits.bytes());
        Some(())
    }
}

/// Whether templates may repeat, by some hundred rows: ids and hashes show a new one nearly every time.
fn sample_repeats(text: &Text, validity: Option<&Validity>) -> bool {
    let step = text.len().div_ceil(SAMPLE_ROWS);
    let mut sample = Text::default();
    for row in (0..text.len()).step_by(step) {
        if validity.is_none_or(|validity| validity.is_valid(row)) {
            sample.push(text.get(row));
        }
    }
    let mut splitter = Splitter::default();
    let taken = splitter.add(TextSlice::of(&sample), |_| true, &mut Vec::new());
    let (seen, templates) = (sample.len(), splitter.interner.len());
    // A mostly null column may show too few rows to tell; without digits there is nothing to gain.
    let repeats = templates * 8 < seen * 7 && !splitter.lengths.is_empty();
    taken.is_some() && (seen < 64 || repeats)
}

/// The entries in bytewise order; `codes` are translated.
fn sort_entries(entries: &Text, codes: &mut [u32]) -> Text {
    let mut order: Vec<u32> = (0..entries.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| entries.get(a as usize).cmp(entries.get(b as usize)));
    let mut sorted = Text::default();
    let mut new_codes = vec![0; entries.len()];
    for (new, &old) in order.iter().enumerate() {
        sorted.push(entries.get(old as usize));
        new_codes[old as usize] = new as u32;
    }
    for code in codes {
        // Null rows have code 0 whatever that is.
        *code = new_codes.get(*code as usize).copied().unwrap_or(0);
    }
    sorted
}
