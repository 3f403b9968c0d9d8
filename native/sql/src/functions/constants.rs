//! Constant arguments of aggregate functions: checked when a statement is planned, read when it runs.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{ColumnarValue, Expr};

use crate::error::{INVALID_SQL, SqlError};

/// The arguments from `first` on, of a statement that is planned.
pub(super) fn planned(call: &AggregateFunction, first: usize) -> Result<Vec<ScalarValue>> {
    let arguments = call.params.args.iter().skip(first);
    arguments
        .map(|argument| match argument {
            Expr::Literal(value, _) => Ok(value.clone()),
            _ => Err(not_constant(call.func.name())),
        })
        .collect()
}

/// The same of a run.
pub(super) fn given(name: &str, args: &AccumulatorArgs, first: usize) -> Result<Vec<ScalarValue>> {
    let nothing = RecordBatch::new_empty(Arc::new(Schema::empty()));
    let arguments = args.exprs.iter().skip(first);
    arguments
        .map(|argument| match argument.evaluate(&nothing)? {
            ColumnarValue::Scalar(value) => Ok(value),
            ColumnarValue::Array(_) => Err(not_constant(name)),
        })
        .collect()
}

fn not_constant(name: &str) -> DataFusionError {
    invalid(format!("the last arguments of {name} have to be constants"))
}

pub(super) fn invalid(text: String) -> DataFusionError {
    SqlError::new(INVALID_SQL, format!("Search SQL not valid: {text}"))
        .with_detail(text)
        .into()
}
