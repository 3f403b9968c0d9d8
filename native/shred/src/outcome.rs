//! What comes out of the shredder.

use crate::bulk_items::BulkItems;
use crate::fields::StreamFields;
use crate::group_column::FinishedColumn;
use crate::limits::RECORDS_MAX;
use crate::rows::batches;
use basalt_block::Batch;
use std::sync::Arc;

/// The rows of all requests, and what became of each request (same order as the requests).
#[derive(Default)]
pub struct Shredded {
    pub groups: Vec<Group>,
    pub outcomes: Vec<Outcome>,
}

/// The rows of one stream, in arrival order over all requests; at least one row.
pub struct Group {
    pub organization: u32,
    pub stream: String,
    /// What is known of the stream's fields.
    pub fields: Arc<StreamFields>,
    pub(crate) times: Vec<i64>,
    pub(crate) columns: Vec<FinishedColumn>,
}

impl Group {
    /// The rows as batches of at most `cells_max` values and nulls, or of one row. In each `_timestamp` is the first column, the others are
    /// in order of first appearance; a column without any value is not there.
    pub fn batches(self, cells_max: usize) -> impl Iterator<Item = Batch> {
        batches(self.times, self.columns, cells_max)
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// Set when the whole body was refused; then nothing of it is stored and the other fields are empty.
    pub rejected: Option<Rejection>,
    pub successful: u32,
    pub failed: u32,
    /// The first ten and the last, in order.
    pub errors: Vec<RecordError>,
    /// Of the stored records: those that something is told of.
    pub warned: u32,
    /// The first ten and the last of what is told, in order.
    pub warnings: Vec<RecordError>,
    /// `Bulk` only: what became of each action, in request order.
    pub items: BulkItems,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub message: String,
    /// The body is not wrong, but more than is taken at once.
    pub is_too_large: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    /// Position in the body, from 0. In `Bulk` the position of the action.
    pub record: u32,
    /// Begins with `record N: `.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkAction {
    Index,
    Create,
    Update,
    Delete,
}

const ERRORS_FIRST: usize = 10;

impl Outcome {
    pub(crate) fn refuse(message: String) -> Self {
        Self {
            rejected: Some(Rejection {
                message,
                is_too_large: false,
            }),
            ..Self::default()
        }
    }

    pub(crate) fn refuse_size(message: String) -> Self {
        let mut outcome = Self::refuse(message);
        outcome
            .rejected
            .iter_mut()
            .for_each(|rejection| rejection.is_too_large = true);
        outcome
    }

    /// There are more records than a body may have: what walks over the body can stop, it is refused.
    #[inline(always)]
    pub(crate) fn is_overfull(&self) -> bool {
        self.records() > RECORDS_MAX
    }

    /// Counts a failed record, keeping the first ten errors and the last.
    pub(crate) fn fail(&mut self, record: u32, message: &str) {
        self.failed += 1;
        self.errors.truncate(ERRORS_FIRST);
        self.errors.push(RecordError {
            record,
            message: format!("record {record}: {message}"),
        });
    }

    /// Counts a stored record of which something is told.
    pub(crate) fn warn(&mut self, record: u32, message: &str) {
        self.warned += 1;
        self.warnings.truncate(ERRORS_FIRST);
        self.warnings.push(RecordError {
            record,
            message: format!("record {record}: {message}"),
        });
    }

    /// Records seen so far: the position of the next one.
    pub(crate) fn records(&self) -> u32 {
        self.successful + self.failed
    }
}
