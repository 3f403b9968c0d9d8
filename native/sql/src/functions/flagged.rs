//! Flags of `regexp_like`, `regexp_match`, `regexp_replace`, `regexp_count` and `regexp_instr`. They may be empty, and may differ from row
//! to row: rows of the same flags are answered together.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, new_null_array};
use datafusion::arrow::compute::{cast, filter, interleave};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use crate::error::{INVALID_SQL, SqlError};

/// What all of them know.
const KNOWN: &str = "imsxUR";

/// The place of the flags among the arguments, if the function has flags.
fn place(name: &str) -> Option<usize> {
    match name {
        "regexp_like" | "regexp_match" => Some(2),
        "regexp_replace" | "regexp_count" => Some(3),
        "regexp_instr" => Some(4),
        _ => None,
    }
}

/// The function with flags of any kind; itself where it has none.
pub(super) fn flagged(inner: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    match place(inner.name()) {
        Some(place) => Arc::new(ScalarUDF::new_from_impl(Flagged { inner, place })),
        None => inner,
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Flagged {
    inner: Arc<ScalarUDF>,
    place: usize,
}

impl Flagged {
    /// The flags as the libraries want them: never empty, and none that is the default.
    fn normal(&self, flags: &str) -> Result<String> {
        let mut normal = String::new();
        for flag in flags.chars() {
            let all = flag == 'g' && self.inner.name() == "regexp_replace";
            match flag {
                'c' | ' ' => {}
                flag if all || KNOWN.contains(flag) => normal.push(flag),
                flag => {
                    let text = format!(
                        "'{flag}' is no flag of {}: write i (any case), m (lines), s (a dot matches line ends), x (blanks \
                         ignored), or g for all matches of regexp_replace",
                        self.inner.name()
                    );
                    return Err(SqlError::new(INVALID_SQL, format!("Search SQL not valid: {text}")).into());
                }
            }
        }
        if normal.is_empty() {
            // Unicode is on already.
            normal.push('u');
        }
        Ok(normal)
    }

    fn with_flags(&self, args: &ScalarFunctionArgs, flags: ScalarValue) -> Result<ColumnarValue> {
        let mut args = args.clone();
        args.args[self.place] = ColumnarValue::Scalar(flags);
        self.inner.invoke_with_args(args)
    }

    /// The answers for each flags, put back in the order of the rows.
    fn by_flags(&self, args: &ScalarFunctionArgs, flags: &ArrayRef) -> Result<ColumnarValue> {
        let texts = cast(flags, &DataType::Utf8)?;
        let texts = texts.as_string::<i32>();
        let mut parts: Vec<ArrayRef> = vec![new_null_array(args.return_field.data_type(), 1)];
        let mut places = vec![(0, 0); texts.len()];
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for row in 0..texts.len() {
            if texts.is_null(row) {
                continue;
            }
            let text = texts.value(row);
            if seen.contains_key(text) {
                continue;
            }
            let same: BooleanArray = texts.iter().map(|other| Some(other == Some(text))).collect();
            let rows = same.true_count();
            let values = args.args.iter().map(|value| match value {
                ColumnarValue::Array(array) => Ok(ColumnarValue::Array(filter(array, &same)?)),
                scalar => Ok(scalar.clone()),
            });
            let part = ScalarFunctionArgs {
                args: values.collect::<Result<_>>()?,
                number_rows: rows,
                ..args.clone()
            };
            let answer = self.with_flags(&part, ScalarValue::from(self.normal(text)?))?;
            parts.push(answer.to_array(rows)?);
            seen.insert(text, parts.len() - 1);
            let mut next = 0;
            for (place, same) in places.iter_mut().zip(same.values()) {
                if same {
                    *place = (parts.len() - 1, next);
                    next += 1;
                }
            }
        }
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        Ok(ColumnarValue::Array(interleave(&parts, &places)?))
    }
}

impl ScalarUDFImpl for Flagged {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.get(self.place) {
            Some(ColumnarValue::Scalar(flags)) => match flags.try_as_str().flatten() {
                Some(flags) => {
                    let flags = ScalarValue::from(self.normal(flags)?);
                    self.with_flags(&args, flags)
                }
                None => Ok(ColumnarValue::Scalar(ScalarValue::try_from(
                    args.return_field.data_type(),
                )?)),
            },
            Some(ColumnarValue::Array(flags)) => self.by_flags(&args, flags),
            None => self.inner.invoke_with_args(args),
        }
    }

    fn simplify(&self, mut args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match args.get_mut(self.place) {
            // Its own simplification reads flags, and does not know these.
            Some(Expr::Literal(flags, _)) => {
                if let Some(text) = flags.try_as_str().flatten() {
                    self.normal(text)?;
                }
                Ok(ExprSimplifyResult::Original(args))
            }
            Some(_) => Ok(ExprSimplifyResult::Original(args)),
            None => self.inner.simplify(args, info),
        }
    }
}
