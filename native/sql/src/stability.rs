//! How long the answer of a statement stays true while its data stays the same.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};

/// What a plan and its answer depend on besides the streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stability {
    /// Nothing: the same plan over the same data gives the same answer.
    Fixed,
    /// The clock: `now()` is a constant of the plan, so the plan must be made anew for each query.
    Clock,
    /// Chance: `random()` differs from run to run of one plan.
    Chance,
}

impl Stability {
    /// The least stable function of a plan decides. `plan` is as the statement was resolved, before constants are folded.
    pub(crate) fn of(plan: &LogicalPlan) -> Result<Self> {
        let mut found = Self::Fixed;
        plan.apply_with_subqueries(|node| {
            node.apply_expressions(|expr| {
                expr.apply(|expr| {
                    if let Expr::ScalarFunction(function) = expr {
                        found = found.max(match function.func.signature().volatility {
                            Volatility::Immutable => Self::Fixed,
                            Volatility::Stable => Self::Clock,
                            Volatility::Volatile => Self::Chance,
                        });
                    }
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })?;
        Ok(found)
    }
}
