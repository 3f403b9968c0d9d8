//! Bounds of what a record and a batch may look like.

/// Limits of one call of [`crate::shred`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShredLimits {
    /// New fields of one record that become columns, less one for `_timestamp`; the record's further ones go to its overflow column.
    /// Fields that the stream has as columns always do, so a record takes nothing from others.
    pub columns_max: usize,
    /// How many nested keys are joined into one column name; an object below stays JSON text. 1 to 64.
    pub flatten_levels: usize,
    /// Deepest nesting of a record, the record itself counted.
    pub depth_max: usize,
    pub record_bytes_max: usize,
}

impl Default for ShredLimits {
    fn default() -> Self {
        Self {
            columns_max: 1024,
            flatten_levels: 3,
            depth_max: 128,
            record_bytes_max: 16 << 20,
        }
    }
}

/// Deepest flattening that a caller can ask for: it bounds the recursion of the duplicate-key rewrite.
pub(crate) const FLATTEN_LEVELS_MAX: usize = 64;

/// A longer flattened name goes to the overflow column: a few long keys around thousands of short ones would otherwise
/// make names many times larger than the body.
pub(crate) const NAME_BYTES_MAX: usize = 512;

/// Records of one body: as many rows as a block may have.
pub const RECORDS_MAX: u32 = basalt_block::BLOCK_ROWS_MAX as u32;

/// Bytes of all bodies of one call. Text offsets are 32 bits, and a cell's text is at most twice the bytes its record
/// spends on it (`1e20` in the smallest possible record), so columns stay below 4 GiB.
pub(crate) const BODIES_BYTES_MAX: usize = 1 << 30;
