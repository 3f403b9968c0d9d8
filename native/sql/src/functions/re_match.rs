//! `re_match(field, 'pattern')` and `re_not_match`: unanchored regular expressions of linear time.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::pattern::compile;
use super::text::{Second, answer, arguments, test, two_texts};
use super::{RE_MATCH, RE_NOT_MATCH};
use crate::error::{INVALID_SQL, SqlError};

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ReMatch {
    negated: bool,
    signature: Signature,
}

pub(crate) fn re_match() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(ReMatch::new(false)))
}

impl ReMatch {
    pub fn new(negated: bool) -> Self {
        ReMatch {
            negated,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for ReMatch {
    fn name(&self) -> &str {
        if self.negated { RE_NOT_MATCH } else { RE_MATCH }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        two_texts(self.name(), arg_types)
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (rows, second) = arguments(&args.args)?;
        let rows = rows.as_string::<i32>();
        let array = match second {
            Second::Constant(Some(pattern)) => {
                let regex = compile(pattern, false)?;
                test(rows, |row| regex.is_match(row) != self.negated)
            }
            Second::Constant(None) => BooleanArray::new_null(rows.len()),
            Second::Rows(_) => {
                let text = format!("the pattern of {} has to be a constant", self.name());
                return Err(SqlError::new(INVALID_SQL, format!("Search SQL not valid: {text}")).into());
            }
        };
        answer(&args.args, Arc::new(array))
    }

    /// Nothing to simplify; an invalid pattern is told before anything is read.
    fn simplify(&self, args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        if let Some(Expr::Literal(pattern, _)) = args.get(1)
            && let Some(pattern) = pattern.try_as_str().flatten()
        {
            compile(pattern, false)?;
        }
        Ok(ExprSimplifyResult::Original(args))
    }
}
