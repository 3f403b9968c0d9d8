//! The value `_o2_all_` that dashboards put where a variable stands for all its values: a comparison with it is true, a
//! negated one false.

use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::common::{DFSchema, Result};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr::{InList, Like, ScalarFunction};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, LogicalPlan, lit};
use datafusion::optimizer::AnalyzerRule;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use crate::functions::{CONTAINS, CONTAINS_IGNORE_CASE, RE_MATCH, RE_NOT_MATCH};

use super::rewrite::rewrite_expressions;

const ALL: &str = "_o2_all_";

/// Comparisons, while the text is resolved: of whatever type the other side is, it need not fit a text.
#[derive(Debug)]
pub(crate) struct PlaceholderPlanner;

impl ExprPlanner for PlaceholderPlanner {
    fn plan_binary_op(&self, expr: RawBinaryExpr, _schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let negated = match expr.op {
            BinaryOperator::Eq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
            | BinaryOperator::PGRegexMatch
            | BinaryOperator::PGRegexIMatch => false,
            BinaryOperator::NotEq | BinaryOperator::PGRegexNotMatch | BinaryOperator::PGRegexNotIMatch => true,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        Ok(match is_all(&expr.left) || is_all(&expr.right) {
            true => PlannerResult::Planned(lit(!negated)),
            false => PlannerResult::Original(expr),
        })
    }
}

/// What is not a binary operator: IN, LIKE and the text functions.
#[derive(Debug)]
pub(crate) struct PlaceholderRule;

impl AnalyzerRule for PlaceholderRule {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|node| rewrite_expressions(node, |expr| Ok(replace(expr))))
            .data()
    }

    fn name(&self) -> &str {
        "PlaceholderRule"
    }
}

fn replace(expr: Expr) -> Transformed<Expr> {
    let negated = match &expr {
        Expr::InList(InList { list, negated, .. }) if list.iter().any(is_all) => *negated,
        Expr::Like(Like { pattern, negated, .. }) if holds_all(pattern) => *negated,
        Expr::ScalarFunction(ScalarFunction { func, args }) if args.get(1).is_some_and(is_all) => match func.name() {
            CONTAINS | CONTAINS_IGNORE_CASE | RE_MATCH => false,
            RE_NOT_MATCH => true,
            _ => return Transformed::no(expr),
        },
        _ => return Transformed::no(expr),
    };
    Transformed::yes(lit(!negated))
}

fn is_all(expr: &Expr) -> bool {
    text(expr) == Some(ALL)
}

/// A pattern of LIKE may have wildcards around it.
fn holds_all(expr: &Expr) -> bool {
    text(expr).is_some_and(|text| text.trim_matches('%') == ALL)
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}
