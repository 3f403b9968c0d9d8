//! Optimising logical plans: DataFusion's rules in as many passes as they take, and one pass of fewer rules for plain statements.
//!
//! Most statements are plain: one stream, filtered, grouped, sorted. In these most rules look for what cannot be there, and a second pass
//! finds nothing that the first one left; the tests hold that against all rules in all passes.

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use datafusion::common::Result;
use datafusion::common::alias::AliasGenerator;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::{Optimizer, OptimizerConfig};

use crate::deadline;
use crate::rules::guard;

/// Rules that find nothing to do in a plain statement, which has no joins, unions, subqueries and DISTINCT.
const IDLE_IN_PLAIN: [&str; 13] = [
    "rewrite_set_comparison",
    "optimize_unions",
    "unions_to_filter",
    "replace_distinct_aggregate",
    "eliminate_join",
    "decorrelate_predicate_subquery",
    "scalar_subquery_to_join",
    "decorrelate_lateral_join",
    "extract_equijoin_predicate",
    "eliminate_cross_join",
    "eliminate_outer_join",
    "filter_null_join_keys",
    "single_distinct_aggregation_to_group_by",
];

/// Coerces types, applies the dialect's rules, and optimises.
pub(crate) fn optimize(plan: LogicalPlan, state: &SessionState) -> Result<LogicalPlan> {
    let analyzed = state
        .analyzer()
        .execute_and_check(plan, state.config_options(), |_, _| deadline::check())?;
    let rest = if is_plain(&analyzed)? {
        let plan = plain_optimizer(state).optimize(analyzed, &OnePass(state), |_, _| deadline::check())?;
        if plan.exists(|node| Ok(matches!(node, LogicalPlan::TableScan(_))))? {
            return guard(plan);
        }
        // A condition that is never true took the stream away.
        plan
    } else {
        analyzed
    };
    guard(state.optimizer().optimize(rest, state, |_, _| deadline::check())?)
}

fn plain_optimizer(state: &SessionState) -> &'static Optimizer {
    static OPTIMIZER: OnceLock<Optimizer> = OnceLock::new();
    OPTIMIZER.get_or_init(|| {
        let mut rules: Vec<_> = state.optimizers().iter().map(Arc::clone).collect();
        rules.retain(|rule| !IDLE_IN_PLAIN.contains(&rule.name()));
        let place = |name| rules.iter().position(|rule| rule.name() == name);
        // It stands before the filters because none may pass a limit; once they are in the scan, the limit may follow.
        if let (Some(limits), Some(filters)) = (place("push_down_limit"), place("push_down_filter")) {
            rules.insert(filters + 1, Arc::clone(&rules[limits]));
        }
        Optimizer::with_rules(rules)
    })
}

/// A chain down to one stream, each step at most once.
fn is_plain(plan: &LogicalPlan) -> Result<bool> {
    let (mut projections, mut filters, mut groupings, mut sorts, mut limits) = (0, 0, 0, 0, 0);
    let mut node = plan;
    loop {
        let mut plain = true;
        node.apply_expressions(|expr| {
            plain &= !expr.exists(|part| Ok(is_composite(part)))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        let (input, count) = match node {
            LogicalPlan::Projection(projection) => (&projection.input, &mut projections),
            LogicalPlan::Filter(filter) => (&filter.input, &mut filters),
            LogicalPlan::Aggregate(aggregate) => (&aggregate.input, &mut groupings),
            LogicalPlan::Sort(sort) => (&sort.input, &mut sorts),
            LogicalPlan::Limit(limit) => (&limit.input, &mut limits),
            LogicalPlan::TableScan(_) => return Ok(true),
            _ => return Ok(false),
        };
        *count += 1;
        if !plain || *count > 1 {
            return Ok(false);
        }
        node = input;
    }
}

/// Whether the expression is one that the rules left out of plain statements look for.
fn is_composite(expr: &Expr) -> bool {
    match expr {
        Expr::AggregateFunction(call) => call.params.distinct,
        Expr::Exists(_)
        | Expr::InSubquery(_)
        | Expr::SetComparison(_)
        | Expr::ScalarSubquery(_)
        | Expr::OuterReferenceColumn(..)
        | Expr::GroupingSet(_)
        | Expr::WindowFunction(_)
        | Expr::Unnest(_) => true,
        _ => false,
    }
}

/// The state, but for the number of passes.
struct OnePass<'a>(&'a SessionState);

impl OptimizerConfig for OnePass<'_> {
    fn query_execution_start_time(&self) -> Option<DateTime<Utc>> {
        self.0.query_execution_start_time()
    }

    fn alias_generator(&self) -> &Arc<AliasGenerator> {
        self.0.alias_generator()
    }

    fn options(&self) -> Arc<ConfigOptions> {
        static OPTIONS: OnceLock<Arc<ConfigOptions>> = OnceLock::new();
        let options = OPTIONS.get_or_init(|| {
            let mut options = ConfigOptions::clone(self.0.config_options());
            options.optimizer.max_passes = 1;
            Arc::new(options)
        });
        Arc::clone(options)
    }

    fn function_registry(&self) -> Option<&dyn FunctionRegistry> {
        OptimizerConfig::function_registry(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::PlanContext;
    use crate::parse::parse;
    use crate::session::state_for;
    use datafusion::sql::parser::Statement;
    use datafusion::sql::sqlparser::ast;

    fn state() -> SessionState {
        let context = r#"{"streams":[{"name":"logs","columns":[
            {"name":"_timestamp","type":"int64"},{"name":"status","type":"int64"},{"name":"ratio","type":"float64"},
            {"name":"ok","type":"bool"},{"name":"level","type":"string"},{"name":"message","type":"string"}],
            "fullTextColumns":["message"]}],"streamNames":["logs"],"nowUs":1700000000000000,"startTime":1000,"endTime":2000000,
            "from":0,"size":null,"defaultOrder":false}"#;
        let context: PlanContext = serde_json::from_str(context).expect("a context");
        state_for(&context).expect("a state")
    }

    fn resolved(sql: &str, state: &SessionState) -> Result<LogicalPlan> {
        let query = parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}")).query;
        let statement = Statement::Statement(Box::new(ast::Statement::Query(query)));
        basalt_sql_resolve::resolve(state, statement)
    }

    fn analyzed(sql: &str, state: &SessionState) -> Result<LogicalPlan> {
        let analyzer = state.analyzer();
        analyzer.execute_and_check(resolved(sql, state)?, state.config_options(), |_, _| {})
    }

    /// Without the running numbers of common expressions.
    fn shown(plan: &LogicalPlan) -> String {
        let text = plan.display_indent_schema().to_string();
        let number = regex::Regex::new("__common_expr_[0-9]+").expect("a pattern");
        number.replace_all(&text, "__common_expr").into_owned()
    }

    #[test]
    fn plain_statements_come_out_as_with_all_rules_in_all_passes() {
        let state = state();
        let selections = [
            ("*", ""),
            ("level, status + 1 AS s", ""),
            ("status * 2 + status * 2 AS d, upper(level) AS u, message", ""),
            ("1 AS one", ""),
            ("count(*) AS n", ""),
            ("level, count(*) AS n, sum(status) AS s, avg(ratio) AS a", "level"),
            (
                "histogram(_timestamp, '1 hour') AS t, level, max(status) AS m",
                "t, level",
            ),
            (
                "upper(level) AS u, min(status + 0) AS m, count(ratio) AS n",
                "upper(level)",
            ),
            ("status / 100 AS c, approx_percentile_cont(ratio, 0.9) AS p", "c"),
            ("7 AS k, count(*) AS n", "k"),
        ];
        let conditions = [
            "",
            "level = 'error'",
            "status > 7 AND level IN ('a', 'b') AND match_all('timeout')",
            "NOT (status < 5 OR level LIKE 'x%') AND ratio = -0.0",
            "1 = 1 AND status + 1 > 3 + 4",
            "status > 5 AND status > 3 AND status IS NOT NULL",
            "status > 5 AND 1 = 2",
            "lower(level) = 'error' AND ok AND str_match(message, 'a') AND _timestamp > NOW() - INTERVAL '1 hour'",
            "CASE WHEN ok THEN status ELSE 0 END = 3 OR level IS NULL",
        ];
        let having = ["", "count(*) > 3"];
        let orders = ["", "1", "1 DESC, 2", "_timestamp DESC", "2 + 1"];
        let limits = ["", "LIMIT 10", "LIMIT 5 OFFSET 3", "LIMIT 0"];
        let mut plain = 0;
        for (selection, groups) in selections {
            for condition in conditions {
                for (having, order, limit) in having
                    .iter()
                    .flat_map(|having| orders.iter().map(move |order| (having, order)))
                    .flat_map(|(having, order)| limits.iter().map(move |limit| (having, order, limit)))
                {
                    let clause = |word: &str, text: &str| match text {
                        "" => String::new(),
                        text => format!(" {word} {text}"),
                    };
                    let sql = format!(
                        "SELECT {selection} FROM logs{}{}{}{} {limit}",
                        clause("WHERE", condition),
                        clause("GROUP BY", groups),
                        clause("HAVING", having),
                        clause("ORDER BY", order),
                    );
                    // Not every combination has a meaning.
                    let Ok(analyzed) = analyzed(&sql, &state) else {
                        continue;
                    };
                    if !is_plain(&analyzed).expect("it is known") {
                        continue;
                    }
                    plain += 1;
                    let expected = state.optimizer().optimize(analyzed, &state, |_, _| {}).and_then(guard);
                    let found = resolved(&sql, &state).and_then(|plan| optimize(plan, &state));
                    let (expected, found) = (expected.expect("a plan"), found.expect("a plan"));
                    assert_eq!(shown(&found), shown(&expected), "{sql}");
                }
            }
        }
        assert!(plain > 1000, "only {plain} of the statements are plain");
    }

    #[test]
    fn what_rules_are_left_out_for_is_not_plain() {
        let state = state();
        for sql in [
            "SELECT a.level FROM logs a JOIN logs b ON a.status = b.status",
            "SELECT level FROM logs UNION ALL SELECT message FROM logs",
            "SELECT DISTINCT level FROM logs",
            "SELECT count(DISTINCT level) FROM logs",
            "SELECT level, status FROM logs GROUP BY GROUPING SETS (level, status)",
            "SELECT level FROM logs WHERE status = (SELECT max(status) FROM logs)",
            "SELECT level FROM logs WHERE status IN (SELECT status FROM logs)",
            "SELECT row_number() OVER (ORDER BY status) FROM logs",
            "SELECT level FROM (SELECT level, status FROM logs WHERE status > 1) WHERE level = 'x'",
            "SELECT 1",
        ] {
            let analyzed = analyzed(sql, &state).unwrap_or_else(|error| panic!("{sql}: {error}"));
            assert!(!is_plain(&analyzed).expect("it is known"), "{sql}");
        }
    }

    #[test]
    fn all_rules_left_out_exist() {
        let state = state();
        let names: Vec<&str> = state.optimizers().iter().map(|rule| rule.name()).collect();
        for name in IDLE_IN_PLAIN {
            assert!(names.contains(&name), "{name} is none of {names:?}");
        }
    }
}
