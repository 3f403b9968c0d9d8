//! Finding bytes of a range quickly: one bit per byte, then the positions of the set bits.

/// Replaces `words`: bit `i % 64` of word `i / 64` is set where `low <= bytes[i] <= low + span`. There is always a bit
/// past the last byte, and it is clear.
pub fn fill_mask(bytes: &[u8], low: u8, span: u8, words: &mut Vec<u64>) {
    words.clear();
    let mut chunks = bytes.chunks_exact(64);
    words.extend(
        chunks
            .by_ref()
            .map(|chunk| chunk_mask(chunk.try_into().expect("chunks of 64"), low, span)),
    );
    let rest = chunks.remainder().iter().enumerate();
    words.push(rest.fold(0, |word, (bit, byte)| {
        word | u64::from(byte.wrapping_sub(low) <= span) << bit
    }));
}

/// The positions of set bits, rising; some slots behind `count` hold nothing of use.
#[derive(Default)]
pub struct Positions {
    slots: Vec<u32>,
    count: usize,
}

/// Slots written at once, so that the loop count seldom changes from word to word (after simdjson, Langdale and
/// Lemire 2019).
const BATCH: usize = 8;

impl Positions {
    /// Starts anew with room for `count` positions.
    pub fn start(&mut self, count: usize) {
        self.count = 0;
        self.slots.resize(count + BATCH, 0);
    }

    /// Adds the set bits of `word`, whose bit 0 stands for position `base`.
    #[inline(always)]
    pub fn append(&mut self, base: usize, word: u64) {
        let bits = word.count_ones() as usize;
        let mut left = word;
        for batch in (0..bits).step_by(BATCH) {
            let slots = &mut self.slots[self.count + batch..][..BATCH];
            for slot in slots {
                *slot = (base as u32).wrapping_add(left.trailing_zeros());
                left &= left.wrapping_sub(1);
            }
        }
        self.count += bits;
    }

    pub fn as_slice(&self) -> &[u32] {
        &self.slots[..self.count]
    }
}

pub fn count_ones(words: &[u64]) -> usize {
    words.iter().map(|word| word.count_ones() as usize).sum()
}

#[cfg(target_arch = "x86_64")]
fn chunk_mask(chunk: &[u8; 64], low: u8, span: u8) -> u64 {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_set1_epi8, _mm_sub_epi8,
    };
    let mut word = 0;
    for part in 0..4 {
        // SAFETY: SSE2 is part of x86-64, and the 16 bytes read lie within the 64 of the chunk.
        let mask = unsafe {
            let bytes = _mm_loadu_si128(chunk.as_ptr().add(part * 16).cast());
            let distance = _mm_sub_epi8(bytes, _mm_set1_epi8(low as i8));
            _mm_movemask_epi8(_mm_cmpeq_epi8(
                _mm_min_epu8(distance, _mm_set1_epi8(span as i8)),
                distance,
            ))
        };
        word |= u64::from(mask as u32) << (part * 16);
    }
    word
}

#[cfg(not(target_arch = "x86_64"))]
fn chunk_mask(chunk: &[u8; 64], low: u8, span: u8) -> u64 {
    chunk.iter().enumerate().fold(0, |word, (bit, byte)| {
        word | u64::from(byte.wrapping_sub(low) <= span) << bit
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_plain_search() {
        let bytes: Vec<u8> = (0..1000u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        for (low, span) in [(b'0', 9), (0xF5, 10), (0, 255), (200, 0)] {
            for len in [0, 1, 63, 64, 65, 128, 1000] {
                let bytes = &bytes[..len];
                let mut words = Vec::new();
                fill_mask(bytes, low, span, &mut words);
                let mut positions = Positions::default();
                positions.start(count_ones(&words));
                words
                    .iter()
                    .enumerate()
                    .for_each(|(index, &word)| positions.append(index * 64, word));
                let inside = |at: &u32| bytes[*at as usize].wrapping_sub(low) <= span;
                assert_eq!(positions.as_slice(), (0..len as u32).filter(inside).collect::<Vec<_>>());
            }
        }
    }
}
