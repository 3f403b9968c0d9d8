//! `to_array_string(array)`: an array as JSON text, for the functions over JSON texts.

use std::sync::Arc;

use datafusion::arrow::array::{Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::json::writer::{EncoderOptions, make_encoder};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::docs::wrong_form;
use crate::error::{SqlError, TYPE_MISMATCH};

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ToArrayString {
    signature: Signature,
}

impl ToArrayString {
    pub fn new() -> Self {
        ToArrayString {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for ToArrayString {
    fn name(&self) -> &str {
        "to_array_string"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [array @ (DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) | DataType::Null)] => {
                Ok(vec![array.clone()])
            }
            [other] => {
                let text = format!("no compatible data type: to_array_string needs an array, not {other}");
                Err(SqlError::new(TYPE_MISMATCH, text).into())
            }
            _ => Err(wrong_form(self.name())),
        }
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(argument) = args.args.first() else {
            return Err(wrong_form(self.name()));
        };
        let array = argument.to_array(1)?;
        let field = Arc::new(Field::new("array", array.data_type().clone(), true));
        let options = EncoderOptions::default().with_explicit_nulls(true);
        let mut encoder = make_encoder(&field, array.as_ref(), &options)?;
        let texts = (0..array.len()).map(|row| {
            (array.is_valid(row) && !encoder.is_null(row)).then(|| {
                let mut text = Vec::new();
                encoder.encode(row, &mut text);
                String::from_utf8_lossy(&text).into_owned()
            })
        });
        let texts = texts.collect::<StringArray>();
        Ok(match argument {
            ColumnarValue::Scalar(_) => ColumnarValue::Scalar(ScalarValue::try_from_array(&texts, 0)?),
            ColumnarValue::Array(_) => ColumnarValue::Array(Arc::new(texts)),
        })
    }
}
