//! Computed keys of windows become columns beneath the window. The planner sees that rows sorted by a column are in its order; of a
//! function's value inside an expression it cannot tell, and such a window fails when it runs.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Projection, Window};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// The optimizer's last rule: no other moves the columns.
#[derive(Debug)]
pub(crate) struct WindowKeys;

impl OptimizerRule for WindowKeys {
    fn name(&self) -> &str {
        "WindowKeys"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Window(window) if !keys_of(&window)?.is_empty() => Ok(Transformed::yes(with_columns(window)?)),
            other => Ok(Transformed::no(other)),
        }
    }
}

fn with_columns(window: Window) -> Result<LogicalPlan> {
    let keys: Vec<(Expr, Column)> = keys_of(&window)?
        .into_iter()
        .enumerate()
        .map(|(at, key)| (key, Column::new_unqualified(format!("__window_key_{at}"))))
        .collect();
    let columns = |plan: &LogicalPlan| {
        plan.schema()
            .iter()
            .map(|field| Expr::Column(Column::from(field)))
            .collect()
    };
    let mut beneath: Vec<Expr> = columns(&window.input);
    beneath.extend(keys.iter().map(|(key, column)| key.clone().alias(&column.name)));
    let input = LogicalPlan::Projection(Projection::try_new(beneath, Arc::clone(&window.input))?);

    let names = NamePreserver::new_for_projection();
    let calls = window.window_expr.iter().map(|call| {
        let name = names.save(call);
        let call = call.clone().transform_up(|part| replaced(part, &keys)).data()?;
        Ok(name.restore(call))
    });
    let calls = calls.collect::<Result<Vec<_>>>()?;
    let outer = window.schema.iter().map(|field| Expr::Column(Column::from(field)));
    let outer: Vec<Expr> = outer.collect();
    LogicalPlanBuilder::from(LogicalPlan::Window(Window::try_new(calls, Arc::new(input))?))
        .project(outer)?
        .build()
}

fn replaced(part: Expr, keys: &[(Expr, Column)]) -> Result<Transformed<Expr>> {
    let Expr::WindowFunction(mut call) = part else {
        return Ok(Transformed::no(part));
    };
    let column = |expr: &mut Expr| {
        if let Some((_, column)) = keys.iter().find(|(key, _)| key == expr) {
            *expr = Expr::Column(column.clone());
        }
    };
    call.params.partition_by.iter_mut().for_each(column);
    call.params.order_by.iter_mut().for_each(|sort| column(&mut sort.expr));
    Ok(Transformed::yes(Expr::WindowFunction(call)))
}

/// The keys that hold a function's value, each once.
fn keys_of(window: &Window) -> Result<Vec<Expr>> {
    let mut keys = Vec::new();
    for call in &window.window_expr {
        call.apply(|part| {
            if let Expr::WindowFunction(call) = part {
                add_keys(call, &mut keys)?;
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(keys)
}

fn add_keys(call: &WindowFunction, keys: &mut Vec<Expr>) -> Result<()> {
    let ordered = call.params.order_by.iter().map(|sort| &sort.expr);
    for key in call.params.partition_by.iter().chain(ordered) {
        if key.exists(|part| Ok(matches!(part, Expr::ScalarFunction(_))))? && !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    Ok(())
}
