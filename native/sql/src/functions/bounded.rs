//! Functions whose answers can be large, or take long, under the memory of the run: what an answer may take is charged before
//! it is made, large batches are answered some rows at a time with a look at whether the query was cancelled, and what was charged stays
//! so while the answer lives.
//! `rules::BoundGrowth` puts these in place of the functions and of `||`; their names stay.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Documentation, Expr, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::expressions::{Column, binary};

use super::by_pattern;
use super::growth::{self, Bytes, Growth};
use crate::cut;
use crate::run::cancel;
use crate::run::charge::{charge, keep, own_bytes};

/// Answers below this are of the size of other batches, which nobody counts either.
const COUNTED_BYTES_MIN: u64 = 4 << 20;
/// Rows are answered together as long as what they are given and what they answer takes less than this each.
const STEP_BYTES: u64 = 4 << 20;

/// The call or operator with its answer bounded, if it can grow.
pub(crate) fn bounded(expr: Expr) -> Result<Transformed<Expr>> {
    if let Some(function) = by_pattern::function_of(&expr) {
        return bounded_within(function);
    }
    let (inner, args) = match expr {
        Expr::ScalarFunction(call) if !call.func.inner().is::<Bounded>() => (call.func, call.args),
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::StringConcat,
            right,
        }) => (Arc::new(ScalarUDF::new_from_impl(Concat::new())), vec![*left, *right]),
        other => return Ok(Transformed::no(other)),
    };
    let Some(growth) = growth::of(inner.name()) else {
        return Ok(Transformed::no(Expr::ScalarFunction(ScalarFunction::new_udf(
            inner, args,
        ))));
    };
    let function = ScalarUDF::new_from_impl(Bounded { inner, growth });
    Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(
        Arc::new(function),
        args,
    ))))
}

/// Of an operator that became a function, maybe with NOT before it.
fn bounded_within(function: Expr) -> Result<Transformed<Expr>> {
    Ok(Transformed::yes(match function {
        Expr::Not(call) => Expr::Not(Box::new(bounded(*call)?.data)),
        call => bounded(call)?.data,
    }))
}

/// Whether the function is one whose answers are bounded.
pub(crate) fn is_bounded(function: &ScalarUDF) -> bool {
    function.inner().is::<Bounded>()
}

/// `inner` in all things but how much it may answer.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        #[expect(deprecated)]
        self.inner.inner().display_name(args)
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn is_strict(&self) -> bool {
        self.inner.is_strict()
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn short_circuits(&self) -> bool {
        self.inner.short_circuits()
    }

    fn conditional_arguments<'a>(&self, args: &'a [Expr]) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.inner.conditional_arguments(args)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        // It would become an operator, whose kernel keeps the patterns of all rows.
        let varies = args.get(1).is_some_and(|pattern| !matches!(pattern, Expr::Literal(..)));
        if varies && by_pattern::has_pattern(self.name()) {
            return Ok(ExprSimplifyResult::Original(args));
        }
        Ok(match self.inner.simplify(args, info)? {
            ExprSimplifyResult::Simplified(expr) => ExprSimplifyResult::Simplified(expr.transform_up(bounded).data()?),
            same => same,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        cancel::check()?;
        if by_pattern::has_pattern(self.name())
            && let Some(answers) = by_pattern::by_pattern(&args, |part| self.invoke_with_args(part))?
        {
            return Ok(answers);
        }
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant {
            args.number_rows.min(1)
        } else {
            args.number_rows
        };
        if self.growth.of_batch(&args.args, rows)? < COUNTED_BYTES_MIN {
            return self.inner.invoke_with_args(args);
        }
        let each = self.growth.of_rows(&args.args, rows)?;
        let bytes = each.iter().fold(0u64, |sum, row| sum.saturating_add(row.answer));
        if constant {
            // Whoever asked may put the one answer into every row.
            let bytes = bytes.saturating_mul(args.number_rows.max(1) as u64);
            cut::check(bytes)?;
            let _charged = charge(self.name(), usize::try_from(bytes).unwrap_or(usize::MAX))?;
            return self.inner.invoke_with_args(args);
        }
        cut::check(bytes)?;
        self.by_steps(&args, &each)
    }
}

impl Bounded {
    /// Some rows at a time: what is charged for a step comes down to what it took before the next is charged.
    fn by_steps(&self, args: &ScalarFunctionArgs, each: &[Bytes]) -> Result<ColumnarValue> {
        let mut parts: Vec<ArrayRef> = Vec::new();
        let mut charged: Option<MemoryReservation> = None;
        let mut first = 0;
        while first < each.len() {
            cancel::check()?;
            let (mut bytes, mut work, mut rows) = (0u64, 0u64, 0);
            for row in &each[first..] {
                let sum = work.saturating_add(row.given.max(row.answer));
                if rows > 0 && sum > STEP_BYTES {
                    break;
                }
                (work, rows) = (sum, rows + 1);
                bytes = bytes.saturating_add(row.answer);
            }
            let step = charge(self.name(), usize::try_from(bytes).unwrap_or(usize::MAX))?;
            let value = self.inner.invoke_with_args(ScalarFunctionArgs {
                args: args.args.iter().map(|arg| slice(arg, first, rows)).collect(),
                arg_fields: args.arg_fields.clone(),
                number_rows: rows,
                return_field: Arc::clone(&args.return_field),
                config_options: Arc::clone(&args.config_options),
            })?;
            let part = value.into_array(rows)?;
            if let Some(step) = step {
                step.try_resize(if bytes == 0 { 0 } else { own_bytes(&part) })?;
                charged = Some(match charged.take() {
                    Some(sum) => {
                        sum.try_grow(step.free())?;
                        sum
                    }
                    None => step,
                });
            }
            parts.push(part);
            first += rows;
        }
        let whole = match parts.as_slice() {
            [part] => Arc::clone(part),
            _ => {
                let sum: usize = parts.iter().map(own_bytes).sum();
                let _copied = charge(self.name(), sum)?;
                let views: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
                concat(&views)?
            }
        };
        drop(parts);
        Ok(ColumnarValue::Array(keep(&whole, charged)?))
    }
}

fn slice(value: &ColumnarValue, first: usize, rows: usize) -> ColumnarValue {
    match value {
        ColumnarValue::Array(array) => ColumnarValue::Array(array.slice(first, rows)),
        scalar => scalar.clone(),
    }
}

/// `left || right` as a function.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Concat {
    signature: Signature,
}

impl Concat {
    fn new() -> Self {
        let signature = Signature::any(2, Volatility::Immutable);
        Concat { signature }
    }
}

fn operands(args: &[Expr]) -> Result<Expr> {
    match args {
        [left, right] => Ok(Expr::BinaryExpr(BinaryExpr::new(
            Box::new(left.clone()),
            Operator::StringConcat,
            Box::new(right.clone()),
        ))),
        _ => Err(DataFusionError::Internal("|| has two operands".to_owned())),
    }
}

impl ScalarUDFImpl for Concat {
    fn name(&self) -> &str {
        "||"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let schema = operand_schema(types);
        binary(operand(0), Operator::StringConcat, operand(1), &schema)?.data_type(&schema)
    }

    /// The operator's own kernel.
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let columns = args
            .args
            .iter()
            .map(|value| value.to_array(rows))
            .collect::<Result<Vec<_>>>()?;
        let types: Vec<DataType> = columns.iter().map(|column| column.data_type().clone()).collect();
        let schema = Arc::new(operand_schema(&types));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?;
        let value = binary(operand(0), Operator::StringConcat, operand(1), &schema)?.evaluate(&batch)?;
        if constant {
            let array = value.into_array(1)?;
            return Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(
                &array, 0,
            )?));
        }
        Ok(value)
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        Ok(operands(args)?.to_string())
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(operands(args)?.schema_name().to_string())
    }
}

fn operand(at: usize) -> Arc<Column> {
    Arc::new(Column::new(if at == 0 { "left" } else { "right" }, at))
}

fn operand_schema(types: &[DataType]) -> Schema {
    let fields = types
        .iter()
        .zip(["left", "right"])
        .map(|(kind, name)| Field::new(name, kind.clone(), true));
    Schema::new(fields.collect::<Vec<_>>())
}
