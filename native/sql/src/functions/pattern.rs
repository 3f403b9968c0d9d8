//! Regular expressions: linear time on any text, and a bound on what one takes compiled.

use basalt_scan::REGEX_BYTES_MAX;
use datafusion::common::Result;
use regex::{Error, Regex, RegexBuilder};

use crate::error::{INVALID_SQL, SqlError};

/// Characters of a pattern that an error shows.
const SHOWN_CHARS: usize = 100;

/// The compiled pattern, under the same bound that scans have.
pub(crate) fn compile(pattern: &str, ignore_case: bool) -> Result<Regex> {
    let built = RegexBuilder::new(pattern)
        .case_insensitive(ignore_case)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build();
    built.map_err(|error| {
        let shown: String = pattern.chars().take(SHOWN_CHARS).collect();
        let reason = match error {
            Error::CompiledTooBig(_) => format!(
                "needs more than {} MiB compiled; shorten it or lower its repetition counts",
                REGEX_BYTES_MAX >> 20
            ),
            _ => "is not valid".to_owned(),
        };
        let message = format!("Search SQL not valid: the regular expression '{shown}' {reason}");
        SqlError::new(INVALID_SQL, message)
            .with_detail(error.to_string())
            .into()
    })
}
