//! Text with its runs of decimal digits taken out: what is left repeats from line to line and zstd loves it, and the
//! digits are packed three to ten bits.
//!
//! Pays for log messages and paths, where numbers differ in every line: they break zstd's matches and cost it more
//! than 4 bits a digit. (A simple relative of CLP, Rodrigues, Luo, Yuan, OSDI 2021: one kind of variable, no templates
//! to look up.) Less text goes through zstd, so it is faster both ways too.
//!
//! Each run of digits becomes one byte `0xF5 + length` (1 to 10 digits; longer runs are split) and each string ends with
//! 0xF5: bytes that no UTF-8 text has, so nothing needs escaping and no lengths are stored. The text without digits goes
//! through `compress`; the digits are either packed or, where their runs repeat, compressed too.
//!
//! Layout: u32 bytes of all strings, u32 bytes without digits, u32 digits, u32 bytes of the compressed part, that part
//! (`compress`), u8 form of the digits: 1 = packed (`triples`), 2 = `compress`.
//! Worst case: 17 bytes, one a string, and what `compress` adds, more than the text; tried only on text with digits enough
//! that are not part of hexadecimal ids.

use super::byte_mask::{Positions, count_ones, fill_mask};
use super::digit_runs::DigitRuns;
use super::pieces::{PIECE, Pieces};
use super::stats::TextStats;
use super::text::check_utf8;
use super::triples;
use super::{Codec, DIGITS, Declined, TextSlice, Texts};
use crate::column::Text;
use crate::compress;
use crate::cursor::{Cursor, Damage};
use std::cell::RefCell;

pub struct Digits;

const END: u8 = 0xF5;
const RUN_DIGITS_MAX: usize = 10;
/// One digit in so many bytes is the least that pays.
const BYTES_PER_DIGIT_MAX: usize = 24;
const PACKED: u8 = 1;
const COMPRESSED: u8 = 2;
/// Digits looked at to choose their form.
const SAMPLE_DIGITS: usize = 16 << 10;
/// Text looked at to decide for this codec: parts spread over the page.
const SAMPLE_PARTS: usize = 8;
const SAMPLE_PART_BYTES: usize = 2048;

/// Buffers of one thread: a page of messages is a megabyte, too much to ask of the system for each page.
#[derive(Default)]
struct Scratch {
    runs: DigitRuns,
    mask: Vec<u64>,
    /// Of run marks and string ends when decoding.
    marks: Positions,
    rest: Pieces,
    digits: Pieces,
    triples: Vec<u32>,
    plain: Vec<u8>,
}

/// A page larger than this gives its buffers back.
const SCRATCH_BYTES_MAX: usize = 4 << 20;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

fn with_scratch<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    SCRATCH.with_borrow_mut(|scratch| {
        let result = work(scratch);
        if scratch.rest.room.len().max(scratch.plain.capacity()) > SCRATCH_BYTES_MAX {
            *scratch = Scratch::default();
        }
        result
    })
}

/// The strings without their digits go to `rest`, the digits to `digits`.
fn split(values: TextSlice<'_>, scratch: &mut Scratch) {
    let Scratch { runs, rest, digits, .. } = scratch;
    runs.find(values);
    let bytes = values.all_bytes();
    rest.start(bytes.len() + values.count());
    digits.start(runs.digits);
    let first = values.offsets[0];
    let mut runs = runs.iter().peekable();
    for pair in values.offsets.windows(2) {
        let (mut at, end) = ((pair[0] - first) as usize, (pair[1] - first) as usize);
        while let Some((start, stop)) = runs.next_if(|(start, _)| *start < end) {
            rest.copy(bytes, at, start);
            digits.copy(bytes, start, stop);
            at = stop;
            let mut left = stop - start;
            while left > RUN_DIGITS_MAX {
                rest.push(END + RUN_DIGITS_MAX as u8);
                left -= RUN_DIGITS_MAX;
            }
            rest.push(END + left as u8);
        }
        rest.copy(bytes, at, end);
        rest.push(END);
    }
}

/// Appends the form and the digits.
fn append_digits(digits: &Pieces, zstd_level: i32, out: &mut Vec<u8>) {
    let count = digits.used;
    let start = count.saturating_sub(SAMPLE_DIGITS) / 2;
    let sample = &digits.bytes()[start..count.min(start + SAMPLE_DIGITS)];
    let mut compressed = Vec::new();
    compress::compress(sample, zstd_level, &mut compressed);
    // Packing is also several times faster, so compression must win clearly.
    if compressed.len() * 8 < sample.len() * 3 {
        out.push(COMPRESSED);
        compress::compress(digits.bytes(), zstd_level, out);
        return;
    }
    out.push(PACKED);
    triples::pack(digits.bytes(), out);
}

/// About the digits in the text, by a sample; `None` when taking them out does not pay: there are few, or nearly all
/// runs have letters `a-f` for neighbours. Those are hexadecimal ids, which would be torn to pieces.
fn estimate_digits(bytes: &[u8]) -> Option<usize> {
    let (mut digits, mut runs, mut hex_sides, mut sampled) = (0, 0, 0, 0);
    let stride = (bytes.len() / SAMPLE_PARTS).max(SAMPLE_PART_BYTES);
    for part in bytes.chunks(stride) {
        let part = &part[..part.len().min(SAMPLE_PART_BYTES)];
        sampled += part.len();
        let mut previous = 0u8;
        for &byte in part {
            let (is_digit, was_digit) = (byte.is_ascii_digit(), previous.is_ascii_digit());
            let (is_letter, was_letter) = (matches!(byte, b'a'..=b'f'), matches!(previous, b'a'..=b'f'));
            digits += usize::from(is_digit);
            runs += usize::from(is_digit & !was_digit);
            hex_sides += usize::from((is_digit & was_letter) | (is_letter & was_digit));
            previous = byte;
        }
    }
    let pays = digits > 0 && digits * BYTES_PER_DIGIT_MAX >= sampled && hex_sides * 3 <= runs * 2;
    pays.then(|| (digits as u64 * bytes.len() as u64 / sampled as u64) as usize)
}

/// Fills `digits`, with at least a piece of padding behind them.
fn read_digits(
    form: u8,
    payload: &[u8],
    count: usize,
    triples: &mut Vec<u32>,
    digits: &mut Vec<u8>,
) -> Result<(), Damage> {
    match form {
        PACKED => {
            triples::unpack(payload, count, triples, digits)?;
        }
        COMPRESSED => {
            compress::decompress(payload, count, digits)?;
            digits.resize(count + PIECE, 0);
        }
        _ => return Err(Damage(format!("form {form} of digits"))),
    }
    Ok(())
}

impl Codec<Texts> for Digits {
    fn id(&self) -> u8 {
        DIGITS
    }

    fn name(&self) -> &'static str {
        "digits"
    }

    /// It takes half as long again as `text` and twice as long to decode, and saves 7 % of a block of application logs.
    fn suits_wal(&self) -> bool {
        false
    }

    fn estimate_bytes(&self, values: TextSlice<'_>, _: &TextStats) -> Option<usize> {
        let bytes = values.all_bytes();
        let digits = estimate_digits(bytes)?;
        Some(17 + values.count() + bytes.len() - digits + digits * 10 / 24)
    }

    fn encode(&self, values: TextSlice<'_>, _: &TextStats, zstd_level: i32, out: &mut Vec<u8>) -> Result<(), Declined> {
        with_scratch(|scratch| {
            split(values, scratch);
            out.extend_from_slice(&(values.all_bytes().len() as u32).to_le_bytes());
            out.extend_from_slice(&(scratch.rest.used as u32).to_le_bytes());
            out.extend_from_slice(&(scratch.digits.used as u32).to_le_bytes());
            let part_bytes_at = out.len();
            out.extend_from_slice(&[0; 4]);
            compress::compress(scratch.rest.bytes(), zstd_level, out);
            let part_bytes = (out.len() - part_bytes_at - 4) as u32;
            out[part_bytes_at..][..4].copy_from_slice(&part_bytes.to_le_bytes());
            append_digits(&scratch.digits, zstd_level, out);
        });
        Ok(())
    }

    fn decode(&self, payload: &[u8], count: usize, into: &mut Text) -> Result<(), Damage> {
        let mut cursor = Cursor::new(payload);
        let text_bytes = cursor.u32()? as usize;
        let (rest_bytes, digit_count) = (cursor.u32()? as usize, cursor.u32()? as usize);
        let part_bytes = cursor.u32()? as usize;
        if digit_count > text_bytes || rest_bytes > text_bytes + count || text_bytes > rest_bytes + digit_count {
            return Err(Damage(format!(
                "{digit_count} digits and {rest_bytes} other bytes in {text_bytes}"
            )));
        }
        let part = cursor.take(part_bytes)?;
        let form = cursor.u8()?;
        with_scratch(|scratch| {
            compress::decompress(part, rest_bytes, &mut scratch.plain)?;
            fill_mask(&scratch.plain, END, RUN_DIGITS_MAX as u8, &mut scratch.mask);
            scratch.marks.start(count_ones(&scratch.mask));
            scratch
                .mask
                .iter()
                .enumerate()
                .for_each(|(index, &word)| scratch.marks.append(index * 64, word));
            let digits = &mut scratch.digits.room;
            read_digits(form, cursor.rest(), digit_count, &mut scratch.triples, digits)?;
            let marks = scratch.marks.as_slice();
            join(
                &scratch.plain,
                marks,
                &digits[..digit_count + PIECE],
                (count, text_bytes),
                into,
            )
        })?;
        check_utf8(into)
    }
}

/// Puts the digits back: `count` strings of `text_bytes` bytes in all. `marks` are the positions of run marks and string
/// ends in `rest`; `digits` ends with a piece of padding.
fn join(
    rest: &[u8],
    marks: &[u32],
    digits: &[u8],
    (count, text_bytes): (usize, usize),
    into: &mut Text,
) -> Result<(), Damage> {
    let digit_count = digits.len() - PIECE;
    let mut text = Pieces {
        room: std::mem::take(&mut into.bytes),
        used: 0,
    };
    text.start(text_bytes);
    into.offsets.clear();
    into.offsets.push(0);
    let (mut at, mut digits_used) = (0, 0);
    for &mark in marks {
        let mark = mark as usize;
        let run = usize::from(rest[mark] - END);
        if text.used + (mark - at) + run > text_bytes || digits_used + run > digit_count {
            return Err(Damage::new("strings are longer than stated"));
        }
        text.copy(rest, at, mark);
        text.copy(digits, digits_used, digits_used + run);
        digits_used += run;
        at = mark + 1;
        if run == 0 {
            into.offsets.push(text.used as u32);
        }
    }
    let complete = at == rest.len() && digits_used == digit_count && text.used == text_bytes;
    if !complete || into.offsets.len() != count + 1 {
        return Err(Damage::new("strings are shorter or fewer than stated"));
    }
    into.bytes = text.room;
    into.bytes.truncate(text_bytes);
    Ok(())
}
