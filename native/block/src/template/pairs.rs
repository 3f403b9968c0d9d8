//! Digits two by two as symbols 0 to 99, the form in which they are entropy coded: half as many symbols, and a digit that
//! is nearly certain can cost less than a bit.

use crate::cursor::Damage;

/// Two digits for each symbol.
static DIGITS: [[u8; 2]; 100] = {
    let mut table = [[0; 2]; 100];
    let mut symbol = 0;
    while symbol < 100 {
        table[symbol] = [(symbol / 10) as u8, (symbol % 10) as u8];
        symbol += 1;
    }
    table
};

pub fn joined_bytes(digits: usize) -> usize {
    digits.div_ceil(2)
}

/// Replaces `into` with the symbols of digits 0 to 9; a zero fills up the last.
pub fn join(digits: &[u8], into: &mut Vec<u8>) {
    let chunks = digits.chunks_exact(2);
    let last = chunks.remainder().first().map(|digit| digit * 10);
    into.clear();
    into.extend(chunks.map(|pair| pair[0] * 10 + pair[1]));
    into.extend(last);
}

/// Replaces `into` with `count` digits 0 to 9, of exactly `joined_bytes(count)` symbols.
pub fn part(symbols: &[u8], count: usize, into: &mut Vec<u8>) -> Result<(), Damage> {
    into.clear();
    into.resize(symbols.len() * 2, 0);
    let mut greatest = 0;
    for (pair, &symbol) in into.chunks_exact_mut(2).zip(symbols) {
        pair.copy_from_slice(&DIGITS[usize::from(symbol.min(99))]);
        greatest = greatest.max(symbol);
    }
    if greatest > 99 || symbols.len() != joined_bytes(count) {
        return Err(Damage(format!("{} pairs of digits up to {greatest}", symbols.len())));
    }
    into.truncate(count);
    Ok(())
}
