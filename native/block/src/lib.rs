//! Basalt's columnar block: the in-memory batch, its encodings, and the bytes on disk.
//!
//! A *block* is self-describing and has the same bytes in the WAL and as a row group of a segment
//! (`docs/FORMAT.md` has each byte). This crate knows neither Node nor SQL nor JSON.
//!
//! Write: `Batch` → `writer` (checks, dictionaries) → `chunk_writer` (pages) → `codec` (one encoding a file).
//! Read: `reader` (header) → `chunk_reader` (directory, pages) → `codec`. `merge` reads blocks and writes a `segment`.

mod bounds;
mod chunk_reader;
mod chunk_writer;
pub mod codec;
pub mod column;
mod compress;
mod cursor;
mod dictionary;
mod directory;
pub mod error;
pub mod header;
pub mod merge;
pub mod reader;
pub mod segment;
pub mod source;
pub mod writer;

pub use column::{Batch, Column, ColumnType, Strings, Text, Validity, Values};
pub use cursor::Damage;
pub use error::BlockError;
pub use header::{BlockHeader, Bound, ChunkFamily, ColumnEntry};
pub use merge::{MergeInput, RowSelection, TimeCut, bits_of, merge_blocks, merge_selected, rows_by_bucket};
pub use reader::{BlockReader, Chunk, PAGE_ROWS, Page, PageValues, check_block, decode_block, verify_block};
pub use segment::{GROUP_ROWS, GroupLocation, SegmentFooter, read_footer};
pub use source::{FileSource, ReadAt};
pub use writer::{EncodeOptions, encode_block};
