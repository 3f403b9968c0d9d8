//! Functions over timestamps that also take int64 microseconds, as `_timestamp` holds them.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::Result;
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

const MICROS: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

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

    /// An int64 always becomes a timestamp of microseconds first: cast at once to the type that `inner` wants, it would
    /// be read in another unit. Other arguments take the type that `inner` wants.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let times = arg_types.iter().map(|data_type| match data_type {
            DataType::Int64 => MICROS,
            other => other.clone(),
        });
        let fields: Vec<FieldRef> = times.map(argument).collect();
        let wanted = fields_with_udf(&fields, self.inner.as_ref())?;
        Ok(arg_types
            .iter()
            .zip(wanted)
            .map(|(data_type, wanted)| match data_type {
                DataType::Int64 => MICROS,
                _ => wanted.data_type().clone(),
            })
            .collect())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let wanted = fields_with_udf(args.arg_fields, self.inner.as_ref())?;
        self.inner.return_field_from_args(ReturnFieldArgs {
            arg_fields: &wanted,
            ..args
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arg_fields = fields_with_udf(&args.arg_fields, self.inner.as_ref())?;
        let values = args
            .args
            .iter()
            .zip(&arg_fields)
            .map(|(value, field)| value.cast_to(field.data_type(), None));
        self.inner.invoke_with_args(ScalarFunctionArgs {
            args: values.collect::<Result<_>>()?,
            arg_fields,
            ..args
        })
    }

    /// Once types are coerced the wrapper has done its work.
    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let types = args
            .iter()
            .map(|arg| info.get_data_type(arg))
            .collect::<Result<Vec<_>>>()?;
        let fields: Vec<FieldRef> = types.iter().cloned().map(argument).collect();
        let wanted = fields_with_udf(&fields, self.inner.as_ref())?;
        let args = args
            .into_iter()
            .zip(types)
            .zip(wanted)
            .map(|((arg, has), wanted)| match wanted.data_type() {
                wanted if *wanted == has => arg,
                wanted => Expr::Cast(Cast::new(Box::new(arg), wanted.clone())),
            });
        let inner = ScalarFunction::new_udf(Arc::clone(&self.inner), args.collect());
        Ok(ExprSimplifyResult::Simplified(Expr::ScalarFunction(inner)))
    }
}

fn argument(data_type: DataType) -> FieldRef {
    Arc::new(Field::new("argument", data_type, true))
}
