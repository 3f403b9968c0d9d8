//! Decimal digits that nothing is known of: each three as a number of 10 packed bits, a third of a percent above entropy.
//!
//! Layout: `ceil(count / 3)` numbers below 1,000 (`bitpack`, width 10); zeros fill up the last.

use super::bitpack;
use super::pieces::PIECE;
use crate::cursor::Damage;

const WIDTH: u32 = 10;

/// Three digits for each value below 1,000, the fourth byte unused.
static TRIPLES: [[u8; 4]; 1000] = {
    let mut table = [[0; 4]; 1000];
    let mut value = 0;
    while value < 1000 {
        table[value] = [
            b'0' + (value / 100) as u8,
            b'0' + (value / 10 % 10) as u8,
            b'0' + (value % 10) as u8,
            0,
        ];
        value += 1;
    }
    table
};

/// Exact bytes of `count` digits.
pub fn packed_bytes(count: usize) -> usize {
    bitpack::packed_bytes(count.div_ceil(3), WIDTH)
}

/// Appends the ASCII digits.
pub fn pack(digits: &[u8], out: &mut Vec<u8>) {
    let value = |triple: &[u8]| {
        triple
            .iter()
            .fold(0, |value, digit| value * 10 + u64::from(digit - b'0'))
    };
    let triple = |index: usize| match digits.get(index * 3..index * 3 + 3) {
        Some(triple) => value(triple),
        None => {
            let mut padded = [b'0'; 3];
            let rest = &digits[index * 3..];
            padded[..rest.len()].copy_from_slice(rest);
            value(&padded)
        }
    };
    bitpack::pack(digits.len().div_ceil(3), WIDTH, triple, out);
}

/// Fills `digits` with `count` ASCII digits and at least a piece of padding behind them. `triples` is a buffer.
pub fn unpack(packed: &[u8], count: usize, triples: &mut Vec<u32>, digits: &mut Vec<u8>) -> Result<(), Damage> {
    bitpack::unpack_u32(packed, count.div_ceil(3), WIDTH, triples)?;
    digits.resize(triples.len() * 3 + PIECE, 0);
    for (index, &triple) in triples.iter().enumerate() {
        let text = TRIPLES
            .get(triple as usize)
            .ok_or_else(|| Damage(format!("three digits of {triple}")))?;
        digits[index * 3..][..4].copy_from_slice(text);
    }
    Ok(())
}
