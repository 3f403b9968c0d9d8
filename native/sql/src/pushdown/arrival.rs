//! `ORDER BY _timestamp` puts rows of equal time in order of arrival: the leaf below adds where each row stands in it, the sort has that as
//! its last key, and a projection takes it away again. Without, pages of one answer could repeat rows and miss others.

use std::sync::Arc;

use basalt_scan::request::ARRIVAL;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::sorts::sort::SortExec;

use super::through::look_through;
use crate::leaf::LeafExec;
use crate::stream_table::TIME_COLUMN;

pub(super) fn push(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(sort) = node.downcast_ref::<SortExec>() else {
        return Ok(None);
    };
    let Some(key) = sort.expr().iter().last() else {
        return Ok(None);
    };
    if !is_time(&key.expr, sort.input())? {
        return Ok(None);
    }
    let Some(input) = with_arrival(sort.input())? else {
        return Ok(None);
    };
    let arrival = PhysicalSortExpr::new(last_column(&input), key.options);
    let Some(order) = LexOrdering::new(sort.expr().iter().cloned().chain([arrival])) else {
        return Ok(None);
    };
    let sorted = SortExec::new(order, input).with_fetch(sort.fetch());
    let columns = sort.input().schema().fields().len();
    let wanted = columns_of(&sort.schema(), columns);
    Ok(Some(Arc::new(ProjectionExec::try_new(wanted, Arc::new(sorted))?)))
}

/// Whether it is the event time of the one stream below.
fn is_time(key: &Arc<dyn PhysicalExpr>, plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let mut key = Arc::clone(key);
    let mut plan = plan;
    // Filters keep the columns that they pass on in their places, unless they project.
    loop {
        if let Some(through) = look_through(plan) {
            let key = through.resolve(&key)?;
            return Ok(key
                .as_ref()
                .and_then(|key| key.downcast_ref::<Column>())
                .is_some_and(|column| column.name() == TIME_COLUMN));
        }
        if let Some(filter) = plan.downcast_ref::<FilterExec>()
            && filter.projection().is_none()
        {
            plan = filter.input();
        } else if let Some(sort) = plan.downcast_ref::<SortExec>() {
            plan = sort.input();
        } else if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
            let inner = key
                .downcast_ref::<Column>()
                .and_then(|column| projection.expr().get(column.index()));
            let Some(inner) = inner else { return Ok(false) };
            key = Arc::clone(&inner.expr);
            plan = projection.input();
        } else {
            return Ok(false);
        }
    }
}

/// The same plan with the places of arrival as a last column; `None` where it is more than steps over one leaf of rows.
fn with_arrival(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    // The newest rows, sorted already, that are now to be turned round.
    if plan.downcast_ref::<SortExec>().is_some() {
        let has_arrival = last_column(plan)
            .downcast_ref::<Column>()
            .is_some_and(|column| column.name() == ARRIVAL);
        return Ok(has_arrival.then(|| Arc::clone(plan)));
    }
    if let Some(leaf) = plan.downcast_ref::<LeafExec>() {
        return Ok(leaf.with_arrival().map(|leaf| Arc::new(leaf) as Arc<dyn ExecutionPlan>));
    }
    let children = plan.children();
    let [child] = children.as_slice() else { return Ok(None) };
    let Some(input) = with_arrival(child)? else {
        return Ok(None);
    };
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let arrival = ProjectionExpr {
            expr: last_column(&input),
            alias: ARRIVAL.to_owned(),
        };
        let columns = projection.expr().iter().cloned().chain([arrival]);
        return Ok(Some(Arc::new(ProjectionExec::try_new(columns, input)?)));
    }
    let passes = plan.downcast_ref::<CooperativeExec>().is_some()
        || plan
            .downcast_ref::<FilterExec>()
            .is_some_and(|filter| filter.projection().is_none());
    if passes {
        return Ok(Some(replace_children_if_necessary(Arc::clone(plan), vec![input])?));
    }
    Ok(None)
}

fn last_column(plan: &Arc<dyn ExecutionPlan>) -> Arc<dyn PhysicalExpr> {
    let schema = plan.schema();
    let last = schema.fields().len().saturating_sub(1);
    let name = schema.fields().get(last).map_or("", |field| field.name().as_str());
    Arc::new(Column::new(name, last))
}

fn columns_of(schema: &SchemaRef, count: usize) -> Vec<ProjectionExpr> {
    let fields = schema.fields().iter().take(count).enumerate();
    fields
        .map(|(index, field)| ProjectionExpr {
            expr: Arc::new(Column::new(field.name(), index)),
            alias: field.name().clone(),
        })
        .collect()
}
