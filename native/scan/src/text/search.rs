//! A pattern over a page of text.
//!
//! Where a match must contain some literal, that literal is searched in the page's bytes as one string and each hit is
//! mapped to its row by the offsets: a page without a hit costs one pass of memmem, not one call a row. A hit that runs
//! over a row's end is none.

use super::matcher::{FullCase, Matcher};
use crate::bits::Bits;
use basalt_block::codec::TextSlice;
use memchr::memmem::Finder;

#[derive(Default)]
pub struct SearchBuffers {
    /// The page in lower case.
    lowered: Vec<u8>,
    row: Vec<u8>,
}

/// With fewer selected rows than one in this many, rows are looked at one by one.
const WHOLE_PAGE_SHARE: usize = 8;

/// Clears selected rows that do not match (that match, when negated). Selected rows are not null.
pub fn and_text(matcher: &Matcher, negated: bool, text: TextSlice, selected: &mut Bits, buffers: &mut SearchBuffers) {
    if selected.count() * WHOLE_PAGE_SHARE >= text.count() {
        match matcher {
            Matcher::Contains(_) | Matcher::Sequence { .. } => {
                if let Some(finder) = matcher.required() {
                    let hits = hit_rows(finder, text.bytes, text.offsets);
                    return settle(matcher, negated, text, hits, selected);
                }
            }
            Matcher::IgnoreCase { ascii, full } => {
                return and_ignoring_case(ascii, full, negated, text, selected, buffers);
            }
            _ => {}
        }
    }
    selected.retain(|row| matcher.matches(text.get(row), &mut buffers.row) != negated);
}

/// Rows without the required literal do not match; the rest are checked if the literal is not all there is to it.
fn settle(matcher: &Matcher, negated: bool, text: TextSlice, mut hits: Bits, selected: &mut Bits) {
    hits.and(selected);
    if !matches!(matcher, Matcher::Contains(_)) {
        hits.retain(|row| matcher.matches(text.get(row), &mut Vec::new()));
    }
    if negated {
        selected.and_not(&hits)
    } else {
        *selected = hits
    }
}

fn and_ignoring_case(
    ascii: &Matcher,
    full: &FullCase,
    negated: bool,
    text: TextSlice,
    selected: &mut Bits,
    buffers: &mut SearchBuffers,
) {
    let SearchBuffers { lowered, row: unused } = buffers;
    lowered.clear();
    lowered.extend_from_slice(text.bytes);
    lowered.make_ascii_lowercase();
    let slice = |row: usize| text.offsets[row] as usize..text.offsets[row + 1] as usize;
    let mut matched = selected.clone();
    match ascii {
        Matcher::Contains(finder) => matched.and(&hit_rows(finder, lowered, text.offsets)),
        _ => matched.retain(|row| ascii.matches(&lowered[slice(row)], unused)),
    }
    if !text.bytes.is_ascii() {
        let mut beyond = selected.clone();
        beyond.retain(|row| !text.get(row).is_ascii());
        matched.and_not(&beyond);
        beyond.retain(|row| full.matches(text.get(row)));
        matched.or(&beyond);
    }
    if negated {
        selected.and_not(&matched)
    } else {
        *selected = matched
    }
}

/// The rows whose bytes contain the needle. `offsets` as in `Text`; the needle is not empty.
fn hit_rows(finder: &Finder, bytes: &[u8], offsets: &[u32]) -> Bits {
    let mut hits = Bits::none();
    let length = finder.needle().len();
    let (mut from, mut row) = (0, 0);
    while let Some(at) = finder.find(&bytes[from..]) {
        let start = from + at;
        row += offsets[row + 1..].partition_point(|&end| end as usize <= start);
        let Some(&end) = offsets.get(row + 1) else { break };
        if start + length <= end as usize {
            hits.set(row);
            from = end as usize;
        } else {
            from = start + 1;
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{compile_contains, compile_like};
    use basalt_block::Text;

    fn text(rows: &[&str]) -> Text {
        let mut text = Text::default();
        rows.iter().for_each(|row| text.push(row.as_bytes()));
        text
    }

    #[test]
    fn hits_across_row_ends_do_not_count() {
        let page = text(&["ab", "ca", "", "b", "abab", "", "xab"]);
        let hits = hit_rows(&Finder::new("ab"), &page.bytes, &page.offsets);
        let mut rows = Vec::new();
        hits.rows_into(&mut rows);
        assert_eq!(rows, [0, 4, 6]);
    }

    #[test]
    fn whole_pages_and_single_rows_agree() {
        let words = [
            "",
            "error",
            "ERROR",
            "Fehler ä",
            "ÄRGER",
            "Stra\u{212A}e",
            "an error at %",
            "erro",
            "r",
        ];
        let rows: Vec<&str> = (0..500).map(|row| words[row * 7 % words.len()]).collect();
        let page = text(&rows);
        let patterns = ["error", "Ä", "k", "%err%r%", "r%", "%r"];
        for pattern in patterns {
            for ignore_case in [false, true] {
                let like = compile_like(pattern, ignore_case).unwrap();
                for matcher in [like, compile_contains(pattern, ignore_case)] {
                    for negated in [false, true] {
                        let mut whole = Bits::first(rows.len());
                        and_text(
                            &matcher,
                            negated,
                            TextSlice::of(&page),
                            &mut whole,
                            &mut SearchBuffers::default(),
                        );
                        for (row, text) in rows.iter().enumerate() {
                            let single = matcher.matches(text.as_bytes(), &mut Vec::new()) != negated;
                            assert_eq!(whole.words[row / 64] >> (row % 64) & 1 == 1, single, "{pattern} {text}");
                        }
                    }
                }
            }
        }
    }
}
