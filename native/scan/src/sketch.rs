//! A distribution in little space, from which any percentile can be told with a relative error below 2^-8 (0.39 %).
//!
//! DDSketch (Masson, Rim, Lee, VLDB 2019) with borders that cost no logarithm: a bucket holds the floats that share sign,
//! exponent and the first eight bits of the mantissa, so its number is the top of the bit pattern. Told is the value of a
//! bucket that is nearest to zero: exact where eight bits suffice (integers below 512, halves and quarters of smaller ones),
//! otherwise up to 0.39 % too near to zero. The buckets cover all floats: zeros are one value, infinities are themselves,
//! NaN of any kind comes after all others, as when sorted.
//!
//! Up to `FEW_MAX` values are kept as they are, and told exactly. So what is told depends on the values alone, never on
//! how they were spread over sketches that were merged.

use crate::kernels::{float_key, float_of_key};
use std::mem::size_of;

/// A sketch of more values than this has buckets.
pub const FEW_MAX: usize = 32;
const MANTISSA_BITS: u32 = 8;
const OCTAVE_BUCKETS: usize = 1 << MANTISSA_BITS;
const SHIFT: u32 = 52 - MANTISSA_BITS;
const OCTAVES: usize = 4096;
/// Marks an octave without values.
const NO_SLOT: u16 = u16::MAX;
const FEW: u8 = 1;
const MANY: u8 = 2;

#[derive(Debug, Clone)]
pub enum Sketch {
    Few(Vec<f64>),
    Many(Box<Buckets>),
}

/// Counts by bucket. An octave is all buckets of one sign and exponent; counts exist for octaves with values only.
#[derive(Debug, Clone, Default)]
pub struct Buckets {
    /// The octave of `slots[0]`.
    first: usize,
    /// Where the counts of an octave begin, in octaves.
    slots: Vec<u16>,
    counts: Vec<u64>,
    count: u64,
}

impl Default for Sketch {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

/// Numbered in the order of the values, from 0.
#[inline(always)]
fn bucket_of(value: f64) -> usize {
    // -0.0 + 0.0 is 0.0.
    let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
    ((float_key(value) >> SHIFT) + (OCTAVES / 2 * OCTAVE_BUCKETS) as i64) as usize
}

/// The value nearest to zero.
fn value_of(bucket: usize) -> f64 {
    let key = (bucket as i64 - (OCTAVES / 2 * OCTAVE_BUCKETS) as i64) << SHIFT;
    float_of_key(if key < 0 { key | ((1 << SHIFT) - 1) } else { key })
}

impl Buckets {
    #[inline(always)]
    fn add(&mut self, value: f64) -> usize {
        let bucket = bucket_of(value);
        let octave = (bucket / OCTAVE_BUCKETS).wrapping_sub(self.first);
        let slot = self.slots.get(octave).copied().unwrap_or(NO_SLOT);
        let cell = usize::from(slot) * OCTAVE_BUCKETS + bucket % OCTAVE_BUCKETS;
        if let Some(count) = self.counts.get_mut(cell) {
            *count += 1;
            self.count += 1;
            return 0;
        }
        self.add_count(bucket, 1)
    }

    /// Answers the bytes that this took.
    fn add_count(&mut self, bucket: usize, count: u64) -> usize {
        let before = self.bytes();
        let slot = self.slot(bucket / OCTAVE_BUCKETS);
        self.counts[slot * OCTAVE_BUCKETS + bucket % OCTAVE_BUCKETS] += count;
        self.count += count;
        self.bytes() - before
    }

    fn slot(&mut self, octave: usize) -> usize {
        if self.slots.is_empty() {
            self.first = octave;
        }
        if octave < self.first {
            let missing = self.first - octave;
            self.slots.splice(0..0, std::iter::repeat_n(NO_SLOT, missing));
            self.first = octave;
        }
        let index = octave - self.first;
        if index >= self.slots.len() {
            self.slots.resize(index + 1, NO_SLOT);
        }
        if self.slots[index] == NO_SLOT {
            self.slots[index] = (self.counts.len() / OCTAVE_BUCKETS) as u16;
            self.counts.resize(self.counts.len() + OCTAVE_BUCKETS, 0);
        }
        usize::from(self.slots[index])
    }

    fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u16>() + self.counts.capacity() * size_of::<u64>()
    }

    /// Octaves that have counts, in the order of the values.
    fn octaves(&self) -> impl Iterator<Item = (usize, &[u64])> {
        let used = self.slots.iter().enumerate().filter(|(_, slot)| **slot != NO_SLOT);
        used.map(|(index, &slot)| {
            let start = usize::from(slot) * OCTAVE_BUCKETS;
            (self.first + index, &self.counts[start..start + OCTAVE_BUCKETS])
        })
    }

    /// The values at two neighbouring ranks from 0.
    fn at(&self, rank: u64) -> (f64, f64) {
        let (mut seen, mut low) = (0, None);
        for (octave, counts) in self.octaves() {
            for (index, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                seen += count;
                let value = || value_of(octave * OCTAVE_BUCKETS + index);
                if low.is_none() && seen > rank {
                    low = Some(value());
                }
                if let Some(low) = low
                    && seen > rank + 1
                {
                    return (low, value());
                }
            }
        }
        let last = low.unwrap_or(f64::NAN);
        (last, last)
    }
}

impl Sketch {
    /// Adds a value and answers how many bytes more are held now.
    #[inline(always)]
    pub fn add(&mut self, value: f64) -> usize {
        match self {
            Self::Many(buckets) => buckets.add(value),
            Self::Few(_) => self.add_to_few(value),
        }
    }

    #[inline(never)]
    fn add_to_few(&mut self, value: f64) -> usize {
        let Self::Few(values) = self else {
            return self.add(value);
        };
        if values.len() < FEW_MAX {
            let before = values.capacity();
            values.push(value);
            return (values.capacity() - before) * size_of::<f64>();
        }
        let mut buckets = Buckets::default();
        for value in values.iter().chain([&value]) {
            buckets.add(*value);
        }
        let bytes = size_of::<Buckets>() + buckets.bytes();
        let grown = bytes.saturating_sub(values.capacity() * size_of::<f64>());
        *self = Self::Many(Box::new(buckets));
        grown
    }

    /// Values added.
    pub fn count(&self) -> u64 {
        match self {
            Self::Few(values) => values.len() as u64,
            Self::Many(buckets) => buckets.count,
        }
    }

    /// The value that a share `q` of 0 to 1 of the values are not above, between two values in proportion (as SQL's
    /// `percentile_cont`). `None` without values.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        let place = q.clamp(0.0, 1.0) * last as f64;
        let (rank, part) = (place.floor() as u64, place.fract());
        let (low, high) = match self {
            Self::Few(values) => {
                let mut sorted: Vec<f64> = values
                    .iter()
                    .map(|value| if value.is_nan() { f64::NAN } else { *value })
                    .collect();
                sorted.sort_unstable_by(f64::total_cmp);
                let at = |rank: u64| sorted[rank.min(last) as usize];
                (at(rank), at(rank + 1))
            }
            Self::Many(buckets) => buckets.at(rank),
        };
        Some(if part == 0.0 || low == high {
            low
        } else {
            low * (1.0 - part) + high * part
        })
    }

    pub fn merge(&mut self, other: &Self) -> usize {
        match other {
            Self::Few(values) => values.iter().map(|value| self.add(*value)).sum(),
            Self::Many(buckets) => {
                let counts = buckets.octaves().flat_map(|(octave, counts)| {
                    let used = counts.iter().enumerate().filter(|(_, count)| **count > 0);
                    used.map(move |(index, &count)| (octave * OCTAVE_BUCKETS + index, count))
                });
                let (own, grown) = self.buckets();
                grown
                    + counts
                        .map(|(bucket, count)| own.add_count(bucket, count))
                        .sum::<usize>()
            }
        }
    }

    /// The buckets, made of few values if need be; and the bytes that this took.
    fn buckets(&mut self) -> (&mut Buckets, usize) {
        let mut grown = 0;
        if let Self::Few(values) = self {
            let mut buckets = Buckets::default();
            values.iter().for_each(|value| {
                buckets.add(*value);
            });
            grown = size_of::<Buckets>() + buckets.bytes();
            *self = Self::Many(Box::new(buckets));
        }
        match self {
            Self::Many(buckets) => (buckets, grown),
            Self::Few(_) => unreachable!("was just replaced"),
        }
    }

    /// The sketch as bytes: u8 1 and the values as f64; or u8 2 and for each octave u16 its number and its counts as LEB128
    /// numbers, each run of zeros as a zero and its length.
    pub fn write(&self, into: &mut Vec<u8>) {
        match self {
            Self::Few(values) => {
                into.push(FEW);
                values.iter().for_each(|value| into.extend(value.to_le_bytes()));
            }
            Self::Many(buckets) => {
                into.push(MANY);
                for (octave, counts) in buckets.octaves() {
                    into.extend((octave as u16).to_le_bytes());
                    let mut rest = counts;
                    while let Some((&count, behind)) = rest.split_first() {
                        write_number(into, count);
                        rest = behind;
                        if count == 0 {
                            let zeros = rest.iter().take_while(|count| **count == 0).count();
                            write_number(into, zeros as u64 + 1);
                            rest = &rest[zeros..];
                        }
                    }
                }
            }
        }
    }

    /// Adds what `write` wrote and answers how many bytes more are held now; `None` for bytes that are no sketch.
    pub fn merge_bytes(&mut self, bytes: &[u8]) -> Option<usize> {
        let (&form, mut rest) = bytes.split_first()?;
        let mut grown = 0;
        if form == FEW {
            let (values, left) = rest.as_chunks::<8>();
            if !left.is_empty() || values.len() > FEW_MAX {
                return None;
            }
            return Some(values.iter().map(|value| self.add(f64::from_le_bytes(*value))).sum());
        }
        if form != MANY {
            return None;
        }
        let (own, made) = self.buckets();
        grown += made;
        while let Some((octave, behind)) = rest.split_first_chunk::<2>() {
            rest = behind;
            let octave = usize::from(u16::from_le_bytes(*octave));
            if octave >= OCTAVES {
                return None;
            }
            let mut index = 0;
            while index < OCTAVE_BUCKETS {
                let count = read_number(&mut rest)?;
                if count > 0 {
                    own.count.checked_add(count)?;
                    grown += own.add_count(octave * OCTAVE_BUCKETS + index, count);
                    index += 1;
                } else {
                    let zeros = read_number(&mut rest)?;
                    index = index.checked_add(usize::try_from(zeros).ok().filter(|zeros| *zeros > 0)?)?;
                }
            }
            if index > OCTAVE_BUCKETS {
                return None;
            }
        }
        rest.is_empty().then_some(grown)
    }

    /// Bytes held beside the sketch itself.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Few(values) => values.capacity() * size_of::<f64>(),
            Self::Many(buckets) => size_of::<Buckets>() + buckets.bytes(),
        }
    }
}

fn write_number(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

fn read_number(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        let part = u64::from(byte & 0x7F);
        if part << shift >> shift != part {
            return None;
        }
        number |= part << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        }
    }

    fn of(values: &[f64]) -> Sketch {
        let mut sketch = Sketch::default();
        values.iter().for_each(|value| {
            sketch.add(*value);
        });
        sketch
    }

    fn exact(sorted: &[f64], q: f64) -> (f64, f64, f64) {
        let place = q * (sorted.len() - 1) as f64;
        let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
        (
            low,
            high,
            if low == high {
                low
            } else {
                low * (1.0 - place.fract()) + high * place.fract()
            },
        )
    }

    #[test]
    fn percentiles_are_within_the_stated_error() {
        let mut random = Random(7);
        let kinds: [fn(&mut Random) -> f64; 5] = [
            |random| (random.next() % 1_000_000) as f64 / 100.0,
            |random| (random.next() % 1000) as f64 - 500.0,
            |random| f64::from_bits(random.next() & 0x7FEF_FFFF_FFFF_FFFF),
            |random| -(((random.next() % 1_000_000) as f64) / 1e6).exp(),
            |random| (random.next() % 4) as f64 * 1e-310,
        ];
        for kind in kinds {
            for count in [1usize, 2, 3, 31, 32, 33, 100, 5000] {
                let mut values: Vec<f64> = (0..count).map(|_| kind(&mut random)).collect();
                let sketch = of(&values);
                values.sort_by(f64::total_cmp);
                for q in [0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.999, 1.0] {
                    let (low, high, wanted) = exact(&values, q);
                    let found = sketch.quantile(q).unwrap();
                    // Below the least normal float precision is absolute.
                    let off = low.abs().max(high.abs()) / 256.0 + f64::MIN_POSITIVE;
                    assert!(
                        (found - wanted).abs() <= off,
                        "{count} values, {q}: {found}, not {wanted}"
                    );
                    if count <= FEW_MAX {
                        assert_eq!(found, wanted);
                    }
                }
            }
        }
    }

    #[test]
    fn small_integers_are_exact() {
        let values: Vec<f64> = (-511..=511).map(f64::from).collect();
        let sketch = of(&values);
        for (rank, value) in values.iter().enumerate() {
            assert_eq!(sketch.quantile(rank as f64 / 1022.0).unwrap(), *value);
        }
    }

    #[test]
    fn special_values_have_their_places() {
        for copies in [1, 20] {
            let mut values = Vec::new();
            for _ in 0..copies {
                values.extend([f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1.5]);
            }
            let sketch = of(&values);
            assert_eq!(sketch.quantile(0.0), Some(f64::NEG_INFINITY));
            assert_eq!(sketch.quantile(2.0 / 6.0), Some(0.0));
            assert_eq!(sketch.quantile(0.6), Some(f64::INFINITY));
            assert!(sketch.quantile(1.0).unwrap().is_nan());
        }
        assert_eq!(Sketch::default().quantile(0.5), None);
    }

    #[test]
    fn parts_tell_what_the_whole_tells() {
        let mut random = Random(3);
        for count in [0usize, 5, 40, 70, 3000] {
            let values: Vec<f64> = (0..count)
                .map(|_| (random.next() % 100_000) as f64 * 0.37 - 1000.0)
                .collect();
            let whole = of(&values);
            for parts in [1, 2, 7] {
                let (mut merged, mut written) = (Sketch::default(), Sketch::default());
                let mut held = 0;
                for part in values.chunks(count.div_ceil(parts).max(1)) {
                    merged.merge(&of(part));
                    let mut bytes = Vec::new();
                    of(part).write(&mut bytes);
                    held += written.merge_bytes(&bytes).unwrap();
                }
                assert!(held >= written.bytes());
                assert_eq!((merged.count(), written.count()), (whole.count(), whole.count()));
                for q in [0.0, 0.3, 0.5, 0.99, 1.0] {
                    assert_eq!(merged.quantile(q), whole.quantile(q));
                    assert_eq!(written.quantile(q), whole.quantile(q));
                }
            }
        }
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_as_some_sketch() {
        let mut random = Random(9);
        let values: Vec<f64> = (0..500).map(|_| (random.next() % 1000) as f64).collect();
        let mut good = Vec::new();
        of(&values).write(&mut good);
        for cut in 1..good.len() {
            let mut sketch = Sketch::default();
            if sketch.merge_bytes(&good[..cut]).is_some() {
                assert!(sketch.count() < 500);
            }
        }
        for place in 0..good.len() {
            let mut flipped = good.clone();
            flipped[place] ^= random.next() as u8;
            let _ = Sketch::default().merge_bytes(&flipped);
        }
        assert_eq!(Sketch::default().merge_bytes(&[]), None);
        assert_eq!(Sketch::default().merge_bytes(&[9]), None);
    }
}
