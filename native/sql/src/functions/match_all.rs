//! `match_all('text')` and `fuzzy_match_all('word', distance)`: names that planning replaces by tests of the stream's
//! full-text columns (see `rules`).

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::docs::wrong_form;

pub(crate) const MATCH_ALL: &str = "match_all";
pub(crate) const FUZZY_MATCH_ALL: &str = "fuzzy_match_all";

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct FullText {
    name: &'static str,
    aliases: Vec<String>,
    signature: Signature,
}

impl FullText {
    pub fn match_all() -> Self {
        let aliases = ["match_all_raw", "match_all_raw_ignore_case"];
        FullText {
            name: MATCH_ALL,
            aliases: aliases.map(str::to_owned).to_vec(),
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    pub fn fuzzy_match_all() -> Self {
        FullText {
            name: FUZZY_MATCH_ALL,
            aliases: Vec::new(),
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for FullText {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match (self.name, arg_types) {
            (MATCH_ALL, [text]) if text.is_string() => Ok(vec![DataType::Utf8]),
            (FUZZY_MATCH_ALL, [word, distance]) if word.is_string() && distance.is_integer() => {
                Ok(vec![DataType::Utf8, DataType::Int64])
            }
            _ => Err(wrong_form(self.name)),
        }
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(DataFusionError::Internal(format!(
            "{} was not replaced by tests of columns",
            self.name
        )))
    }
}
