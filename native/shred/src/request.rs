//! What goes into the shredder.

use std::collections::HashSet;

/// How a body is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFormat {
    /// An array of objects, one object, or several objects one after another (each starting on a new line).
    Json,
    /// One object a line.
    Multi,
    /// Action lines, each with its document line (the Elasticsearch bulk protocol).
    Bulk,
}

/// One request body.
#[derive(Debug, Clone, Copy)]
pub struct ShredRequest<'a> {
    pub body: &'a [u8],
    pub format: BodyFormat,
    pub organization: u32,
    /// Already normalised. For `Bulk` the index of actions that name none; may then be empty.
    pub stream: &'a str,
}

/// A stream at its column limit: names outside `columns` go to the overflow column.
#[derive(Debug, Clone, Copy)]
pub struct ClosedStream<'a> {
    pub organization: u32,
    pub stream: &'a str,
    pub columns: &'a HashSet<String>,
}
