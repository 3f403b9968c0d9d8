//! The JSON shredder: request bodies in, typed columns out.
//!
//! What must hold, and why:
//! - A batch holds exactly the rows whose records were accepted. A record that fails midway and a body that is refused
//!   leave no cell, no column, no dictionary entry and no wider type behind, because a type seen once stays with the
//!   stream. So builders only ever append, can be cut back to any row, and widen when the batch is finished.
//! - Nothing recurses over the input, and every table that grows is bounded by the size of the input, so no body can
//!   exhaust the stack or blow a small request up into a large batch.
//! - The fast path may only say "not plain": what is wrong and where is found by a second, strict walk over the record.
//!   Errors are rare, so the hot loop carries no positions.

mod body;
mod bulk;
mod bulk_action;
mod bulk_items;
mod canonical;
mod column_builder;
mod cursor;
mod dictionary;
mod duplicate;
mod escape;
mod fields;
mod fingerprint;
mod finish;
mod flatten;
mod group;
mod group_column;
mod limits;
mod lines;
mod number;
mod outcome;
mod overflow;
mod overflow_fields;
mod problem;
mod record;
mod record_members;
mod record_store;
mod request;
mod rows;
mod shredder;
mod skip;
mod slots;
mod stream_name;
mod string_end;
mod text_append;
mod text_builder;
mod timestamp;

pub use bulk_items::BulkItems;
pub use canonical::canonical_float;
pub use fields::{STREAM_COLUMNS_MAX, StreamFields};
pub use limits::{RECORDS_MAX, ShredLimits};
pub use outcome::{BulkAction, Group, Outcome, RecordError, Rejection, Shredded};
pub use overflow::OVERFLOW_COLUMN;
pub use overflow_fields::{OverflowField, OverflowValue, overflow_fields};
pub use request::{BodyFormat, ShredRequest};
pub use shredder::{FieldsOf, shred};
pub use stream_name::normalize_stream;
