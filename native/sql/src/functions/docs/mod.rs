//! What every function does, in one place: for people who ask the server, and for the errors of wrong calls. DataFusion's own
//! functions bring their documentation; the tables here hold the others.

mod aggregates;
mod arrays;
mod json;
mod search;
mod tables;
mod time;

use std::collections::HashMap;

use datafusion::common::DataFusionError;
use datafusion::execution::{SessionState, SessionStateDefaults};
use datafusion::logical_expr::Documentation;
use serde::Serialize;

use super::is_unwritten;
use crate::error::{INVALID_SQL, SqlError};

/// A function of this dialect that DataFusion does not have, or has with another meaning.
struct Entry {
    name: &'static str,
    form: &'static str,
    about: &'static str,
    /// A statement over a stream `logs`.
    example: &'static str,
}

/// One name that may be called.
#[derive(Debug, Serialize)]
pub struct FunctionInfo {
    pub name: String,
    /// `scalar`, `aggregate`, `window` or `table`.
    pub kind: &'static str,
    /// How a call is written.
    pub signature: String,
    pub doc: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// The name of the same function that is better used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias_of: Option<String>,
    pub deprecated: bool,
}

const DEPRECATED: [&str; 2] = ["match_all_raw", "match_all_raw_ignore_case"];

fn entries() -> impl Iterator<Item = &'static Entry> {
    let tables = [
        search::ALL,
        time::ALL,
        arrays::ALL,
        json::ALL,
        aggregates::ALL,
        tables::ALL,
    ];
    tables.into_iter().flatten()
}

fn entry(name: &str) -> Option<&'static Entry> {
    entries().find(|entry| entry.name == name)
}

/// The error of a call with arguments that the function does not take.
pub(crate) fn wrong_form(name: &str) -> DataFusionError {
    let form = entry(name).map_or(name, |entry| entry.form);
    let text = format!("the form is {form}");
    SqlError::new(INVALID_SQL, format!("Search SQL not valid: {text}"))
        .with_detail(text)
        .into()
}

/// How calls are written, by the name of the function. Of those that depend on a query the table has the form.
pub(crate) fn forms() -> HashMap<String, String> {
    let written = |name: &str, documentation: Option<&Documentation>| match (entry(name), documentation) {
        (Some(entry), _) => Some(entry.form.to_owned()),
        (None, documentation) => Some(documentation?.syntax_example.lines().next()?.trim().to_owned()),
    };
    let scalar = super::scalar();
    let aggregate = super::aggregate();
    let window = SessionStateDefaults::default_window_functions();
    let scalar = scalar
        .iter()
        .map(|function| (function.name(), function.documentation()));
    let aggregate = aggregate
        .iter()
        .map(|function| (function.name(), function.documentation()));
    let window = window
        .iter()
        .map(|function| (function.name(), function.documentation()));
    let all = scalar.chain(aggregate).chain(window);
    all.filter_map(|(name, documentation)| Some((name.to_owned(), written(name, documentation)?)))
        .filter(|(_, form)| !form.is_empty())
        .collect()
}

/// Every function that may be called, by name. Functions over functions may not: the dialect has no way to write one.
pub(crate) fn list(state: &SessionState) -> Vec<FunctionInfo> {
    let scalar = state.scalar_functions().iter().filter(|(name, _)| !is_unwritten(name));
    let scalar = scalar.map(|(name, function)| info("scalar", name, function.name(), function.documentation()));
    let aggregate = state.aggregate_functions().iter();
    let aggregate =
        aggregate.map(|(name, function)| info("aggregate", name, function.name(), function.documentation()));
    let window = state.window_functions().iter();
    let window = window.map(|(name, function)| info("window", name, function.name(), function.documentation()));
    let table = state
        .table_functions()
        .keys()
        .map(|name| info("table", name, name, None));
    let mut all: Vec<FunctionInfo> = scalar.chain(aggregate).chain(window).chain(table).collect();
    all.sort_by(|left, right| left.name.cmp(&right.name).then(left.kind.cmp(right.kind)));
    all
}

fn info(kind: &'static str, name: &str, own_name: &str, built_in: Option<&Documentation>) -> FunctionInfo {
    let (signature, doc, example) = match (entry(own_name), built_in) {
        (Some(entry), _) => (
            entry.form.to_owned(),
            entry.about.to_owned(),
            Some(entry.example.to_owned()),
        ),
        (None, Some(documentation)) => (
            documentation.syntax_example.clone(),
            documentation.description.trim().to_owned(),
            documentation.sql_example.as_deref().map(plain),
        ),
        (None, None) => (format!("{own_name}(...)"), String::new(), None),
    };
    FunctionInfo {
        kind,
        signature,
        doc,
        example,
        alias_of: (name != own_name).then(|| own_name.to_owned()),
        deprecated: DEPRECATED.contains(&name),
        name: name.to_owned(),
    }
}

/// An example without the fences of its markup.
fn plain(example: &str) -> String {
    let lines = example.trim().lines().filter(|line| !line.starts_with("```"));
    lines.collect::<Vec<_>>().join("\n")
}
