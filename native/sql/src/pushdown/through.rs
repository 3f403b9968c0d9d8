//! Looks through projections: what an expression over them means in columns of the leaf below.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::projection::ProjectionExec;

use crate::leaf::LeafExec;

/// Of an expression that is looked at; leaves take a column, or one within a function of time.
const NODES_MAX: usize = 100;

/// The leaf under a chain of projections, and those projections from the top down.
pub(super) struct Through<'a> {
    pub leaf: &'a LeafExec,
    chain: Vec<&'a Arc<dyn ExecutionPlan>>,
}

pub(super) fn look_through(mut plan: &Arc<dyn ExecutionPlan>) -> Option<Through<'_>> {
    let mut chain = Vec::new();
    loop {
        if let Some(leaf) = plan.downcast_ref::<LeafExec>() {
            return Some(Through { leaf, chain });
        }
        chain.push(plan);
        plan = if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
            projection.input()
        } else if let Some(wrapper) = plan.downcast_ref::<CooperativeExec>() {
            wrapper.input()
        } else {
            return None;
        };
    }
}

fn is_long(expr: &Arc<dyn PhysicalExpr>) -> Result<bool> {
    let mut nodes = 0;
    expr.exists(|_| {
        nodes += 1;
        Ok(nodes > NODES_MAX)
    })
}

impl Through<'_> {
    /// `expr`, which is over the top of the chain, over the columns of the leaf. `None` where that is a long expression, which no leaf
    /// could take: projections that name a column twice double it again and again.
    pub fn resolve(&self, expr: &Arc<dyn PhysicalExpr>) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        let mut expr = Arc::clone(expr);
        for projection in self
            .chain
            .iter()
            .filter_map(|plan| plan.downcast_ref::<ProjectionExec>())
        {
            expr = expr
                .transform_down(|node| {
                    let inner = node
                        .downcast_ref::<Column>()
                        .and_then(|column| projection.expr().get(column.index()));
                    Ok(match inner {
                        // What was substituted is over the next plan: it must not be substituted again in this one.
                        Some(inner) => Transformed::new(Arc::clone(&inner.expr), true, TreeNodeRecursion::Jump),
                        None => Transformed::no(node),
                    })
                })
                .data()?;
            if is_long(&expr)? {
                return Ok(None);
            }
        }
        let schema = self.leaf.schema();
        expr.transform_up(|node| {
            if let Some(column) = node.downcast_ref::<Column>() {
                // Plans may call a column as those above them do; its place is what counts.
                let place = column.index();
                return Ok(match schema.fields().get(place) {
                    Some(field) => Transformed::yes(Arc::new(Column::new(field.name(), place)) as _),
                    None => Transformed::no(node),
                });
            }
            // A union casts a column to its own type to make it nullable.
            let idle = match node.downcast_ref::<CastExpr>() {
                Some(cast) if cast.expr().data_type(&schema)? == *cast.cast_type() => Some(Arc::clone(cast.expr())),
                _ => None,
            };
            Ok(idle.map_or_else(|| Transformed::no(Arc::clone(&node)), Transformed::yes))
        })
        .data()
        .map(Some)
    }

    /// The chain over another leaf with the same columns.
    pub fn rebuild(&self, leaf: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let mut plan = leaf;
        for above in self.chain.iter().rev() {
            plan = replace_children_if_necessary(Arc::clone(above), vec![plan])?;
        }
        Ok(plan)
    }
}
