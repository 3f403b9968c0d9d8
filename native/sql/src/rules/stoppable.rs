//! Join filters can be stopped: a join whose filter drops everything makes no output, so it never returns to the run before its end.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder};

use crate::run::cancel;

#[derive(Debug)]
pub(crate) struct StopJoinFilters;

impl PhysicalOptimizerRule for StopJoinFilters {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let stoppable: Option<Arc<dyn ExecutionPlan>> = if let Some(join) = node.downcast_ref::<HashJoinExec>()
                && let Some(filter) = join.filter()
            {
                Some(Arc::new(join.builder().with_filter(Some(stoppable(filter))).build()?))
            } else if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>()
                && let Some(filter) = join.filter()
            {
                let builder = NestedLoopJoinExecBuilder::new(
                    Arc::clone(join.left()),
                    Arc::clone(join.right()),
                    *join.join_type(),
                );
                let builder = builder.with_projection_ref(join.projection().clone());
                Some(Arc::new(builder.with_filter(Some(stoppable(filter))).build()?))
            } else {
                None
            };
            Ok(stoppable.map_or_else(|| Transformed::no(node), Transformed::yes))
        })
        .data()
    }

    fn name(&self) -> &str {
        "StopJoinFilters"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn stoppable(filter: &JoinFilter) -> JoinFilter {
    let expression = Arc::new(Stoppable(Arc::clone(filter.expression())));
    JoinFilter::new(
        expression,
        filter.column_indices().to_vec(),
        Arc::clone(filter.schema()),
    )
}

/// An expression that fails once its query is cancelled, and is the one inside until then.
#[derive(Debug, Eq)]
struct Stoppable(Arc<dyn PhysicalExpr>);

// Derived, it would want to move out of the pointer.
impl PartialEq for Stoppable {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq(&other.0)
    }
}

impl Hash for Stoppable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Display for Stoppable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PhysicalExpr for Stoppable {
    fn data_type(&self, input_schema: &Schema) -> Result<DataType> {
        self.0.data_type(input_schema)
    }

    fn nullable(&self, input_schema: &Schema) -> Result<bool> {
        self.0.nullable(input_schema)
    }

    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.0.return_field(input_schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        cancel::check()?;
        self.0.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.0]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(match children.pop() {
            Some(child) => Arc::new(Stoppable(child)),
            None => self,
        })
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_sql(f)
    }
}
