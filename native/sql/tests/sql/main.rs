//! The SQL crate through its public API.

mod answers;
mod clock;
mod differential;
mod encodings;
mod errors;
mod harness;
mod leaves;
mod limits;
mod runs;
mod timing;
