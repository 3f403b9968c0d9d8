//! Why a scan gave no answer.

use arrow_schema::ArrowError;
use basalt_block::BlockError;
use std::fmt;

#[derive(Debug)]
pub enum ScanError {
    /// The request contradicts itself: an unknown column, a literal of another type.
    Request(String),
    /// A pattern of the caller's that does not compile, or not within the memory that one may take.
    Pattern(String),
    /// The block at byte `offset` of its source cannot be read.
    Block { offset: u64, error: BlockError },
    /// The answer would be larger than a stated limit; the text names the limit and what to do.
    Limit(String),
    /// An aggregate function refused its input.
    Function { name: String, what: String },
    /// An integer would not fit: which.
    Overflow(String),
    /// The query that this was for was told to stop.
    Cancelled,
    /// Something that correct callers and storage never cause.
    Internal(String),
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(text) => write!(f, "invalid scan request: {text}"),
            Self::Block { offset, error } => write!(f, "block at byte {offset}: {error}"),
            Self::Function { name, what } => write!(f, "aggregate function {name}: {what}"),
            Self::Limit(text) | Self::Pattern(text) => f.write_str(text),
            Self::Overflow(what) => write!(f, "integer overflow: {what} is beyond the integers; cast to double"),
            Self::Cancelled => f.write_str("the query was cancelled"),
            Self::Internal(text) => write!(f, "internal error in a scan: {text}"),
        }
    }
}

impl std::error::Error for ScanError {}

impl From<ArrowError> for ScanError {
    fn from(error: ArrowError) -> Self {
        Self::Internal(format!("Arrow: {error}"))
    }
}
