//! Strings end to end through zstd, with their lengths bit-packed. The general codec of text.
//!
//! Pays for any text that a dictionary does not fit: messages, paths, stack traces.
//! Layout: u32 bytes of all strings, u32 least length, u8 width, packed lengths less the least (`bitpack`), then the
//! strings through `compress`. Worst case: 10 bytes and the packed lengths more than the text.

use super::stats::TextStats;
use super::{Codec, Declined, TEXT, TextSlice, Texts, bitpack};
use crate::column::Text;
use crate::compress;
use crate::cursor::{Cursor, Damage};

pub struct PackedText;

impl Codec<Texts> for PackedText {
    fn id(&self) -> u8 {
        TEXT
    }

    fn name(&self) -> &'static str {
        "text"
    }

    fn estimate_bytes(&self, values: TextSlice<'_>, stats: &TextStats) -> Option<usize> {
        let width = bitpack::width_of(u64::from(stats.length_max - stats.length_min));
        Some(10 + bitpack::packed_bytes(values.count(), width) + values.all_bytes().len())
    }

    fn encode(
        &self,
        values: TextSlice<'_>,
        stats: &TextStats,
        zstd_level: i32,
        out: &mut Vec<u8>,
    ) -> Result<(), Declined> {
        append_lengths(values, stats, out);
        compress::compress(values.all_bytes(), zstd_level, out);
        Ok(())
    }

    fn decode(&self, payload: &[u8], count: usize, into: &mut Text) -> Result<(), Damage> {
        let mut cursor = Cursor::new(payload);
        let bytes = read_lengths(&mut cursor, count, &mut into.offsets)?;
        compress::decompress(cursor.rest(), bytes, &mut into.bytes)?;
        check_utf8(into)
    }
}

fn append_lengths(values: TextSlice<'_>, stats: &TextStats, out: &mut Vec<u8>) {
    let width = bitpack::width_of(u64::from(stats.length_max - stats.length_min));
    out.extend_from_slice(&(values.all_bytes().len() as u32).to_le_bytes());
    out.extend_from_slice(&stats.length_min.to_le_bytes());
    out.push(width as u8);
    let offsets = values.offsets;
    let length = |index: usize| u64::from(offsets[index + 1] - offsets[index] - stats.length_min);
    bitpack::pack(values.count(), width, length, out);
}

/// Fills `offsets` and returns the bytes of all strings, which they end with.
fn read_lengths(cursor: &mut Cursor<'_>, count: usize, offsets: &mut Vec<u32>) -> Result<usize, Damage> {
    let bytes = cursor.u32()?;
    let least = cursor.u32()?;
    let width = u32::from(cursor.u8()?);
    if width > 32 {
        return Err(Damage(format!("bit width {width}, at most 32 allowed")));
    }
    bitpack::unpack_u32(cursor.take(bitpack::packed_bytes(count, width))?, count, width, offsets)?;
    let mut end = 0u64;
    for slot in offsets.iter_mut() {
        let start = end as u32;
        end += u64::from(*slot) + u64::from(least);
        *slot = start;
    }
    if end != u64::from(bytes) {
        return Err(Damage(format!("string lengths add up to {end} of {bytes} bytes")));
    }
    offsets.push(bytes);
    Ok(bytes as usize)
}

/// Whether every string is UTF-8: the whole is, and no string begins inside a character.
pub fn is_utf8(values: TextSlice<'_>) -> bool {
    let bytes = values.all_bytes();
    if bytes.is_ascii() {
        return true;
    }
    let first = values.offsets[0];
    std::str::from_utf8(bytes).is_ok_and(|text| {
        values
            .offsets
            .iter()
            .all(|&offset| text.is_char_boundary((offset - first) as usize))
    })
}

pub fn check_utf8(text: &Text) -> Result<(), Damage> {
    if is_utf8(TextSlice::of(text)) {
        Ok(())
    } else {
        Err(Damage::new("a string is not UTF-8"))
    }
}
