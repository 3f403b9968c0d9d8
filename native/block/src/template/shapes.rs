//! What is known of each slot of each template in a chunk.
//!
//! Layout, behind the templates' text: u32 bytes of the compressed forms, the forms (`compress`, one byte a slot in template
//! order), then the reference digits of all slots that have them, in order, as pairs (`compress`). A form is 0: run
//! lengths differ; 1 to 127: all runs have that length; 128 more: and reference digits.

use super::split::Split;
use super::{SLOT, pairs};
use crate::column::{Text, Validity};
use crate::compress;
use crate::cursor::{Cursor, Damage};
use std::ops::Range;

pub const VARIABLE: u8 = 0;
pub const REFERENCE: u8 = 128;
const FIXED_DIGITS_MAX: u8 = 127;

/// Templates of fewer rows get no reference digits: those would cost what they save.
const REFERENCE_ROWS_MIN: u32 = 6;
/// Rows of a template looked at to find its reference digits.
const REFERENCE_ROWS_MAX: u32 = 64;
/// Share in percent of digits that must equal the reference. A digit that does so with 35 % costs, coded together with all
/// the others, about as much as a free one.
const REFERENCE_SHARE_MIN: u32 = 35;

pub struct Shapes {
    /// First slot of each template, and the end.
    slot_starts: Vec<u32>,
    /// Position of each slot in the templates' bytes.
    pub positions: Vec<u32>,
    /// One a slot.
    pub forms: Vec<u8>,
    pub templates: Vec<Shape>,
    /// Digits 0 to 9.
    pub references: Vec<u8>,
}

/// What a row of one template has in each part of a page.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shape {
    /// Slots whose length varies.
    pub lengths: u32,
    /// Digits of free slots of fixed length.
    pub free_digits: u32,
    /// Digits of slots with references.
    pub reference_digits: u32,
    /// Where its references start.
    pub references_at: u32,
}

impl Shapes {
    fn of(text: &Text, forms: Vec<u8>, references: Vec<u8>) -> Self {
        let mut shapes = Self {
            slot_starts: Vec::with_capacity(text.len() + 1),
            positions: slot_positions(text),
            forms,
            templates: Vec::with_capacity(text.len()),
            references,
        };
        let (mut slot, mut references_at) = (0, 0);
        for &end in &text.offsets[1..] {
            shapes.slot_starts.push(slot as u32);
            let mut shape = Shape {
                references_at,
                ..Shape::default()
            };
            while slot < shapes.positions.len() && shapes.positions[slot] < end {
                match shapes.forms[slot] {
                    VARIABLE => shape.lengths += 1,
                    form if form & REFERENCE == 0 => shape.free_digits += u32::from(form),
                    form => shape.reference_digits += u32::from(form & !REFERENCE),
                }
                slot += 1;
            }
            references_at += shape.reference_digits;
            shapes.templates.push(shape);
        }
        shapes.slot_starts.push(slot as u32);
        shapes
    }

    /// The slots of a template.
    pub fn slots(&self, template: usize) -> Range<usize> {
        self.slot_starts[template] as usize..self.slot_starts[template + 1] as usize
    }

    pub fn references_of(&self, template: usize) -> &[u8] {
        let shape = &self.templates[template];
        &self.references[shape.references_at as usize..][..shape.reference_digits as usize]
    }

    /// Judges the slots by the rows.
    pub fn measure(split: &Split, validity: Option<&Validity>) -> Self {
        let slots = slot_positions(&split.entries).len();
        // A free shape of everything, for the places of slots.
        let plain = Self::of(&split.entries, vec![VARIABLE; slots], Vec::new());
        let (fixed, rows) = fixed_lengths(split, validity, &plain);
        let counts = DigitCounts::collect(split, validity, &plain, &fixed, &rows);
        let (mut forms, mut references) = (fixed, Vec::new());
        for (slot, form) in forms.iter_mut().enumerate() {
            if let Some(digits) = counts.references(slot, usize::from(*form)) {
                references.extend(digits);
                *form |= REFERENCE;
            }
        }
        Self::of(&split.entries, forms, references)
    }

    pub fn append(&self, zstd_level: i32, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        compress::compress(&self.forms, zstd_level, out);
        let form_bytes = (out.len() - start - 4) as u32;
        out[start..start + 4].copy_from_slice(&form_bytes.to_le_bytes());
        let mut packed = Vec::new();
        pairs::join(&self.references, &mut packed);
        compress::compress_symbols(&packed, out);
    }

    pub fn parse(text: &Text, bytes: &[u8]) -> Result<Self, Damage> {
        let mut cursor = Cursor::new(bytes);
        let form_bytes = cursor.u32()? as usize;
        let mut forms = Vec::new();
        let slots = text.bytes.iter().filter(|byte| **byte == SLOT).count();
        compress::decompress(cursor.take(form_bytes)?, slots, &mut forms)?;
        if forms.contains(&REFERENCE) {
            return Err(Damage::new("a template slot of no digits"));
        }
        let digits = forms.iter().filter(|form| **form & REFERENCE != 0);
        let digits = digits.map(|form| usize::from(form & !REFERENCE)).sum();
        let (mut packed, mut references) = (Vec::new(), Vec::new());
        compress::decompress(cursor.rest(), pairs::joined_bytes(digits), &mut packed)?;
        pairs::part(&packed, digits, &mut references)?;
        Ok(Self::of(text, forms, references))
    }
}

fn slot_positions(text: &Text) -> Vec<u32> {
    memchr::memchr_iter(SLOT, &text.bytes).map(|at| at as u32).collect()
}

/// Calls `visit` with each row that has a value: template, and where its lengths and digits begin in the split.
fn for_each_row(
    split: &Split,
    validity: Option<&Validity>,
    shapes: &Shapes,
    mut visit: impl FnMut(usize, usize, usize),
) {
    let (mut lengths_at, mut digits_at) = (0, 0);
    for (row, &code) in split.codes.iter().enumerate() {
        if validity.is_some_and(|validity| !validity.is_valid(row)) {
            continue;
        }
        let template = code as usize;
        visit(template, lengths_at, digits_at);
        let slots = shapes.slots(template).len();
        let lengths = &split.lengths[lengths_at..lengths_at + slots];
        digits_at += lengths.iter().map(|&length| usize::from(length)).sum::<usize>();
        lengths_at += slots;
    }
}

/// For each slot the length of all its runs, or `VARIABLE`; for each template its rows.
fn fixed_lengths(split: &Split, validity: Option<&Validity>, shapes: &Shapes) -> (Vec<u8>, Vec<u32>) {
    let mut fixed = vec![VARIABLE; shapes.forms.len()];
    let mut rows = vec![0; shapes.templates.len()];
    for_each_row(split, validity, shapes, |template, lengths_at, _| {
        let slots = shapes.slots(template);
        let lengths = &split.lengths[lengths_at..lengths_at + slots.len()];
        let known = &mut fixed[slots];
        if rows[template] == 0 {
            known.copy_from_slice(lengths);
        } else {
            for (known, &length) in known.iter_mut().zip(lengths) {
                *known = if *known == length { length } else { VARIABLE };
            }
        }
        rows[template] += 1;
    });
    for length in &mut fixed {
        if *length > FIXED_DIGITS_MAX {
            *length = VARIABLE;
        }
    }
    (fixed, rows)
}

/// How often each digit is at each place of slots that may get references.
struct DigitCounts {
    /// For each slot its first place in `counts`, `NONE` if it may not.
    places: Vec<u32>,
    counts: Vec<[u8; 10]>,
}

const NONE: u32 = u32::MAX;

impl DigitCounts {
    fn collect(split: &Split, validity: Option<&Validity>, shapes: &Shapes, fixed: &[u8], rows: &[u32]) -> Self {
        let mut places = vec![NONE; fixed.len()];
        let mut count = 0;
        for (template, &rows) in rows.iter().enumerate() {
            for slot in shapes.slots(template).filter(|_| rows >= REFERENCE_ROWS_MIN) {
                if fixed[slot] != VARIABLE {
                    places[slot] = count;
                    count += u32::from(fixed[slot]);
                }
            }
        }
        let mut counts = vec![[0u8; 10]; count as usize];
        let mut seen = vec![0; rows.len()];
        for_each_row(split, validity, shapes, |template, lengths_at, digits_at| {
            if rows[template] < REFERENCE_ROWS_MIN || seen[template] == REFERENCE_ROWS_MAX {
                return;
            }
            seen[template] += 1;
            let mut at = digits_at;
            for (slot, &length) in shapes.slots(template).zip(&split.lengths[lengths_at..]) {
                let digits = &split.digits[at..at + usize::from(length)];
                at += digits.len();
                if places[slot] != NONE {
                    let counts = &mut counts[places[slot] as usize..][..digits.len()];
                    for (counts, digit) in counts.iter_mut().zip(digits) {
                        counts[usize::from(digit - b'0')] += 1;
                    }
                }
            }
        });
        Self { places, counts }
    }

    /// The most frequent digits of a slot, if they are frequent enough.
    fn references(&self, slot: usize, length: usize) -> Option<impl Iterator<Item = u8>> {
        let counts = match self.places[slot] {
            NONE => return None,
            place => &self.counts[place as usize..][..length],
        };
        let most = |counts: &[u8; 10]| (0..10).max_by_key(|&digit| counts[digit]).unwrap_or(0);
        let total: u32 = counts.iter().flatten().map(|&count| u32::from(count)).sum();
        let equal: u32 = counts.iter().map(|counts| u32::from(counts[most(counts)])).sum();
        (equal * 100 >= total * REFERENCE_SHARE_MIN).then(|| counts.iter().map(move |counts| most(counts) as u8))
    }
}
