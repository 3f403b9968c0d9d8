//! The SQL crate through its public API.

mod answers;
mod cancel;
mod clock;
mod differential;
mod encodings;
mod errors;
mod exports;
mod functions;
mod harness;
mod leaves;
mod limits;
mod runs;
mod spill;
mod timing;
