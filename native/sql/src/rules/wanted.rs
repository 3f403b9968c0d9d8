//! What the text of `match_all` asks of a full-text column. All forms ignore case.
//!
//! | text | a column matches if |
//! |---|---|
//! | `v`, `*v*` | it holds `v` anywhere |
//! | `v*` | one of its words begins with `v` |
//! | `*v` | one of its words ends with `v` |
//! | `re:v` | the regular expression `v` matches anywhere in it |
//! | empty, `*` | always, also without any text |
//!
//! A word is a run of letters and digits. Where `v` itself begins (for `*v`: ends) with another character, it may stand
//! anywhere. Only stars at the ends are wildcards. The meaning does not depend on an index, so rows answer alike wherever they lie.

use std::sync::Arc;

use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ScalarUDF, lit};

use crate::functions::{re_match, str_match_ignore_case};

/// A character that is not part of a word, or the end of the text.
const BEFORE_WORD: &str = r"(?:^|[^\p{L}\p{N}])";
const AFTER_WORD: &str = r"(?:$|[^\p{L}\p{N}])";

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Everything,
    /// The text anywhere.
    Part(String),
    /// The text where this pattern matches it too.
    Placed {
        part: String,
        pattern: String,
    },
    Pattern(String),
}

impl Wanted {
    pub fn parse(text: &str) -> Self {
        if let Some(pattern) = text.strip_prefix("re:") {
            return Wanted::Pattern(format!("(?i){pattern}"));
        }
        let part = text.trim_matches('*');
        let (first, last) = (part.chars().next(), part.chars().next_back());
        let in_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let escaped = regex::escape(part);
        let pattern = match (text.starts_with('*'), text.ends_with('*')) {
            _ if part.is_empty() => return Wanted::Everything,
            (false, true) if in_word(first) => format!("(?i){BEFORE_WORD}{escaped}"),
            (true, false) if in_word(last) => format!("(?i){escaped}{AFTER_WORD}"),
            _ => return Wanted::Part(part.to_owned()),
        };
        let part = part.to_owned();
        Wanted::Placed { part, pattern }
    }

    /// The test of one column; null where the column is.
    pub fn test(&self, column: Expr) -> Expr {
        match self {
            Wanted::Everything => lit(true),
            Wanted::Part(part) => call(str_match_ignore_case(), column, part),
            // The search for the part is fast and leaves little to the pattern.
            Wanted::Placed { part, pattern } => {
                let part = call(str_match_ignore_case(), column.clone(), part);
                part.and(call(re_match(), column, pattern))
            }
            Wanted::Pattern(pattern) => call(re_match(), column, pattern),
        }
    }
}

fn call(function: Arc<ScalarUDF>, column: Expr, text: &str) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![column, lit(text)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(part: &str, pattern: &str) -> Wanted {
        let part = part.to_owned();
        let pattern = format!("(?i){pattern}");
        Wanted::Placed { part, pattern }
    }

    #[test]
    fn stars_at_the_ends_are_wildcards() {
        let part = |text: &str| Wanted::Part(text.to_owned());
        assert_eq!(Wanted::parse("err"), part("err"));
        assert_eq!(Wanted::parse("*err*"), part("err"));
        assert_eq!(Wanted::parse("**err**"), part("err"));
        assert_eq!(Wanted::parse("a*b"), part("a*b"));
        assert_eq!(Wanted::parse("err*"), placed("err", &format!("{BEFORE_WORD}err")));
        assert_eq!(Wanted::parse("*1.5"), placed("1.5", &format!(r"1\.5{AFTER_WORD}")));
        assert_eq!(Wanted::parse("/api*"), part("/api"));
        assert_eq!(Wanted::parse("*)"), part(")"));
        for everything in ["", "*", "**"] {
            assert_eq!(Wanted::parse(everything), Wanted::Everything);
        }
        assert_eq!(Wanted::parse("re:a*b|c"), Wanted::Pattern("(?i)a*b|c".to_owned()));
        assert_eq!(Wanted::parse("RE:a"), part("RE:a"));
    }

    #[test]
    fn words_begin_after_what_is_no_letter_or_digit() {
        let matches = |text: &str, in_text: &str| match Wanted::parse(text) {
            Wanted::Placed { pattern, .. } => regex::Regex::new(&pattern).expect("a pattern").is_match(in_text),
            other => panic!("{other:?}"),
        };
        for (text, in_text, expected) in [
            ("err*", "an Error", true),
            ("err*", "conn_error", true),
            ("err*", "terror", false),
            ("err*", "terror\nerr", true),
            ("größ*", "die GRÖSSE, die Größe", true),
            ("*out", "timeout", true),
            ("*out", "time out", true),
            ("*out", "outage", false),
            ("*out", "outage, OUT!", true),
        ] {
            assert_eq!(matches(text, in_text), expected, "{text} in {in_text}");
        }
    }
}
