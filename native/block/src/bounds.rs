//! Least and greatest strings of a column, cut to what a header keeps.

use crate::codec::TextSlice;
use crate::header::{BOUND_BYTES_MAX, Bound};

/// The first 8 bytes as a big-endian number, zero padded: where two keys differ they order the strings.
fn prefix_key(string: &[u8]) -> u64 {
    match string.first_chunk::<8>() {
        Some(head) => u64::from_be_bytes(*head),
        None => {
            let mut head = [0; 8];
            head[..string.len()].copy_from_slice(string);
            u64::from_be_bytes(head)
        }
    }
}

/// Bounds over the strings that `wanted` names; `None` if it names none.
pub fn text_bounds(strings: TextSlice<'_>, wanted: impl Iterator<Item = usize>) -> Option<(Bound, Bound)> {
    let mut wanted = wanted;
    let first = strings.get(wanted.next()?);
    let (mut min, mut max) = (first, first);
    let (mut min_key, mut max_key) = (prefix_key(first), prefix_key(first));
    for index in wanted {
        let string = strings.get(index);
        let key = prefix_key(string);
        if key <= min_key && string < min {
            (min, min_key) = (string, key);
        }
        if key >= max_key && string > max {
            (max, max_key) = (string, key);
        }
    }
    Some((cut(min), cut(max)))
}

fn cut(string: &[u8]) -> Bound {
    if string.len() <= BOUND_BYTES_MAX {
        return Bound::Text {
            bytes: string.to_vec(),
            truncated: false,
        };
    }
    let mut end = BOUND_BYTES_MAX;
    // A byte 10xxxxxx continues a character.
    while end > 0 && string[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    Bound::Text {
        bytes: string[..end].to_vec(),
        truncated: true,
    }
}
