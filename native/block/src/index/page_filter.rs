//! Which pages of a chunk may hold a hash: fingerprints sorted by hash, each with its page.
//!
//! A compressed hash set after Putze, Sanders and Singler (*Cache-, Hash- and Space-Efficient Bloom Filters*, WEA 2007),
//! coded by quotients as Bender et al. (*Don't Thrash*, VLDB 2012) and Elias and Fano do, with the page as the value. A
//! hash belongs to one of as many buckets as there are entries; an entry keeps `remainder_bits` more bits of its hash and
//! the number of a page that has it. That is `2 + remainder_bits + page_bits` bits an entry, and a hash that no page has
//! is taken for one of a page with probability `2^-remainder_bits` a chunk, not a page. A lookup needs one place only,
//! which is why neighbouring buckets form sectors with a checksum of their own: a reader takes the head and one sector.
//!
//! Layout (little endian): head, sectors back to back. Head: u8 remainder bits, u8 page bits, u8 sample shift, u8 zero, u32 buckets, u32
//! entries, then for each sector u32 its end as bytes from the start of the filter and u32 its crc32, then u32 crc32 of the
//! head before it. A sector has 2,048 buckets (the last one the rest): u32 its entries; a bit stream from the lowest bit up
//! that has for each bucket as many ones as it has entries and a zero; filled up to a whole byte; a second such stream of
//! the entries in bucket order, page in the low bits, remainder above.
//!
//! Bucket of a hash: the upper half of `hash * buckets`, of whose factors the hash has its low 6 bits cleared. Remainder:
//! the bits of the hash from bit 6 up. With a sample shift `s` above 0 the filter knows only hashes whose `s` bits from bit 22
//! up are 0, and says nothing of others.

use crate::cursor::{Cursor, Damage};
use std::ops::Range;

/// A chunk of more pages gets no filter: row groups have 8.
pub const PAGES_MAX: usize = 64;
/// Enough for the head of any filter over 65,536 entries or fewer.
pub const HEAD_BYTES_USUAL: usize = 512;

const REMAINDER_BITS_MAX: u32 = 16;
const PAGE_SHIFT: u32 = 6;
/// Sampling looks at bits that neither bucket nor remainder depend on.
const SAMPLE_BIT: u32 = PAGE_SHIFT + REMAINDER_BITS_MAX;
/// A filter of one hash in 64 tells next to nothing.
pub const SAMPLE_SHIFT_MAX: u32 = 6;
const SECTOR_BUCKETS: usize = 2048;
const HEAD_FIXED_BYTES: usize = 12;
const SECTOR_ENTRY_BYTES: usize = 8;

/// Pages by number: bit `p` is page `p`.
pub type PageSet = u64;

/// What is known of a hash and a page it is on: the hash but for its low 6 bits, which hold the page.
pub fn entry(hash: u64, page: usize) -> u64 {
    hash >> PAGE_SHIFT << PAGE_SHIFT | page as u64
}

/// Whether a filter with this `sample_shift` keeps the hash, or the entry made of it.
pub fn is_sampled(hash: u64, sample_shift: u32) -> bool {
    hash >> SAMPLE_BIT & ((1 << sample_shift) - 1) == 0
}

fn bucket_of(entry: u64, buckets: u32) -> usize {
    let hash = entry >> PAGE_SHIFT << PAGE_SHIFT;
    ((u128::from(hash) * u128::from(buckets)) >> 64) as usize
}

fn remainder_of(entry: u64, bits: u32) -> u64 {
    entry >> PAGE_SHIFT & ((1 << bits) - 1)
}

fn bits_for(pages: usize) -> u32 {
    usize::BITS - pages.saturating_sub(1).leading_zeros()
}

fn head_bytes(buckets: usize) -> usize {
    HEAD_FIXED_BYTES + buckets.div_ceil(SECTOR_BUCKETS) * SECTOR_ENTRY_BYTES + 4
}

/// Bytes that `build` would need for so many different entries, nearly: sectors are filled up to whole bytes.
pub fn estimate_bytes(entries: usize, pages: usize, remainder_bits: u32) -> usize {
    head_bytes(entries) + (entries * (2 + remainder_bits + bits_for(pages)) as usize).div_ceil(8)
}

/// Sorts entries and drops repeats.
pub fn sort_distinct(entries: &mut Vec<u64>) {
    // Hashes are spread evenly, so that parts by the top byte fit the L1 cache; sorting those is half the work.
    let mut ends = [0usize; 257];
    entries.iter().for_each(|entry| ends[(entry >> 56) as usize + 1] += 1);
    (1..257).for_each(|part| ends[part] += ends[part - 1]);
    let mut next = ends;
    let mut parted = vec![0; entries.len()];
    for &entry in entries.iter() {
        let slot = &mut next[(entry >> 56) as usize];
        parted[*slot] = entry;
        *slot += 1;
    }
    ends.windows(2)
        .for_each(|part| parted[part[0]..part[1]].sort_unstable());
    parted.dedup();
    *entries = parted;
}

/// Appends bits from the lowest up.
struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    pending: u64,
    bits: u32,
}

impl<'a> BitWriter<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            pending: 0,
            bits: 0,
        }
    }

    /// `value` has at most `bits` bits, `bits` is at most 32.
    fn push(&mut self, value: u64, bits: u32) {
        self.pending |= value << self.bits;
        self.bits += bits;
        while self.bits >= 32 {
            self.out.extend_from_slice(&(self.pending as u32).to_le_bytes());
            self.pending >>= 32;
            self.bits -= 32;
        }
    }

    fn finish(self) {
        let bytes = self.bits.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.pending.to_le_bytes()[..bytes]);
    }
}

/// Encodes a filter of `entries` as `sort_distinct` leaves them. `pages` is at most `PAGES_MAX` and above each entry's.
/// `sample_shift` is what entries were sampled by, 0 if all are there.
pub fn build(entries: &[u64], pages: usize, remainder_bits: u32, sample_shift: u32) -> Vec<u8> {
    debug_assert!(pages <= PAGES_MAX && remainder_bits <= REMAINDER_BITS_MAX && entries.is_sorted());
    let buckets = entries.len().max(1);
    let page_bits = bits_for(pages);
    let mut out = Vec::with_capacity(estimate_bytes(entries.len(), pages, remainder_bits) + 64);
    out.extend_from_slice(&[remainder_bits as u8, page_bits as u8, sample_shift as u8, 0]);
    out.extend_from_slice(&(buckets as u32).to_le_bytes());
    out.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    out.resize(head_bytes(buckets), 0);
    let mut rest = entries;
    for (sector, first) in (0..buckets).step_by(SECTOR_BUCKETS).enumerate() {
        let end = buckets.min(first + SECTOR_BUCKETS);
        let count = rest.partition_point(|&entry| bucket_of(entry, buckets as u32) < end);
        let (own, others) = rest.split_at(count);
        rest = others;
        let start = out.len();
        append_sector(own, first..end, buckets as u32, remainder_bits, page_bits, &mut out);
        let (crc, end) = (crc32fast::hash(&out[start..]), out.len() as u32);
        let at = HEAD_FIXED_BYTES + sector * SECTOR_ENTRY_BYTES;
        out[at..at + 4].copy_from_slice(&end.to_le_bytes());
        out[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
    }
    let crc_at = head_bytes(buckets) - 4;
    let crc = crc32fast::hash(&out[..crc_at]);
    out[crc_at..crc_at + 4].copy_from_slice(&crc.to_le_bytes());
    out
}

fn append_sector(
    entries: &[u64],
    own: Range<usize>,
    buckets: u32,
    remainder_bits: u32,
    page_bits: u32,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(&(entries.len() as u32).to_le_bytes());
    let mut writer = BitWriter::new(out);
    let mut bucket = own.start;
    for &entry in entries {
        let wanted = bucket_of(entry, buckets);
        while bucket < wanted {
            writer.push(0, 1);
            bucket += 1;
        }
        writer.push(1, 1);
    }
    (bucket..own.end).for_each(|_| writer.push(0, 1));
    writer.finish();
    let mut writer = BitWriter::new(out);
    for &entry in entries {
        let page = entry & ((1 << PAGE_SHIFT) - 1);
        writer.push(
            remainder_of(entry, remainder_bits) << page_bits | page,
            page_bits + remainder_bits,
        );
    }
    writer.finish();
}

/// The head of a filter: tells where the sector of a hash is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    remainder_bits: u32,
    page_bits: u32,
    sample_shift: u32,
    buckets: u32,
    entries: u32,
    /// End in the filter and checksum of each sector.
    sectors: Vec<(u32, u32)>,
    bytes: u32,
}

impl Head {
    /// Bytes of the head that begins with `bytes`, which may be shorter.
    pub fn bytes_of(bytes: &[u8]) -> Result<usize, Damage> {
        let mut cursor = Cursor::new(bytes);
        cursor.take(4)?;
        Ok(head_bytes(cursor.u32()? as usize))
    }

    /// `bytes` begins with the whole head; `pages` and `filter_bytes` are known from the chunk.
    pub fn parse(bytes: &[u8], pages: usize, filter_bytes: usize) -> Result<Self, Damage> {
        let own_bytes = Self::bytes_of(bytes)?;
        let content = bytes.get(..own_bytes - 4).ok_or_else(|| {
            Damage(format!(
                "the head of a filter has {own_bytes} bytes, not {}",
                bytes.len()
            ))
        })?;
        if crc32fast::hash(content).to_le_bytes() != bytes[own_bytes - 4..own_bytes] {
            return Err(Damage::new("checksum of the head of a filter"));
        }
        let mut cursor = Cursor::new(content);
        let (remainder_bits, page_bits) = (u32::from(cursor.u8()?), u32::from(cursor.u8()?));
        let sample_shift = u32::from(cursor.u8()?);
        cursor.take(1)?;
        let (buckets, entries) = (cursor.u32()?, cursor.u32()?);
        if remainder_bits > REMAINDER_BITS_MAX
            || page_bits != bits_for(pages)
            || pages > PAGES_MAX
            || buckets == 0
            || sample_shift > SAMPLE_SHIFT_MAX
        {
            return Err(Damage(format!(
                "a filter of {buckets} buckets, {remainder_bits} remainder bits and {page_bits} page bits for {pages} pages"
            )));
        }
        let mut sectors = Vec::with_capacity((buckets as usize).div_ceil(SECTOR_BUCKETS));
        let mut last = own_bytes as u32;
        while sectors.len() < sectors.capacity() {
            let (end, crc) = (cursor.u32()?, cursor.u32()?);
            if end < last {
                return Err(Damage(format!("a sector of a filter ends at {end}, before {last}")));
            }
            last = end;
            sectors.push((end, crc));
        }
        if last as usize != filter_bytes {
            return Err(Damage(format!(
                "sectors end at byte {last} of a filter of {filter_bytes}"
            )));
        }
        Ok(Self {
            remainder_bits,
            page_bits,
            sample_shift,
            buckets,
            entries,
            sectors,
            bytes: own_bytes as u32,
        })
    }

    /// Different hashes and pages that are told apart.
    pub fn entries(&self) -> usize {
        self.entries as usize
    }

    /// Whether the filter can tell of the hash.
    pub fn knows(&self, hash: u64) -> bool {
        is_sampled(hash, self.sample_shift)
    }

    pub fn sector_count(&self) -> usize {
        self.sectors.len()
    }

    pub fn sector_of(&self, hash: u64) -> usize {
        bucket_of(hash, self.buckets) / SECTOR_BUCKETS
    }

    /// Where a sector lies in the filter.
    pub fn sector_range(&self, sector: usize) -> Range<usize> {
        let start = sector
            .checked_sub(1)
            .map_or(self.bytes, |before| self.sectors[before].0);
        start as usize..self.sectors[sector].0 as usize
    }

    pub fn check_sector(&self, sector: usize, bytes: &[u8]) -> Result<(), Damage> {
        if crc32fast::hash(bytes) != self.sectors[sector].1 {
            return Err(Damage(format!("checksum of sector {sector} of a filter")));
        }
        Ok(())
    }

    /// The parts of a sector that `check_sector` has passed.
    pub fn sector<'a>(&self, sector: usize, bytes: &'a [u8]) -> Result<Sector<'a>, Damage> {
        let first = sector * SECTOR_BUCKETS;
        let buckets = SECTOR_BUCKETS.min(self.buckets as usize - first);
        let mut cursor = Cursor::new(bytes);
        let count = cursor.u32()? as usize;
        let counts = cursor.take((count + buckets).div_ceil(8))?;
        let width = self.page_bits + self.remainder_bits;
        let entries = cursor.take((count * width as usize).div_ceil(8))?;
        cursor.finish()?;
        Ok(Sector { first, counts, entries })
    }

    /// Pages of `sector`, which is that of `hash`, that may have it.
    pub fn pages(&self, sector: &Sector<'_>, hash: u64) -> PageSet {
        let bucket = bucket_of(hash, self.buckets) - sector.first;
        let (mut at, mut place) = sector.bucket_start(bucket);
        let wanted = remainder_of(hash, self.remainder_bits);
        let width = self.page_bits + self.remainder_bits;
        let mut pages = 0;
        while bit(sector.counts, at) {
            let found = bits(sector.entries, place * width as usize, width);
            if found >> self.page_bits == wanted {
                pages |= 1 << (found & ((1 << self.page_bits) - 1));
            }
            at += 1;
            place += 1;
        }
        pages
    }
}

/// One sector.
pub struct Sector<'a> {
    /// The first bucket.
    first: usize,
    counts: &'a [u8],
    entries: &'a [u8],
}

impl Sector<'_> {
    /// Where the counts of a bucket begin, and how many entries lie before it: behind the zero that ends the last bucket.
    fn bucket_start(&self, bucket: usize) -> (usize, usize) {
        let mut zeros_left = bucket;
        for at in (0..self.counts.len() * 8).step_by(64) {
            let word = bits(self.counts, at, 64);
            let zeros = word.count_zeros() as usize;
            if zeros < zeros_left {
                zeros_left -= zeros;
                continue;
            }
            let mut ends = !word;
            for _ in 1..zeros_left {
                ends &= ends - 1;
            }
            let start = if zeros_left == 0 {
                at
            } else {
                at + ends.trailing_zeros() as usize + 1
            };
            return (start, start - bucket);
        }
        (self.counts.len() * 8, 0)
    }
}

fn bit(bytes: &[u8], at: usize) -> bool {
    bytes.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1)
}

/// `count` bits (at most 57, or 64 at a byte's start) from bit `at` up; missing bytes are zero.
fn bits(bytes: &[u8], at: usize, count: u32) -> u64 {
    let tail = bytes.get(at / 8..).unwrap_or_default();
    let word = match tail.first_chunk::<8>() {
        Some(word) => u64::from_le_bytes(*word),
        None => {
            let mut word = [0; 8];
            word[..tail.len()].copy_from_slice(tail);
            u64::from_le_bytes(word)
        }
    };
    let mask = if count == 64 { u64::MAX } else { (1 << count) - 1 };
    word >> (at % 8) & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(seed: u64, count: u64) -> impl Iterator<Item = u64> {
        (0..count).map(move |index| xxhash_rust::xxh3::xxh3_64(&(seed << 32 | index).to_le_bytes()))
    }

    fn pages_of(filter: &[u8], pages: usize, hash: u64) -> PageSet {
        let head = Head::parse(filter, pages, filter.len()).unwrap();
        let sector = head.sector_of(hash);
        let bytes = &filter[head.sector_range(sector)];
        head.check_sector(sector, bytes).unwrap();
        head.pages(&head.sector(sector, bytes).unwrap(), hash)
    }

    #[test]
    fn every_entry_is_found_on_its_page() {
        for (count, pages, remainder_bits) in [
            (0, 1, 5),
            (1, 1, 0),
            (7, 3, 2),
            (2048, 8, 5),
            (2049, 64, 0),
            (9000, 5, 16),
            (65_536, 8, 5),
        ] {
            let mut entries: Vec<u64> = hashes(1, count)
                .enumerate()
                .map(|(index, hash)| entry(hash, index % pages))
                .collect();
            // The first is on the last page too, and twice on its own.
            if let Some(&first) = entries.first() {
                entries.extend([entry(first, pages - 1), first]);
            }
            sort_distinct(&mut entries);
            let filter = build(&entries, pages, remainder_bits, 0);
            for (index, hash) in hashes(1, count).enumerate() {
                let found = pages_of(&filter, pages, hash);
                assert!(
                    found >> (index % pages) & 1 == 1,
                    "{count} {pages} {remainder_bits}: {index}"
                );
                assert!(index > 0 || found >> (pages - 1) & 1 == 1);
            }
        }
    }

    #[test]
    fn false_positives_and_bytes_are_as_stated() {
        let mut entries: Vec<u64> = hashes(1, 65_536)
            .enumerate()
            .map(|(index, hash)| entry(hash, index / 8192))
            .collect();
        sort_distinct(&mut entries);
        for remainder_bits in [0, 3, 5, 8] {
            let filter = build(&entries, 8, remainder_bits, 0);
            let bits = filter.len() as f64 * 8.0 / 65_536.0;
            assert!(bits < f64::from(2 + remainder_bits + 3) + 0.06, "{bits} bits an entry");
            let tries = 40_000;
            let found: u32 = hashes(2, tries)
                .map(|hash| pages_of(&filter, 8, hash).count_ones())
                .sum();
            let rate = f64::from(found) / tries as f64;
            let stated = 0.5f64.powi(remainder_bits as i32);
            assert!(
                rate < stated * 1.2 && rate > stated * 0.8,
                "{rate} pages a lookup, {stated} stated"
            );
        }
    }

    #[test]
    fn damage_is_told() {
        let mut entries: Vec<u64> = hashes(1, 3000).map(|hash| entry(hash, 0)).collect();
        sort_distinct(&mut entries);
        let filter = build(&entries, 1, 5, 0);
        let check = |bytes: &[u8]| -> Result<(), Damage> {
            let head_bytes = Head::bytes_of(bytes)?;
            if head_bytes > bytes.len() {
                return Err(Damage::new("cut short"));
            }
            let head = Head::parse(bytes, 1, bytes.len())?;
            (0..head.sector_count()).try_for_each(|sector| {
                let part = &bytes[head.sector_range(sector)];
                head.check_sector(sector, part)?;
                head.sector(sector, part).map(|_| ())
            })
        };
        check(&filter).unwrap();
        for at in 0..filter.len() {
            let mut damaged = filter.clone();
            damaged[at] ^= 0x10;
            assert!(check(&damaged).is_err(), "byte {at}");
        }
        for end in 0..filter.len() {
            assert!(check(&filter[..end]).is_err(), "cut at {end}");
        }
    }
}
