//! Predicates on strings: compiled patterns, and their evaluation over a page of text.

mod like;
mod matcher;
mod needs;
pub mod search;
mod template;

pub use like::compile_like;
pub use matcher::{Matcher, REGEX_BYTES_MAX, compile_contains, compile_regex};
pub use needs::Needs;
pub use template::TemplateTest;
