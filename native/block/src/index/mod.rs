//! What a chunk keeps so that a search need not read most of its pages: sections of which each is one page filter.
//!
//! An index only ever skips pages: a page that it names may hold no match, a page that it does not name holds none.

mod chunk_filter;
pub mod gram_filter;
pub mod page_filter;
pub mod value_filter;

pub use chunk_filter::ChunkFilter;
pub use page_filter::PageSet;
