//! A value as it is, which the planner takes for a new one: what it knows of the column does not hold for it, nor that it is never NULL.
//! See `rules::unnest` and `rules::subqueries`.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

pub(crate) fn opaque(value: Expr) -> Expr {
    call(value, Volatility::Immutable)
}

/// The same of a value that may be a constant, which would be put back in its place if the planner took the function for a pure one.
pub(crate) fn unfolded(value: Expr) -> Expr {
    call(value, Volatility::Volatile)
}

fn call(value: Expr, volatility: Volatility) -> Expr {
    let function = ScalarUDF::new_from_impl(Opaque {
        signature: Signature::any(1, volatility),
    });
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), vec![value]))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Opaque {
    signature: Signature,
}

impl ScalarUDFImpl for Opaque {
    fn name(&self) -> &str {
        "opaque"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        types.first().cloned().ok_or_else(of_nothing)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        args.args.pop().ok_or_else(of_nothing)
    }
}

fn of_nothing() -> DataFusionError {
    DataFusionError::Internal("opaque takes one value".to_owned())
}
