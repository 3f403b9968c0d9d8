//! A page's strings as stems and numbers, without putting the strings together.
//!
//! The number of a string is the run of digits that it ends with, from the first digit that is not 0 on; its stem is all
//! before. Strings that end otherwise, or with a run of zeros, have the number 0 and are their own stem. Paths with an id
//! at their end have few stems, so grouping by them can look up numbers instead of hashing text.

use super::TemplateDictionary;
use super::page_reader::{Place, Scratch, with_parts};
use super::shapes::{REFERENCE, Shapes, VARIABLE};
use crate::column::{Text, Validity};
use crate::cursor::Damage;
use ahash::AHashMap;

/// A page of more stems is not worth taking apart.
const STEMS_MAX: usize = 256;
/// So that every number fits 32 bits.
const DIGITS_MAX: usize = 9;
/// Digits in front of the number, with their lengths. Longer ones are seldom the same twice.
const LEAD_BYTES_MAX: usize = 32;

/// The strings of a page: row by row its stem and its number. Null rows have 0 and 0.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct NumberedPage {
    pub rows: usize,
    /// `None` when no row of the page is null.
    pub validity: Option<Validity>,
    pub stems: Text,
    pub codes: Vec<u8>,
    pub numbers: Vec<u32>,
}

impl NumberedPage {
    fn clear(&mut self) {
        self.stems.bytes.clear();
        self.stems.offsets.clear();
        self.stems.offsets.push(0);
        self.codes.clear();
        self.numbers.clear();
    }

    /// From one entry a present row to one a row.
    pub(crate) fn spread(&mut self) {
        let Some(validity) = &self.validity else { return };
        let mut next = self.codes.len();
        self.codes.resize(self.rows, 0);
        self.numbers.resize(self.rows, 0);
        for row in (0..self.rows).rev() {
            if validity.is_valid(row) {
                next -= 1;
                (self.codes[row], self.numbers[row]) = (self.codes[next], self.numbers[next]);
            } else {
                (self.codes[row], self.numbers[row]) = (0, 0);
            }
        }
    }
}

/// As `page_reader::read_page`, but stems and numbers of the rows; false where a number is too large or stems are too many.
pub fn read_numbered(
    dictionary: &mut TemplateDictionary,
    codes: &[u32],
    detail: &[u8],
    into: &mut NumberedPage,
) -> Result<bool, Damage> {
    into.clear();
    with_parts(dictionary, codes, detail, |text, shapes, scratch, _| {
        Ok(divide(text, shapes, codes, scratch, into).is_some())
    })
}

/// The stem found last for a template: the digits in front of the number, and its code.
type Last = Option<(Vec<u8>, u8)>;

fn divide(text: &Text, shapes: &Shapes, codes: &[u32], scratch: &mut Scratch, into: &mut NumberedPage) -> Option<()> {
    let mut lasts: Vec<Last> = vec![None; text.len()];
    let mut known: AHashMap<Vec<u8>, u8> = AHashMap::new();
    let (mut lead, mut stem) = (Vec::with_capacity(LEAD_BYTES_MAX), Vec::new());
    for &template in codes {
        let template = template as usize;
        let mut row = Row::of(template, text, shapes, scratch);
        lead.clear();
        let number = row.read(&mut lead)?;
        let code = match &lasts[template] {
            Some((held, code)) if *held == lead => *code,
            _ => {
                stem.clear();
                row.write_stem(&lead, &mut stem);
                let code = match known.get(&stem) {
                    Some(&code) => code,
                    None if known.len() == STEMS_MAX => return None,
                    None => {
                        let code = known.len() as u8;
                        into.stems.push(&stem);
                        known.insert(stem.clone(), code);
                        code
                    }
                };
                lasts[template] = Some((lead.clone(), code));
                code
            }
        };
        into.codes.push(code);
        into.numbers.push(number);
    }
    Some(())
}

/// One row while it is taken apart.
struct Row<'a> {
    template: usize,
    text: &'a Text,
    shapes: &'a Shapes,
    place: &'a mut Place,
    lengths: &'a [u8],
    free: &'a [u8],
    referenced: &'a [u8],
}

impl<'a> Row<'a> {
    fn of(template: usize, text: &'a Text, shapes: &'a Shapes, scratch: &'a mut Scratch) -> Self {
        Self {
            template,
            text,
            shapes,
            place: &mut scratch.places[template],
            lengths: &scratch.lengths,
            free: &scratch.free,
            referenced: &scratch.referenced,
        }
    }

    /// The digits of the next slot; `form` is its form.
    fn digits(&mut self, form: u8) -> &'a [u8] {
        let place = &mut *self.place;
        if form & REFERENCE != 0 {
            let start = place.distances_at as usize;
            place.distances_at += u32::from(form & !REFERENCE);
            return &self.referenced[start..place.distances_at as usize];
        }
        let digits = if form == VARIABLE {
            place.lengths_at += 1;
            self.lengths[place.lengths_at as usize - 1]
        } else {
            form
        };
        let start = place.free_at as usize;
        place.free_at += u32::from(digits);
        &self.free[start..place.free_at as usize]
    }

    /// The number; `lead` gets what else tells the stem from others of the template: each run of digits with its length,
    /// and the zeros in front of the number.
    fn read(&mut self, lead: &mut Vec<u8>) -> Option<u32> {
        let slots = self.shapes.slots(self.template);
        let ends_with_number = self.ends_with_number();
        let last = slots.end - usize::from(ends_with_number);
        for slot in slots.start..last {
            let digits = self.digits(self.shapes.forms[slot]);
            // A run has at most 255 digits.
            lead.push(digits.len() as u8);
            lead.extend_from_slice(digits);
            if lead.len() > LEAD_BYTES_MAX {
                return None;
            }
        }
        if !ends_with_number {
            return Some(0);
        }
        let digits = self.digits(self.shapes.forms[last]);
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        let digits = &digits[zeros..];
        lead.push(zeros as u8);
        (digits.len() <= DIGITS_MAX).then(|| {
            digits
                .iter()
                .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
        })
    }

    fn ends_with_number(&self) -> bool {
        let slots = self.shapes.slots(self.template);
        let end = self.text.offsets[self.template + 1];
        !slots.is_empty() && self.shapes.positions[slots.end - 1] + 1 == end
    }

    /// Appends the stem that `read` gave `lead` for.
    fn write_stem(&self, mut lead: &[u8], stem: &mut Vec<u8>) {
        let (mut at, end) = (
            self.text.offsets[self.template] as usize,
            self.text.offsets[self.template + 1] as usize,
        );
        let slots = self.shapes.slots(self.template);
        let last = slots.end - usize::from(self.ends_with_number());
        for &position in &self.shapes.positions[slots.start..last] {
            stem.extend_from_slice(&self.text.bytes[at..position as usize]);
            at = position as usize + 1;
            let (digits, rest) = lead[1..].split_at(usize::from(lead[0]));
            stem.extend_from_slice(digits);
            lead = rest;
        }
        match lead.first() {
            Some(&zeros) => {
                stem.extend_from_slice(&self.text.bytes[at..end - 1]);
                stem.resize(stem.len() + usize::from(zeros), b'0');
            }
            None => stem.extend_from_slice(&self.text.bytes[at..end]),
        }
    }
}
