//! The one error of this crate, with the codes that the search API answers.

use std::fmt;

use basalt_scan::ScanError;
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use serde::Serialize;

use crate::suggest::nearest;
use crate::wording::{worded, written, wrong_arguments};

pub const INVALID_SQL: u32 = 20001;
pub const STREAM_NOT_FOUND: u32 = 20002;
pub const FULL_TEXT_NOT_FOUND: u32 = 20003;
pub const FIELD_NOT_FOUND: u32 = 20004;
pub const FUNCTION_NOT_FOUND: u32 = 20005;
pub const TYPE_MISMATCH: u32 = 20007;
pub const EXECUTION: u32 = 20008;
pub const CANCELLED: u32 = 20009;
pub const INVALID_PARAMETER: u32 = 20011;

/// Why a statement cannot be planned or its run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SqlError {
    /// One of the constants of this module.
    pub code: u32,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Box<str>>,
    /// Known names near the unknown one, the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<String>,
    /// Place in the statement, both counted from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The name that is wrong as it was written, for finding its place.
    #[serde(skip)]
    pub(crate) unknown: Option<Box<str>>,
    /// The name of the unknown field, without that of its stream.
    #[serde(skip)]
    pub(crate) unknown_field: Option<Box<str>>,
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SqlError {}

impl SqlError {
    pub(crate) fn new(code: u32, message: impl Into<String>) -> Self {
        SqlError {
            code,
            message: message.into(),
            detail: None,
            suggestions: Vec::new(),
            line: None,
            column: None,
            unknown: None,
            unknown_field: None,
        }
    }

    /// What more there is to say; nothing where the message says it already.
    pub(crate) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        if !self.message.contains(&detail) {
            self.detail = Some(detail.into());
        }
        self
    }

    pub(crate) fn with_suggestions(mut self, suggestions: Vec<String>) -> Self {
        self.suggestions = suggestions;
        self
    }

    pub(crate) fn no_function(name: &str, known: &[String]) -> Self {
        SqlError::new(FUNCTION_NOT_FOUND, format!("Search function not defined: {name}"))
            .with_suggestions(nearest(name, known.iter().map(String::as_str)))
    }

    pub(crate) fn about(mut self, unknown: impl Into<Box<str>>) -> Self {
        self.unknown = Some(unknown.into());
        self
    }

    /// `line` and `column` count from one; zero means unknown and is dropped.
    pub(crate) fn at(mut self, line: u64, column: u64) -> Self {
        if line > 0 && column > 0 && self.line.is_none() {
            self.line = u32::try_from(line).ok();
            self.column = u32::try_from(column).ok();
        }
        self
    }

    /// The error of a planning step. `functions` are the names that may stand where an unknown function stood.
    pub(crate) fn planning(error: &DataFusionError, functions: &dyn Fn() -> Vec<String>) -> Self {
        let converted = convert(error, functions);
        match error.diagnostic().and_then(|diagnostic| diagnostic.span) {
            Some(span) => converted.at(span.start.line, span.start.column),
            None => converted,
        }
    }

    /// The error of a run under a memory limit.
    pub(crate) fn execution(error: &DataFusionError, memory_limit_bytes: usize) -> Self {
        match root(error) {
            DataFusionError::External(inner) if inner.is::<SqlError>() => own(inner.as_ref()),
            DataFusionError::ResourcesExhausted(detail) => memory(detail, memory_limit_bytes),
            DataFusionError::ArrowError(inner, _) => {
                SqlError::new(EXECUTION, format!("Search SQL execute error: {}", arrow_text(inner)))
            }
            other => SqlError::new(EXECUTION, format!("Search SQL execute error: {}", worded(&text(other)))),
        }
    }

    /// The error of a statement for whose aggregates a scan failed.
    pub fn of_scan(error: &ScanError) -> Self {
        let text = match error {
            ScanError::Function { name, what } => format!("{name}: {}", worded(what)),
            other => other.to_string(),
        };
        SqlError::new(EXECUTION, format!("Search SQL execute error: {text}"))
    }
}

impl From<SqlError> for DataFusionError {
    fn from(error: SqlError) -> Self {
        DataFusionError::External(Box::new(error))
    }
}

fn memory(detail: &str, limit_bytes: usize) -> SqlError {
    let limit_mb = limit_bytes as f64 / (1024.0 * 1024.0);
    let what = match first_line(detail) {
        detail if detail.contains("DiskManager is disabled") => {
            "it holds all the memory that it may, and has no disk to spill to"
        }
        detail => detail,
    };
    SqlError::new(
        EXECUTION,
        format!(
            "Search SQL execute error: {what} (a query may hold {limit_mb:.1} MB, {limit_bytes} bytes). Narrow the time range or the \
             filter, group by fewer values, or raise the memory limit"
        ),
    )
    .with_detail(detail)
}

/// Peels contexts, diagnostics and sharing off.
fn root(error: &DataFusionError) -> &DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => root(inner),
        DataFusionError::Shared(inner) => root(inner),
        DataFusionError::Collection(all) if !all.is_empty() => root(&all[0]),
        DataFusionError::External(inner) => match inner.downcast_ref::<DataFusionError>() {
            Some(inner) => root(inner),
            None => error,
        },
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            ArrowError::ExternalError(inner) => match inner.downcast_ref::<DataFusionError>() {
                Some(inner) => root(inner),
                None => error,
            },
            // What a spill file refused.
            ArrowError::IoError(_, io) => {
                match io.get_ref().and_then(|inner| inner.downcast_ref::<DataFusionError>()) {
                    Some(inner) => root(inner),
                    None => error,
                }
            }
            _ => error,
        },
        DataFusionError::IoError(io) => match io.get_ref().and_then(|inner| inner.downcast_ref::<DataFusionError>()) {
            Some(inner) => root(inner),
            None => error,
        },
        _ => error,
    }
}

fn own(error: &(dyn std::error::Error + Send + Sync + 'static)) -> SqlError {
    match error.downcast_ref::<SqlError>() {
        Some(error) => SqlError {
            message: written(&error.message),
            ..error.clone()
        },
        None => SqlError::new(
            EXECUTION,
            format!("Search SQL execute error: {}", worded(&error.to_string())),
        ),
    }
}

fn convert(error: &DataFusionError, functions: &dyn Fn() -> Vec<String>) -> SqlError {
    let error = root(error);
    if let DataFusionError::Plan(message) | DataFusionError::Execution(message) = error
        && let Some(wrong) = wrong_call(message)
    {
        return wrong;
    }
    match error {
        DataFusionError::External(inner) if inner.is::<SqlError>() => own(inner.as_ref()),
        DataFusionError::SchemaError(inner, _) => schema(inner),
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            ArrowError::CastError(_) | ArrowError::ParseError(_) => mismatch(arrow_text(inner)),
            inner => invalid(arrow_text(inner)),
        },
        DataFusionError::Plan(message) => match unknown_function(message) {
            Some(name) => SqlError::no_function(name, &functions()),
            None if is_mismatch(message) => mismatch(message.clone()),
            None => invalid(message.clone()),
        },
        other => invalid(text(other)),
    }
}

fn schema(error: &SchemaError) -> SqlError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let known: Vec<&str> = valid_fields.iter().map(|column| column.name.as_str()).collect();
            let error = SqlError::new(FIELD_NOT_FOUND, format!("unknown field '{}'", field.flat_name()));
            SqlError {
                unknown_field: Some(field.name.clone().into()),
                ..error.with_suggestions(nearest(&field.name, known))
            }
        }
        SchemaError::AmbiguousReference { field } => invalid(format!(
            "field '{}' is in more than one stream of the query: write stream.field",
            field.name
        )),
        other => invalid(other.to_string()),
    }
}

/// The error that a function of ours gave for its arguments: the planner passes it on as a text within its own.
fn wrong_call(message: &str) -> Option<SqlError> {
    let (_, told) = message.split_once("coercion failed with: External error: ")?;
    [INVALID_SQL, TYPE_MISMATCH].into_iter().find_map(|code| {
        let (message, _) = told.split_once(&format!(" ({code})"))?;
        Some(SqlError::new(code, written(message)))
    })
}

fn unknown_function(message: &str) -> Option<&str> {
    message.strip_prefix("Invalid function '")?.split('\'').next()
}

/// The planner has no kind of its own for a type conflict, only texts.
fn is_mismatch(message: &str) -> bool {
    const TEXTS: [&str; 9] = [
        "Cannot infer common argument type",
        "Cannot coerce",
        "Cannot cast",
        "failed to match any signature",
        "No function matches the given name and argument types",
        "Cannot get result type for",
        "Cannot create filter with non-boolean predicate",
        "There isn't a common type to coerce",
        "Incompatible inputs for Union",
    ];
    TEXTS.iter().any(|text| message.contains(text))
}

fn invalid(told: impl Into<String>) -> SqlError {
    SqlError::new(INVALID_SQL, format!("Search SQL not valid: {}", worded(&told.into())))
}

fn mismatch(told: impl Into<String>) -> SqlError {
    let told = told.into();
    match wrong_arguments(&told) {
        Some((function, text)) => {
            SqlError::new(TYPE_MISMATCH, format!("no compatible data type: {text}")).about(function)
        }
        None => SqlError::new(TYPE_MISMATCH, format!("no compatible data type: {}", worded(&told))),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("")
}

fn text(error: &DataFusionError) -> String {
    error.message().into_owned()
}

fn arrow_text(error: &ArrowError) -> String {
    match error {
        ArrowError::DivideByZero => "division by zero".to_owned(),
        ArrowError::ArithmeticOverflow(text) => {
            ScanError::Overflow(text.trim_start_matches("Overflow happened on: ").to_owned()).to_string()
        }
        ArrowError::CastError(text)
        | ArrowError::ParseError(text)
        | ArrowError::ComputeError(text)
        | ArrowError::InvalidArgumentError(text) => worded(text),
        other => worded(&other.to_string()),
    }
}
