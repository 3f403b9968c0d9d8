//! What a pattern says of a string by its template alone (each maximal run of ASCII digits replaced by one `0`).
//!
//! A pattern is *digit-blind* if strings of one template all match or none does: then the template, which is a string of
//! its own template, is asked instead, once for all its rows. Of other patterns a weaker one is made that every template
//! of a matching string matches; only rows whose templates do are looked at. (Searching templates before text is of CLP,
//! Rodrigues et al., OSDI 2021.)
//!
//! A string without digits is found in the template where it is found in the string, so plain patterns without digits are
//! blind. A regular expression is if its automaton treats all ten digits alike and a digit after a digit changes no
//! state: then a run of digits leads where one `0` leads.

use super::matcher::{Expression, FullCase, Matcher, build_regex, finder};
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::nfa::thompson;
use regex_automata::util::{start, syntax};
use regex_syntax::hir::{
    Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look, Repetition,
};

pub enum TemplateTest {
    /// The pattern answers for a template as for each of its strings.
    Exact,
    /// A string can match only if its template matches this.
    Needs(Box<Matcher>),
    /// The template tells nothing.
    Unknown,
}

impl TemplateTest {
    pub fn of(matcher: &Matcher) -> Self {
        if is_blind(matcher) {
            return Self::Exact;
        }
        weaker(matcher).map_or(Self::Unknown, |matcher| Self::Needs(Box::new(matcher)))
    }
}

fn has_digits(bytes: &[u8]) -> bool {
    bytes.iter().any(u8::is_ascii_digit)
}

/// The template of a string.
pub fn template(string: &[u8]) -> Vec<u8> {
    let mut template = Vec::with_capacity(string.len());
    for (index, byte) in string.iter().enumerate() {
        if !byte.is_ascii_digit() {
            template.push(*byte);
        } else if index == 0 || !string[index - 1].is_ascii_digit() {
            template.push(b'0');
        }
    }
    template
}

fn is_blind(matcher: &Matcher) -> bool {
    match matcher {
        Matcher::Any | Matcher::Never => true,
        Matcher::Equals(value) | Matcher::Prefix(value) | Matcher::Suffix(value) => !has_digits(value),
        Matcher::Set(values) => values.iter().all(|value| !has_digits(value)),
        Matcher::AtLeast(_) | Matcher::AtMost(_) => false,
        Matcher::Contains(finder) => !has_digits(finder.needle()),
        Matcher::Sequence { prefix, middle, suffix } => {
            !has_digits(prefix) && !has_digits(suffix) && middle.iter().all(|finder| !has_digits(finder.needle()))
        }
        Matcher::Regex(expression) => is_blind_regex(expression),
        // Lower-casing makes no digits and unmakes none.
        Matcher::IgnoreCase { ascii, full } => {
            is_blind(ascii)
                && match full {
                    FullCase::LowerContains(finder) => !has_digits(finder.needle()),
                    FullCase::Regex(expression) => is_blind_regex(expression),
                }
        }
    }
}

fn weaker(matcher: &Matcher) -> Option<Matcher> {
    Some(match matcher {
        // A string that is, begins with, ends with or contains another does so by their templates too: a run of digits at an
        // edge is part of a longer run at most, which is one `0` as well.
        Matcher::Equals(value) => Matcher::Equals(template(value)),
        Matcher::Set(values) => Matcher::Set(values.iter().map(|value| template(value)).collect()),
        Matcher::Prefix(prefix) => Matcher::Prefix(template(prefix)),
        Matcher::Suffix(suffix) => Matcher::Suffix(template(suffix)),
        Matcher::Contains(needle) => Matcher::Contains(Box::new(finder(&template(needle.needle())))),
        // Two pieces may share a run, so runs at the edges between pieces are left out.
        Matcher::Sequence { prefix, middle, suffix } => Matcher::Sequence {
            prefix: template(prefix.trim_suffix_digits()),
            middle: middle
                .iter()
                .map(|piece| template(piece.needle().trim_prefix_digits().trim_suffix_digits()))
                .filter(|piece| !piece.is_empty())
                .map(|piece| finder(&piece))
                .collect(),
            suffix: template(suffix.trim_prefix_digits()),
        },
        Matcher::Regex(expression) => Matcher::Regex(weaker_regex(expression)?),
        Matcher::IgnoreCase { ascii, full } => Matcher::IgnoreCase {
            ascii: Box::new(weaker(ascii).unwrap_or(Matcher::Any)),
            full: match full {
                FullCase::LowerContains(needle) => {
                    FullCase::LowerContains(Box::new(finder(&template(needle.needle()))))
                }
                FullCase::Regex(expression) => FullCase::Regex(weaker_regex(expression)?),
            },
        },
        Matcher::Never => Matcher::Never,
        Matcher::Any | Matcher::AtLeast(_) | Matcher::AtMost(_) => return None,
    })
}

trait TrimDigits {
    fn trim_prefix_digits(&self) -> &[u8];
    fn trim_suffix_digits(&self) -> &[u8];
}

impl TrimDigits for [u8] {
    fn trim_prefix_digits(&self) -> &[u8] {
        let start = self.iter().position(|byte| !byte.is_ascii_digit());
        &self[start.unwrap_or(self.len())..]
    }

    fn trim_suffix_digits(&self) -> &[u8] {
        let last = self.iter().rposition(|byte| !byte.is_ascii_digit());
        &self[..last.map_or(0, |last| last + 1)]
    }
}

/// Automata of more states are not looked through. A plan is made for each morsel, so this is kept below a millisecond.
const STATES_MAX: usize = 256;
const AUTOMATON_BYTES_MAX: usize = 1 << 20;

/// Whether the expression is digit-blind. May say no where it is.
fn is_blind_regex(expression: &Expression) -> bool {
    let syntax = syntax::Config::new()
        .case_insensitive(expression.ignore_case)
        .dot_matches_new_line(expression.dot_matches_newline)
        .utf8(false);
    let dfa = DFA::builder()
        .configure(DFA::config().cache_capacity(AUTOMATON_BYTES_MAX))
        .syntax(syntax)
        .thompson(
            thompson::Config::new()
                .utf8(false)
                .nfa_size_limit(Some(AUTOMATON_BYTES_MAX)),
        )
        .build(expression.regex.as_str());
    dfa.is_ok_and(|dfa| states_are_blind(&dfa).unwrap_or(false))
}

/// Looks at every state that any string leads to; `None` if there are too many. Once a match is seen the answer is yes
/// whatever follows, so states behind one are not looked at.
fn states_are_blind(dfa: &DFA) -> Option<bool> {
    let mut cache = dfa.create_cache();
    let first = dfa.start_state(&mut cache, &start::Config::new()).ok()?;
    let mut seen: ahash::AHashSet<LazyStateID> = [first].into_iter().collect();
    let mut open = vec![first];
    let bytes: Vec<u8> = dfa
        .byte_classes()
        .representatives(0..=u8::MAX)
        .filter_map(|unit| unit.as_u8())
        .collect();
    while let Some(state) = open.pop() {
        let zero = dfa.next_state(&mut cache, state, b'0').ok()?;
        for digit in b'1'..=b'9' {
            if dfa.next_state(&mut cache, state, digit).ok()? != zero {
                return Some(false);
            }
        }
        if !zero.is_match() && dfa.next_state(&mut cache, zero, b'0').ok()? != zero {
            return Some(false);
        }
        for &byte in &bytes {
            let next = dfa.next_state(&mut cache, state, byte).ok()?;
            if next.is_quit() {
                return None;
            }
            if !next.is_match() && seen.insert(next) {
                open.push(next);
            }
        }
        // A cleared cache gives the same names to other states.
        if seen.len() > STATES_MAX || cache.clear_count() > 0 {
            return None;
        }
    }
    Some(true)
}

/// An expression that the templates of all strings match which `expression` matches.
fn weaker_regex(expression: &Expression) -> Option<Expression> {
    let parsed = regex_syntax::ParserBuilder::new()
        .case_insensitive(expression.ignore_case)
        .dot_matches_new_line(expression.dot_matches_newline)
        .utf8(false)
        .build()
        .parse(expression.regex.as_str());
    build_regex(&weaken(&parsed.ok()?).to_string(), false, false).ok()
}

/// What consumes a digit may in a template consume the `0` of its run, or nothing if another digit of the run has done so.
fn weaken(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => weaken_literal(&literal.0),
        HirKind::Class(class) => weaken_class(class),
        // Inside a run there is no border of a word, in a template there is one beside it.
        HirKind::Look(look) => match look {
            Look::Start | Look::End | Look::StartLF | Look::EndLF | Look::StartCRLF | Look::EndCRLF => Hir::look(*look),
            _ => Hir::empty(),
        },
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            min: repetition.min,
            max: repetition.max,
            greedy: repetition.greedy,
            sub: Box::new(weaken(&repetition.sub)),
        }),
        HirKind::Capture(capture) => weaken(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(weaken).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(weaken).collect()),
    }
}

fn weaken_literal(bytes: &[u8]) -> Hir {
    let rest = bytes.trim_prefix_digits();
    let inner = rest.trim_suffix_digits();
    let mut parts = Vec::new();
    if rest.len() < bytes.len() {
        parts.push(optional(Hir::literal(*b"0")));
    }
    parts.push(Hir::literal(template(inner)));
    if inner.len() < rest.len() {
        parts.push(optional(Hir::literal(*b"0")));
    }
    Hir::concat(parts)
}

fn weaken_class(class: &Class) -> Hir {
    let whole = Hir::class(class.clone());
    match class {
        Class::Unicode(class) => {
            let digits = ClassUnicode::new([ClassUnicodeRange::new('0', '9')]);
            let mut others = class.clone();
            others.difference(&digits);
            if others.ranges() == class.ranges() {
                return whole;
            }
            others.union(&ClassUnicode::new([ClassUnicodeRange::new('0', '0')]));
            optional(Hir::class(Class::Unicode(others)))
        }
        Class::Bytes(class) => {
            let digits = ClassBytes::new([ClassBytesRange::new(b'0', b'9')]);
            let mut others = class.clone();
            others.difference(&digits);
            if others.ranges() == class.ranges() {
                return whole;
            }
            others.union(&ClassBytes::new([ClassBytesRange::new(b'0', b'0')]));
            optional(Hir::class(Class::Bytes(others)))
        }
    }
}

fn optional(hir: Hir) -> Hir {
    Hir::repetition(Repetition {
        min: 0,
        max: Some(1),
        greedy: true,
        sub: Box::new(hir),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{compile_contains, compile_like, compile_regex};

    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % limit
        }

        fn text(&mut self, alphabet: &[&str], length: u64) -> String {
            let length = self.below(length + 1);
            (0..length)
                .map(|_| alphabet[self.below(alphabet.len() as u64) as usize])
                .collect()
        }
    }

    const TEXT: [&str; 10] = ["0", "1", "12", "7", "a", "b", "_", " ", "ä", "K"];
    const LIKE: [&str; 9] = ["%", "%", "_", "1", "2", "0", "a", "b", "ä"];
    const REGEX: [&str; 22] = [
        "[0-9]+",
        "\\d",
        "[0-9]*",
        "[0-9]{2}",
        "(?-u:\\d)+",
        "a",
        "b",
        " ",
        "1",
        "0",
        ".",
        ".*",
        "[^0-9]",
        "[a-z0-9]+",
        "(?:a|1)",
        "^",
        "$",
        "\\b",
        "(?-u:\\b)",
        "ä?",
        "k",
        "(?:12|b)+",
    ];

    /// What the template test says must hold for the string; returns whether it decided.
    fn check(test: &TemplateTest, matcher: &Matcher, text: &str, what: &str) -> bool {
        let truth = matcher.matches(text.as_bytes(), &mut Vec::new());
        let template = template(text.as_bytes());
        match test {
            TemplateTest::Exact => {
                let verdict = matcher.matches(&template, &mut Vec::new());
                assert_eq!(verdict, truth, "{what} on {text:?} by its template");
                true
            }
            TemplateTest::Needs(weaker) => {
                let possible = weaker.matches(&template, &mut Vec::new());
                assert!(
                    possible || !truth,
                    "{what} matches {text:?}, and its template was ruled out"
                );
                !possible
            }
            TemplateTest::Unknown => false,
        }
    }

    #[test]
    fn templates_answer_as_the_strings_do() {
        let mut random = Random(11);
        let (mut exact, mut ruled_out, mut checked) = (0, 0, 0);
        for round in 0..12_000 {
            let (what, matcher) = match round % 3 {
                0 => {
                    let pattern = random.text(&LIKE, 7);
                    let ignore_case = random.below(2) == 0;
                    (
                        format!("LIKE {pattern:?} {ignore_case}"),
                        compile_like(&pattern, ignore_case).unwrap(),
                    )
                }
                1 => {
                    let needle = random.text(&TEXT, 4);
                    let ignore_case = random.below(2) == 0;
                    (
                        format!("contains {needle:?} {ignore_case}"),
                        compile_contains(&needle, ignore_case),
                    )
                }
                _ => {
                    let pattern = random.text(&REGEX, 5);
                    let ignore_case = random.below(2) == 0;
                    let Ok(matcher) = compile_regex(&pattern, ignore_case) else {
                        continue;
                    };
                    (format!("regex {pattern:?} {ignore_case}"), matcher)
                }
            };
            let test = TemplateTest::of(&matcher);
            for _ in 0..25 {
                let text = random.text(&TEXT, 9);
                let decided = check(&test, &matcher, &text, &what);
                checked += 1;
                exact += usize::from(decided && matches!(test, TemplateTest::Exact));
                ruled_out += usize::from(decided && !matches!(test, TemplateTest::Exact));
            }
        }
        assert!(
            exact * 10 > checked && ruled_out * 10 > checked,
            "{exact} exact, {ruled_out} ruled out of {checked}"
        );
    }

    #[test]
    fn equality_and_sets_go_by_templates() {
        let mut random = Random(5);
        for _ in 0..4000 {
            let values = [random.text(&TEXT, 3), random.text(&TEXT, 3)].map(String::into_bytes);
            let matchers = [
                Matcher::Equals(values[0].clone()),
                Matcher::Set(values.iter().cloned().collect()),
                Matcher::AtLeast(values[0].clone()),
                Matcher::AtMost(values[1].clone()),
            ];
            for matcher in matchers {
                let test = TemplateTest::of(&matcher);
                for _ in 0..10 {
                    check(&test, &matcher, &random.text(&TEXT, 3), "a comparison");
                }
            }
        }
    }

    #[test]
    fn the_patterns_of_log_searches_are_blind() {
        let is_exact = |matcher: &Matcher| matches!(TemplateTest::of(matcher), TemplateTest::Exact);
        assert!(is_exact(&compile_like("%Invalid user%", false).unwrap()));
        assert!(is_exact(&compile_like("%invalid USER%from%", true).unwrap()));
        assert!(is_exact(&compile_contains("Invalid user", true)));
        assert!(is_exact(&compile_regex("blk_-?[0-9]+ terminating", false).unwrap()));
        assert!(is_exact(&compile_regex("blk_-?[0-9]+ TERMINATING", true).unwrap()));
        assert!(is_exact(&compile_regex("error|warn(ing)?:", false).unwrap()));
        assert!(
            !is_exact(&compile_regex("port [0-9]{5}", false).unwrap()),
            "counts digits"
        );
        assert!(!is_exact(&compile_contains("10.0", false)));
    }
}
