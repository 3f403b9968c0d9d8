//! Constant regular expressions of DataFusion's operators and functions, checked before anything is read: invalid ones, and
//! such as would take too much memory compiled.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;

use crate::error::{INVALID_SQL, SqlError};
use crate::functions::compile;

#[derive(Debug)]
pub(crate) struct PatternRule;

impl AnalyzerRule for PatternRule {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.apply_with_subqueries(|node| {
            node.apply_expressions(|expr| {
                expr.apply(|expr| {
                    check(expr)?;
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })?;
        Ok(plan)
    }

    fn name(&self) -> &str {
        "PatternRule"
    }
}

fn check(expr: &Expr) -> Result<()> {
    let (pattern, ignore_case) = match expr {
        Expr::BinaryExpr(BinaryExpr { op, right, .. }) => match op {
            Operator::RegexMatch | Operator::RegexNotMatch => (text(right), false),
            Operator::RegexIMatch | Operator::RegexNotIMatch => (text(right), true),
            _ => return Ok(()),
        },
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name().starts_with("regexp_") => {
            // Flags come last; only one of them makes a pattern larger.
            let flags = args.get(2..).unwrap_or(&[]).last().and_then(text);
            let ignore_case = flags.is_some_and(|flags| flags.contains('i'));
            (args.get(1).and_then(text), ignore_case)
        }
        // DataFusion would read the pattern as a regular expression, without the wildcards of SQL.
        Expr::SimilarTo(_) => {
            let text = "SIMILAR TO is not supported: use LIKE, or ~ with a regular expression";
            return Err(SqlError::new(INVALID_SQL, format!("Search SQL not valid: {text}")).into());
        }
        _ => return Ok(()),
    };
    match pattern {
        Some(pattern) => compile(pattern, ignore_case).map(drop),
        None => Ok(()),
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}
