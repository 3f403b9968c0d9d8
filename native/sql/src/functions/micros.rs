//! Functions over timestamps that also take int64 microseconds, as `_timestamp` holds them.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

/// `inner` under its own names, with int64 arguments read as microseconds since the epoch.
pub(super) fn over_micros(inner: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    let signature = Signature::user_defined(inner.signature().volatility);
    Arc::new(ScalarUDF::new_from_impl(OverMicros { inner, signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OverMicros {
    inner: Arc<ScalarUDF>,
    signature: Signature,
}

impl ScalarUDFImpl for OverMicros {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let fields: Vec<FieldRef> = arg_types
            .iter()
            .map(|data_type| match data_type {
                DataType::Int64 => DataType::Timestamp(TimeUnit::Microsecond, None),
                other => other.clone(),
            })
            .map(|data_type| Arc::new(Field::new("argument", data_type, true)))
            .collect();
        let coerced = fields_with_udf(&fields, self.inner.as_ref())?;
        Ok(coerced.iter().map(|field| field.data_type().clone()).collect())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(args)
    }

    /// Once types are coerced the wrapper has done its work.
    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        for arg in &args {
            if info.get_data_type(arg)? == DataType::Int64 {
                return Err(DataFusionError::Internal(format!("{} was not coerced", self.name())));
            }
        }
        let inner = ScalarFunction::new_udf(Arc::clone(&self.inner), args);
        Ok(ExprSimplifyResult::Simplified(Expr::ScalarFunction(inner)))
    }
}
