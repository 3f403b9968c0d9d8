//! Row loops over text arguments, shared by the text functions.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::ColumnarValue;

use super::docs::wrong_form;
use crate::error::{SqlError, TYPE_MISMATCH};

/// The second argument of a text function.
pub(super) enum Second<'a> {
    Constant(Option<&'a str>),
    Rows(&'a StringArray),
}

/// Numbers, booleans and times become text; an array or a struct has no one form of text.
pub(super) fn as_text(function: &str, data_type: &DataType) -> Result<DataType> {
    if data_type.is_nested() {
        let text = format!("no compatible data type: {function} needs text, not {data_type}");
        return Err(SqlError::new(TYPE_MISMATCH, text).into());
    }
    Ok(DataType::Utf8)
}

/// Both arguments become text.
pub(super) fn two_texts(function: &str, arg_types: &[DataType]) -> Result<Vec<DataType>> {
    match arg_types {
        [first, second] => Ok(vec![as_text(function, first)?, as_text(function, second)?]),
        _ => Err(wrong_form(function)),
    }
}

/// The first argument as rows (one row when it is a constant), and the second as it is.
pub(super) fn arguments(args: &[ColumnarValue]) -> Result<(ArrayRef, Second<'_>)> {
    let [first, second] = args else {
        return Err(DataFusionError::Internal(format!(
            "a text function was called with {} arguments",
            args.len()
        )));
    };
    let first = match first {
        ColumnarValue::Array(array) => Arc::clone(array),
        ColumnarValue::Scalar(value) => match second {
            ColumnarValue::Array(rows) => value.to_array_of_size(rows.len())?,
            ColumnarValue::Scalar(_) => value.to_array_of_size(1)?,
        },
    };
    let second = match second {
        ColumnarValue::Scalar(value) => Second::Constant(value.try_as_str().flatten()),
        ColumnarValue::Array(array) => Second::Rows(array.as_string::<i32>()),
    };
    Ok((first, second))
}

/// A test of each row against a constant; null rows stay null.
pub(super) fn test(rows: &StringArray, mut matches: impl FnMut(&str) -> bool) -> BooleanArray {
    rows.iter().map(|row| row.map(&mut matches)).collect()
}

/// Gives a constant back where all arguments were constants.
pub(super) fn answer(args: &[ColumnarValue], array: ArrayRef) -> Result<ColumnarValue> {
    if args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_))) {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?));
    }
    Ok(ColumnarValue::Array(array))
}
