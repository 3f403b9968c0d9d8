//! Deals groups out by a hash of their values, so that several threads each combine some of them.
//!
//! Every scan deals alike, also one whose answer was kept on disk by another process: the hash has no seed and does not
//! depend on the processor. Whoever finds values that all go to one thread makes that one slow, no more.

use crate::error::ScanError;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use std::ops::Range;

/// A large answer is in so many parts.
pub const DEALS: usize = 16;
const DEAL_BITS: u32 = DEALS.trailing_zeros();

/// Which groups to answer: those of the deals that fall to number `index` of `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    pub index: u32,
    pub of: u32,
}

impl Share {
    /// All groups.
    pub const ALL: Self = Self { index: 0, of: 1 };

    pub fn deals(self) -> Range<usize> {
        let border = |index: u32| (u64::from(index) * DEALS as u64 / u64::from(self.of)) as usize;
        border(self.index)..border(self.index + 1)
    }
}

/// How many low bits of numbers do not count: groups by one column come in the order of its numbers, and a deal that has runs
/// of neighbours looks up neighbouring cells.
#[derive(Clone, Copy)]
pub struct Runs(u32);

const RUN_BITS: u32 = 8;

impl Runs {
    pub fn of(members: usize) -> Self {
        Self(if members == 1 { RUN_BITS } else { 0 })
    }

    pub fn number_hash(self, number: i64) -> u64 {
        mix((number >> self.0) as u64)
    }

    /// Of a string by its stem's hash and its number: the same whether or not it is held so.
    pub fn numbered_hash(self, stem_hash: u64, number: u64) -> u64 {
        mix(stem_hash ^ number >> self.0)
    }
}

pub const NULL_HASH: u64 = 0;

/// Adds a member's hash to that of the members before it.
pub fn join(hash: &mut u64, member: u64) {
    *hash = hash.rotate_left(23) ^ member;
}

pub fn deal_of(hash: u64) -> usize {
    (mix(hash) >> (u64::BITS - DEAL_BITS)) as usize
}

/// Of bytes, eight at a time.
pub fn text_hash(text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    words
        .iter()
        .chain([&last])
        .fold(text.len() as u64, |hash, word| mix(hash ^ u64::from_le_bytes(*word)))
}

/// A multiplication by an odd number spreads to the left, the shift back to the right.
fn mix(value: u64) -> u64 {
    let value = (value ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    value ^ value >> 32
}

/// Adds the hashes of a column's values to those of its rows; `text` hashes a string.
pub fn join_array(
    column: &ArrayRef,
    runs: Runs,
    text: impl Fn(&[u8]) -> u64,
    hashes: &mut [u64],
) -> Result<(), ScanError> {
    match column.data_type() {
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>().values();
            each(column, hashes, |row| runs.number_hash(values[row]));
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>().values();
            each(column, hashes, |row| runs.number_hash(values[row].to_bits() as i64));
        }
        DataType::Boolean => {
            let values = column.as_boolean();
            each(column, hashes, |row| runs.number_hash(i64::from(values.value(row))));
        }
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            each(column, hashes, |row| text(values.value(row).as_bytes()));
        }
        other => return Err(ScanError::Internal(format!("a group of type {other}"))),
    }
    Ok(())
}

#[inline(always)]
fn each(column: &ArrayRef, hashes: &mut [u64], hash_of: impl Fn(usize) -> u64) {
    for (row, hash) in hashes.iter_mut().enumerate() {
        join(hash, if column.is_valid(row) { hash_of(row) } else { NULL_HASH });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_all_deals_once() {
        for of in 1..40 {
            let deals: Vec<usize> = (0..of).flat_map(|index| Share { index, of }.deals()).collect();
            assert_eq!(deals, (0..DEALS).collect::<Vec<_>>());
        }
    }

    #[test]
    fn deals_are_about_even() {
        let even = |hashes: &mut dyn Iterator<Item = u64>, what: &str| {
            let mut counts = [0; DEALS];
            hashes.for_each(|hash| counts[deal_of(hash)] += 1);
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(least * 2 > *most, "{what}: {counts:?}");
        };
        let joined = |member: u64| {
            let mut hash = 0;
            join(&mut hash, member);
            hash
        };
        even(
            &mut (0..1_000_000).map(|n| joined(Runs::of(1).number_hash(n))),
            "numbers",
        );
        even(
            &mut (0..100_000).map(|n| joined(Runs::of(1).number_hash(n << 20))),
            "coarse numbers",
        );
        even(
            &mut (0..100_000).map(|n| joined(text_hash(format!("/{n}/").as_bytes()))),
            "texts",
        );
        let stem = text_hash(b"/items/");
        even(
            &mut (0..1_000_000).map(|n| joined(Runs::of(1).numbered_hash(stem, n))),
            "numbered texts",
        );
    }

    /// Answers on disk were dealt by it.
    #[test]
    fn the_hash_never_changes() {
        let text = text_hash(b"/api/v1/items/");
        assert_eq!(
            (text, Runs::of(1).numbered_hash(text, 4711), Runs::of(2).number_hash(-5)),
            (0xA2EB_917B_E390_C53C, 0xAB7F_5704_8955_FCE5, 0x37B0_D06A_CAEA_27C0)
        );
    }
}
