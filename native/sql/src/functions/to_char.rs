//! Patterns of PostgreSQL's `to_char`, as forms of `strftime`. A form with a percent sign is one of `strftime` already.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use crate::error::{INVALID_SQL, SqlError};

/// `to_char` over forms of both kinds, where the form is a constant.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ToChar(pub Arc<ScalarUDF>);

impl ScalarUDFImpl for ToChar {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn aliases(&self) -> &[String] {
        self.0.aliases()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce_types(arg_types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.0.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.0.return_field_from_args(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.0.documentation()
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if let Some(ColumnarValue::Scalar(form)) = args.args.get_mut(1) {
            *form = translated(form)?;
        }
        self.0.invoke_with_args(args)
    }

    fn simplify(&self, mut args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match args.get_mut(1) {
            Some(Expr::Literal(form, _)) => {
                *form = translated(form)?;
                self.0.simplify(args, info)
            }
            _ => Ok(ExprSimplifyResult::Original(args)),
        }
    }
}

fn translated(form: &ScalarValue) -> Result<ScalarValue> {
    let new = match form.try_as_str().flatten() {
        Some(text) => strftime(text)?,
        None => None,
    };
    Ok(new.map_or_else(|| form.clone(), ScalarValue::from))
}

/// The parts of patterns, the longest of equal begin first, and what they are in `strftime`. Case counts in names alone.
const PARTS: [(&str, &str); 33] = [
    ("YYYY", "%Y"),
    ("IYYY", "%G"),
    ("YY", "%y"),
    ("IY", "%g"),
    ("FMMonth", "%B"),
    ("Month", "%B"),
    ("FMMon", "%b"),
    ("Mon", "%b"),
    ("FMMM", "%-m"),
    ("MM", "%m"),
    ("MI", "%M"),
    ("MS", "%3f"),
    ("FMDay", "%A"),
    ("Day", "%A"),
    ("Dy", "%a"),
    ("FMDDD", "%-j"),
    ("DDD", "%j"),
    ("FMDD", "%-d"),
    ("DD", "%d"),
    ("FMHH24", "%-H"),
    ("HH24", "%H"),
    ("FMHH12", "%-I"),
    ("HH12", "%I"),
    ("HH", "%I"),
    ("SSSS", ""),
    ("SS", "%S"),
    ("US", "%6f"),
    ("IW", "%V"),
    ("ID", "%u"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("am", "%P"),
    ("pm", "%P"),
];
/// Parts of PostgreSQL that no form of `strftime` has.
const UNKNOWN: [&str; 12] = [
    "MONTH", "MON", "month", "mon", "DAY", "DY", "CC", "J", "Q", "TZ", "OF", "WW",
];

/// The form of `strftime`; `None` where the text holds no part of a pattern or a percent sign, so that it is one already.
///
/// # Errors
/// 20001 for a part that is not supported.
pub(super) fn strftime(pattern: &str) -> Result<Option<String>> {
    if pattern.contains('%') {
        return Ok(None);
    }
    let mut out = String::new();
    let mut rest = pattern;
    let mut found = false;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let quoted = &rest[1..];
            let end = quoted.find('"').unwrap_or(quoted.len());
            out.push_str(&quoted[..end]);
            rest = quoted.get(end + 1..).unwrap_or("");
            continue;
        }
        let fits = |part: &str| rest.starts_with(part) || is_lower(part, rest);
        if let Some((part, form)) = PARTS.iter().find(|(part, _)| fits(part)) {
            if form.is_empty() {
                return Err(unknown(part));
            }
            // The one month or weekday is padded to nine characters unless FM says otherwise.
            let padded = matches!(*part, "Month" | "Day");
            if padded {
                return Err(unknown(&format!("{part}' without FM: write 'FM{part}")));
            }
            out.push_str(form);
            found = true;
            rest = &rest[part.len()..];
            continue;
        }
        if let Some(part) = UNKNOWN.iter().find(|part| rest.starts_with(**part)) {
            return Err(unknown(part));
        }
        out.push(first);
        rest = &rest[first.len_utf8()..];
    }
    Ok(found.then_some(out))
}

/// Numbers may be written in small letters.
fn is_lower(part: &str, rest: &str) -> bool {
    let numeric = part.chars().all(|c| !c.is_ascii_lowercase()) && !matches!(part, "AM" | "PM");
    numeric && rest.starts_with(&part.to_lowercase())
}

fn unknown(part: &str) -> datafusion::common::DataFusionError {
    let text = format!("to_char has no '{part}': write a form of strftime such as '%Y-%m-%d %H:%M:%S' for more");
    SqlError::new(INVALID_SQL, format!("Search SQL not valid: {text}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_forms() {
        for (pattern, form) in [
            ("YYYY-MM-DD HH24:MI:SS", Some("%Y-%m-%d %H:%M:%S")),
            ("yyyy-mm-dd hh24:mi:ss.ms", Some("%Y-%m-%d %H:%M:%S.%3f")),
            ("DD Mon YYYY, HH12:MI AM", Some("%d %b %Y, %I:%M %p")),
            ("FMMonth FMDD, YY", Some("%B %-d, %y")),
            ("\"at\" HH24", Some("at %H")),
            ("%d.%m", None),
            ("::", None),
        ] {
            assert_eq!(strftime(pattern).expect("known parts").as_deref(), form, "{pattern}");
        }
        assert!(strftime("YYYY Q").is_err());
    }
}
