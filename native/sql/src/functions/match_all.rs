//! `match_all('text')`: a name that planning replaces by tests of the stream's full-text columns (see `rules`).

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

pub(crate) const MATCH_ALL: &str = "match_all";

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct MatchAll {
    aliases: Vec<String>,
    signature: Signature,
}

impl MatchAll {
    pub fn new() -> Self {
        MatchAll {
            aliases: vec!["match_all_raw".to_owned(), "match_all_raw_ignore_case".to_owned()],
            signature: Signature::exact(vec![DataType::Utf8], Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for MatchAll {
    fn name(&self) -> &str {
        MATCH_ALL
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(DataFusionError::Internal(
            "match_all was not replaced by tests of columns".to_owned(),
        ))
    }
}
