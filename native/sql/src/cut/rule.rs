//! Which operators get their batches cut: those whose functions may answer much, and those whose expressions hold large constants.

use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{InListExpr, Literal};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::joins::CrossJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::unnest::UnnestExec;

use super::CUT_BYTES;
use super::expression::InParts;
use super::few_rows::FewRowsExec;
use super::projection::CutExec;
use super::unnest::ShortListsExec;
use crate::functions::{is_bounded, scalar_bytes};

/// A constant that takes less than this may stand in every row of any batch.
const LARGE_CONSTANT_BYTES: u64 = 512;
/// How often a row with texts is repeated in one batch of a cross join.
const REPEATED_ROWS: usize = 256;

/// The last rule but checks: others look for the operators that it wraps.
#[derive(Debug)]
pub(crate) struct CutByBytes;

impl PhysicalOptimizerRule for CutByBytes {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let node = with_few_rows(node)?;
            let cut: Option<Arc<dyn ExecutionPlan>> = if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
                let grows = projection.expr().iter().any(|one| grows(&one.expr));
                grows.then(|| Arc::new(CutExec::over(Arc::clone(&node))) as _)
            } else if let Some(filter) = node.downcast_ref::<FilterExec>() {
                let predicate = in_parts(filter.predicate());
                match predicate {
                    Some(predicate) => Some(Arc::new(
                        FilterExecBuilder::from(filter).with_predicate(predicate).build()?,
                    )),
                    None => None,
                }
            } else if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
                with_arguments_in_parts(aggregate)
            } else if let Some(unnest) = node.downcast_ref::<UnnestExec>() {
                let input = Arc::new(ShortListsExec::under(unnest));
                Some(replace_children_if_necessary(Arc::clone(&node), vec![input])?)
            } else if node.is::<CrossJoinExec>() && has_texts(node.children().first()) {
                Some(with_few_rows_beside(node.clone())?)
            } else {
                None
            };
            Ok(match cut {
                Some(cut) => Transformed::yes(cut),
                None => Transformed::yes(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "CutByBytes"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn has_texts(input: Option<&&Arc<dyn ExecutionPlan>>) -> bool {
    let wide = |field: &FieldRef| {
        field.data_type().is_nested() || field.data_type().is_string() || field.data_type().is_binary()
    };
    input.is_some_and(|input| input.schema().fields().iter().any(wide))
}

/// A cross join repeats a row of its left side, however wide, for each row of a batch of its right one.
fn with_few_rows_beside(join: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let mut inputs: Vec<Arc<dyn ExecutionPlan>> = join.children().into_iter().map(Arc::clone).collect();
    if let Some(input) = inputs.pop() {
        inputs.push(Arc::new(FewRowsExec {
            input,
            rows: REPEATED_ROWS,
        }));
    }
    replace_children_if_necessary(join, inputs)
}

/// Whether it calls a function that may answer more than it is given.
fn grows(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let call = |node: &Arc<dyn PhysicalExpr>| {
        node.downcast_ref::<ScalarFunctionExpr>()
            .is_some_and(|call| is_bounded(call.fun()))
    };
    expr.exists(|node| Ok(call(node))).unwrap_or(true)
}

fn in_parts(expr: &Arc<dyn PhysicalExpr>) -> Option<Arc<dyn PhysicalExpr>> {
    grows(expr).then(|| Arc::new(InParts(Arc::clone(expr))) as _)
}

fn with_arguments_in_parts(aggregate: &AggregateExec) -> Option<Arc<dyn ExecutionPlan>> {
    // The final step reads states.
    let functions = aggregate.aggr_expr().iter();
    let mut changed = false;
    let functions = functions.map(|function| {
        let all = function.all_expressions();
        if !all.args.iter().any(grows) {
            return Arc::clone(function);
        }
        let args = all
            .args
            .iter()
            .map(|arg| in_parts(arg).unwrap_or_else(|| Arc::clone(arg)));
        match function.with_new_expressions(args.collect(), all.order_by_exprs) {
            Some(new) => {
                changed = true;
                Arc::new(new)
            }
            None => Arc::clone(function),
        }
    });
    let functions: Vec<_> = functions.collect();
    changed.then(|| Arc::new(aggregate.with_new_aggr_exprs(functions)) as _)
}

/// Over inputs of few rows, where its constants are large.
fn with_few_rows(node: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let mut bytes = 0u64;
    node.apply_expressions(&mut |expr| {
        expr.apply(|part| {
            if let Some(literal) = part.downcast_ref::<Literal>() {
                let each = scalar_bytes(literal.value());
                bytes = bytes.saturating_add(if each < LARGE_CONSTANT_BYTES { 0 } else { each });
            }
            // Lists of values are looked up, they stand in no row.
            Ok(match part.is::<InListExpr>() {
                true => TreeNodeRecursion::Jump,
                false => TreeNodeRecursion::Continue,
            })
        })
    })?;
    if bytes == 0 {
        return Ok(node);
    }
    let rows = usize::try_from(CUT_BYTES / bytes).unwrap_or(1).max(1);
    let inputs = node.children().into_iter();
    let inputs = inputs.map(|input| {
        let input = Arc::clone(input);
        Arc::new(FewRowsExec { input, rows }) as Arc<dyn ExecutionPlan>
    });
    let inputs = inputs.collect();
    replace_children_if_necessary(node, inputs)
}
