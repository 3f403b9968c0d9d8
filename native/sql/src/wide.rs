//! `SELECT *` of streams with very many fields. The planner looks each column of a select list up among all that came before it, which
//! takes half a minute for 10,000 fields: such a statement is resolved with one column in place of the star, and gets all of them
//! afterwards.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::logical_expr::{Expr, Limit, LogicalPlan, Sort};
use datafusion::sql::sqlparser::ast::{self, Ident, Query, SelectItem, SetExpr, TableFactor};

use crate::context::PlanContext;
use crate::stream_table::TIME_COLUMN;

/// With fewer fields the planner's own way takes a few milliseconds more.
const FIELDS_MIN: usize = 500;

pub(crate) fn is_wide(context: &PlanContext) -> bool {
    context.streams.iter().any(|stream| stream.columns.len() >= FIELDS_MIN)
}

/// The query with one column in place of the star; `None` where it is not just the star of one stream, in order of time or none.
pub(crate) fn narrowed(query: &Query) -> Option<Query> {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return None;
    };
    let [SelectItem::Wildcard(options)] = select.projection.as_slice() else {
        return None;
    };
    let [from] = select.from.as_slice() else { return None };
    let plain = *options == ast::WildcardAdditionalOptions::default()
        || (options.opt_exclude.is_none() && options.opt_except.is_none() && options.opt_replace.is_none());
    let one_table = from.joins.is_empty() && matches!(from.relation, TableFactor::Table { .. });
    let grouped = !matches!(&select.group_by, ast::GroupByExpr::Expressions(all, _) if all.is_empty());
    let simple =
        select.distinct.is_none() && select.having.is_none() && select.qualify.is_none() && query.with.is_none();
    if !(plain && one_table && simple) || grouped {
        return None;
    }
    let mut narrowed = query.clone();
    if let SetExpr::Select(select) = narrowed.body.as_mut() {
        select.projection = vec![SelectItem::UnnamedExpr(ast::Expr::Identifier(Ident::new(TIME_COLUMN)))];
    }
    Some(narrowed)
}

/// The plan of a narrowed query with all columns; `None` where there are not so many, or where it is not the plan that was expected.
pub(crate) fn widened(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Limit(limit) => Ok(widened(&limit.input)?.map(|input| {
            LogicalPlan::Limit(Limit {
                input: Arc::new(input),
                ..limit.clone()
            })
        })),
        // An order by other columns: they are in a projection below, only to be sorted by.
        LogicalPlan::Projection(outer) if outer.expr.iter().all(is_time) => match outer.input.as_ref() {
            LogicalPlan::Sort(sort) => {
                let LogicalPlan::Projection(inner) = sort.input.as_ref() else {
                    return Ok(None);
                };
                let plain = inner.expr.iter().all(|expr| matches!(expr, Expr::Column(_)));
                if !plain || !is_wide_rows(&inner.input) {
                    return Ok(None);
                }
                Ok(Some(LogicalPlan::Sort(Sort {
                    input: Arc::clone(&inner.input),
                    ..sort.clone()
                })))
            }
            // All columns of a stream in its own order are its rows: a projection of them would be looked up name by name, time and again.
            rows if is_wide_rows(rows) => Ok(Some(rows.clone())),
            _ => Ok(None),
        },
        LogicalPlan::Sort(sort) if sort.expr.iter().all(|key| is_time(&key.expr)) => {
            Ok(widened(&sort.input)?.map(|input| {
                LogicalPlan::Sort(Sort {
                    input: Arc::new(input),
                    ..sort.clone()
                })
            }))
        }
        _ => Ok(None),
    }
}

/// Rows of one stream of so many fields that the star over them is worth the trouble.
fn is_wide_rows(plan: &LogicalPlan) -> bool {
    let rows = matches!(
        plan,
        LogicalPlan::Filter(_) | LogicalPlan::TableScan(_) | LogicalPlan::SubqueryAlias(_)
    );
    rows && plan.schema().fields().len() >= FIELDS_MIN
}

fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::Column(column) if column.name == TIME_COLUMN)
}
