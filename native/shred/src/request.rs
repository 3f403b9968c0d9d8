//! What goes into the shredder.

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
