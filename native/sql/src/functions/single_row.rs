//! The value of a correlated subquery that must have one row at most. `rules::SubqueryRule` writes it; nobody can call it by a name.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// `value`, or an error where `rows` is more than one.
pub(crate) fn single_row(value: Expr, rows: Expr) -> Expr {
    let function = ScalarUDF::new_from_impl(SingleRow {
        signature: Signature::any(2, Volatility::Immutable),
    });
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), vec![value, rows]))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SingleRow {
    signature: Signature,
}

impl ScalarUDFImpl for SingleRow {
    fn name(&self) -> &str {
        "single row"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        types
            .first()
            .cloned()
            .ok_or_else(|| DataFusionError::Internal("the value of no row".to_owned()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value, rows] = args.args.as_slice() else {
            return Err(DataFusionError::Internal("the value of no row".to_owned()));
        };
        let rows = rows.to_array(args.number_rows)?;
        let most = rows.as_primitive::<Int64Type>().iter().flatten().max().unwrap_or(0);
        if most > 1 {
            return Err(DataFusionError::Execution(format!(
                "a subquery that stands for a value has {most} rows: let it return one, with LIMIT 1 or an aggregate"
            )));
        }
        Ok(value.clone())
    }
}
