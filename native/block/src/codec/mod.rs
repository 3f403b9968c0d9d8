//! The encodings of a page, one file each, under one contract.
//!
//! A codec sees only the values that are present (nulls are taken out before, `validity` tells where they were). The
//! writer collects the statistics of a page once, asks each codec of the kind for an estimate, and lets the cheapest
//! encode. `encode` may still decline; then the kind's last codec is used, which takes anything. `decode` gets the
//! exact payload and the count of values, must fill the output with exactly that many, and must answer damaged bytes
//! with `Damage`, never a panic.
//!
//! Ids are on disk: never reuse or renumber one. 0 is reserved so that zeroed bytes never pass.

pub mod bitmap;
pub mod bitpack;
pub mod byte_mask;
pub mod codes;
pub mod constant;
pub mod decimal;
pub mod delta;
pub mod digit_runs;
pub mod digits;
pub mod float_bits;
pub mod frame;
pub mod hex;
pub mod pieces;
pub mod runs;
pub mod stats;
pub mod text;
pub mod triples;
pub mod validity;

use crate::column::Text;
use crate::cursor::Damage;
use crate::writer::{EncodeOptions, Layout};
use stats::{BoolStats, CodeStats, FloatStats, IntStats, TextStats};

/// One kind of values with the codecs that can hold it.
pub trait Kind: Sized + 'static {
    type Values<'a>: Copy;
    type Stats;
    type Decoded: Default;
    /// In order of preference at equal size. The last one never declines.
    const CODECS: &'static [&'static dyn Codec<Self>];
    fn collect(values: Self::Values<'_>) -> Self::Stats;
}

/// `encode` found that it would not pay after all.
#[derive(Debug, PartialEq, Eq)]
pub struct Declined;

/// One encoding of one kind of values. A page has 1 to `PAGE_ROWS` values.
pub trait Codec<K: Kind>: Sync {
    fn id(&self) -> u8;
    fn name(&self) -> &'static str;
    /// Whether it is quick enough for a block that a client waits for.
    fn suits_wal(&self) -> bool {
        true
    }
    /// About the bytes that `encode` would write; `None` when this codec cannot hold the values or surely does not pay.
    fn estimate_bytes(&self, values: K::Values<'_>, stats: &K::Stats) -> Option<usize>;
    /// Appends the payload. On `Declined` whatever was appended is dropped by the caller.
    fn encode(
        &self,
        values: K::Values<'_>,
        stats: &K::Stats,
        zstd_level: i32,
        out: &mut Vec<u8>,
    ) -> Result<(), Declined>;
    /// Replaces `into` with `count` values.
    fn decode(&self, payload: &[u8], count: usize, into: &mut K::Decoded) -> Result<(), Damage>;
}

pub const CONSTANT: u8 = 1;
pub const FRAME: u8 = 2;
pub const DELTA: u8 = 3;
pub const DECIMAL: u8 = 4;
pub const FLOAT_BITS: u8 = 5;
pub const BITMAP: u8 = 6;
pub const CODES: u8 = 7;
pub const TEXT: u8 = 8;
pub const HEX: u8 = 9;
pub const DIGITS: u8 = 11;
pub const RUNS: u8 = 12;
/// Of a page without any value (all rows null): there is no values part and no codec.
pub const NO_VALUES: u8 = 10;

pub struct Ints;
pub struct Floats;
pub struct Bools;
pub struct Codes;
pub struct Texts;

/// Strings to encode: string `i` is `bytes[offsets[i]..offsets[i + 1]]`. Offsets never fall and are within `bytes`.
#[derive(Debug, Clone, Copy)]
pub struct TextSlice<'a> {
    pub offsets: &'a [u32],
    pub bytes: &'a [u8],
}

impl<'a> TextSlice<'a> {
    pub fn of(text: &'a Text) -> Self {
        Self {
            offsets: &text.offsets,
            bytes: &text.bytes,
        }
    }

    pub fn count(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn get(&self, index: usize) -> &'a [u8] {
        &self.bytes[self.offsets[index] as usize..self.offsets[index + 1] as usize]
    }

    /// All strings end to end.
    pub fn all_bytes(&self) -> &'a [u8] {
        &self.bytes[self.offsets[0] as usize..self.offsets[self.count()] as usize]
    }
}

impl Kind for Ints {
    type Values<'a> = &'a [i64];
    type Stats = IntStats;
    type Decoded = Vec<i64>;
    const CODECS: &'static [&'static dyn Codec<Self>] =
        &[&constant::Constant, &runs::Runs, &delta::Delta, &frame::Frame];

    fn collect(values: &[i64]) -> IntStats {
        IntStats::collect(values)
    }
}

impl Kind for Floats {
    type Values<'a> = &'a [f64];
    type Stats = FloatStats;
    type Decoded = Vec<f64>;
    const CODECS: &'static [&'static dyn Codec<Self>] =
        &[&constant::Constant, &decimal::Decimal, &float_bits::FloatBits];

    fn collect(values: &[f64]) -> FloatStats {
        FloatStats::collect(values)
    }
}

impl Kind for Bools {
    type Values<'a> = &'a [bool];
    type Stats = BoolStats;
    type Decoded = Vec<bool>;
    const CODECS: &'static [&'static dyn Codec<Self>] = &[&constant::Constant, &bitmap::Bitmap];

    fn collect(values: &[bool]) -> BoolStats {
        BoolStats::collect(values)
    }
}

impl Kind for Codes {
    type Values<'a> = &'a [u32];
    type Stats = CodeStats;
    type Decoded = Vec<u32>;
    const CODECS: &'static [&'static dyn Codec<Self>] = &[&constant::Constant, &runs::Runs, &codes::PackedCodes];

    fn collect(values: &[u32]) -> CodeStats {
        CodeStats::collect(values)
    }
}

impl Kind for Texts {
    type Values<'a> = TextSlice<'a>;
    type Stats = TextStats;
    type Decoded = Text;
    const CODECS: &'static [&'static dyn Codec<Self>] =
        &[&constant::Constant, &hex::Hex, &digits::Digits, &text::PackedText];

    fn collect(values: TextSlice<'_>) -> TextStats {
        TextStats::collect(values)
    }
}

/// Encodes the values with the cheapest codec that suits the layout, appends the payload and returns the codec's id.
pub fn encode<K: Kind>(values: K::Values<'_>, stats: &K::Stats, options: &EncodeOptions, out: &mut Vec<u8>) -> u8 {
    let zstd_level = options.zstd_level;
    let start = out.len();
    let cheapest = K::CODECS
        .iter()
        .filter(|codec| options.layout == Layout::Segment || codec.suits_wal())
        .filter_map(|codec| codec.estimate_bytes(values, stats).map(|bytes| (bytes, *codec)))
        .min_by_key(|(bytes, _)| *bytes);
    if let Some((_, codec)) = cheapest
        && codec.encode(values, stats, zstd_level, out).is_ok()
    {
        return codec.id();
    }
    out.truncate(start);
    let last = K::CODECS[K::CODECS.len() - 1];
    let taken = last.encode(values, stats, zstd_level, out);
    debug_assert_eq!(taken, Ok(()), "{} is the last resort of its kind", last.name());
    last.id()
}

/// The codec of a kind by its id on disk.
pub fn find<K: Kind>(id: u8) -> Option<&'static dyn Codec<K>> {
    K::CODECS.iter().copied().find(|codec| codec.id() == id)
}
