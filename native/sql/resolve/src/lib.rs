//! Resolves the names of a parsed statement.
//!
//! A crate of its own because DataFusion's SQL planner is generic over its catalog: it is instantiated by the crate that
//! calls it, which takes minutes to compile. Here that happens once, not after every edit of the SQL crate.

use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement;
use futures::executor::block_on;

/// The logical plan of a statement over the catalog of `state`. Blocks only if the catalog does.
///
/// # Errors
/// An unknown name, a type conflict, or a construct that DataFusion does not plan.
#[inline(never)] // or the planner would be instantiated where this is called after all
pub fn resolve(state: &SessionState, statement: Statement) -> Result<LogicalPlan> {
    block_on(state.statement_to_plan(statement))
}
