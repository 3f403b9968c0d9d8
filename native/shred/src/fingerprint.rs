//! Fingerprints of strings: two words that decide equality of short strings alone, and hash them.
//!
//! A string of up to 16 bytes is loaded whole with two overlapping reads. Longer ones are hashed 16 bytes at a time by
//! folded multiplication (the construction of wyhash), seeded so that a sender cannot choose strings that collide.

use foldhash::fast::RandomState;
use std::hash::BuildHasher;

/// Strings up to this length are known by their fingerprint.
const EXACT_BYTES_MAX: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    first: u64,
    last: u64,
    bytes: usize,
}

pub(crate) struct Seed([u64; 2]);

impl Seed {
    pub fn new() -> Self {
        let state = RandomState::default();
        Self([state.hash_one(1u64), state.hash_one(2u64)])
    }
}

impl Fingerprint {
    #[inline(always)]
    pub fn of(value: &[u8], seed: &Seed) -> Self {
        let (first, last) = match value.len() {
            0 => (0, 0),
            1..4 => {
                let middle = value[value.len() / 2] as u64;
                (value[0] as u64 | middle << 8 | (value[value.len() - 1] as u64) << 16, 0)
            }
            4..8 => {
                let [first, last] = ends::<4>(value).map(|bytes| u32::from_le_bytes(bytes) as u64);
                (first | last << 32, 0)
            }
            8..=EXACT_BYTES_MAX => {
                let [first, last] = ends::<8>(value).map(u64::from_le_bytes);
                (first, last)
            }
            _ => long(value, seed),
        };
        Self {
            first,
            last,
            bytes: value.len(),
        }
    }

    /// Equal fingerprints of this length mean equal strings.
    #[inline(always)]
    pub fn is_exact(&self) -> bool {
        self.bytes <= EXACT_BYTES_MAX
    }

    #[inline(always)]
    pub fn hash(&self, seed: &Seed) -> usize {
        fold(
            self.first ^ seed.0[0],
            self.last ^ seed.0[1] ^ (self.bytes as u64).rotate_left(32),
        ) as usize
    }
}

/// The first and the last `N` bytes; the caller knows there are as many.
#[inline(always)]
fn ends<const N: usize>(value: &[u8]) -> [[u8; N]; 2] {
    let zeros = || [0; N];
    [
        value.first_chunk().copied().unwrap_or_else(zeros),
        value.last_chunk().copied().unwrap_or_else(zeros),
    ]
}

fn long(value: &[u8], seed: &Seed) -> (u64, u64) {
    let mut state = seed.0;
    let mut mix = |chunk: &[u8; 16]| {
        let [first, last] = ends::<8>(chunk).map(u64::from_le_bytes);
        state = [
            fold(first ^ state[0], last ^ seed.0[1]),
            state[1].rotate_left(23) ^ fold(last ^ state[1], first ^ seed.0[0]),
        ];
    };
    let (chunks, _) = value.as_chunks::<16>();
    chunks.iter().for_each(&mut mix);
    if let Some(tail) = value.last_chunk() {
        mix(tail);
    }
    (state[0], state[1])
}

#[inline(always)]
fn fold(left: u64, right: u64) -> u64 {
    let product = left as u128 * right as u128;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn equal_fingerprints_of_short_strings_mean_equal_strings() {
        let seed = Seed::new();
        let mut seen: HashMap<(u64, u64, usize), Vec<u8>> = HashMap::new();
        for bytes in 0..=EXACT_BYTES_MAX {
            for place in 0..bytes.max(1) {
                for byte in 0..=255u8 {
                    let mut value = vec![b'a'; bytes];
                    if let Some(target) = value.get_mut(place) {
                        *target = byte;
                    }
                    let print = Fingerprint::of(&value, &seed);
                    assert!(print.is_exact());
                    let known = seen
                        .entry((print.first, print.last, print.bytes))
                        .or_insert_with(|| value.clone());
                    assert_eq!(*known, value);
                }
            }
        }
    }

    #[test]
    fn hashes_spread() {
        let seed = Seed::new();
        for format in [
            |i: usize| format!("{i}"),
            |i: usize| format!("a-long-common-prefix-{i}-and-a-tail"),
        ] {
            let mut used = std::collections::HashSet::new();
            for i in 0..10_000 {
                used.insert(Fingerprint::of(format(i).as_bytes(), &seed).hash(&seed) & 0xffff);
            }
            // 10,000 balls into 65,536 bins fill 9,280 of them on average.
            assert!(used.len() > 9_000, "{}", used.len());
        }
    }
}
