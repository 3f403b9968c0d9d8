//! Scalar functions that are told row by row. Arguments take the type that the function wants; a null among them gives null.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListBuilder, StringArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::docs::wrong_form;
use super::text::as_text;
use crate::error::{SqlError, TYPE_MISMATCH};

/// What an argument has to be; other types are cast to it where that makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Int,
}

/// The function itself, by the type of its answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Call {
    Text(fn(&Row) -> Option<String>),
    Int(fn(&Row) -> Option<i64>),
    Texts(fn(&Row) -> Option<Vec<String>>),
}

/// The arguments of one row, none of them null.
pub(super) struct Row<'a> {
    columns: &'a [Cells<'a>],
    row: usize,
}

enum Cells<'a> {
    Text(&'a StringArray),
    Int(&'a Int64Array),
}

impl<'a> Row<'a> {
    /// The text argument of this number; empty where there is none.
    pub fn text(&self, argument: usize) -> &'a str {
        match self.columns.get(argument) {
            Some(Cells::Text(array)) => array.value(self.row),
            _ => "",
        }
    }

    /// The number of an argument that may be left out.
    pub fn int(&self, argument: usize) -> Option<i64> {
        match self.columns.get(argument) {
            Some(Cells::Int(array)) => Some(array.value(self.row)),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct RowFunction {
    name: &'static str,
    arguments: &'static [Kind],
    /// How many of the arguments may not be left out.
    required: usize,
    call: Call,
    signature: Signature,
}

impl RowFunction {
    pub fn udf(name: &'static str, arguments: &'static [Kind], required: usize, call: Call) -> Arc<ScalarUDF> {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(RowFunction {
            name,
            arguments,
            required,
            call,
            signature,
        }))
    }

    fn coerce(&self, kind: Kind, data_type: &DataType) -> Result<DataType> {
        match kind {
            Kind::Text => as_text(self.name, data_type),
            Kind::Int if data_type.is_integer() || data_type.is_null() => Ok(DataType::Int64),
            Kind::Int => {
                let text = format!(
                    "no compatible data type: {} needs a whole number, not {data_type}",
                    self.name
                );
                Err(SqlError::new(TYPE_MISMATCH, text).into())
            }
        }
    }
}

impl PartialEq for RowFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for RowFunction {}

impl Hash for RowFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for RowFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        if arg_types.len() < self.required || arg_types.len() > self.arguments.len() {
            return Err(wrong_form(self.name));
        }
        let pairs = self.arguments.iter().zip(arg_types);
        pairs.map(|(kind, data_type)| self.coerce(*kind, data_type)).collect()
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(match self.call {
            Call::Text(_) => DataType::Utf8,
            Call::Int(_) => DataType::Int64,
            Call::Texts(_) => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let columns: Vec<Cells> = self
            .arguments
            .iter()
            .zip(&arrays)
            .map(|(kind, array)| match kind {
                Kind::Text => Cells::Text(array.as_string::<i32>()),
                Kind::Int => Cells::Int(array.as_primitive::<Int64Type>()),
            })
            .collect();
        let rows = arrays.first().map_or(0, |array| array.len());
        let wanted = (0..rows).map(|row| {
            let present = arrays.iter().all(|array| array.is_valid(row));
            present.then_some(Row { columns: &columns, row })
        });
        let array: ArrayRef = match self.call {
            Call::Text(call) => Arc::new(wanted.map(|row| call(&row?)).collect::<StringArray>()),
            Call::Int(call) => Arc::new(wanted.map(|row| call(&row?)).collect::<Int64Array>()),
            Call::Texts(call) => {
                let mut lists = ListBuilder::new(StringBuilder::new());
                for row in wanted {
                    lists.append_option(row.and_then(|row| call(&row)).map(|list| list.into_iter().map(Some)));
                }
                Arc::new(lists.finish())
            }
        };
        if args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_))) {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?));
        }
        Ok(ColumnarValue::Array(array))
    }
}
