//! What an entry is.

/// One cached thing: `kind` of `page` of `column` of the block at `offset` of a file. The caller keeps all five from ever
/// meaning other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// Never used for two files while the slab lives.
    pub file: u64,
    /// Of the block, in the file.
    pub offset: u64,
    pub column: u32,
    pub page: u32,
    pub kind: u32,
}

impl Key {
    /// The same on every thread. Keys that collide cost a comparison, nothing else.
    pub(crate) fn hash(&self) -> u64 {
        let place = mix(self.file.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ self.offset);
        mix(place ^ (u64::from(self.column) << 32 | u64::from(self.page)) ^ u64::from(self.kind).rotate_left(56))
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014).
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
