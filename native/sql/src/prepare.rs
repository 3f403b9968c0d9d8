//! What is added to a query beside its own text: the default order, and `timestamp` as a name of the event time.

use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, DFSchema, DataFusionError, Result};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Expr, FetchType, Limit, LogicalPlan, LogicalPlanBuilder, SkipType, SortExpr};
use datafusion::sql::sqlparser::ast::{self, Ident, LimitClause, Query, SelectItem, SetExpr, TableFactor};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan};

use crate::error::SqlError;
use crate::parse::{Parsed, parse_tokens};
use crate::stream_table::{StreamTable, TIME_COLUMN};

/// The name that stands for the event time in a stream without such a field.
pub(crate) const TIME_ALIAS: &str = "timestamp";

/// True when the statement says itself how many rows it wants.
pub(crate) fn has_limit(query: &Query) -> bool {
    let limited = match &query.limit_clause {
        Some(LimitClause::LimitOffset { limit, .. }) => limit.is_some(),
        Some(LimitClause::OffsetCommaLimit { .. }) => true,
        None => false,
    };
    limited
        || query.fetch.is_some()
        || match query.body.as_ref() {
            SetExpr::Query(inner) => has_limit(inner),
            _ => false,
        }
}

/// Orders a plain query of one stream by time, newest first. A query is plain when each of its rows is a row of the
/// stream: a projection over filters over one stream. Any other query (ordered, grouped, windowed, joined) stays.
pub(crate) fn newest_first(plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Limit(limit) => {
            let input = newest_first(Arc::unwrap_or_clone(limit.input))?;
            Ok(LogicalPlan::Limit(Limit {
                input: Arc::new(input),
                ..limit
            }))
        }
        // All columns of a wide stream (`wide`).
        rows if reads_one_stream(&rows)? => {
            let key = newest(rows.schema())?;
            LogicalPlanBuilder::from(rows).sort(vec![key])?.build()
        }
        LogicalPlan::Projection(projection) if reads_one_stream(&projection.input)? => {
            let key = newest(projection.input.schema())?;
            let above = LogicalPlanBuilder::from(LogicalPlan::Projection(projection.clone())).sort(vec![key.clone()]);
            match above {
                Ok(sorted) => sorted.build(),
                // A column that is an unnamed cast of the time has its name; sorting first needs no column of its own.
                Err(_) => LogicalPlanBuilder::from(Arc::unwrap_or_clone(projection.input))
                    .sort(vec![key])?
                    .project(projection.expr)?
                    .build(),
            }
        }
        other => Ok(other),
    }
}

fn newest(rows: &DFSchema) -> Result<SortExpr> {
    let (qualifier, field) = rows.qualified_field_with_unqualified_name(TIME_COLUMN)?;
    Ok(Expr::Column(Column::from((qualifier, field))).sort(false, true))
}

/// Rows in order of their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeOrder {
    Ascending,
    Descending,
}

/// The order of a plan whose rows are rows of one stream, sorted by nothing but their time: all of them, or as many as the limit says.
pub(crate) fn time_order(plan: &LogicalPlan) -> Option<(TimeOrder, Option<u64>)> {
    let mut order = None;
    let (mut node, limit) = match plan {
        LogicalPlan::Limit(limit) => match (limit.get_skip_type().ok()?, limit.get_fetch_type().ok()?) {
            (SkipType::Literal(0), FetchType::Literal(Some(fetch))) => (limit.input.as_ref(), Some(fetch as u64)),
            _ => return None,
        },
        plan => (plan, None),
    };
    loop {
        node = match node {
            LogicalPlan::Sort(sort) if order.is_none() && sort.fetch.is_none() => {
                let [key] = sort.expr.as_slice() else { return None };
                if !is_time(&key.expr) {
                    return None;
                }
                order = Some(if key.asc {
                    TimeOrder::Ascending
                } else {
                    TimeOrder::Descending
                });
                &sort.input
            }
            LogicalPlan::Projection(projection) if projection.expr.iter().all(is_of_row) => &projection.input,
            LogicalPlan::Filter(filter) if is_of_row(&filter.predicate) => &filter.input,
            LogicalPlan::SubqueryAlias(alias) => &alias.input,
            LogicalPlan::TableScan(scan) => {
                let provider = source_as_provider(&scan.source).ok()?;
                let order = order.filter(|_| provider.is::<StreamTable>())?;
                return Some((order, limit));
            }
            _ => return None,
        }
    }
}

fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(column) if column.name == TIME_COLUMN)
}

/// Whether it depends on nothing but its row, and does not give the name of the event time to anything else.
fn is_of_row(expr: &Expr) -> bool {
    let is_query = |inner: &Expr| {
        matches!(
            inner,
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_)
        )
    };
    let asks = expr.exists(|inner| Ok(is_query(inner)));
    let renames = match expr {
        Expr::Alias(alias) => alias.name == TIME_COLUMN && !is_time(&alias.expr),
        other => !is_time(other) && other.schema_name().to_string() == TIME_COLUMN,
    };
    !renames && asks.is_ok_and(|asks| !asks)
}

pub(crate) fn reads_one_stream(plan: &LogicalPlan) -> Result<bool> {
    match plan {
        LogicalPlan::Filter(filter) => reads_one_stream(&filter.input),
        LogicalPlan::SubqueryAlias(alias) => reads_one_stream(&alias.input),
        LogicalPlan::TableScan(scan) => Ok(source_as_provider(&scan.source)?.is::<StreamTable>()),
        _ => Ok(false),
    }
}

/// Renames the identifier `timestamp` in the name that begins at the place to `_timestamp`, and parses again. Without a
/// place (the planner has none for some clauses, which come last) it is the last such name. A column of a result keeps
/// the name that was written. False when no such identifier is there.
pub(crate) fn rename_time_alias(parsed: &mut Parsed, place: Option<(u64, u64)>) -> Result<bool> {
    let tokens = &mut parsed.tokens;
    let found = match place {
        Some((line, column)) => named_at(tokens, Location { line, column }),
        None => tokens.iter().rposition(is_time_alias),
    };
    let Some(Token::Word(word)) = found.and_then(|at| tokens.get_mut(at)).map(|token| &mut token.token) else {
        return Ok(false);
    };
    match Token::make_word(TIME_COLUMN, word.quote_style) {
        Token::Word(renamed) => *word = renamed,
        _ => return Ok(false),
    }
    let again =
        parse_tokens(std::mem::take(&mut parsed.tokens)).map_err(|error: SqlError| DataFusionError::from(error))?;
    parsed.query = again.query;
    parsed.tokens = again.tokens;
    name_items(&mut parsed.query);
    Ok(true)
}

/// The last part, if it is `timestamp`, of the name that begins at the place: `timestamp`, `stream.timestamp`.
fn named_at(tokens: &[TokenWithSpan], start: Location) -> Option<usize> {
    let mut at = tokens.iter().position(|token| token.span.start == start)?;
    while tokens.get(at + 1).is_some_and(|next| next.token == Token::Period) {
        at += 2;
    }
    tokens.get(at).is_some_and(is_time_alias).then_some(at)
}

fn is_time_alias(token: &TokenWithSpan) -> bool {
    match &token.token {
        Token::Word(word) if word.quote_style.is_some() => word.value == TIME_ALIAS,
        Token::Word(word) => word.value.eq_ignore_ascii_case(TIME_ALIAS),
        _ => false,
    }
}

/// Gives a bare `_timestamp` that was written as `timestamp` its written name. Only result columns have names, so
/// queries inside expressions need no visit.
fn name_items(query: &mut Query) {
    for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
        name_items(&mut cte.query);
    }
    name_set(&mut query.body);
}

fn name_set(set: &mut SetExpr) {
    match set {
        SetExpr::Query(query) => name_items(query),
        SetExpr::SetOperation { left, right, .. } => {
            name_set(left);
            name_set(right);
        }
        SetExpr::Select(select) => {
            for item in &mut select.projection {
                name_item(item);
            }
            for from in &mut select.from {
                let joined = from.joins.iter_mut().map(|join| &mut join.relation);
                for relation in std::iter::once(&mut from.relation).chain(joined) {
                    if let TableFactor::Derived { subquery, .. } = relation {
                        name_items(subquery);
                    }
                }
            }
        }
        _ => {}
    }
}

fn name_item(item: &mut SelectItem) {
    let SelectItem::UnnamedExpr(expr) = item else { return };
    let last = match expr {
        ast::Expr::Identifier(ident) => Some(&*ident),
        ast::Expr::CompoundIdentifier(parts) => parts.last(),
        _ => None,
    };
    let Some(ident) = last else { return };
    // The token keeps its place: the written name is as long as its span.
    let written = ident.span.end.column.saturating_sub(ident.span.start.column);
    let quotes = if ident.quote_style.is_some() { 2 } else { 0 };
    if ident.value == TIME_COLUMN && written < TIME_COLUMN.len() as u64 + quotes {
        *item = SelectItem::ExprWithAlias {
            expr: expr.clone(),
            alias: Ident::with_quote('"', TIME_ALIAS),
        };
    }
}
