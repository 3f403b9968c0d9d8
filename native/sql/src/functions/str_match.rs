//! `str_match(field, 'part')` and `str_match_ignore_case(field, 'part')`: substring tests.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use memchr::memmem;

use super::text::{Second, answer, arguments, test, two_texts};
use super::{CONTAINS, CONTAINS_IGNORE_CASE};

/// With `ignore_case` both sides are lower-cased as Unicode text first.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct StrMatch {
    ignore_case: bool,
    aliases: Vec<String>,
    signature: Signature,
}

pub(crate) fn str_match_ignore_case() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(StrMatch::new(true)))
}

impl StrMatch {
    pub fn new(ignore_case: bool) -> Self {
        let alias = if ignore_case {
            "match_field_ignore_case"
        } else {
            "match_field"
        };
        let signature = Signature::user_defined(Volatility::Immutable);
        StrMatch {
            ignore_case,
            aliases: vec![alias.to_owned()],
            signature,
        }
    }

    fn against(&self, rows: &StringArray, needle: &str) -> BooleanArray {
        if !self.ignore_case {
            let finder = memmem::Finder::new(needle);
            return test(rows, |row| finder.find(row.as_bytes()).is_some());
        }
        let needle = needle.to_lowercase();
        let finder = memmem::Finder::new(&needle);
        let mut lower = Vec::new();
        test(rows, |row| {
            if row.is_ascii() {
                lower.clear();
                lower.extend(row.bytes().map(|byte| byte.to_ascii_lowercase()));
                return finder.find(&lower).is_some();
            }
            finder.find(row.to_lowercase().as_bytes()).is_some()
        })
    }

    fn pair(&self, row: &str, needle: &str) -> bool {
        match self.ignore_case {
            true => row.to_lowercase().contains(&needle.to_lowercase()),
            false => row.contains(needle),
        }
    }
}

impl ScalarUDFImpl for StrMatch {
    fn name(&self) -> &str {
        if self.ignore_case {
            CONTAINS_IGNORE_CASE
        } else {
            CONTAINS
        }
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
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
            Second::Constant(Some(needle)) => self.against(rows, needle),
            Second::Constant(None) => BooleanArray::new_null(rows.len()),
            Second::Rows(needles) => rows
                .iter()
                .zip(needles)
                .map(|(row, needle)| Some(self.pair(row?, needle?)))
                .collect(),
        };
        answer(&args.args, Arc::new(array))
    }
}
