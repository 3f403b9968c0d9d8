//! How large a statement is, before anything is planned. The planner takes time and memory by how many steps, calls and keys a statement
//! comes to, and mostly with their square; it cannot be stopped inside a step. So a statement that would keep it for seconds is refused,
//! with what is too many. A part of a WITH counts once for each time that it is read, as the planner plans it.
//!
//! With every count at its limit a statement is planned in about a second and 100 MB (`docs/PERFORMANCE.md`, "Plans").

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::OnceLock;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, ObjectName, OrderBy, OrderByKind, Query, Select, SetExpr, TableFactor, Visit, Visitor,
    WindowType,
};

use crate::error::{INVALID_SQL, SqlError};
use crate::functions;

/// The most SELECTs that read something; one that reads nothing counts for a quarter.
pub const SELECTS_MAX: u64 = 256;
/// The most calls of aggregates.
pub const AGGREGATES_MAX: u64 = 500;
/// The most calls of window functions.
pub const WINDOWS_MAX: u64 = 100;
/// The most subqueries in expressions.
pub const SUBQUERIES_MAX: u64 = 64;
/// The most subqueries in expressions inside one another: each may double what stands around it.
pub const SUBQUERY_LEVELS_MAX: u64 = 10;
/// The most `LATERAL` subqueries: each may treble what stands left of it.
pub const LATERALS_MAX: u64 = 5;
/// The most expressions that are no constants, of all kinds.
pub const EXPRESSIONS_MAX: u64 = 8_000;
/// The most rows of VALUES.
pub const VALUES_MAX: u64 = 5_000;
/// The most columns that one SELECT lists.
pub const ITEMS_MAX: u64 = 2_000;
/// The most streams and subqueries that one FROM joins.
pub const JOINS_MAX: u64 = 40;
/// The most keys that one ORDER BY or window has.
pub const KEYS_MAX: u64 = 100;
/// The most grouping sets of one SELECT: CUBE of eight keys.
pub const GROUPING_SETS_MAX: u64 = 256;

const QUARTERS: u64 = 4;

/// # Errors
/// 20001 for a statement that is too large, with what is too many.
pub(crate) fn check(query: &Query) -> Result<(), SqlError> {
    let mut size = measured(query, &[]).map_err(|error| *error)?;
    size.selects /= QUARTERS;
    let counts = [
        (size.selects, SELECTS_MAX, "SELECTs"),
        (size.aggregates, AGGREGATES_MAX, "calls of aggregates"),
        (size.windows, WINDOWS_MAX, "calls of window functions"),
        (size.subqueries, SUBQUERIES_MAX, "subqueries in expressions"),
        (
            size.subquery_levels,
            SUBQUERY_LEVELS_MAX,
            "subqueries in expressions inside one another",
        ),
        (size.laterals, LATERALS_MAX, "LATERAL subqueries"),
        (size.expressions, EXPRESSIONS_MAX, "expressions"),
        (size.values, VALUES_MAX, "rows of VALUES"),
    ];
    for (count, limit, what) in counts {
        within(count, limit, what).map_err(|error| *error)?;
    }
    Ok(())
}

fn within(count: u64, limit: u64, what: &str) -> Result<(), Box<SqlError>> {
    if count <= limit {
        return Ok(());
    }
    let text = format!(
        "Search SQL not valid: the statement has {count} {what}, more than {limit}; a part of a WITH counts for each time that it is read"
    );
    Err(Box::new(SqlError::new(INVALID_SQL, text)))
}

#[derive(Debug, Clone, Copy, Default)]
struct Size {
    /// In quarters.
    selects: u64,
    aggregates: u64,
    windows: u64,
    subqueries: u64,
    subquery_levels: u64,
    laterals: u64,
    expressions: u64,
    /// Rows.
    values: u64,
}

impl Size {
    fn add(&mut self, other: Size) {
        self.selects = self.selects.saturating_add(other.selects);
        self.aggregates = self.aggregates.saturating_add(other.aggregates);
        self.windows = self.windows.saturating_add(other.windows);
        self.subqueries = self.subqueries.saturating_add(other.subqueries);
        self.subquery_levels = self.subquery_levels.max(other.subquery_levels);
        self.laterals = self.laterals.saturating_add(other.laterals);
        self.expressions = self.expressions.saturating_add(other.expressions);
        self.values = self.values.saturating_add(other.values);
    }
}

type Parts = Vec<(String, Size)>;

fn measured(query: &Query, outer: &[(String, Size)]) -> Result<Size, Box<SqlError>> {
    let mut parts: Parts = outer.to_vec();
    for part in query.with.iter().flat_map(|with| &with.cte_tables) {
        let size = measured(&part.query, &parts)?;
        parts.push((part.alias.name.value.to_lowercase(), size));
    }
    let mut meter = Meter {
        parts,
        size: Size::default(),
        measured: 0,
        levels: 0,
    };
    let visited = match query.body.visit(&mut meter) {
        ControlFlow::Continue(()) => query.order_by.visit(&mut meter),
        stopped => stopped,
    };
    if let ControlFlow::Break(error) = visited {
        return Err(error);
    }
    keys(query.order_by.as_ref())?;
    meter.size.values += values(&query.body);
    Ok(meter.size)
}

fn keys(order: Option<&OrderBy>) -> Result<(), Box<SqlError>> {
    match order.map(|order| &order.kind) {
        Some(OrderByKind::Expressions(keys)) => within(keys.len() as u64, KEYS_MAX, "keys in one ORDER BY"),
        _ => Ok(()),
    }
}

fn values(body: &SetExpr) -> u64 {
    match body {
        SetExpr::Values(values) => values.rows.len() as u64,
        SetExpr::SetOperation { left, right, .. } => values(left) + values(right),
        _ => 0,
    }
}

/// Of a query without its WITH.
struct Meter {
    /// Of the WITHs around, the last of a name hides the others.
    parts: Parts,
    size: Size,
    /// How many queries inside one another are under way that were measured when they began.
    measured: usize,
    levels: u64,
}

impl Visitor for Meter {
    type Break = Box<SqlError>;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Box<SqlError>> {
        if self.measured == 0 {
            match measured(query, &self.parts) {
                Ok(mut size) => {
                    size.subquery_levels += self.levels;
                    self.size.add(size);
                }
                Err(error) => return ControlFlow::Break(error),
            }
        }
        self.measured += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<Box<SqlError>> {
        self.measured -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Box<SqlError>> {
        if self.measured > 0 {
            return ControlFlow::Continue(());
        }
        self.size.selects += if select.from.is_empty() { 1 } else { QUARTERS };
        let joins = select.from.iter().map(|from| 1 + from.joins.len() as u64).sum();
        let checked = within(joins, JOINS_MAX, "joined streams in one FROM")
            .and_then(|()| within(select.projection.len() as u64, ITEMS_MAX, "columns in one SELECT"))
            .and_then(|()| within(grouping_sets(&select.group_by), GROUPING_SETS_MAX, "grouping sets"));
        stop_at(checked)
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Box<SqlError>> {
        if self.measured == 0 {
            match factor {
                TableFactor::Table { name, args: None, .. } => {
                    let named = name_of(name);
                    if let Some((_, size)) = self.parts.iter().rev().find(|(part, _)| Some(part) == named.as_ref()) {
                        self.size.add(*size);
                    }
                }
                TableFactor::Derived { lateral: true, .. } => self.size.laterals += 1,
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Box<SqlError>> {
        if self.measured > 0 {
            return ControlFlow::Continue(());
        }
        if !matches!(expr, Expr::Value(_)) {
            self.size.expressions += 1;
        }
        match expr {
            Expr::Function(call) => match &call.over {
                Some(window) => {
                    self.size.windows += 1;
                    if let WindowType::WindowSpec(spec) = window {
                        let keys = spec.partition_by.len() + spec.order_by.len();
                        return stop_at(within(keys as u64, KEYS_MAX, "keys in one window"));
                    }
                }
                None if is_aggregate(&call.name) => self.size.aggregates += 1,
                None => {}
            },
            expr if is_subquery(expr) => {
                self.size.subqueries += 1;
                self.levels += 1;
                self.size.subquery_levels = self.size.subquery_levels.max(self.levels);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Box<SqlError>> {
        if self.measured == 0 && is_subquery(expr) {
            self.levels -= 1;
        }
        ControlFlow::Continue(())
    }
}

fn stop_at(checked: Result<(), Box<SqlError>>) -> ControlFlow<Box<SqlError>> {
    match checked {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

/// A subquery within ANY and ALL is an expression of its own.
fn is_subquery(expr: &Expr) -> bool {
    matches!(expr, Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. })
}

fn name_of(name: &ObjectName) -> Option<String> {
    let [part] = name.0.as_slice() else { return None };
    part.as_ident().map(|ident| ident.value.to_lowercase())
}

fn is_aggregate(name: &ObjectName) -> bool {
    static NAMES: OnceLock<HashSet<String>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let functions = functions::aggregate();
        let names = functions.iter().flat_map(|function| {
            let aliases = function.aliases().iter().cloned();
            aliases.chain([function.name().to_owned()])
        });
        names.map(|name| name.to_lowercase()).collect()
    });
    name_of(name).is_some_and(|name| names.contains(&name))
}

/// In how many ways a SELECT groups its rows.
fn grouping_sets(group_by: &GroupByExpr) -> u64 {
    let GroupByExpr::Expressions(keys, _) = group_by else {
        return 1;
    };
    let sets = keys.iter().map(|key| match key {
        Expr::Cube(keys) => 1_u64
            .checked_shl(u32::try_from(keys.len()).unwrap_or(u32::MAX))
            .unwrap_or(u64::MAX),
        Expr::Rollup(keys) => keys.len() as u64 + 1,
        Expr::GroupingSets(sets) => sets.len() as u64,
        _ => 1,
    });
    sets.fold(1, u64::saturating_mul)
}

#[cfg(test)]
mod tests {
    use crate::parse::parse;

    fn refusal(sql: &str) -> Option<String> {
        parse(sql).err().map(|error| error.message)
    }

    fn doubled(levels: usize) -> String {
        let parts: Vec<String> = (0..levels)
            .map(|at| format!("a{} AS (SELECT n FROM a{at} UNION ALL SELECT n FROM a{at})", at + 1))
            .collect();
        format!(
            "WITH a0 AS (SELECT n FROM t), {} SELECT count(*) FROM a{levels}",
            parts.join(", ")
        )
    }

    #[test]
    fn parts_of_a_with_count_for_each_reader() {
        assert_eq!(refusal(&doubled(5)), None);
        let text = refusal(&doubled(8)).unwrap_or_default();
        assert!(text.contains("SELECTs, more than 256"), "{text}");
        let text = refusal(&doubled(90)).unwrap_or_default();
        assert!(text.contains("SELECTs, more than 256"), "{text}");
    }

    #[test]
    fn a_long_chain_of_parts_counts_each_once() {
        let parts: Vec<String> = (0..200)
            .map(|at| format!("a{} AS (SELECT n + 1 AS n FROM a{at})", at + 1))
            .collect();
        let chain = format!("WITH a0 AS (SELECT n FROM t), {} SELECT n FROM a200", parts.join(", "));
        assert_eq!(refusal(&chain), None);
    }

    #[test]
    fn grouping_sets_multiply() {
        assert_eq!(refusal("SELECT 1 FROM t GROUP BY CUBE (a, b, c, d, e, f, g, h)"), None);
        let text = refusal("SELECT 1 FROM t GROUP BY CUBE (a, b, c, d, e), ROLLUP (f, g, h, i, j, k, l, m)")
            .unwrap_or_default();
        assert!(text.contains("288 grouping sets, more than 256"), "{text}");
        let keys: Vec<String> = (0..70).map(|key| format!("k{key}")).collect();
        let text = refusal(&format!("SELECT 1 FROM t GROUP BY CUBE ({})", keys.join(", "))).unwrap_or_default();
        assert!(text.contains("grouping sets, more than 256"), "{text}");
    }

    #[test]
    fn calls_are_counted_by_their_kind() {
        let calls = |count: usize, call: &str| format!("SELECT {} FROM t", vec![call; count].join(", "));
        assert_eq!(refusal(&calls(500, "sum(n)")), None);
        assert!(refusal(&calls(501, "sum(n)")).is_some_and(|text| text.contains("501 calls of aggregates")));
        assert_eq!(refusal(&calls(100, "sum(n) OVER ()")), None);
        assert!(
            refusal(&calls(101, "sum(n) OVER ()")).is_some_and(|text| text.contains("101 calls of window functions"))
        );
        assert!(refusal(&calls(2001, "n")).is_some_and(|text| text.contains("2001 columns in one SELECT")));
    }

    #[test]
    fn subqueries_inside_one_another_are_counted() {
        let nested = |levels: usize| {
            let open: String = (0..levels).map(|_| "n IN (SELECT n FROM t WHERE ").collect();
            format!("SELECT n FROM t WHERE {open}true{}", ")".repeat(levels))
        };
        assert_eq!(refusal(&nested(10)), None);
        assert!(refusal(&nested(11)).is_some_and(|text| text.contains("inside one another")));
    }
}
