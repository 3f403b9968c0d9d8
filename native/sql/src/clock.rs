//! Plans that outlive the moment they were made in: those where `now()` does nothing but bound the event time.
//!
//! Such a bound rises with the clock, microsecond for microsecond, or is overruled by another bound that stands still. So a plan made for
//! now and one made for a later moment tell all moments between: if they differ only in bounds, each of which is the same in both
//! or later by just that time, then each is so in between too, since all functions that are let in here are monotonic.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::Between;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, Volatility};

use crate::rules::is_time_column;

/// For so long after its moment, microseconds, a plan may be used; no round number, so that what is cut to hours or days does not pass for
/// something that rises evenly.
pub const LIFETIME_US: i64 = 317_123_457;

/// How the time ranges of a plan's leaves follow the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockBounds {
    pub lifetime_us: i64,
    /// For each leaf, whether its least and its greatest time rise with the clock.
    pub follows: Vec<[bool; 2]>,
}

/// Whether the clock is read only to bound the event time. `plan` is as the statement was resolved.
pub(crate) fn only_bounds_time(plan: &LogicalPlan) -> Result<bool> {
    let mut only = true;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Filter(filter) = node {
            for part in split_conjunction(&filter.predicate) {
                only &= !reads_clock(part)? || is_bound(part)?;
            }
        } else {
            node.apply_expressions(|expr| {
                only &= !reads_clock(expr)?;
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(if only {
            TreeNodeRecursion::Continue
        } else {
            TreeNodeRecursion::Stop
        })
    })?;
    Ok(only)
}

fn reads_clock(expr: &Expr) -> Result<bool> {
    expr.exists(|expr| Ok(is_stable_call(expr)))
}

fn is_stable_call(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if call.func.signature().volatility == Volatility::Stable)
}

fn is_bound(part: &Expr) -> Result<bool> {
    Ok(match part {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq,
            right,
        }) => (is_time_column(left) && is_moment(right)) || (is_time_column(right) && is_moment(left)),
        Expr::Between(Between {
            expr,
            negated: false,
            low,
            high,
        }) => {
            is_time_column(expr) && (is_moment(low) || !reads_clock(low)?) && (is_moment(high) || !reads_clock(high)?)
        }
        _ => false,
    })
}

/// `now()`, less or more by a fixed time.
fn is_moment(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(call) => call.name() == "now" && call.args.is_empty(),
        Expr::Cast(cast) => {
            matches!(cast.field.data_type(), DataType::Timestamp(..) | DataType::Int64) && is_moment(&cast.expr)
        }
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Plus | Operator::Minus,
            right,
        }) => is_moment(left) && is_fixed_time(right),
        _ => false,
    }
}

/// A month is not a fixed time.
fn is_fixed_time(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(interval)), _) => interval.months == 0,
        Expr::Literal(ScalarValue::IntervalDayTime(Some(_)), _) => true,
        _ => false,
    }
}

/// A plan's tree, in which `~` stands for the least and greatest times of its leaves, and those.
pub(crate) struct Timeless {
    pub tree: String,
    pub times: Vec<[Option<i64>; 2]>,
}

/// What two plans of one statement tell, of which the later was made for a moment `LIFETIME_US` after the other; `None` if they differ in
/// more than bounds.
pub(crate) fn compare(now: &Timeless, later: &Timeless) -> Option<ClockBounds> {
    if now.tree != later.tree || now.times.len() != later.times.len() {
        return None;
    }
    let follows = |now: Option<i64>, later: Option<i64>| match (now, later) {
        (now, later) if now == later => Some(false),
        (Some(now), Some(later)) if now.checked_add(LIFETIME_US) == Some(later) => Some(true),
        _ => None,
    };
    let leaves = now.times.iter().zip(&later.times);
    let follows = leaves
        .map(|(now, later)| Some([follows(now[0], later[0])?, follows(now[1], later[1])?]))
        .collect::<Option<Vec<_>>>()?;
    Some(ClockBounds {
        lifetime_us: LIFETIME_US,
        follows,
    })
}
