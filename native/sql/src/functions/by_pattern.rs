//! Patterns that come from a column. Kernels keep each one that they compiled until the batch ends, gigabytes of them; here the rows of
//! one pattern are answered together, and one pattern is compiled at a time, under the bound that all patterns have.

use std::collections::HashMap;
use std::sync::Arc;

use basalt_scan::{ScanError, compile_like};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, UInt32Array};
use datafusion::arrow::compute::{cast, interleave, take};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::functions::regex;
use datafusion::logical_expr::expr::{Like, ScalarFunction};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    lit, not,
};

use super::docs::wrong_form;
use super::flagged::flagged;
use super::pattern::check_size;
use super::text::answer;
use crate::error::{EXECUTION, SqlError};
use crate::run::cancel;

/// The place of the pattern in the calls of these functions.
const PATTERN: usize = 1;

/// `text ~ pattern` and `text LIKE pattern` as functions, where the pattern is no literal; `None` for all else.
pub(super) fn function_of(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if !matches!(right.as_ref(), Expr::Literal(..)) => {
            let (negated, ignore_case) = match op {
                Operator::RegexMatch => (false, false),
                Operator::RegexIMatch => (false, true),
                Operator::RegexNotMatch => (true, false),
                Operator::RegexNotIMatch => (true, true),
                _ => return None,
            };
            let mut args = vec![left.as_ref().clone(), right.as_ref().clone()];
            if ignore_case {
                args.push(lit("i"));
            }
            let call = Expr::ScalarFunction(ScalarFunction::new_udf(flagged(regex::regexp_like()), args));
            Some(if negated { not(call) } else { call })
        }
        Expr::Like(like) if !matches!(like.pattern.as_ref(), Expr::Literal(..)) && like.escape_char.is_none() => {
            let function = LikeByRow {
                ignore_case: like.case_insensitive,
                signature: Signature::any(2, Volatility::Immutable),
            };
            let args = vec![like.expr.as_ref().clone(), like.pattern.as_ref().clone()];
            let call = Expr::ScalarFunction(ScalarFunction::new_udf(
                Arc::new(ScalarUDF::new_from_impl(function)),
                args,
            ));
            Some(if like.negated { not(call) } else { call })
        }
        _ => None,
    }
}

/// Whether the function takes a regular expression that may differ from row to row.
pub(super) fn has_pattern(name: &str) -> bool {
    matches!(
        name,
        "regexp_like" | "regexp_match" | "regexp_replace" | "regexp_count" | "regexp_instr"
    )
}

/// The answers for each pattern of the rows, put back in their order. `None` where there is one pattern for all.
pub(super) fn by_pattern(
    args: &ScalarFunctionArgs,
    call: impl Fn(ScalarFunctionArgs) -> Result<ColumnarValue>,
) -> Result<Option<ColumnarValue>> {
    let Some(ColumnarValue::Array(patterns)) = args.args.get(PATTERN) else {
        return Ok(None);
    };
    let mut parts: Vec<ArrayRef> = Vec::new();
    let mut places = vec![(0, 0); patterns.len()];
    for (pattern, rows) in groups(patterns)? {
        cancel::check()?;
        if let Some(pattern) = &pattern {
            check_size(pattern)?;
        }
        let indices = UInt32Array::from_iter_values(rows.iter().map(|row| *row as u32));
        let mut values = Vec::with_capacity(args.args.len());
        for (place, value) in args.args.iter().enumerate() {
            values.push(match value {
                _ if place == PATTERN => ColumnarValue::Scalar(ScalarValue::try_from_array(patterns, rows[0])?),
                ColumnarValue::Array(array) => ColumnarValue::Array(take(array, &indices, None)?),
                scalar => scalar.clone(),
            });
        }
        let part = ScalarFunctionArgs {
            args: values,
            number_rows: rows.len(),
            ..args.clone()
        };
        parts.push(call(part)?.into_array(rows.len())?);
        for (place, row) in rows.into_iter().enumerate() {
            places[row] = (parts.len() - 1, place);
        }
    }
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    if parts.is_empty() {
        return Ok(None);
    }
    Ok(Some(ColumnarValue::Array(interleave(&parts, &places)?)))
}

/// The rows of each pattern, in the order in which the patterns come.
fn groups(patterns: &ArrayRef) -> Result<Vec<(Option<String>, Vec<usize>)>> {
    let texts = cast(patterns, &DataType::Utf8View)?;
    let texts = texts.as_string_view();
    let mut found: HashMap<Option<&str>, usize> = HashMap::new();
    let mut groups: Vec<(Option<String>, Vec<usize>)> = Vec::new();
    for (row, text) in texts.iter().enumerate() {
        let group = *found.entry(text).or_insert_with(|| {
            groups.push((text.map(str::to_owned), Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push(row);
    }
    Ok(groups)
}

/// `text LIKE pattern` with the pattern of each row.
#[derive(Debug, PartialEq, Eq, Hash)]
struct LikeByRow {
    ignore_case: bool,
    signature: Signature,
}

impl ScalarUDFImpl for LikeByRow {
    fn name(&self) -> &str {
        if self.ignore_case { "ilike" } else { "like" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [texts, patterns] = arrays.as_slice() else {
            return Err(wrong_form(self.name()));
        };
        let texts = cast(texts, &DataType::Utf8View)?;
        let texts = texts.as_string_view();
        let mut found: Vec<Option<bool>> = vec![None; texts.len()];
        for (pattern, rows) in groups(patterns)? {
            let Some(pattern) = pattern else { continue };
            cancel::check()?;
            let matcher = compile_like(&pattern, self.ignore_case).map_err(too_large)?;
            let mut lowered = Vec::new();
            for row in rows {
                if texts.is_valid(row) {
                    found[row] = Some(matcher.matches(texts.value(row).as_bytes(), &mut lowered));
                }
            }
        }
        answer(&args.args, Arc::new(BooleanArray::from(found)))
    }

    /// A pattern that turns out to be a constant is one for the planner and the scan.
    fn simplify(&self, args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match <[Expr; 2]>::try_from(args) {
            Ok([text, pattern]) if matches!(pattern, Expr::Literal(..)) => {
                let like = Like::new(false, Box::new(text), Box::new(pattern), None, self.ignore_case);
                Ok(ExprSimplifyResult::Simplified(Expr::Like(like)))
            }
            Ok(args) => Ok(ExprSimplifyResult::Original(args.into())),
            Err(args) => Ok(ExprSimplifyResult::Original(args)),
        }
    }
}

fn too_large(error: ScanError) -> SqlError {
    SqlError::new(EXECUTION, format!("Search SQL execute error: {error}"))
}
