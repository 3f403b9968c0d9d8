//! Patterns of `LIKE ... ESCAPE` and `SIMILAR TO`, in the forms that the planner takes.

use datafusion::sql::sqlparser::ast::{Value, ValueWithSpan};

use super::invalid;
use crate::error::SqlError;

/// The character of `ESCAPE '!'`; none for `ESCAPE ''`.
pub(super) fn escape(literal: &ValueWithSpan) -> Result<Option<char>, SqlError> {
    let wrong = || {
        let place = literal.span.start;
        invalid("ESCAPE takes one character in quotes, or '' for none").at(place.line, place.column)
    };
    let Value::SingleQuotedString(text) = &literal.value else {
        return Err(wrong());
    };
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (first, None) => Ok(first),
        _ => Err(wrong()),
    }
}

/// The same pattern with the backslash for its escape.
pub(super) fn like(pattern: &str, escape: Option<char>) -> Result<String, SqlError> {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(next) = chars.next() {
        let (literal, next) = match Some(next) == escape {
            true => (true, chars.next().ok_or_else(ends_with_escape)?),
            false => (false, next),
        };
        if next == '\\' || (literal && matches!(next, '%' | '_')) {
            out.push('\\');
        }
        out.push(next);
    }
    Ok(out)
}

/// The regular expression of a pattern of the SQL standard: `%`, `_`, `|`, `*`, `+`, `?`, `{m,n}`, `( )` and `[ ]` have a meaning, all
/// else stands for itself, and the whole text has to match.
pub(super) fn similar(pattern: &str, escape: Option<char>) -> Result<String, SqlError> {
    let mut out = String::from("^(?s:");
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    let mut depth = 0_usize;
    while let Some(next) = chars.next() {
        if Some(next) == escape {
            let literal = chars.next().ok_or_else(ends_with_escape)?;
            out.push_str(&regex::escape(&literal.to_string()));
            continue;
        }
        match next {
            _ if in_class => {
                in_class = next != ']';
                // `[` opens a class of classes, `[:digit:]`; `&&` and `~~` have a meaning of their own only in the other language.
                match next {
                    '\\' | '&' | '~' => out.extend(['\\', next]),
                    '[' if chars.peek() == Some(&':') => {
                        out.push('[');
                        for inner in chars.by_ref() {
                            out.push(inner);
                            if inner == ']' {
                                break;
                            }
                        }
                    }
                    '[' => out.push_str("\\["),
                    next => out.push(next),
                }
            }
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '[' => {
                in_class = true;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
            }
            '(' => {
                depth += 1;
                out.push_str("(?:");
            }
            ')' => {
                depth = depth.checked_sub(1).ok_or_else(|| unbalanced(pattern))?;
                out.push(')');
            }
            '|' | '*' | '+' | '?' | '{' | '}' => out.push(next),
            next => out.push_str(&regex::escape(&next.to_string())),
        }
    }
    if in_class || depth > 0 {
        return Err(unbalanced(pattern));
    }
    out.push_str(")$");
    Ok(out)
}

fn ends_with_escape() -> SqlError {
    invalid("a pattern ends with its escape character: write that twice for itself")
}

fn unbalanced(pattern: &str) -> SqlError {
    invalid(format!(
        "the brackets of the SIMILAR TO pattern '{pattern}' do not close one another"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_gets_the_backslash() {
        for (pattern, escape, same) in [
            ("a!_c", Some('!'), r"a\_c"),
            ("a!!c", Some('!'), "a!c"),
            ("a!xc", Some('!'), "axc"),
            (r"a\b%", Some('!'), r"a\\b%"),
            (r"a\b", None, r"a\\b"),
            (r"a\%b", Some('\\'), r"a\%b"),
        ] {
            assert_eq!(like(pattern, escape).ok().as_deref(), Some(same), "{pattern}");
        }
        assert!(like("a!", Some('!')).is_err());
    }

    #[test]
    fn similar_matches_as_the_standard_says() {
        for (text, pattern, matches) in [
            ("abc", "abc", true),
            ("abc", "a", false),
            ("abc", "%(b|d)%", true),
            ("abc", "(b|c)%", false),
            ("abc", "a.c", false),
            ("a.c", "a.c", true),
            ("abc", "a_c", true),
            ("a_c", r"a\_c", true),
            ("abc", r"a\_c", false),
            ("aab", "a{2}[a-c]", true),
            ("a1", "a[[:digit:]]", true),
            ("ab", "a[^b]", false),
            ("a\nb", "a_b", true),
            ("ab|c", "a|b", false),
            ("b", "a|b", true),
        ] {
            let regex = similar(pattern, Some('\\')).expect("a pattern");
            let regex = regex::Regex::new(&regex).expect("an expression");
            assert_eq!(regex.is_match(text), matches, "{text} {pattern}");
        }
        assert!(similar("a(", Some('\\')).is_err());
        assert!(similar("a[", Some('\\')).is_err());
    }
}
