//! `spath(field, 'a.b.0')`: the value at a dotted path of a JSON text. Numbers index arrays.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use serde_json::Value;

use super::exact_json;
use super::text::{Second, answer, arguments, two_texts};

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Spath {
    signature: Signature,
}

impl Spath {
    pub fn new() -> Self {
        Spath {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for Spath {
    fn name(&self) -> &str {
        "spath"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        two_texts(self.name(), arg_types)
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (rows, second) = arguments(&args.args)?;
        let rows = rows.as_string::<i32>();
        let array: StringArray = match second {
            Second::Constant(Some(path)) => {
                let path: Vec<&str> = path.split('.').collect();
                rows.iter().map(|row| value_at(row?, &path)).collect()
            }
            Second::Constant(None) => StringArray::new_null(rows.len()),
            Second::Rows(paths) => rows
                .iter()
                .zip(paths)
                .map(|(row, path)| value_at(row?, &path?.split('.').collect::<Vec<_>>()))
                .collect(),
        };
        answer(&args.args, Arc::new(array))
    }
}

/// Text as it is, other values as JSON. Null where the text is no JSON, the path leads nowhere, or to null.
fn value_at(text: &str, path: &[&str]) -> Option<String> {
    let root = exact_json::parse(text)?;
    let mut value = &root;
    for step in path {
        value = match value {
            Value::Object(fields) => fields.get(*step)?,
            Value::Array(items) => items.get(step.parse::<usize>().ok()?)?,
            _ => return None,
        };
    }
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
