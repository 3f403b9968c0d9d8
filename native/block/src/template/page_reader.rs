//! From a page's templates and digits back to its strings. `page_writer` has the layout.

use super::shapes::{REFERENCE, Shapes, VARIABLE};
use super::{TemplateDictionary, pairs};
use crate::codec::pieces::{PIECE, Pieces};
use crate::codec::triples;
use crate::column::Text;
use crate::compress;
use crate::cursor::{Cursor, Damage};
use std::cell::RefCell;

/// Where the next row of a template finds its parts.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    rows: u32,
    pub lengths_at: u32,
    pub free_at: u32,
    pub distances_at: u32,
}

/// Buffers of one thread.
#[derive(Default)]
pub(super) struct Scratch {
    pub places: Vec<Place>,
    /// Of the slots whose length varies.
    pub lengths: Vec<u8>,
    triples: Vec<u32>,
    /// Digits of slots without references, in ASCII.
    pub free: Vec<u8>,
    symbols: Vec<u8>,
    /// Digits of slots with references, in ASCII, and a piece of padding.
    pub referenced: Vec<u8>,
}

/// A page larger than this gives its buffers back.
const SCRATCH_BYTES_MAX: usize = 4 << 20;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Replaces `into` with the strings whose templates are `codes`, each below the dictionary's length. `detail` are the
/// bytes that `PageWriter::append` wrote for them.
pub fn read_page(
    dictionary: &mut TemplateDictionary,
    codes: &[u32],
    detail: &[u8],
    into: &mut Text,
) -> Result<(), Damage> {
    with_parts(dictionary, codes, detail, |text, shapes, scratch, text_bytes| {
        assemble(text, shapes, codes, scratch, text_bytes, into)
    })
}

/// Calls `work` with the templates, their shapes, the decoded parts of a page and the bytes of all its strings.
pub(super) fn with_parts<T>(
    dictionary: &mut TemplateDictionary,
    codes: &[u32],
    detail: &[u8],
    work: impl FnOnce(&Text, &Shapes, &mut Scratch, usize) -> Result<T, Damage>,
) -> Result<T, Damage> {
    let (text, shapes) = dictionary.with_shapes()?;
    SCRATCH.with_borrow_mut(|scratch| {
        let result = read_parts(text, shapes, codes, detail, scratch)
            .and_then(|text_bytes| work(text, shapes, scratch, text_bytes));
        if scratch.free.capacity().max(scratch.referenced.capacity()) > SCRATCH_BYTES_MAX {
            *scratch = Scratch::default();
        }
        result
    })
}

/// Decodes the parts and finds where each template's rows begin in them; returns the bytes of all strings.
fn read_parts(
    text: &Text,
    shapes: &Shapes,
    codes: &[u32],
    detail: &[u8],
    scratch: &mut Scratch,
) -> Result<usize, Damage> {
    let Scratch {
        places,
        lengths,
        triples: numbers,
        free,
        symbols,
        referenced,
    } = scratch;
    places.clear();
    places.resize(text.len(), Place::default());
    codes.iter().for_each(|&code| places[code as usize].rows += 1);
    let too_much = || Damage::new("a page of 4 GiB or more of digits");
    let (mut length_count, mut referenced_count) = (0u32, 0u32);
    for (place, shape) in places
        .iter_mut()
        .zip(&shapes.templates)
        .filter(|(place, _)| place.rows > 0)
    {
        let advance = |at: &mut u32, each: u32| {
            let start = *at;
            let end = each.checked_mul(place.rows).and_then(|all| start.checked_add(all));
            *at = end.ok_or_else(too_much)?;
            Ok::<u32, Damage>(start)
        };
        let lengths_at = advance(&mut length_count, shape.lengths)?;
        let distances_at = advance(&mut referenced_count, shape.reference_digits)?;
        (place.lengths_at, place.distances_at) = (lengths_at, distances_at);
    }
    let mut cursor = Cursor::new(detail);
    let lengths_bytes = cursor.u32()? as usize;
    compress::decompress(cursor.take(lengths_bytes)?, length_count as usize, lengths)?;
    if lengths.contains(&0) {
        return Err(Damage::new("a run of no digits"));
    }
    let mut free_count = 0u64;
    let mut text_bytes = 0u64;
    for (template, place) in places.iter_mut().enumerate().filter(|(_, place)| place.rows > 0) {
        let shape = &shapes.templates[template];
        let rows = u64::from(place.rows);
        let lengths = &lengths[place.lengths_at as usize..][..(shape.lengths * place.rows) as usize];
        let varying: u64 = lengths.iter().map(|&length| u64::from(length)).sum();
        place.free_at = u32::try_from(free_count).map_err(|_| too_much())?;
        free_count += varying + rows * u64::from(shape.free_digits);
        let fixed = (text.get(template).len() - shapes.slots(template).len()) as u64;
        text_bytes += rows * (fixed + u64::from(shape.free_digits) + u64::from(shape.reference_digits)) + varying;
    }
    // Digits are part of the text, so this bounds them all.
    if text_bytes > u64::from(u32::MAX) {
        return Err(Damage::new("a page of 4 GiB or more"));
    }
    let free_count = free_count as usize;
    triples::unpack(
        cursor.take(triples::packed_bytes(free_count))?,
        free_count,
        numbers,
        free,
    )?;
    let referenced_count = referenced_count as usize;
    compress::decompress(cursor.rest(), pairs::joined_bytes(referenced_count), symbols)?;
    pairs::part(symbols, referenced_count, referenced)?;
    for (template, place) in places.iter().enumerate().filter(|(_, place)| place.rows > 0) {
        let references = shapes.references_of(template);
        if !references.is_empty() {
            let bytes = references.len() * place.rows as usize;
            let rows = referenced[place.distances_at as usize..][..bytes].chunks_exact_mut(references.len());
            rows.for_each(|row| add_references(row, references));
        }
    }
    referenced.resize(referenced_count + PIECE, 0);
    Ok(text_bytes as usize)
}

fn add_references(row: &mut [u8], references: &[u8]) {
    for (digit, reference) in row.iter_mut().zip(references) {
        let sum = *digit + reference;
        *digit = b'0' + if sum >= 10 { sum - 10 } else { sum };
    }
}

/// Puts the strings together in row order.
fn assemble(
    text: &Text,
    shapes: &Shapes,
    codes: &[u32],
    scratch: &mut Scratch,
    text_bytes: usize,
    into: &mut Text,
) -> Result<(), Damage> {
    let mut out = Pieces {
        room: std::mem::take(&mut into.bytes),
        used: 0,
    };
    out.start(text_bytes);
    into.offsets.clear();
    into.offsets.push(0);
    for &code in codes {
        let template = code as usize;
        let place = &mut scratch.places[template];
        let mut at = text.offsets[template] as usize;
        let slots = shapes.slots(template);
        for (&position, &form) in shapes.positions[slots.clone()].iter().zip(&shapes.forms[slots]) {
            out.copy(&text.bytes, at, position as usize);
            at = position as usize + 1;
            if form & REFERENCE == 0 {
                let digits = if form == VARIABLE {
                    place.lengths_at += 1;
                    scratch.lengths[place.lengths_at as usize - 1]
                } else {
                    form
                };
                let start = place.free_at as usize;
                place.free_at += u32::from(digits);
                out.copy(&scratch.free, start, place.free_at as usize);
            } else {
                let start = place.distances_at as usize;
                place.distances_at += u32::from(form & !REFERENCE);
                out.copy(&scratch.referenced, start, place.distances_at as usize);
            }
        }
        out.copy(&text.bytes, at, text.offsets[template + 1] as usize);
        into.offsets.push(out.used as u32);
    }
    into.bytes = out.room;
    into.bytes.truncate(text_bytes);
    Ok(())
}
