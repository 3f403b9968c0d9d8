//! `date_format(time, '%Y-%m-%d' [, 'zone'])`: a time as text, in a form of `strftime`.

use std::fmt::Write;
use std::sync::Arc;

use chrono::format::{Item, StrftimeItems};
use datafusion::arrow::array::{AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, TimestampMicrosecondType};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::bucket::time_type;
use super::docs::wrong_form;
use super::text::{answer, as_text};
use super::zone;
use crate::error::{INVALID_SQL, SqlError};

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct DateFormat {
    signature: Signature,
}

impl DateFormat {
    pub fn new() -> Self {
        DateFormat {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for DateFormat {
    fn name(&self) -> &str {
        "date_format"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let [time, texts @ ..] = arg_types else {
            return Err(wrong_form(self.name()));
        };
        if texts.is_empty() || texts.len() > 2 {
            return Err(wrong_form(self.name()));
        }
        let mut types = vec![time_type(self.name(), time)?];
        for text in texts {
            types.push(as_text(self.name(), text)?);
        }
        Ok(types)
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(times) = args.args.first() else {
            return Err(wrong_form(self.name()));
        };
        let times = times.to_array(1)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let format = constant(args.args.get(1))?;
        let zone_name = match args.args.get(2) {
            Some(zone) => constant(Some(zone))?,
            None => Some("+00:00"),
        };
        let array: StringArray = match (format, zone_name) {
            (Some(format), Some(zone_name)) => {
                let items = items(format)?;
                let zone = zone::parse(zone_name)?;
                let shown = |micros: i64| {
                    let mut text = String::new();
                    let time = zone::local(micros, zone)?;
                    write!(text, "{}", time.format_with_items(items.iter())).ok()?;
                    Some(text)
                };
                times.iter().map(|time| shown(time?)).collect()
            }
            _ => StringArray::new_null(times.len()),
        };
        answer(&args.args, Arc::new(array))
    }

    /// Nothing to simplify; a wrong form or zone is told before anything is read.
    fn simplify(&self, args: Vec<Expr>, _info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let text = |at: usize| match args.get(at) {
            Some(Expr::Literal(value, _)) => value.try_as_str().flatten(),
            _ => None,
        };
        if let Some(format) = text(1) {
            items(format)?;
        }
        if let Some(name) = text(2) {
            zone::parse(name)?;
        }
        Ok(ExprSimplifyResult::Original(args))
    }
}

fn constant(argument: Option<&ColumnarValue>) -> Result<Option<&str>> {
    match argument {
        Some(ColumnarValue::Scalar(value @ (ScalarValue::Utf8(_) | ScalarValue::Null))) => {
            Ok(value.try_as_str().flatten())
        }
        _ => Err(invalid(
            "the form and the zone of date_format have to be constant texts".to_owned(),
        )),
    }
}

/// The parts of a form, checked: an unknown one would fail only when a time is written.
fn items(format: &str) -> Result<Vec<Item<'_>>> {
    let items: Vec<Item> = StrftimeItems::new(format).collect();
    match items.contains(&Item::Error) {
        true => Err(invalid(format!(
            "'{format}' is not a form of strftime, such as '%Y-%m-%d %H:%M:%S'"
        ))),
        false => Ok(items),
    }
}

fn invalid(text: String) -> DataFusionError {
    SqlError::new(INVALID_SQL, format!("Search SQL not valid: {text}"))
        .with_detail(text)
        .into()
}
