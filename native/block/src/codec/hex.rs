//! Strings that are all lower-case hex of one shape (trace ids, span ids, UUIDs): two digits a byte.
//!
//! Pays for random ids, where it halves the bytes at copying speed; zstd finds less in them and takes far longer.
//! All strings have one length up to 255; at up to eight positions every string may hold the same other ASCII
//! character (the dashes of a UUID); the remaining positions are an even number of digits `0-9a-f`.
//! Layout: u8 string bytes, u8 separators, per separator u8 position and u8 character (positions rising), then the
//! packed digits of all strings through `compress` (padded or counting ids do compress).
//! Worst case: half the text and 19 bytes.

use super::stats::TextStats;
use super::{Codec, Declined, HEX, TextSlice, Texts};
use crate::column::Text;
use crate::compress;
use crate::cursor::{Cursor, Damage};

pub struct Hex;

const SEPARATORS_MAX: usize = 8;
const LENGTH_MIN: u32 = 8;
const LENGTH_MAX: u32 = 255;
/// Random digits do not compress at any level; a low one finds the padded ids.
const ZSTD_LEVEL_MAX: i32 = 1;

/// Positions that are not digits, with their character.
type Separators = Vec<(u8, u8)>;

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// The shape of one string, or `None` when it is no hex string.
fn shape_of(string: &[u8]) -> Option<Separators> {
    let mut separators = Separators::new();
    for (position, &byte) in string.iter().enumerate() {
        if !is_digit(byte) {
            if separators.len() == SEPARATORS_MAX || !byte.is_ascii() {
                return None;
            }
            separators.push((position as u8, byte));
        }
    }
    let digits = string.len() - separators.len();
    (digits.is_multiple_of(2) && digits >= separators.len() * 4 && digits > 0).then_some(separators)
}

/// The digits of one string without its separators, appended; false when the string has another shape.
fn append_digits(string: &[u8], separators: &Separators, out: &mut Vec<u8>) -> bool {
    let mut start = 0;
    for &(position, separator) in separators {
        let position = usize::from(position);
        if string[position] != separator {
            return false;
        }
        out.extend_from_slice(&string[start..position]);
        start = position + 1;
    }
    out.extend_from_slice(&string[start..]);
    true
}

/// Two digits to a byte, the first one high. False when some byte is no digit.
fn pack_digits(digits: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    out.resize(start + digits.len() / 2, 0);
    let mut foreign = 0u8;
    let mut nibble = |byte: u8| {
        let (decimal, letter) = (byte.wrapping_sub(b'0'), byte.wrapping_sub(b'a'));
        foreign |= u8::from(decimal > 9) & u8::from(letter > 5);
        if decimal <= 9 { decimal } else { letter.wrapping_add(10) }
    };
    for (slot, pair) in out[start..].iter_mut().zip(digits.chunks_exact(2)) {
        *slot = nibble(pair[0]) << 4 | nibble(pair[1]) & 15;
    }
    foreign == 0
}

fn unpack_digits(packed: &[u8], out: &mut [u8]) {
    let digit = |nibble: u8| nibble + b'0' + (u8::from(nibble > 9) * (b'a' - b'9' - 1));
    for (pair, &byte) in out.chunks_exact_mut(2).zip(packed) {
        pair[0] = digit(byte >> 4);
        pair[1] = digit(byte & 15);
    }
}

impl Codec<Texts> for Hex {
    fn id(&self) -> u8 {
        HEX
    }

    fn name(&self) -> &'static str {
        "hex"
    }

    fn estimate_bytes(&self, values: TextSlice<'_>, stats: &TextStats) -> Option<usize> {
        let fits = stats.length_min == stats.length_max && (LENGTH_MIN..=LENGTH_MAX).contains(&stats.length_min);
        if !fits {
            return None;
        }
        // The first and the last string decide; `encode` checks the rest and declines.
        let last = values.get(values.count() - 1);
        let separators = shape_of(values.get(0)).filter(|separators| shape_of(last).as_ref() == Some(separators))?;
        Some(19 + values.count() * (stats.length_min as usize - separators.len()) / 2)
    }

    fn encode(
        &self,
        values: TextSlice<'_>,
        stats: &TextStats,
        zstd_level: i32,
        out: &mut Vec<u8>,
    ) -> Result<(), Declined> {
        let separators = shape_of(values.get(0)).ok_or(Declined)?;
        out.push(stats.length_min as u8);
        out.push(separators.len() as u8);
        separators
            .iter()
            .for_each(|&(position, separator)| out.extend_from_slice(&[position, separator]));
        let mut packed = Vec::new();
        let taken = if separators.is_empty() {
            pack_digits(values.all_bytes(), &mut packed)
        } else {
            let mut digits = Vec::with_capacity(values.all_bytes().len());
            (0..values.count()).all(|index| append_digits(values.get(index), &separators, &mut digits))
                && pack_digits(&digits, &mut packed)
        };
        if !taken {
            return Err(Declined);
        }
        compress::compress(&packed, zstd_level.min(ZSTD_LEVEL_MAX), out);
        Ok(())
    }

    fn decode(&self, payload: &[u8], count: usize, into: &mut Text) -> Result<(), Damage> {
        let mut cursor = Cursor::new(payload);
        let length = usize::from(cursor.u8()?);
        let separators = usize::from(cursor.u8()?);
        let separators: Vec<(usize, u8)> = cursor
            .take(separators * 2)?
            .chunks_exact(2)
            .map(|pair| (usize::from(pair[0]), pair[1]))
            .collect();
        let rising = separators.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let digits = length.saturating_sub(separators.len());
        let inside = separators
            .iter()
            .all(|&(position, byte)| position < length && byte.is_ascii());
        if !rising || !inside || digits == 0 || !digits.is_multiple_of(2) {
            return Err(Damage::new("the shape of hex strings contradicts itself"));
        }
        let mut packed = Vec::new();
        compress::decompress(cursor.rest(), count * digits / 2, &mut packed)?;
        into.offsets.clear();
        into.offsets.extend((0..=count).map(|index| (index * length) as u32));
        into.bytes.clear();
        into.bytes.resize(count * length, 0);
        if separators.is_empty() {
            unpack_digits(&packed, &mut into.bytes);
        } else {
            let mut flat = vec![0; count * digits];
            unpack_digits(&packed, &mut flat);
            for (string, digits) in into.bytes.chunks_exact_mut(length).zip(flat.chunks_exact(digits)) {
                insert_separators(digits, &separators, string);
            }
        }
        Ok(())
    }
}

fn insert_separators(digits: &[u8], separators: &[(usize, u8)], string: &mut [u8]) {
    let (mut from, mut to) = (0, 0);
    for &(position, separator) in separators {
        let run = position - to;
        string[to..position].copy_from_slice(&digits[from..from + run]);
        string[position] = separator;
        (from, to) = (from + run, position + 1);
    }
    string[to..].copy_from_slice(&digits[from..]);
}
