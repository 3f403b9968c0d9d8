//! Fields of numbers of which some do not fit int64: scans answer them as their digits, and a step above each leaf makes numbers of these.
//! Whole numbers are decimals and stay exact; with fractions among them all are floats, as they are of numbers that fit.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

/// Holds all integers of 64 bits, with a sign and without.
const DIGITS: u8 = 20;
pub(crate) const DECIMAL: DataType = DataType::Decimal128(DIGITS, 0);

/// The leaf with its columns in the types of `schema`: numbers in place of digits.
pub(crate) fn read(leaf: Arc<dyn ExecutionPlan>, schema: &SchemaRef) -> Result<Arc<dyn ExecutionPlan>> {
    let scanned = leaf.schema();
    if scanned == *schema {
        return Ok(leaf);
    }
    let mut columns = Vec::with_capacity(schema.fields().len());
    for (place, (field, from)) in schema.fields().iter().zip(scanned.fields()).enumerate() {
        let mut expr: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), place));
        if field.data_type() != from.data_type() {
            let function = Arc::new(ScalarUDF::new_from_impl(NumberOfDigits {
                into: field.data_type().clone(),
                signature: Signature::any(1, Volatility::Immutable),
            }));
            let options = Arc::new(ConfigOptions::default());
            expr = Arc::new(ScalarFunctionExpr::try_new(function, vec![expr], &scanned, options)?);
        }
        columns.push(ProjectionExpr {
            expr,
            alias: field.name().clone(),
        });
    }
    Ok(Arc::new(ProjectionExec::try_new(columns, leaf)?))
}

/// Of a text that is a number, or `true`, which such a field may have met, for 1.
#[derive(Debug, PartialEq, Eq, Hash)]
struct NumberOfDigits {
    into: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for NumberOfDigits {
    fn name(&self) -> &str {
        "number of digits"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.into.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [texts] = args.args.as_slice() else {
            return Err(damaged());
        };
        let texts = texts.to_array(args.number_rows)?;
        let texts = texts.as_string_opt::<i32>().ok_or_else(damaged)?;
        let texts = texts.iter().map(|text| match text {
            Some("true") => Some("1"),
            Some("false") => Some("0"),
            other => other,
        });
        let numbers: ArrayRef = if self.into == DECIMAL {
            let numbers = texts.map(|text| text.map(|text| text.parse::<i128>().map_err(|_| damaged())).transpose());
            let numbers = Decimal128Array::from(numbers.collect::<Result<Vec<_>>>()?);
            Arc::new(numbers.with_precision_and_scale(DIGITS, 0)?)
        } else {
            let numbers = texts.map(|text| text.map(|text| text.parse::<f64>().map_err(|_| damaged())).transpose());
            Arc::new(numbers.collect::<Result<Float64Array>>()?)
        };
        Ok(ColumnarValue::Array(numbers))
    }
}

fn damaged() -> DataFusionError {
    DataFusionError::Internal("a field of numbers holds a text that is none".to_owned())
}
