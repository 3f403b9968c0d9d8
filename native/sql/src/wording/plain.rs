//! Texts without the names that only the libraries know.

use std::sync::LazyLock;

use regex::Regex;

/// Heads that tell which part of a library failed, and the request to tell its makers.
static FRAMES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    compiled(&[
        r"(?s)\n*This issue was likely caused by a bug in .*$",
        r"(?:Error during planning|(?:Execution|Internal|External|Schema|SQL|Arrow|Cast|Parser|Compute|Invalid argument) error): ?",
        r"(?:This feature is not implemented: |Optimizer rule '[^']*' failed\n?|type_coercion\n|caused by\n)",
    ])
});

/// Constants as they are written.
static CONSTANTS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    replacements(&[
        (r#"\b(?:Large)?Utf8(?:View)?\("((?:[^"\\]|\\.)*)"\)"#, "'$1'"),
        (r"\bcount\(Int64\(1\)\)", "count(*)"),
        (r"\b(?:U?Int\d+|Float\d+|Boolean)\(([^()]*)\)", "$1"),
        (r#"\bInterval\w+\("[^"]*"\)"#, "an interval"),
        // What rules of ours put around a field.
        (r"\b(?:number|truth) of\(([^(),]+), '[^']*'\)", "$1"),
    ])
});

/// Types as the documents call them.
static TYPES: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    replacements(&[
        (r"\b(?:Large)?Utf8(?:View)?\b|\bString\b", "text"),
        (r"\bInt(8|16|32|64)\b", "int$1"),
        (r"\bUInt(8|16|32|64)\b", "uint$1"),
        (r"\bFloat(16|32|64)\b", "float$1"),
        (r"\bBoolean\b", "boolean"),
        (r"\bTimestamp(?:\([^()]*(?:\([^()]*\))?[^()]*\))?", "timestamp"),
        (r"\bDate(?:32|64)\b", "date"),
        (r"\bTime(?:32|64)\([^()]*\)", "time"),
        (r"\b(?:Interval|Duration)\([^()]*\)", "interval"),
        (r"\bDecimal\d*\((\d+), ?(-?\d+)\)", "decimal($1, $2)"),
        (r"\bList\(.*\)", "a list"),
        (r"\bStruct\(.*\)", "a struct"),
        (r"\b(?:Large)?Binary(?:View)?\b", "bytes"),
        (r"\bNull\b", "NULL"),
    ])
});

fn replacements(pairs: &[(&str, &'static str)]) -> Vec<(Regex, &'static str)> {
    let compiled = pairs
        .iter()
        .map(|(pattern, text)| Some((Regex::new(pattern).ok()?, *text)));
    compiled.flatten().collect()
}

/// What no text for users holds: names of libraries and their parts, and structures as a debugger shows them.
static INTERNAL: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    compiled(&[
        r"(?i)datafusion|apache|sqlparser|\barrow\b|bug report|internal error|issue tracker",
        r"\w+ \{ \w+:|Span\(|Location\(|Some\(|\bast node\b|sqltorel|[Pp]hysical (?:plan|expr)|[Ll]ogical (?:plan|expr)",
        r"\w+Exec\b|\bUDF\b|UserDefined|downcast|RecordBatch|PrimitiveArray|ScalarValue|panicked|__common_expr|DFSchema|TypeSignature",
    ])
});

fn compiled(patterns: &[&str]) -> Vec<Regex> {
    patterns.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect()
}

pub(super) fn without_frames(raw: &str) -> String {
    let mut text = raw.to_owned();
    for frame in FRAMES.iter() {
        text = frame.replace_all(&text, "").into_owned();
    }
    text.trim().to_owned()
}

/// With constants and types as users write them. What stands in quotes is the users' own and stays.
pub(crate) fn written(text: &str) -> String {
    let mut out = text.to_owned();
    for (pattern, written) in CONSTANTS.iter() {
        out = pattern.replace_all(&out, *written).into_owned();
    }
    let quoted = out.matches('\'').count().is_multiple_of(2);
    let parts = out.split('\'').enumerate().map(|(at, part)| {
        if quoted && at % 2 == 1 {
            part.to_owned()
        } else {
            with_types(part)
        }
    });
    parts.collect::<Vec<_>>().join("'")
}

fn with_types(part: &str) -> String {
    let mut out = part.to_owned();
    for (pattern, name) in TYPES.iter() {
        out = pattern.replace_all(&out, *name).into_owned();
    }
    out
}

pub(super) fn is_internal(text: &str) -> bool {
    INTERNAL.iter().any(|pattern| pattern.is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_constants_have_their_own_names() {
        for (raw, text) in [
            ("Int64 + Utf8", "int64 + text"),
            ("Timestamp(ns, \"+00:00\") and Date32", "timestamp and date"),
            ("truth.f > Int64(1)", "truth.f > 1"),
            ("x = Utf8(\"a\")", "x = 'a'"),
            ("UInt64", "uint64"),
            ("'Int64' is no Int64", "'Int64' is no int64"),
            ("Interval(MonthDayNano)", "interval"),
        ] {
            assert_eq!(written(raw), text);
        }
    }

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(FRAMES.len(), 3);
        assert_eq!((CONSTANTS.len(), TYPES.len()), (5, 14));
        assert_eq!(INTERNAL.len(), 3);
    }
}
