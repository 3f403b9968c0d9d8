//! What the planner and the functions beneath tell, in words of our own: what is wrong, and what to write instead. Their texts name
//! types and nodes of the libraries, repeat themselves, and ask for bug reports; none of that is for users.
//!
//! One table of patterns (`table`) says the common mistakes; what it does not know is cleaned of foreign names (`plain`), and what
//! still looks like a dump of internals gives way to one sentence.

mod plain;
mod table;

pub(crate) use plain::written;

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use regex::Regex;

use crate::functions;

/// What stands in place of a text that tells only of internals.
const UNKNOWN: &str = "a form of this statement is not supported here; write it in simpler parts, such as subqueries";

/// A text of the libraries in our words.
pub(crate) fn worded(raw: &str) -> String {
    if let Some((_, text)) = wrong_arguments(raw) {
        return text;
    }
    let raw = plain::without_frames(raw);
    let text = table::lookup(&raw).unwrap_or_else(|| raw.lines().next().unwrap_or("").to_owned());
    let text = plain::written(&text);
    if plain::is_internal(&text) {
        UNKNOWN.to_owned()
    } else {
        text
    }
}

/// The function of a call whose arguments fit none of its forms, and what is wrong with it.
pub(crate) fn wrong_arguments(raw: &str) -> Option<(String, String)> {
    static CALL: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let pattern = r"(?s)No function matches the given name and argument types '(\w+)\((.*?)\)'\. You might";
        Regex::new(pattern).ok()
    });
    let call = CALL.as_ref()?.captures_iter(raw).last()?;
    let (name, given) = (&call[1], plain::written(&call[2]));
    let text = match given.as_str() {
        "" => format!("{name} needs arguments"),
        types => format!("{name} does not take ({types})"),
    };
    let text = match form(name) {
        Some(form) => format!("{text}: the form is {form}"),
        None => text,
    };
    Some((name.to_owned(), text))
}

/// How a call of a function is written.
fn form(name: &str) -> Option<&'static str> {
    static FORMS: OnceLock<HashMap<String, String>> = OnceLock::new();
    let forms = FORMS.get_or_init(functions::forms);
    forms.get(name).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_with_their_form() {
        let raw = "Internal error: Function 'round' failed to match any signature, errors: x.\nThis issue was likely caused by a bug in \
                   DataFusion's code. No function matches the given name and argument types 'round(Int64, Utf8)'. You might need to add";
        let text = worded(raw);
        assert!(
            text.starts_with("round does not take (int64, text): the form is round("),
            "{text}"
        );
    }

    #[test]
    fn internals_give_way() {
        for raw in [
            "Internal error: PhysicalExpr Column references bound error.\nThis issue was likely caused by a bug in DataFusion's code.",
            "Unsupported ast node Foo { name: Ident { value: 1, span: Span(Location(1,15)..Location(1,25)) } }",
        ] {
            let text = worded(raw);
            assert!(
                !text.contains("DataFusion") && !text.contains("Ident") && !text.contains("Internal"),
                "{text}"
            );
        }
    }
}
