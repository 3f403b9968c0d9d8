//! `fuzzy_match(field, 'word', distance)`: whether a word of the field can be made the other by so few edits.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::docs::wrong_form;
use super::text::{answer, as_text};
use crate::error::{INVALID_SQL, SqlError};
use crate::run::cancel;

/// Bytes of a text between two looks at whether the query was cancelled.
const LOOK_BYTES: usize = 64 << 10;
/// A larger distance would match nearly any word.
const DISTANCE_MAX: i64 = 10;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct FuzzyMatch {
    signature: Signature,
}

pub(crate) fn fuzzy_match() -> Arc<ScalarUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(FuzzyMatch { signature }))
}

impl ScalarUDFImpl for FuzzyMatch {
    fn name(&self) -> &str {
        "fuzzy_match"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [field, word, distance] if distance.is_integer() || distance.is_null() => Ok(vec![
                as_text(self.name(), field)?,
                as_text(self.name(), word)?,
                DataType::Int64,
            ]),
            _ => Err(wrong_form(self.name())),
        }
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [field, word, distance] = args.args.as_slice() else {
            return Err(wrong_form(self.name()));
        };
        let (ColumnarValue::Scalar(word), ColumnarValue::Scalar(distance)) = (word, distance) else {
            return Err(not_constant());
        };
        let rows = field.to_array(1)?;
        let rows = rows.as_string::<i32>();
        let array = match (word.try_as_str().flatten(), limit(distance)?) {
            (Some(word), Some(limit)) => {
                let word: Vec<char> = word.to_lowercase().chars().collect();
                let mut token = Vec::new();
                let mut test = |row: Option<&str>| row.map(|row| any_token(row, &word, limit, &mut token)).transpose();
                rows.iter().map(&mut test).collect::<Result<_>>()?
            }
            _ => BooleanArray::new_null(rows.len()),
        };
        answer(&args.args, Arc::new(array))
    }

    /// Nothing to simplify; a wrong argument is told before anything is read.
    fn simplify(&self, args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match args.as_slice() {
            [_, Expr::Literal(..), Expr::Literal(distance, _)] => limit(distance).map(drop)?,
            _ => return Err(not_constant()),
        }
        Ok(ExprSimplifyResult::Original(args))
    }
}

fn limit(distance: &ScalarValue) -> Result<Option<usize>> {
    let ScalarValue::Int64(Some(distance)) = distance else {
        return Ok(None);
    };
    match usize::try_from(*distance) {
        Ok(limit) if *distance <= DISTANCE_MAX => Ok(Some(limit)),
        _ => Err(invalid(format!(
            "a distance is from 0 to {DISTANCE_MAX}, not {distance}"
        ))),
    }
}

fn not_constant() -> datafusion::error::DataFusionError {
    invalid("the word and the distance of a fuzzy match have to be constants".to_owned())
}

fn invalid(text: String) -> datafusion::error::DataFusionError {
    SqlError::new(INVALID_SQL, format!("Search SQL not valid: {text}"))
        .with_detail(text)
        .into()
}

/// Words are runs of letters and digits, in lower case. `token` is a buffer.
fn any_token(text: &str, word: &[char], limit: usize, token: &mut Vec<char>) -> Result<bool> {
    let mut looked_at = 0;
    for part in text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|part| !part.is_empty())
    {
        if part.len() > looked_at {
            cancel::check()?;
            looked_at = LOOK_BYTES;
        }
        looked_at -= part.len().min(looked_at);
        // A letter has four bytes at most: what is longer than this is too far from the word.
        if part.len() > (word.len() + limit).saturating_mul(4) {
            continue;
        }
        token.clear();
        token.extend(part.chars().flat_map(char::to_lowercase));
        if is_within(token, word, limit) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the Levenshtein distance is at most `limit`. Only the cells within `limit` of the diagonal can be so small, so
/// no others are computed, and a row without one ends it.
fn is_within(left: &[char], right: &[char], limit: usize) -> bool {
    if left.len().abs_diff(right.len()) > limit {
        return false;
    }
    let far = limit + 1;
    let mut above: Vec<usize> = (0..=right.len()).map(|j| j.min(far)).collect();
    let mut row = vec![far; right.len() + 1];
    for (i, from) in left.iter().enumerate() {
        let (first, last) = ((i + 1).saturating_sub(limit), (i + 1 + limit).min(right.len()));
        row.fill(far);
        let mut least = far;
        for j in first..=last {
            row[j] = match j {
                0 => i + 1,
                _ => (above[j - 1] + usize::from(*from != right[j - 1]))
                    .min(above[j] + 1)
                    .min(row[j - 1] + 1),
            }
            .min(far);
            least = least.min(row[j]);
        }
        if least > limit {
            return false;
        }
        std::mem::swap(&mut row, &mut above);
    }
    above[right.len()] <= limit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(left: &[char], right: &[char]) -> usize {
        match (left, right) {
            ([], rest) | (rest, []) => rest.len(),
            ([a, left @ ..], [b, right @ ..]) if a == b => distance(left, right),
            ([_, left_rest @ ..], [_, right_rest @ ..]) => {
                1 + distance(left_rest, right_rest)
                    .min(distance(left, right_rest))
                    .min(distance(left_rest, right))
            }
        }
    }

    #[test]
    fn the_band_agrees_with_the_definition() {
        let words = [
            "", "a", "ab", "ba", "abc", "acb", "kitten", "sitting", "aaaa", "abab", "größe", "grosse",
        ];
        let words: Vec<Vec<char>> = words.iter().map(|word| word.chars().collect()).collect();
        for left in &words {
            for right in &words {
                for limit in 0..8 {
                    let expected = distance(left, right) <= limit;
                    assert_eq!(is_within(left, right, limit), expected, "{left:?} {right:?} {limit}");
                }
            }
        }
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_any_case() {
        let word: Vec<char> = "timeout".chars().collect();
        let mut token = Vec::new();
        for (text, limit, expected) in [
            ("Connection TIMEOUT, retry", 0, true),
            ("conn_timeout=5", 0, true),
            ("timeouts", 0, false),
            ("timeouts", 1, true),
            ("tmieout", 1, false),
            ("tmieout", 2, true),
            ("", 6, false),
        ] {
            let found = any_token(text, &word, limit, &mut token).expect("not cancelled");
            assert_eq!(found, expected, "{text}");
        }
    }
}
