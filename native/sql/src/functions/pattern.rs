//! Regular expressions: linear time on any text, and a bound on what one takes compiled.

use basalt_scan::REGEX_BYTES_MAX;
use datafusion::common::Result;
use regex::{Error, Regex, RegexBuilder};

use crate::error::{EXECUTION, INVALID_SQL, SqlError};

/// Characters of a pattern that an error shows.
const SHOWN_CHARS: usize = 100;

fn build(pattern: &str, ignore_case: bool) -> std::result::Result<Regex, Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(ignore_case)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build()
}

/// An error for a pattern of a row that takes too much compiled. What else may be wrong with it, whoever uses it tells.
pub(super) fn check_size(pattern: &str) -> Result<()> {
    // With the case ignored it takes the most.
    match build(pattern, true) {
        Err(Error::CompiledTooBig(_)) => {
            let shown: String = pattern.chars().take(SHOWN_CHARS).collect();
            let message = format!(
                "Search SQL execute error: the regular expression '{shown}' needs more than {} MiB compiled; shorten it or lower its \
                 repetition counts",
                REGEX_BYTES_MAX >> 20
            );
            Err(SqlError::new(EXECUTION, message).into())
        }
        _ => Ok(()),
    }
}

/// The compiled pattern, under the same bound that scans have.
pub(crate) fn compile(pattern: &str, ignore_case: bool) -> Result<Regex> {
    build(pattern, ignore_case).map_err(|error| {
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
