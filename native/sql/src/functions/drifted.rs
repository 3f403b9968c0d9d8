//! Values of a field that came with several types, as numbers or as truth values: what its texts spell. See `drift`, which puts these calls
//! into statements; nobody can write them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::run::left_out::{self, Wanted};

/// No names that could be taken for others, or meant.
pub(crate) const NUMBER_OF: &str = "number of";
pub(crate) const TRUTH_OF: &str = "truth of";

/// Both.
pub(crate) fn drifted() -> [Arc<ScalarUDF>; 2] {
    [Wanted::Number, Wanted::Truth].map(|wanted| Arc::new(ScalarUDF::new_from_impl(Drifted::new(wanted))))
}

/// The number that a text is. `field` is its name for those who are told what was left out.
pub(crate) fn number_of(text: Expr, field: &str) -> Expr {
    let function = Arc::new(ScalarUDF::new_from_impl(Drifted::new(Wanted::Number)));
    let name = Expr::Literal(ScalarValue::Utf8(Some(field.to_owned())), None);
    Expr::ScalarFunction(ScalarFunction::new_udf(function, vec![text, name]))
}

/// Of the value and the field's name. What is no text has the asked type already; rules take such calls away.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Drifted {
    wanted: Wanted,
    signature: Signature,
}

impl Drifted {
    fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            signature: Signature::any(2, Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Drifted {
    fn name(&self) -> &str {
        match self.wanted {
            Wanted::Number => NUMBER_OF,
            Wanted::Truth => TRUTH_OF,
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let of = types.first().ok_or_else(damaged)?;
        Ok(match (self.wanted, of) {
            (Wanted::Number, DataType::Utf8 | DataType::Union(..)) => DataType::Float64,
            (Wanted::Number, other) => other.clone(),
            (Wanted::Truth, _) => DataType::Boolean,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value, name] = args.args.as_slice() else {
            return Err(damaged());
        };
        let is_scalar = matches!(value, ColumnarValue::Scalar(_));
        let array = value.to_array(if is_scalar { 1 } else { args.number_rows })?;
        let texts = array.as_string_opt::<i32>().ok_or_else(damaged)?;
        let found: ArrayRef = match self.wanted {
            Wanted::Number => Arc::new(texts.iter().map(|text| spelled_number(text?)).collect::<Float64Array>()),
            Wanted::Truth => Arc::new(texts.iter().map(|text| spelled_truth(text?)).collect::<BooleanArray>()),
        };
        if let ColumnarValue::Scalar(name) = name
            && let Some(name) = name.try_as_str().flatten()
        {
            let rows = found.null_count() - texts.null_count();
            left_out::note(self.wanted, name, rows as u64);
        }
        Ok(match is_scalar {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&found, 0)?),
            false => ColumnarValue::Array(found),
        })
    }

    /// As the value itself is called: results keep their names when the first text comes.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(args.first().ok_or_else(damaged)?.schema_name().to_string())
    }
}

/// A finite number; words such as `NaN` and `inf` are texts.
fn spelled_number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// `true`, `false`, or a number, which is true unless it is zero.
fn spelled_truth(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        other => spelled_number(other).map(|number| number != 0.0),
    }
}

fn damaged() -> DataFusionError {
    DataFusionError::Internal("a drifted field is of one value and its name".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_texts_spell() {
        for (text, number, truth) in [
            ("7", Some(7.0), Some(true)),
            ("-0.5", Some(-0.5), Some(true)),
            ("1e+21", Some(1e21), Some(true)),
            ("0", Some(0.0), Some(false)),
            ("true", None, Some(true)),
            ("false", None, Some(false)),
            ("TRUE", None, None),
            ("", None, None),
            ("-", None, None),
            ("NaN", None, None),
            ("inf", None, None),
            ("-infinity", None, None),
            ("1e400", None, None),
            ("0x10", None, None),
            (" 7", None, None),
            ("7 ms", None, None),
        ] {
            assert_eq!((spelled_number(text), spelled_truth(text)), (number, truth), "{text:?}");
        }
    }
}
