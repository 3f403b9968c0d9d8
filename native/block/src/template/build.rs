//! Deciding for templates.

use super::Templates;
use super::shapes::Shapes;
use super::split::split;
use crate::codec::{self, Kind, TextSlice, Texts, bitpack};
use crate::column::{Text, Validity};
use crate::writer::EncodeOptions;

/// Rows that are encoded as text to see what that would cost.
const SAMPLE_ROWS: usize = 2048;
/// Searches of templates and their decoding are several times cheaper, which is worth this share (1/8) of the bytes.
const SEARCH_GAIN_SHARE: u64 = 8;

/// The column as templates, or `None` when that does not pay. `present` is the number of rows with a value.
pub fn build(text: &Text, validity: Option<&Validity>, present: usize, options: &EncodeOptions) -> Option<Templates> {
    let split = split(text, validity, present)?;
    let shapes = Shapes::measure(&split, validity);
    let templates = Templates::new(split, shapes, options);
    let (sample_rows, sample_bytes) = text_sample(text, validity, options);
    let text_bytes = sample_bytes as u64 * present as u64 / sample_rows.max(1) as u64;
    let allowed_bytes = text_bytes + text_bytes / SEARCH_GAIN_SHARE;
    (estimate_bytes(&templates, present) as u64 <= allowed_bytes).then_some(templates)
}

/// About the bytes of dictionary and pages.
fn estimate_bytes(templates: &Templates, present: usize) -> usize {
    let Templates { split, shapes, .. } = templates;
    let code_width = bitpack::width_of(split.entries.len() as u64);
    let referenced: usize = split
        .codes
        .iter()
        .map(|&code| shapes.templates[code as usize].reference_digits as usize)
        .sum();
    // Lengths that vary take some bits; digits with references about half of what free ones do.
    let lengths: usize = split
        .codes
        .iter()
        .map(|&code| shapes.templates[code as usize].lengths as usize)
        .sum();
    let free = split.digits.len().saturating_sub(referenced);
    templates.dictionary.len()
        + bitpack::packed_bytes(present, code_width)
        + lengths / 4
        + free * 10 / 24
        + referenced / 4
}

/// Rows taken from the middle, and their bytes in the best encoding of text.
fn text_sample(text: &Text, validity: Option<&Validity>, options: &EncodeOptions) -> (usize, usize) {
    let start = text.len().saturating_sub(SAMPLE_ROWS) / 2;
    let mut sample = Text::default();
    for row in start..text.len().min(start + SAMPLE_ROWS) {
        if validity.is_none_or(|validity| validity.is_valid(row)) {
            sample.push(text.get(row));
        }
    }
    if sample.is_empty() {
        return (0, 0);
    }
    let strings = TextSlice::of(&sample);
    let mut encoded = Vec::new();
    codec::encode::<Texts>(strings, &Texts::collect(strings), options, &mut encoded);
    (sample.len(), encoded.len())
}
