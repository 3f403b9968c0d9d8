//! Inlined access to string storage: one call for each short string would cost as much as the copy.

use basalt_block::Text;

/// String `index`.
#[inline(always)]
pub(crate) fn entry(text: &Text, index: usize) -> &[u8] {
    &text.bytes[text.offsets[index] as usize..text.offsets[index + 1] as usize]
}

/// Appends one string.
#[inline(always)]
pub(crate) fn append(text: &mut Text, value: &[u8]) {
    text.bytes.extend_from_slice(value);
    text.offsets.push(text.bytes.len() as u32);
}
