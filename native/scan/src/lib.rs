//! Scans over encoded blocks: filter, project, partial aggregation and newest-first top-k, answered as Arrow IPC.
//!
//! `scan` takes a request (plain data, see `request`) and the blocks of a morsel. Blocks are worked on page by page: the
//! header and dictionaries decide what they can, filter columns are read next, cheapest first, and other columns only for
//! pages that still have rows. Everything is bounded: filter depth, compiled patterns, groups, text of a batch.

pub mod aggregate;
mod answer;
mod bits;
mod block_pages;
mod block_view;
mod cancel;
pub mod cast;
mod column_builder;
mod error;
mod filter;
pub mod ipc;
mod kernels;
mod page_view;
mod plan;
pub mod request;
mod row_matcher;
mod rows;
mod scan;
mod sketch;
mod text;
mod top_time;
mod wide;

pub use aggregate::combine::combine;
pub use aggregate::deal::Share;
pub use aggregate::dealt::{Decoded, decode as decode_answer};
pub use aggregate::function::{Functions, NoFunctions, States};
pub use answer::{ScanOutput, ScanStats};
pub use block_view::Part;
pub use cancel::Cancel;
pub use error::ScanError;
pub use filter::FILTER_DEPTH_MAX;
pub use request::ScanRequest;
pub use row_matcher::RowMatcher;
pub use scan::{Cached, Resume, ScanOptions, scan, scan_with};
pub use sketch::Sketch;
pub use text::{REGEX_BYTES_MAX, compile_like};
