//! A total order behind an answer that is cut: whatever ties in the order of the statement is told apart by the other columns of the
//! answer, so that pages of it, asked for one by one, are together the whole.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, Limit, LogicalPlan, LogicalPlanBuilder, Projection, SortExpr};

use crate::prepare::reads_one_stream;
use crate::stream_table::TIME_COLUMN;

/// Of a plan with a limit; any other is as it was.
pub(crate) fn total_order(plan: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Limit(limit) = plan else {
        return Ok(plan);
    };
    let input = Arc::new(ordered(Arc::unwrap_or_clone(limit.input))?);
    Ok(LogicalPlan::Limit(Limit { input, ..limit }))
}

fn ordered(plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        // What a sort needs beside the answer is taken away above it.
        LogicalPlan::Projection(projection) if matches!(projection.input.as_ref(), LogicalPlan::Sort(_)) => {
            let input = ordered(projection.input.as_ref().clone())?;
            Ok(LogicalPlan::Projection(Projection::try_new(
                projection.expr,
                Arc::new(input),
            )?))
        }
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
            if let Some(time) = time_of_rows(&sort.input)? {
                let known = sort
                    .expr
                    .iter()
                    .any(|key| matches!(&key.expr, Expr::Column(column) if column.name == TIME_COLUMN));
                if known {
                    return Ok(LogicalPlan::Sort(sort));
                }
                // Rows of one time come in the order of their arrival.
                let keys = sort.expr.iter().cloned().chain([Expr::Column(time).sort(false, true)]);
                return LogicalPlanBuilder::from(sort.input.as_ref().clone())
                    .sort(keys)?
                    .build();
            }
            // Streams side by side by their event time: each is read for its newest rows alone, which further keys would forbid.
            if let Some(Expr::Column(first)) = sort.expr.first().map(|key| &key.expr)
                && first.name == TIME_COLUMN
            {
                return Ok(LogicalPlan::Sort(sort));
            }
            let rest = rest_of(&sort.input, &sort.expr);
            let keys: Vec<SortExpr> = sort.expr.iter().cloned().chain(rest).collect();
            LogicalPlanBuilder::from(sort.input.as_ref().clone())
                .sort(keys)?
                .build()
        }
        LogicalPlan::Limit(_) | LogicalPlan::Sort(_) => Ok(plan),
        plan if time_of_rows(&plan)?.is_some() => Ok(plan),
        plan => {
            let keys = rest_of(&plan, &[]);
            if keys.is_empty() {
                return Ok(plan);
            }
            LogicalPlanBuilder::from(plan).sort(keys)?.build()
        }
    }
}

/// The event time, where each row is a row of one stream.
fn time_of_rows(plan: &LogicalPlan) -> Result<Option<Column>> {
    let input = match plan {
        LogicalPlan::Projection(projection) => projection.input.as_ref(),
        plan => plan,
    };
    if !reads_one_stream(input)? {
        return Ok(None);
    }
    let field = input.schema().qualified_field_with_unqualified_name(TIME_COLUMN);
    Ok(field.ok().map(Column::from))
}

/// The columns that are no keys yet and that have an order.
fn rest_of(plan: &LogicalPlan, keys: &[SortExpr]) -> Vec<SortExpr> {
    let columns = plan
        .schema()
        .iter()
        .filter(|(_, field)| has_order(field.data_type()))
        .map(Column::from);
    let rest = columns
        .map(Expr::Column)
        .filter(|column| keys.iter().all(|key| key.expr != *column));
    rest.map(|column| column.sort(true, false)).collect()
}

fn has_order(data_type: &DataType) -> bool {
    data_type.is_primitive() || data_type.is_string() || matches!(data_type, DataType::Boolean)
}
