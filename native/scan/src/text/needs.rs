//! What a string must hold so that a text predicate can be true of it, as grams of `basalt_block::index::gram_filter`.
//!
//! A need may be weaker than the predicate, never stronger: whatever a walk does not understand, it leaves out.

use super::like;
use basalt_block::index::gram_filter;
use regex_syntax::hir::{Class, Hir, HirKind};

/// More grams than this tell hardly more.
const GRAMS_MAX: usize = 48;
/// Alternatives of more members than this are not looked into.
const ALTERNATIVES_MAX: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// Hash of a gram.
    Gram(u64),
    All(Vec<Needs>),
    /// At least one member.
    Any(Vec<Needs>),
}

impl Needs {
    /// Nothing: any string will do.
    pub fn nothing() -> Self {
        Self::All(Vec::new())
    }

    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::All(all) if all.is_empty())
    }

    /// All grams of a string that is held as it is, or, with `ignore_case`, in whatever case.
    pub fn of_literal(literal: &[u8], ignore_case: bool) -> Self {
        let mut all = Vec::new();
        gram_filter::for_each_gram(literal, |gram| {
            if all.len() < GRAMS_MAX && !(ignore_case && folds_beyond_ascii(gram)) {
                all.push(Self::Gram(gram_filter::hash(gram)));
            }
        });
        Self::All(all)
    }

    pub fn of_any(values: impl Iterator<Item = Self>) -> Self {
        let any: Vec<Self> = values.take(ALTERNATIVES_MAX + 1).collect();
        if any.len() > ALTERNATIVES_MAX || any.iter().any(Self::is_nothing) {
            return Self::nothing();
        }
        Self::Any(any)
    }

    pub fn of_like(pattern: &str, ignore_case: bool) -> Self {
        let literals = like::literals(pattern);
        all(literals
            .iter()
            .map(|literal| Self::of_literal(literal.as_bytes(), ignore_case)))
    }

    pub fn of_regex(pattern: &str, ignore_case: bool) -> Self {
        let parser = regex_syntax::ParserBuilder::new()
            .case_insensitive(ignore_case)
            .utf8(false)
            .build()
            .parse(pattern);
        match parser {
            Ok(hir) => of_hir(&hir),
            // Whoever compiles the pattern reports what is wrong with it.
            Err(_) => Self::nothing(),
        }
    }
}

/// Letters that some character beyond ASCII is the same as when case is ignored: the Kelvin sign, the long s, and the
/// dotted capital I, which becomes an i and a combining dot.
fn folds_beyond_ascii(gram: u64) -> bool {
    gram.to_le_bytes().iter().any(|byte| matches!(byte, b'k' | b's' | b'i'))
}

fn all(needs: impl Iterator<Item = Needs>) -> Needs {
    let mut list = Vec::new();
    for need in needs {
        match need {
            Needs::All(inner) => list.extend(inner),
            other => list.push(other),
        }
    }
    Needs::All(list)
}

/// The syntax tree of an expression is as deep as its parser allows (250 levels).
fn of_hir(hir: &Hir) -> Needs {
    match hir.kind() {
        HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) => Needs::nothing(),
        HirKind::Literal(literal) => Needs::of_literal(&literal.0, false),
        HirKind::Capture(capture) => of_hir(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => of_hir(&repetition.sub),
        HirKind::Repetition(_) => Needs::nothing(),
        HirKind::Alternation(branches) => Needs::of_any(branches.iter().map(of_hir)),
        HirKind::Concat(parts) => of_concat(parts),
    }
}

/// Literals and letters of either case that follow each other are one string, which may hold grams that none of them has.
fn of_concat(parts: &[Hir]) -> Needs {
    let mut list = Vec::new();
    let mut run = Vec::new();
    for part in parts {
        match part.kind() {
            HirKind::Literal(literal) => run.extend_from_slice(&literal.0),
            HirKind::Class(class) if letter(class).is_some() => run.extend(letter(class)),
            _ => {
                list.push(Needs::of_literal(&std::mem::take(&mut run), false));
                list.push(of_hir(part));
            }
        }
    }
    list.push(Needs::of_literal(&run, false));
    all(list.into_iter())
}

/// The letter of which a class has both cases and nothing else.
fn letter(class: &Class) -> Option<u8> {
    let two: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => class
            .iter()
            .map(|range| (range.start().into(), range.end().into()))
            .take(3)
            .collect(),
        Class::Bytes(class) => class
            .iter()
            .map(|range| (range.start().into(), range.end().into()))
            .take(3)
            .collect(),
    };
    match two.as_slice() {
        [(upper, upper_end), (lower, lower_end)] if upper == upper_end && lower == lower_end => {
            let upper = u8::try_from(*upper).ok().filter(u8::is_ascii_uppercase)?;
            (u32::from(upper.to_ascii_lowercase()) == *lower).then(|| upper.to_ascii_lowercase())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grams(texts: &[&str]) -> Needs {
        let hash = |text: &&str| {
            Needs::Gram(gram_filter::hash(u64::from_le_bytes(
                text.as_bytes().try_into().unwrap(),
            )))
        };
        Needs::All(texts.iter().map(hash).collect())
    }

    #[test]
    fn literals_of_patterns() {
        assert_eq!(
            Needs::of_literal(b"blk_123456789 ", false),
            grams(&["12345678", "23456789"])
        );
        assert_eq!(Needs::of_literal(b"1234567", false), Needs::nothing());
        assert_eq!(Needs::of_literal(b"abcdefgh", false), Needs::nothing());
        assert_eq!(Needs::of_literal(b"ABCDEFG8", false), grams(&["abcdefg8"]));
        assert_eq!(Needs::of_literal(b"xk345678", true), Needs::nothing());
        assert_eq!(
            Needs::of_like("%A1234567_12345678%", false),
            grams(&["a1234567", "12345678"])
        );
        assert_eq!(Needs::of_like("1234\\_5678", false), Needs::nothing());
    }

    #[test]
    fn literals_of_expressions() {
        let of = |pattern| Needs::of_regex(pattern, false);
        assert_eq!(of("id=12345678,"), grams(&["12345678"]));
        // A capture is walked on its own: it is not joined to what comes before.
        assert_eq!(of("id=1234(5678)"), Needs::nothing());
        assert_eq!(of("(12345678)+x?"), grams(&["12345678"]));
        assert_eq!(of("(12345678)*"), Needs::nothing());
        assert_eq!(of("12345678?"), Needs::nothing());
        assert_eq!(
            of("^12345678|87654321$"),
            Needs::Any(vec![grams(&["12345678"]), grams(&["87654321"])])
        );
        assert_eq!(of("12345678|a"), Needs::nothing());
        assert_eq!(of("(?i)ABC12345"), grams(&["abc12345"]));
        // The Kelvin sign is a k too.
        assert_eq!(of("(?i)ABK12345"), Needs::nothing());
        assert_eq!(of("[0-9]{8}"), Needs::nothing());
        assert_eq!(of("(unclosed"), Needs::nothing());
    }
}
