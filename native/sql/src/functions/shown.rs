//! An expression under the name that is written, where the planner's own would be another's too; see `apart`. Nobody can see it:
//! `rules::ShownRule` takes it away before anything looks at expressions.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// No name that could be taken for another, or meant.
pub(crate) const SHOWN: &str = "shown as";

pub(crate) fn shown() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Shown {
        signature: Signature::any(2, Volatility::Immutable),
    }))
}

/// Of the expression and its name.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Shown {
    signature: Signature,
}

impl ScalarUDFImpl for Shown {
    fn name(&self) -> &str {
        SHOWN
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        types.first().cloned().ok_or_else(unplanned)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(unplanned())
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        match args {
            [_, Expr::Literal(name, _)] => Ok(name.try_as_str().flatten().unwrap_or_default().to_owned()),
            _ => Err(unplanned()),
        }
    }
}

fn unplanned() -> DataFusionError {
    DataFusionError::Plan(format!("{SHOWN:?} is no function"))
}
