//! `match_all('text')` and `fuzzy_match_all` become tests of each full-text column of the stream they are asked of.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DataFusionError, Result, ScalarValue};
use datafusion::config::ConfigOptions;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::utils::disjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, lit};
use datafusion::optimizer::AnalyzerRule;

use crate::error::{FULL_TEXT_NOT_FOUND, INVALID_SQL, SqlError};
use crate::functions::{FUZZY_MATCH_ALL, MATCH_ALL, fuzzy_match, wrong_form};
use crate::stream_table::StreamTable;

use super::rewrite::rewrite_expressions;
use super::wanted::Wanted;

#[derive(Debug)]
pub(crate) struct MatchAllRule;

impl AnalyzerRule for MatchAllRule {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| {
            let mut used = false;
            node.apply_expressions(|expr| {
                used |= expr.exists(|expr| Ok(is_full_text(expr)))?;
                Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
            })?;
            if !used {
                return Ok(Transformed::no(node));
            }
            let columns = searched_columns(&node)?;
            rewrite_expressions(node, |expr| replace(expr, &columns))
        })
        .data()
    }

    fn name(&self) -> &str {
        "MatchAllRule"
    }
}

fn is_full_text(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(function) if matches!(function.name(), MATCH_ALL | FUZZY_MATCH_ALL))
}

/// Each test is true or false, also where a column is null: `NOT match_all(...)` finds the rows without the text.
fn replace(expr: Expr, columns: &[Column]) -> Result<Transformed<Expr>> {
    let Expr::ScalarFunction(function) = &expr else {
        return Ok(Transformed::no(expr));
    };
    let tests: Vec<Expr> = match function.name() {
        MATCH_ALL => {
            let [text] = function.args.as_slice() else {
                return Err(wrong_form(MATCH_ALL));
            };
            let wanted = Wanted::parse(constant(text)?);
            columns
                .iter()
                .map(|column| wanted.test(Expr::Column(column.clone())))
                .collect()
        }
        FUZZY_MATCH_ALL if function.args.len() != 2 => return Err(wrong_form(FUZZY_MATCH_ALL)),
        FUZZY_MATCH_ALL => {
            let fuzzy = |column: &Column| {
                let mut args = vec![Expr::Column(column.clone())];
                args.extend(function.args.iter().cloned());
                Expr::ScalarFunction(ScalarFunction::new_udf(fuzzy_match(), args))
            };
            columns.iter().map(fuzzy).collect()
        }
        _ => return Ok(Transformed::no(expr)),
    };
    let tests = tests.into_iter().map(|test| match test {
        Expr::Literal(..) => test,
        test => Expr::IsTrue(Box::new(test)),
    });
    Ok(Transformed::yes(disjunction(tests).unwrap_or_else(|| lit(false))))
}

fn constant(text: &Expr) -> Result<&str> {
    let text = match text {
        Expr::Literal(ScalarValue::Int64(_) | ScalarValue::Float64(_), _) => return Err(wrong_form(MATCH_ALL)),
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    };
    text.ok_or_else(|| invalid("the argument of match_all has to be a constant text"))
}

/// The full-text columns of the one stream under `node`, qualified as `node` sees them.
fn searched_columns(node: &LogicalPlan) -> Result<Vec<Column>> {
    let inputs = node.inputs();
    let [input] = inputs.as_slice() else {
        return Err(not_plain());
    };
    let mut plan: &LogicalPlan = input;
    let scan = loop {
        plan = match plan {
            LogicalPlan::TableScan(scan) => break scan,
            LogicalPlan::SubqueryAlias(alias) => &alias.input,
            LogicalPlan::Filter(filter) => &filter.input,
            LogicalPlan::Sort(sort) => &sort.input,
            LogicalPlan::Limit(limit) => &limit.input,
            LogicalPlan::Window(window) => &window.input,
            _ => return Err(not_plain()),
        };
    };
    let provider = source_as_provider(&scan.source)?;
    let Some(table) = provider.downcast_ref::<StreamTable>() else {
        return Err(not_plain());
    };
    let columns: Vec<Column> = table
        .full_text()
        .filter_map(|name| input.schema().qualified_field_with_unqualified_name(name).ok())
        .map(|(qualifier, field)| Column::from((qualifier, field)))
        .collect();
    if columns.is_empty() {
        let message = format!("Full text search field not found in stream {}", scan.table_name.table());
        return Err(SqlError::new(FULL_TEXT_NOT_FOUND, message)
            .with_detail("none of the stream's full text search keys is a text column")
            .into());
    }
    Ok(columns)
}

fn not_plain() -> DataFusionError {
    invalid("match_all searches one stream: use it where FROM names a stream, not over a join, subquery or aggregate")
}

fn invalid(text: &str) -> DataFusionError {
    SqlError::new(INVALID_SQL, format!("Search SQL not valid: {text}"))
        .with_detail(text)
        .into()
}
