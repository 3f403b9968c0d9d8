//! Takes the marks of `drift` away where the marked value has the type that is asked for, which only shows once names are resolved.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ExprSchema;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ExprSchemable, lit};

use super::json_numbers;
use crate::functions::{NUMBER_OF, TRUTH_OF};

/// What stands for a mark that need not be there.
pub(super) fn needless(call: &ScalarFunction, schema: &dyn ExprSchema) -> Option<Expr> {
    let is_number = match call.name() {
        NUMBER_OF => true,
        TRUTH_OF => false,
        _ => return None,
    };
    let value = call.args.first()?;
    match value.get_type(schema).ok()? {
        DataType::Utf8 => None,
        DataType::Union(..) if is_number => Some(json_numbers::float(value)),
        other if !is_number && other.is_numeric() => Some(value.clone().not_eq(lit(0_i64))),
        _ => Some(value.clone()),
    }
}
