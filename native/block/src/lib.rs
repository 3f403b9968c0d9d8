//! Basalt's columnar block: the in-memory batch, its encodings, and the bytes on disk.
//!
//! A *block* is self-describing and has the same bytes in the WAL and as a row group of a segment
//! (`docs/FORMAT.md` has each byte). This crate knows neither Node nor SQL nor JSON.
//!
//! Write: `Batch` → `writer` (checks, dictionaries) → `chunk_writer` (pages) → `codec` (one encoding a file).
//! Read: `reader` (header) → `chunk_reader` (directory, pages) → `codec`. `merge` reads blocks and writes a `segment`.

mod bounds;
pub mod check;
mod chunk_reader;
mod chunk_writer;
pub mod codec;
pub mod column;
mod compress;
mod cursor;
mod dictionary;
mod directory;
mod entry_counts;
pub mod error;
pub mod header;
pub mod header_view;
pub mod index;
pub mod inspect;
pub mod merge;
mod page_decode;
pub mod reader;
pub mod salvage;
pub mod section;
pub mod segment;
pub mod source;
mod template;
pub mod writer;

pub use check::{Finding, SegmentCheck, check_segment};
pub use column::{Batch, Column, ColumnType, Spelled, Strings, Text, Validity, Values};
pub use cursor::Damage;
pub use error::BlockError;
pub use header::{BLOCK_ROWS_MAX, BlockHeader, Bound, ChunkFamily, ColumnEntry};
pub use header_view::{ColumnView, HeaderView};
pub use inspect::{BlockInspection, ColumnInspection, inspect_block};
pub use merge::{MergeInput, RowSelection, TimeCut, bits_of, merge_blocks, merge_selected, rows_by_bucket};
pub use reader::{
    BlockReader, Chunk, PAGE_ROWS, Page, PageValues, check_block, decode_block, decode_named, open_chunk, verify_block,
};
pub use salvage::{Lost, LostGroup, Salvage, salvage_segment};
pub use section::Section;
pub use segment::{GROUP_ROWS, GroupLocation, SegmentFooter, has_current_version, read_footer};
pub use source::{FileSource, ReadAt};
pub use template::NumberedPage;
pub use writer::{EncodeOptions, Layout, encode_block};
