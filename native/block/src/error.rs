//! What can go wrong with bytes that claim to be a block or a segment.

use std::fmt;

/// Why a block or segment could not be read or written.
#[derive(Debug)]
pub enum BlockError {
    /// Bytes contradict the format: where (byte offset in the source), what was expected and what was found.
    Corrupt { offset: u64, what: String },
    /// A format version or encoding id this build does not know.
    Unsupported { offset: u64, what: String },
    /// The input of an encoder breaks a stated precondition (a bug of the caller).
    Invalid { what: String },
    /// The operating system refused.
    Io(std::io::Error),
}

impl fmt::Display for BlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { offset, what } => write!(f, "corrupt at byte {offset}: {what}"),
            Self::Unsupported { offset, what } => write!(f, "unsupported at byte {offset}: {what}"),
            Self::Invalid { what } => write!(f, "invalid input: {what}"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for BlockError {}

impl From<std::io::Error> for BlockError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl BlockError {
    pub(crate) fn corrupt(offset: u64, what: impl Into<String>) -> Self {
        Self::Corrupt {
            offset,
            what: what.into(),
        }
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }
}
