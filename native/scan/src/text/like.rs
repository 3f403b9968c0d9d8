//! LIKE patterns: `%` any string, `_` any one character, backslash takes the next character literally (a trailing one is
//! itself). Follows Arrow's `like` and `ilike` kernels, so a filter answers the same in a scan and above it; in particular
//! case beyond ASCII is ignored by simple case folding.

use super::matcher::{Expression, FullCase, Matcher, REGEX_BYTES_MAX, build_regex, finder, shortened};
use crate::error::ScanError;

enum Piece {
    Literal(String),
    AnyString,
    AnyChar,
}

pub fn compile_like(pattern: &str, ignore_case: bool) -> Result<Matcher, ScanError> {
    let pieces = parse(pattern);
    if !ignore_case {
        return match plain(&pieces) {
            Some(matcher) => Ok(matcher),
            None => Ok(Matcher::Regex(compile(pattern, &pieces, false)?)),
        };
    }
    let full = compile(pattern, &pieces, true)?;
    // A pattern that is not ASCII may still match ASCII text: the Kelvin sign folds to k.
    let ascii = if pattern.is_ascii() {
        plain(&parse(&pattern.to_ascii_lowercase()))
    } else {
        None
    };
    Ok(match ascii {
        Some(ascii) => Matcher::IgnoreCase {
            ascii: Box::new(ascii),
            full: FullCase::Regex(full),
        },
        None => Matcher::Regex(full),
    })
}

fn compile(pattern: &str, pieces: &[Piece], ignore_case: bool) -> Result<Expression, ScanError> {
    // Only the memory of a compiled pattern can be wrong with it: the expression is ours.
    build_regex(&expression(pieces), ignore_case, true).map_err(|_| {
        ScanError::Pattern(format!(
            "the LIKE pattern {:?} has {} characters and needs more than {} MiB compiled; shorten it, or write fewer wildcards",
            shortened(pattern),
            pattern.chars().count(),
            REGEX_BYTES_MAX >> 20
        ))
    })
}

/// The strings between wildcards, all of which a match holds.
pub fn literals(pattern: &str) -> Vec<String> {
    let literal = |piece| match piece {
        Piece::Literal(text) => Some(text),
        Piece::AnyString | Piece::AnyChar => None,
    };
    parse(pattern).into_iter().filter_map(literal).collect()
}

fn parse(pattern: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut literal = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let wildcard = match c {
            '%' => Piece::AnyString,
            '_' => Piece::AnyChar,
            '\\' => {
                literal.push(chars.next().unwrap_or('\\'));
                continue;
            }
            other => {
                literal.push(other);
                continue;
            }
        };
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        if !(matches!(wildcard, Piece::AnyString) && matches!(pieces.last(), Some(Piece::AnyString))) {
            pieces.push(wildcard);
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    pieces
}

/// Without `_` a pattern is literals with gaps.
fn plain(pieces: &[Piece]) -> Option<Matcher> {
    let mut literals: Vec<&str> = vec![""];
    let mut gap = false;
    for piece in pieces {
        match piece {
            Piece::AnyChar => return None,
            Piece::AnyString => {
                literals.push("");
                gap = true;
            }
            Piece::Literal(text) => {
                literals.pop();
                literals.push(text);
            }
        }
    }
    let bytes = |text: &str| text.as_bytes().to_vec();
    let (first, last) = (literals[0], literals[literals.len() - 1]);
    if !gap {
        return Some(Matcher::Equals(bytes(first)));
    }
    let middle: Vec<&str> = literals[1..literals.len() - 1]
        .iter()
        .copied()
        .filter(|text| !text.is_empty())
        .collect();
    Some(match (first, middle.as_slice(), last) {
        ("", [], "") => Matcher::Any,
        (_, [], "") => Matcher::Prefix(bytes(first)),
        ("", [], _) => Matcher::Suffix(bytes(last)),
        ("", [only], "") => Matcher::Contains(Box::new(finder(only.as_bytes()))),
        _ => Matcher::Sequence {
            prefix: bytes(first),
            middle: middle.iter().map(|text| finder(text.as_bytes())).collect(),
            suffix: bytes(last),
        },
    })
}

fn expression(pieces: &[Piece]) -> String {
    let mut text = String::from("^");
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => text.push_str(&regex::escape(literal)),
            Piece::AnyString => text.push_str(".*"),
            Piece::AnyChar => text.push('.'),
        }
    }
    text.push('$');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{BooleanArray, StringArray};

    const ALPHABET: [&str; 12] = ["a", "B", "%", "_", "\\", "ä", "\u{212A}", "k", "%", ".", "\n", "ſ"];

    fn random_text(seed: &mut u64, length: u64) -> String {
        let mut next = || {
            *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            *seed >> 33
        };
        let length = next() % (length + 1);
        (0..length)
            .map(|_| ALPHABET[(next() % ALPHABET.len() as u64) as usize])
            .collect()
    }

    #[test]
    fn agrees_with_arrow() {
        let mut seed = 1;
        for round in 0..20_000 {
            let pattern = random_text(&mut seed, 6);
            let texts: Vec<String> = (0..8).map(|_| random_text(&mut seed, 7)).collect();
            let array = StringArray::from(texts.clone());
            let scalar = StringArray::new_scalar(&pattern);
            for ignore_case in [false, true] {
                let expected: BooleanArray = if ignore_case {
                    arrow_string::like::ilike(&array, &scalar).unwrap()
                } else {
                    arrow_string::like::like(&array, &scalar).unwrap()
                };
                let matcher = compile_like(&pattern, ignore_case).unwrap();
                for (row, text) in texts.iter().enumerate() {
                    let found = matcher.matches(text.as_bytes(), &mut Vec::new());
                    assert_eq!(
                        found,
                        expected.value(row),
                        "round {round}: {text:?} LIKE {pattern:?} {ignore_case}"
                    );
                }
            }
        }
    }

    #[test]
    fn very_many_wildcards_are_refused_by_name() {
        for pattern in ["_".repeat(100_000), "a_%".repeat(50_000)] {
            let error = compile_like(&pattern, true).err().unwrap();
            assert!(matches!(error, ScanError::Pattern(_)));
            assert!(error.to_string().contains("the LIKE pattern"), "{error}");
        }
        assert!(compile_like(&"%a".repeat(100_000), false).is_ok());
        assert!(compile_like(&"%".repeat(100_000), true).is_ok());
    }

    #[test]
    fn common_shapes_need_no_expression() {
        assert!(matches!(compile_like("abc", false), Ok(Matcher::Equals(_))));
        assert!(matches!(compile_like("abc%", false), Ok(Matcher::Prefix(_))));
        assert!(matches!(compile_like("%abc", false), Ok(Matcher::Suffix(_))));
        assert!(matches!(compile_like("%a\\%c%%", false), Ok(Matcher::Contains(_))));
        assert!(matches!(compile_like("%", false), Ok(Matcher::Any)));
        assert!(matches!(compile_like("a%b", false), Ok(Matcher::Sequence { .. })));
        assert!(matches!(compile_like("a_b", false), Ok(Matcher::Regex(_))));
    }
}
