//! Which rows of a page are present: the part before the values of a page with nulls.
//!
//! Kinds (on disk): 1 no nulls and 2 all null (no bytes), 3 bitmap (`ceil(rows / 8)` bytes, bit `i % 8` of byte `i / 8`),
//! 4 the present rows and 5 the null rows, each as u16 row numbers rising. The smallest is taken.

use crate::column::Validity;
use crate::cursor::Damage;

pub const NO_NULLS: u8 = 1;
pub const ALL_NULL: u8 = 2;
const BITMAP: u8 = 3;
const PRESENT_ROWS: u8 = 4;
const NULL_ROWS: u8 = 5;

/// Appends the bytes for `rows` rows held in `words`, of which `nulls` are null; returns the kind.
pub fn encode(words: &[u64], rows: usize, nulls: usize, out: &mut Vec<u8>) -> u8 {
    let (present, bitmap_bytes) = (rows - nulls, rows.div_ceil(8));
    if nulls == 0 {
        return NO_NULLS;
    }
    if present == 0 {
        return ALL_NULL;
    }
    if present.min(nulls) * 2 < bitmap_bytes {
        let wanted = u64::from(present < nulls);
        let listed = (0..rows).filter(|row| words[row / 64] >> (row % 64) & 1 == wanted);
        listed.for_each(|row| out.extend_from_slice(&(row as u16).to_le_bytes()));
        return if wanted == 1 { PRESENT_ROWS } else { NULL_ROWS };
    }
    let start = out.len();
    words.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    out.truncate(start + bitmap_bytes);
    BITMAP
}

/// Replaces `into` with the bits of `rows` rows, exactly `nulls` of them null. `kind` is not `NO_NULLS`.
pub fn decode(kind: u8, bytes: &[u8], rows: usize, nulls: usize, into: &mut Validity) -> Result<(), Damage> {
    let words = &mut into.words;
    words.clear();
    words.resize(rows.div_ceil(64), 0);
    match kind {
        ALL_NULL if bytes.is_empty() => {}
        BITMAP if bytes.len() == rows.div_ceil(8) => {
            for (word, chunk) in words.iter_mut().zip(bytes.chunks(8)) {
                let mut padded = [0; 8];
                padded[..chunk.len()].copy_from_slice(chunk);
                *word = u64::from_le_bytes(padded);
            }
        }
        PRESENT_ROWS | NULL_ROWS if bytes.len().is_multiple_of(2) => {
            for row in bytes
                .chunks_exact(2)
                .map(|pair| usize::from(u16::from_le_bytes([pair[0], pair[1]])))
            {
                if row >= rows {
                    return Err(Damage(format!(
                        "row {row} of {rows} in the list of present or null rows"
                    )));
                }
                words[row / 64] |= 1 << (row % 64);
            }
            if kind == NULL_ROWS {
                words.iter_mut().for_each(|word| *word = !*word);
                clear_past(words, rows);
            }
        }
        _ => return Err(Damage(format!("validity kind {kind} with {} bytes", bytes.len()))),
    }
    let spare = rows % 64;
    let past = if spare == 0 { 0 } else { words[rows / 64] >> spare };
    let present: usize = words.iter().map(|word| word.count_ones() as usize).sum();
    if past != 0 || present + nulls != rows {
        return Err(Damage(format!(
            "{present} present of {rows} rows, {nulls} nulls stated"
        )));
    }
    Ok(())
}

fn clear_past(words: &mut [u64], rows: usize) {
    if !rows.is_multiple_of(64) {
        words[rows / 64] &= (1 << (rows % 64)) - 1;
    }
}

/// Calls `visit` with each present row in order.
pub fn for_each_present(words: &[u64], mut visit: impl FnMut(usize)) {
    for (index, &word) in words.iter().enumerate() {
        let mut left = word;
        while left != 0 {
            visit(index * 64 + left.trailing_zeros() as usize);
            left &= left - 1;
        }
    }
}

/// Words of the `rows` rows that begin at `start`, a multiple of 64; bits past the last row are cleared.
pub fn slice(words: &[u64], start: usize, rows: usize) -> Vec<u64> {
    let mut part = words[start / 64..(start + rows).div_ceil(64)].to_vec();
    clear_past(&mut part, rows);
    part
}
