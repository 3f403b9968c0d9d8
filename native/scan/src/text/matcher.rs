//! One string against one compiled pattern.

use crate::error::ScanError;
use ahash::AHashSet;
use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};

/// A compiled regular expression takes at most so much memory, and so much again for its lazy automaton.
pub const REGEX_BYTES_MAX: usize = 4 << 20;

pub enum Matcher {
    Any,
    Never,
    Equals(Vec<u8>),
    Set(AHashSet<Vec<u8>>),
    /// Bytewise `>=`.
    AtLeast(Vec<u8>),
    /// Bytewise `<=`.
    AtMost(Vec<u8>),
    Prefix(Vec<u8>),
    Suffix(Vec<u8>),
    Contains(Box<Finder<'static>>),
    /// `prefix%middle%...%suffix`: the pieces one after the other, not overlapping.
    Sequence {
        prefix: Vec<u8>,
        middle: Vec<Finder<'static>>,
        suffix: Vec<u8>,
    },
    Regex(Expression),
    /// `ascii` answers for ASCII strings once they are in lower case, `full` for all others.
    IgnoreCase {
        ascii: Box<Matcher>,
        full: FullCase,
    },
}

/// Ignoring case beyond ASCII.
pub enum FullCase {
    /// The string in lower case contains this.
    LowerContains(Box<Finder<'static>>),
    /// A case-insensitive expression.
    Regex(Expression),
}

/// A compiled regular expression with what it was compiled from.
/// On bytes: text that is not UTF-8 (damage that a checksum missed) does not match or does, but never panics.
pub struct Expression {
    pub regex: Regex,
    pub ignore_case: bool,
    pub dot_matches_newline: bool,
}

impl Matcher {
    /// `lowered` is a buffer.
    pub fn matches(&self, text: &[u8], lowered: &mut Vec<u8>) -> bool {
        match self {
            Self::Any => true,
            Self::Never => false,
            Self::Equals(value) => text == value,
            Self::Set(values) => values.contains(text),
            Self::AtLeast(value) => text >= value.as_slice(),
            Self::AtMost(value) => text <= value.as_slice(),
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::Suffix(suffix) => text.ends_with(suffix),
            Self::Contains(finder) => finder.find(text).is_some(),
            Self::Sequence { prefix, middle, suffix } => matches_sequence(text, prefix, middle, suffix),
            Self::Regex(expression) => expression.regex.is_match(text),
            Self::IgnoreCase { ascii, full } => {
                if text.is_ascii() {
                    lowered.clear();
                    lowered.extend(text.iter().map(u8::to_ascii_lowercase));
                    ascii.matches(lowered, &mut Vec::new())
                } else {
                    full.matches(text)
                }
            }
        }
    }

    /// A string that every match contains, if the pattern has one that is worth searching for.
    pub fn required(&self) -> Option<&Finder<'static>> {
        match self {
            Self::Contains(finder) => Some(finder),
            Self::Sequence { middle, .. } => middle.iter().max_by_key(|finder| finder.needle().len()),
            _ => None,
        }
    }
}

impl FullCase {
    pub fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::LowerContains(finder) => finder
                .find(String::from_utf8_lossy(text).to_lowercase().as_bytes())
                .is_some(),
            Self::Regex(expression) => expression.regex.is_match(text),
        }
    }
}

/// The leftmost place for each piece is as good as any: it leaves most for the rest.
fn matches_sequence(text: &[u8], prefix: &[u8], middle: &[Finder<'static>], suffix: &[u8]) -> bool {
    let Some(mut rest) = text.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix)) else {
        return false;
    };
    for piece in middle {
        match piece.find(rest) {
            Some(at) => rest = &rest[at + piece.needle().len()..],
            None => return false,
        }
    }
    true
}

pub fn finder(needle: &[u8]) -> Finder<'static> {
    Finder::new(needle).into_owned()
}

pub fn compile_contains(needle: &str, ignore_case: bool) -> Matcher {
    if needle.is_empty() {
        return Matcher::Any;
    }
    if !ignore_case {
        return Matcher::Contains(Box::new(finder(needle.as_bytes())));
    }
    let lower = needle.to_lowercase();
    // An ASCII string in lower case is ASCII, so it contains no needle that is not.
    let ascii = if lower.is_ascii() {
        Matcher::Contains(Box::new(finder(lower.as_bytes())))
    } else {
        Matcher::Never
    };
    Matcher::IgnoreCase {
        ascii: Box::new(ascii),
        full: FullCase::LowerContains(Box::new(finder(lower.as_bytes()))),
    }
}

pub fn compile_regex(pattern: &str, ignore_case: bool) -> Result<Matcher, ScanError> {
    build_regex(pattern, ignore_case, false).map(Matcher::Regex)
}

/// Linear time in the text; bounded memory.
pub fn build_regex(pattern: &str, ignore_case: bool, dot_matches_newline: bool) -> Result<Expression, ScanError> {
    let regex = RegexBuilder::new(pattern)
        .case_insensitive(ignore_case)
        .dot_matches_new_line(dot_matches_newline)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => ScanError::Pattern(format!(
                "the regular expression {:?} needs more than {} MiB compiled; shorten it or lower its repetition counts",
                shortened(pattern),
                REGEX_BYTES_MAX >> 20
            )),
            other => ScanError::Pattern(format!("the regular expression {:?} is invalid: {other}", shortened(pattern))),
        })?;
    Ok(Expression {
        regex,
        ignore_case,
        dot_matches_newline,
    })
}

pub fn shortened(pattern: &str) -> String {
    const SHOWN_CHARS: usize = 100;
    match pattern.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &pattern[..end]),
        None => pattern.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(needle: &str, text: &str) -> bool {
        compile_contains(needle, true).matches(text.as_bytes(), &mut Vec::new())
    }

    #[test]
    fn contains_ignores_case_by_lower_casing() {
        assert!(contains("STRASSE", "Hauptstrasse 5"));
        assert!(contains("ÄPFEL", "grüne äpfel"));
        assert!(contains("äpfel", "GRÜNE ÄPFEL"));
        // The Kelvin sign lower-cases to an ASCII k.
        assert!(contains("\u{212A}elvin", "273 kelvin"));
        assert!(contains("kelvin", "273 \u{212A}ELVIN"));
        assert!(!contains("ä", "plain ascii"));
        assert!(contains("", "anything"));
    }

    #[test]
    fn sequences_do_not_overlap() {
        let sequence = Matcher::Sequence {
            prefix: b"ab".to_vec(),
            middle: vec![finder(b"b")],
            suffix: b"bc".to_vec(),
        };
        assert!(!sequence.matches(b"abc", &mut Vec::new()));
        assert!(!sequence.matches(b"abbc", &mut Vec::new()));
        assert!(sequence.matches(b"abbbc", &mut Vec::new()));
    }

    #[test]
    fn huge_expressions_are_refused_with_a_reason() {
        let error = compile_regex("(a{1000}){1000}", false).err().unwrap().to_string();
        assert!(error.contains("4 MiB"), "{error}");
        let error = compile_regex("(unclosed", false).err().unwrap().to_string();
        assert!(error.contains("(unclosed"), "{error}");
    }
}
