//! Arithmetic of integers that fails where the answer does not fit, instead of wrapping around. `rules::CheckIntegers` puts it in
//! place of operators; nobody can call it by a name.

use std::sync::Arc;

use datafusion::arrow::compute::kernels::numeric::{add, mul, neg, sub};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;

/// `left <op> right` of two integers of one type. An operator that cannot leave their range unnoticed comes back as it is.
pub(crate) fn checked(binary: BinaryExpr) -> Transformed<Expr> {
    if !matches!(binary.op, Operator::Plus | Operator::Minus | Operator::Multiply) {
        return Transformed::no(Expr::BinaryExpr(binary));
    }
    Transformed::yes(call(binary.op, vec![*binary.left, *binary.right]))
}

/// The negative of an integer.
pub(crate) fn checked_negative(number: Expr) -> Expr {
    call(Operator::Minus, vec![number])
}

pub(crate) fn is_checked(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if call.func.inner().is::<Checked>())
}

fn call(op: Operator, args: Vec<Expr>) -> Expr {
    let function = ScalarUDF::new_from_impl(Checked {
        op,
        signature: Signature::variadic_any(Volatility::Immutable),
    });
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), args))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    op: Operator,
    signature: Signature,
}

impl Checked {
    /// As the operator itself is shown.
    fn show(&self, args: &[Expr], show: impl Fn(&Expr) -> String) -> Result<String> {
        match args {
            [number] => Ok(format!("(- {})", show(number))),
            [left, right] => Ok(format!("{} {} {}", show(left), self.op, show(right))),
            _ => Err(wrong_arguments()),
        }
    }
}

fn wrong_arguments() -> DataFusionError {
    DataFusionError::Internal("arithmetic is of one number or two".to_owned())
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        match self.op {
            Operator::Plus => "+",
            Operator::Minus => "-",
            _ => "*",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        types.first().cloned().ok_or_else(wrong_arguments)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match (args.args.as_slice(), self.op) {
            ([number], _) => Ok(ColumnarValue::Array(neg(&number.to_array(args.number_rows)?)?)),
            ([left, right], Operator::Plus) => apply(left, right, add),
            ([left, right], Operator::Minus) => apply(left, right, sub),
            ([left, right], _) => apply(left, right, mul),
            _ => Err(wrong_arguments()),
        }
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        self.show(args, ToString::to_string)
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.show(args, |arg| arg.schema_name().to_string())
    }
}
