//! Subqueries in expressions, and lateral joins, by rules of our own wherever the planner's would be wrong or refuse: with the
//! three-valued logic of IN, ANY and ALL, in any place of an expression, correlated in any way.
//!
//! A subquery becomes a join with the rows that it has for each distinct row of the values outside (`dependent`). IN, ANY and ALL ask it
//! for a few aggregates (rows, values, the least and the greatest), so none compares each row with each.

mod dependent;
mod simple;

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DataFusionError, Result, ScalarValue};
use datafusion::config::ConfigOptions;
use datafusion::functions_aggregate::expr_fn::{count, first_value, max, min};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    Aggregate, Expr, Filter, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, binary_expr, lit, not, when,
};
use datafusion::optimizer::AnalyzerRule;

use crate::deadline;
use crate::functions::{single_row, unfolded};

use self::dependent::{Domain, dependent, join_keys, project, rebuilt, unsupported};
use self::simple::{always_has_row, has_one_row, is_aggregated, is_filtered, outer_columns, subquery_of};

#[derive(Debug)]
pub(crate) struct SubqueryRule;

impl AnalyzerRule for SubqueryRule {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let names = Names::default();
        let plan = rewrite(plan, &names).data()?;
        match outer_columns(&plan)?.first() {
            None => Ok(plan),
            Some(column) => Err(DataFusionError::Plan(format!(
                "a subquery asks for {column} of the row outside, which is not there at its place: name the subquery in the select \
                 list of a query inside FROM, and use that name"
            ))),
        }
    }

    fn name(&self) -> &str {
        "SubqueryRule"
    }
}

/// Names of columns that no statement has.
#[derive(Debug, Default)]
pub(super) struct Names(Cell<usize>);

impl Names {
    fn next(&self, what: &str) -> Column {
        let number = self.0.get() + 1;
        self.0.set(number);
        Column::new_unqualified(format!("__{what}_{number}"))
    }
}

/// From the innermost subquery outwards.
fn rewrite(plan: LogicalPlan, names: &Names) -> Result<Transformed<LogicalPlan>> {
    plan.transform_up(|node| {
        deadline::check();
        let node = node.map_subqueries(|inner| rewrite(inner, names))?;
        let changed = node.transformed;
        let node = match node.data {
            LogicalPlan::Join(join) => lateral(join, names)?,
            node => node,
        };
        let node = if node.expressions().iter().any(asks) {
            let named = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                let name = named.save(&expr);
                Ok(expr.transform_up(nullable)?.update_data(|expr| name.restore(expr)))
            })?
            .data
        } else {
            node
        };
        let node = if node.expressions().iter().any(asks) {
            lower(node, names)?
        } else {
            Transformed::no(node)
        };
        Ok(Transformed::new(node.data, changed || node.transformed, node.tnr))
    })
}

fn asks(expr: &Expr) -> bool {
    expr.exists(|part| Ok(subquery_of(part).is_some())).unwrap_or(false)
}

/// A value of a subquery that may have no row may be NULL, which the planner does not see where it is a constant or a count. (One that
/// looks at the row outside becomes a join, which sees it.)
fn nullable(expr: Expr) -> Result<Transformed<Expr>> {
    let Expr::ScalarSubquery(subquery) = expr else {
        return Ok(Transformed::no(expr));
    };
    let plan = subquery.subquery.as_ref();
    let schema = plan.schema();
    if schema.fields().len() != 1
        || schema.field(0).is_nullable()
        || always_has_row(plan)
        || !outer_columns(plan)?.is_empty()
    {
        return Ok(Transformed::no(Expr::ScalarSubquery(subquery)));
    }
    let (relation, field) = schema.qualified_field(0);
    let value =
        unfolded(Expr::Column(Column::from((relation, field)))).alias_qualified(relation.cloned(), field.name());
    let plan = LogicalPlanBuilder::from(plan.clone()).project([value])?.build()?;
    Ok(Transformed::yes(Expr::ScalarSubquery(
        subquery.with_plan(Arc::new(plan)),
    )))
}

/// `= ANY` is IN, `<> ALL` is NOT IN; a negation goes into the subquery's own.
fn settled(expr: Expr) -> Result<Expr> {
    expr.transform_up(|part| {
        Ok(match part {
            Expr::SetComparison(SetComparison {
                expr,
                subquery,
                op,
                quantifier,
            }) => match (op, &quantifier) {
                (Operator::Eq, SetQuantifier::Any) => {
                    Transformed::yes(Expr::InSubquery(InSubquery::new(expr, subquery, false)))
                }
                (Operator::NotEq, SetQuantifier::All) => {
                    Transformed::yes(Expr::InSubquery(InSubquery::new(expr, subquery, true)))
                }
                _ => Transformed::no(Expr::SetComparison(SetComparison::new(expr, subquery, op, quantifier))),
            },
            Expr::Not(inner) => match *inner {
                Expr::InSubquery(InSubquery {
                    expr,
                    subquery,
                    negated,
                }) => Transformed::yes(Expr::InSubquery(InSubquery::new(expr, subquery, !negated))),
                Expr::Exists(Exists { subquery, negated }) => {
                    Transformed::yes(Expr::Exists(Exists::new(subquery, !negated)))
                }
                inner => Transformed::no(not(inner)),
            },
            other => Transformed::no(other),
        })
    })
    .data()
}

/// Answers the subqueries in a node's expressions by joins with its input.
fn lower(node: LogicalPlan, names: &Names) -> Result<Transformed<LogicalPlan>> {
    let node = match node {
        LogicalPlan::Filter(filter) => return Ok(Transformed::yes(filtered(filter, names)?)),
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner && join.filter.as_ref().is_some_and(asks) => {
            // A condition of an inner join is one of its rows.
            let (asking, rest): (Vec<Expr>, Vec<Expr>) =
                split_conjunction_owned(join.filter.clone().unwrap_or(lit(true)))
                    .into_iter()
                    .partition(asks);
            let plain = LogicalPlan::Join(Join {
                filter: conjunction(rest),
                ..join
            });
            let Some(asking) = conjunction(asking) else {
                return Ok(Transformed::no(plain));
            };
            return Ok(Transformed::yes(filtered(
                Filter::try_new(asking, Arc::new(plain))?,
                names,
            )?));
        }
        node => node,
    };
    let inputs = node.inputs();
    let [input] = inputs.as_slice() else {
        return Ok(Transformed::no(node));
    };
    let mut needed = false;
    for expr in node.expressions() {
        needed |= is_ours(&settled(expr)?, input, matches!(node, LogicalPlan::Projection(_)))?;
    }
    if !needed {
        return Ok(Transformed::no(node));
    }
    let mut input = Rows::of(input);
    let mut answered = Vec::new();
    for expr in node.expressions() {
        answered.push(answer(settled(expr)?, &mut input, names)?);
    }
    let mut answered = answered.into_iter();
    Ok(Transformed::yes(rebuilt(&node, input.whole, |expr| {
        Ok(answered.next().unwrap_or(expr))
    })?))
}

/// Whether an expression has a subquery that the planner would not answer rightly. `scalar`: in a place where it joins scalar ones.
fn is_ours(expr: &Expr, input: &LogicalPlan, scalar: bool) -> Result<bool> {
    expr.exists(|part| {
        let Some(plan) = subquery_of(part) else {
            return Ok(false);
        };
        let Expr::ScalarSubquery(_) = part else { return Ok(true) };
        let outer = outer_columns(plan)?;
        if outer.is_empty() {
            return Ok(false);
        }
        let near = outer.iter().all(|column| input.schema().has_column(column));
        Ok(!(scalar && near && is_aggregated(plan, &outer)?))
    })
}

/// A filter: conditions that are subqueries by themselves filter best as joins that keep or drop rows, which the planner makes.
fn filtered(filter: Filter, names: &Names) -> Result<LogicalPlan> {
    let columns: Vec<Expr> = filter
        .input
        .schema()
        .iter()
        .map(|field| Expr::Column(Column::from(field)))
        .collect();
    let input = filter.input.as_ref();
    let (mut left, mut ours) = (Vec::new(), Vec::new());
    for part in split_conjunction_owned(filter.predicate) {
        let part = settled(part)?;
        let theirs = match &part {
            Expr::Exists(exists) => is_join(&exists.subquery.subquery, input)?,
            // Where both sides have columns the planner's join knows of NULL; so does one that keeps rows always.
            Expr::InSubquery(found) => {
                let plan = &found.subquery.subquery;
                let uncorrelated = outer_columns(plan)?.is_empty();
                !asks(&found.expr)
                    && if found.negated {
                        uncorrelated && matches!(found.expr.as_ref(), Expr::Column(_))
                    } else {
                        is_join(plan, input)?
                    }
            }
            part => !is_ours(part, input, true)?,
        };
        if theirs { left.push(part) } else { ours.push(part) }
    }
    let mut plan = LogicalPlanBuilder::from(input.clone());
    if let Some(left) = conjunction(left) {
        plan = LogicalPlanBuilder::from(LogicalPlan::Filter(Filter::try_new(left, Arc::new(plan.build()?))?));
    }
    let Some(ours) = conjunction(ours) else {
        return plan.build();
    };
    let mut input = Rows::of(&plan.build()?);
    let condition = answer(ours, &mut input, names)?;
    let plan = LogicalPlan::Filter(Filter::try_new(condition, Arc::new(input.whole))?);
    project(plan, columns)
}

fn is_join(plan: &LogicalPlan, input: &LogicalPlan) -> Result<bool> {
    let outer = outer_columns(plan)?;
    Ok(
        outer.is_empty()
            || (outer.iter().all(|column| input.schema().has_column(column)) && is_filtered(plan, &outer)?),
    )
}

/// Joins the input with what the expression's subqueries answer; the expression over both.
fn answer(expr: Expr, input: &mut Rows, names: &Names) -> Result<Expr> {
    expr.transform_up(|part| {
        Ok(match part {
            Expr::Exists(Exists { subquery, negated }) => {
                let rows = names.next("rows");
                let calls = vec![count(lit(1_i64)).alias(&rows.name)];
                attach_aggregates(input, &subquery.subquery, calls, names)?;
                let found = Expr::Column(rows).gt(lit(0_i64));
                Transformed::yes(if negated { not(found) } else { found })
            }
            Expr::InSubquery(InSubquery {
                expr,
                subquery,
                negated,
            }) => {
                let found = is_in(*expr, &subquery.subquery, input, names)?;
                Transformed::yes(if negated { not(found) } else { found })
            }
            Expr::SetComparison(comparison) => Transformed::yes(compared(comparison, input, names)?),
            Expr::ScalarSubquery(subquery) if !outer_columns(&subquery.subquery)?.is_empty() => {
                Transformed::yes(scalar(&subquery.subquery, input, names)?)
            }
            other => Transformed::no(other),
        })
    })
    .data()
}

/// The rows of a node's input, and what they are joined with so far.
struct Rows {
    input: LogicalPlan,
    whole: LogicalPlan,
}

impl Rows {
    fn of(input: &LogicalPlan) -> Self {
        Self {
            input: input.clone(),
            whole: input.clone(),
        }
    }
}

/// What the subquery reads of the input. Columns farther outside are those of a subquery around.
fn domain_of(rows: &Rows, plan: &LogicalPlan, names: &Names) -> Result<Domain> {
    let mut columns = outer_columns(plan)?;
    columns.retain(|column| rows.input.schema().has_column(column));
    Domain::of(&rows.input, columns, names)
}

/// The rows of the subquery for each row of the domain.
fn rows_of(plan: &LogicalPlan, domain: &Domain, names: &Names) -> Result<LogicalPlan> {
    if domain.is_empty() {
        return Ok(plan.clone());
    }
    dependent(plan, domain, names)
}

fn attach(input: &mut Rows, rows: LogicalPlan, domain: &Domain) -> Result<()> {
    let outer = domain.columns.iter().map(|(outer, _)| outer.clone()).collect();
    let own = domain.columns.iter().map(|(_, own)| own.clone()).collect();
    input.whole = join_keys(input.whole.clone(), outer, rows, own, JoinType::Left)?;
    Ok(())
}

/// Aggregates over the subquery's rows, one row of them for each row of the input.
fn attach_aggregates(input: &mut Rows, plan: &LogicalPlan, calls: Vec<Expr>, names: &Names) -> Result<()> {
    let domain = domain_of(input, plan, names)?;
    let one = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(plan.clone()), Vec::new(), calls)?);
    let rows = rows_of(&one, &domain, names)?;
    attach(input, rows, &domain)
}

fn value_of(plan: &LogicalPlan) -> Result<Expr> {
    if plan.schema().fields().len() != 1 {
        return Err(DataFusionError::Plan(format!(
            "a subquery that is compared has one column, not {}",
            plan.schema().fields().len()
        )));
    }
    Ok(Expr::Column(Column::from(plan.schema().qualified_field(0))))
}

fn unknown() -> Expr {
    Expr::Literal(ScalarValue::Boolean(None), None)
}

/// True if the value is there; else unknown if the value or one of the others is; else false. Among no rows nothing is, not even NULL.
fn is_in(expr: Expr, plan: &LogicalPlan, input: &mut Rows, names: &Names) -> Result<Expr> {
    let value = value_of(plan)?;
    let (rows, values) = (names.next("rows"), names.next("values"));
    let calls = vec![
        count(lit(1_i64)).alias(&rows.name),
        count(value.clone()).alias(&values.name),
    ];
    attach_aggregates(input, plan, calls, names)?;

    let domain = domain_of(input, plan, names)?;
    let (one, present) = (names.next("value"), names.next("present"));
    let listed = LogicalPlanBuilder::from(plan.clone())
        .project([value.alias(&one.name)])?
        .build()?;
    let own = domain.columns.iter().map(|(_, own)| Expr::Column(own.clone()));
    let listed = LogicalPlanBuilder::from(rows_of(&listed, &domain, names)?).distinct()?;
    let listed = project(
        listed.build()?,
        own.chain([Expr::Column(one.clone()), lit(true).alias(&present.name)])
            .collect(),
    )?;
    let pairs = domain.columns.iter().map(|(outer, own)| {
        let (outer, own) = (Expr::Column(outer.clone()), Expr::Column(own.clone()));
        binary_expr(outer, Operator::IsNotDistinctFrom, own)
    });
    let conditions: Vec<Expr> = pairs.chain([expr.clone().eq(Expr::Column(one))]).collect();
    input.whole = LogicalPlanBuilder::from(input.whole.clone())
        .join_on(listed, JoinType::Left, conditions)?
        .build()?;

    let (rows, values) = (Expr::Column(rows), Expr::Column(values));
    when(Expr::Column(present).is_not_null(), lit(true))
        .when(rows.clone().eq(lit(0_i64)), lit(false))
        .when(expr.is_null().or(rows.gt(values)), unknown())
        .otherwise(lit(false))
}

/// ANY and ALL with an order: the least and the greatest value decide.
fn compared(comparison: SetComparison, input: &mut Rows, names: &Names) -> Result<Expr> {
    let SetComparison {
        expr,
        subquery,
        op,
        quantifier,
    } = comparison;
    let plan = subquery.subquery.as_ref();
    let value = value_of(plan)?;
    let (expr, any) = (*expr, matches!(quantifier, SetQuantifier::Any));
    let (rows, values, least, greatest) = (
        names.next("rows"),
        names.next("values"),
        names.next("least"),
        names.next("greatest"),
    );
    let calls = vec![
        count(lit(1_i64)).alias(&rows.name),
        count(value.clone()).alias(&values.name),
        min(value.clone()).alias(&least.name),
        max(value).alias(&greatest.name),
    ];
    attach_aggregates(input, plan, calls, names)?;
    let (rows, values) = (Expr::Column(rows), Expr::Column(values));
    let (least, greatest) = (Expr::Column(least), Expr::Column(greatest));
    // What decides by itself: that it holds of one value for ANY, that it does not of one for ALL.
    let decides = match (any, op) {
        (true, Operator::Gt | Operator::GtEq) => binary_expr(expr.clone(), op, least),
        (true, Operator::Lt | Operator::LtEq) => binary_expr(expr.clone(), op, greatest),
        (false, Operator::Gt) => expr.clone().lt_eq(greatest),
        (false, Operator::GtEq) => expr.clone().lt(greatest),
        (false, Operator::Lt) => expr.clone().gt_eq(least),
        (false, Operator::LtEq) => expr.clone().gt(least),
        (true, Operator::NotEq) | (false, Operator::Eq) => expr.clone().not_eq(least).or(expr.clone().not_eq(greatest)),
        (_, other) => {
            let message = format!("ANY and ALL of a subquery take =, <>, <, <=, > and >=, not {other}");
            return Err(DataFusionError::Plan(message));
        }
    };
    when(rows.clone().eq(lit(0_i64)), lit(!any))
        .when(decides, lit(any))
        .when(expr.is_null().or(rows.gt(values)), unknown())
        .otherwise(lit(!any))
}

/// The subquery's one value, or NULL where it has no row.
fn scalar(plan: &LogicalPlan, input: &mut Rows, names: &Names) -> Result<Expr> {
    let value = value_of(plan)?;
    let one = names.next("value");
    if has_one_row(plan)? {
        let named = LogicalPlanBuilder::from(plan.clone())
            .project([value.alias(&one.name)])?
            .build()?;
        let domain = domain_of(input, plan, names)?;
        let rows = rows_of(&named, &domain, names)?;
        attach(input, rows, &domain)?;
        return Ok(Expr::Column(one));
    }
    let rows = names.next("rows");
    let calls = vec![
        first_value(value, Vec::new()).alias(&one.name),
        count(lit(1_i64)).alias(&rows.name),
    ];
    attach_aggregates(input, plan, calls, names)?;
    Ok(single_row(Expr::Column(one), Expr::Column(rows)))
}

/// A join whose right side looks at the left one.
fn lateral(join: Join, names: &Names) -> Result<LogicalPlan> {
    let inner = match join.right.as_ref() {
        LogicalPlan::Subquery(inner) => inner,
        LogicalPlan::SubqueryAlias(alias) => match alias.input.as_ref() {
            LogicalPlan::Subquery(inner) => inner,
            _ => return Ok(LogicalPlan::Join(join)),
        },
        _ => return Ok(LogicalPlan::Join(join)),
    };
    let mut columns = outer_columns(&inner.subquery)?;
    columns.retain(|column| join.left.schema().has_column(column));
    if columns.is_empty() {
        return Ok(LogicalPlan::Join(join));
    }
    if !matches!(join.join_type, JoinType::Inner | JoinType::Left) {
        return Err(unsupported("a join that keeps its rows"));
    }
    let domain = Domain::of(&join.left, columns, names)?;
    let right = dependent(&join.right, &domain, names)?;
    let pairs = domain.columns.iter().map(|(outer, own)| {
        let (outer, own) = (Expr::Column(outer.clone()), Expr::Column(own.clone()));
        binary_expr(outer, Operator::IsNotDistinctFrom, own)
    });
    let on = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    let conditions: Vec<Expr> = pairs.chain(on).chain(join.filter.clone()).collect();
    let whole = LogicalPlanBuilder::from(join.left.as_ref().clone())
        .join_on(right, join.join_type, conditions)?
        .build()?;
    let columns = join.schema.iter().map(|field| Expr::Column(Column::from(field)));
    project(whole, columns.collect())
}
