//! What the parser tells of a text that is no statement, in words of our own, and where.

use std::sync::LazyLock;

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};
use regex::Regex;

use crate::suggest::nearest;
use crate::wording::worded;

/// Words that are often mistyped, in the place of which the parser reads a name.
const WORDS: [&str; 12] = [
    "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "HAVING", "LIMIT", "OFFSET", "JOIN", "UNION", "WITH", "DISTINCT",
];

/// The text and the place of an error of the parser, which tells the place only in its text: "... at Line: 1, Column: 15".
pub(crate) fn told(raw: &str, tokens: &[TokenWithSpan]) -> (String, Option<Location>) {
    static PLACED: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?s)^(.*?)\.? at Line: (\d+), Column: (\d+)$").ok());
    static EXPECTED: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?s)^Expected:? (.*?), found: (.*)$").ok());
    let placed = PLACED.as_ref().and_then(|placed| placed.captures(raw));
    let (what, place) = match &placed {
        Some(found) => (&found[1], location(&found[2], &found[3])),
        None => (raw, None),
    };
    let expected = EXPECTED.as_ref().and_then(|expected| expected.captures(what));
    let Some(expected) = expected else {
        return (with_place(&worded(what), place), place);
    };
    let wanted = match &expected[1] {
        "identifier" => "a name".to_owned(),
        "an SQL statement" => "a statement".to_owned(),
        "SELECT, VALUES, or a subquery in the query body" => "a query".to_owned(),
        other => worded(other),
    };
    let found = &expected[2];
    if found == "EOF" {
        let end = tokens
            .iter()
            .rfind(|token| !is_blank(token))
            .map(|token| token.span.end);
        return (format!("the statement ends where {wanted} is expected"), end);
    }
    let text = match wanted.as_str() {
        "end of statement" => format!("{found} is not expected here"),
        wanted => format!("{found} stands where {wanted} is expected"),
    };
    let meant = place.and_then(|place| mistyped(place, tokens));
    let text = with_place(&text, place);
    match meant {
        Some((written, word)) => (format!("{text} (did you mean {word} in place of {written}?)"), place),
        None => (text, place),
    }
}

fn location(line: &str, column: &str) -> Option<Location> {
    Some(Location {
        line: line.parse().ok()?,
        column: column.parse().ok()?,
    })
}

fn with_place(text: &str, place: Option<Location>) -> String {
    match place {
        Some(place) => format!("{text} at Line: {}, Column: {}", place.line, place.column),
        None => text.to_owned(),
    }
}

fn is_blank(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_) | Token::EOF)
}

/// The word at a place or before it that is nearly one of the language.
fn mistyped(place: Location, tokens: &[TokenWithSpan]) -> Option<(String, String)> {
    let words: Vec<&TokenWithSpan> = tokens.iter().filter(|token| !is_blank(token)).collect();
    let at = words.iter().position(|token| token.span.start == place)?;
    [Some(at), at.checked_sub(1)].into_iter().flatten().find_map(|at| {
        let Token::Word(word) = &words.get(at)?.token else {
            return None;
        };
        if word.keyword != Keyword::NoKeyword || word.quote_style.is_some() || word.value.len() < 4 {
            return None;
        }
        let near = nearest(&word.value.to_uppercase(), WORDS);
        Some((word.value.clone(), near.into_iter().next()?))
    })
}
