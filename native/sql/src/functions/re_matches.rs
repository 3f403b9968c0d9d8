//! `re_matches(field, 'pattern')`: what a regular expression finds in a text; `regexp_match_to_fields`: by group names.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListBuilder, StringArray, StringBuilder, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use regex::Regex;

use super::pattern::compile;
use super::text::{answer, two_texts};
use crate::error::{INVALID_SQL, SqlError};
use crate::run::cancel;

/// All matches as a list, or the first match as a struct of its named groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    List,
    Fields,
}

#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct ReMatches {
    shape: Shape,
    signature: Signature,
}

impl ReMatches {
    pub fn new(shape: Shape) -> Self {
        ReMatches {
            shape,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    /// The pattern has to be known when the statement is planned: it decides the fields of the answer.
    fn regex(&self, pattern: Option<&ScalarValue>) -> Result<Regex> {
        match pattern.and_then(|pattern| pattern.try_as_str().flatten()) {
            Some(pattern) => compile(pattern, false),
            None => Err(invalid(format!(
                "the pattern of {} has to be a constant text",
                self.name()
            ))),
        }
    }

    fn type_for(&self, regex: &Regex) -> Result<DataType> {
        if self.shape == Shape::List {
            return Ok(DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))));
        }
        let fields: Fields = names(regex)
            .map(|name| Field::new(name, DataType::Utf8, true))
            .collect();
        if fields.is_empty() {
            return Err(invalid(format!(
                "the pattern of {} has to have a group with a name, as in (?<user>[a-z]+)",
                self.name()
            )));
        }
        Ok(DataType::Struct(fields))
    }
}

impl ScalarUDFImpl for ReMatches {
    fn name(&self) -> &str {
        match self.shape {
            Shape::List => "re_matches",
            Shape::Fields => "regexp_match_to_fields",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        two_texts(self.name(), arg_types)
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Err(DataFusionError::Internal(
            "the type of the answer depends on the pattern".to_owned(),
        ))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let regex = self.regex(args.scalar_arguments.get(1).copied().flatten())?;
        Ok(Arc::new(Field::new(self.name(), self.type_for(&regex)?, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [rows, ColumnarValue::Scalar(pattern)] = args.args.as_slice() else {
            return Err(invalid(format!(
                "the pattern of {} has to be a constant text",
                self.name()
            )));
        };
        let regex = self.regex(Some(pattern))?;
        let rows = rows.to_array(1)?;
        let rows = rows.as_string::<i32>();
        let array = match self.shape {
            Shape::List => lists(rows, &regex)?,
            Shape::Fields => structs(rows, &regex)?,
        };
        answer(&args.args, array)
    }
}

fn names(regex: &Regex) -> impl Iterator<Item = &str> {
    regex.capture_names().flatten()
}

/// The groups of all matches in their order, or the matches where the pattern has no groups.
fn lists(rows: &StringArray, regex: &Regex) -> Result<ArrayRef> {
    let mut lists = ListBuilder::new(StringBuilder::new());
    let first_group = usize::from(regex.captures_len() > 1);
    for row in rows {
        let Some(text) = row else {
            lists.append_null();
            continue;
        };
        for captures in regex.captures_iter(text) {
            // Each may have looked at the whole rest of the text.
            cancel::check()?;
            for group in captures.iter().skip(first_group) {
                lists.values().append_option(group.map(|group| group.as_str()));
            }
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

/// The named groups of the first match; null without a match.
fn structs(rows: &StringArray, regex: &Regex) -> Result<ArrayRef> {
    let names: Vec<&str> = names(regex).collect();
    let mut columns: Vec<StringBuilder> = names.iter().map(|_| StringBuilder::new()).collect();
    let mut matched = Vec::with_capacity(rows.len());
    for row in rows {
        let captures = row.and_then(|text| regex.captures(text));
        for (name, column) in names.iter().zip(&mut columns) {
            let group = captures.as_ref().and_then(|captures| captures.name(name));
            column.append_option(group.map(|group| group.as_str()));
        }
        matched.push(captures.is_some());
    }
    let fields: Fields = names
        .iter()
        .map(|name| Field::new(*name, DataType::Utf8, true))
        .collect();
    let columns = columns
        .into_iter()
        .map(|mut column| Arc::new(column.finish()) as ArrayRef)
        .collect();
    Ok(Arc::new(StructArray::try_new(
        fields,
        columns,
        Some(NullBuffer::from(matched)),
    )?))
}

fn invalid(text: String) -> DataFusionError {
    SqlError::new(INVALID_SQL, format!("Search SQL not valid: {text}"))
        .with_detail(text)
        .into()
}
