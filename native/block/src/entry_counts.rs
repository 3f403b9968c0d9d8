//! How many rows have each dictionary entry: the section that answers counts and GROUP BY of one column without a page.
//!
//! Layout: u8 width, the counts packed (`bitpack`) in dictionary order. Nulls are counted nowhere, so the counts add up to
//! the rows with a value; entries that no row has count 0.

use crate::codec::{bitpack, validity};
use crate::column::Validity;
use crate::cursor::{Cursor, Damage};
use crate::section::{ENTRY_COUNTS, Section};

/// Counts the codes of the rows that are present; codes of present rows are below `entries`.
pub fn section(codes: &[u32], present: Option<&Validity>, entries: usize) -> Section {
    let mut counts = vec![0u32; entries];
    match present {
        None => codes.iter().for_each(|&code| counts[code as usize] += 1),
        Some(present) => {
            let words = validity::slice(&present.words, 0, codes.len());
            validity::for_each_present(&words, |row| counts[codes[row] as usize] += 1);
        }
    }
    let greatest = counts.iter().copied().fold(0, u32::max);
    let width = bitpack::width_of(u64::from(greatest));
    let mut bytes = vec![width as u8];
    bitpack::pack(entries, width, |entry| u64::from(counts[entry]), &mut bytes);
    Section {
        kind: ENTRY_COUNTS,
        bytes,
    }
}

/// The counts of `entries` entries, which must add up to `present` rows.
pub fn parse(payload: &[u8], entries: usize, present: u64) -> Result<Vec<u32>, Damage> {
    let mut cursor = Cursor::new(payload);
    let width = u32::from(cursor.u8()?);
    let mut counts = Vec::new();
    bitpack::unpack_u32(cursor.rest(), entries, width, &mut counts)?;
    let sum: u64 = counts.iter().map(|&count| u64::from(count)).sum();
    if sum != present {
        return Err(Damage(format!("entry counts add up to {sum} of {present} rows")));
    }
    Ok(counts)
}
