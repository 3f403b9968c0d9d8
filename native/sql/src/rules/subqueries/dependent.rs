//! A correlated plan made one of its own: for every row of a domain, which holds the outer values, the rows that the plan has for it.
//!
//! After Neumann and Kemper, "Unnesting Arbitrary Queries" (BTW 2015): the join with the domain moves down to where nothing asks for
//! the row outside any more, and each operator on the way keeps the domain's columns beside its own.

use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DataFusionError, NullEquality, Result, TableReference};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Aggregate, Distinct, DistinctOn, Expr, ExprFunctionExt, FetchType, JoinType, Limit, LogicalPlan,
    LogicalPlanBuilder, Projection, SkipType, SortExpr, lit, when,
};

use super::Names;

/// Distinct values of columns outside.
#[derive(Debug, Clone)]
pub(super) struct Domain {
    /// Each column outside and its own of `plan`, whose names are like no others.
    pub columns: Vec<(Column, Column)>,
    pub plan: LogicalPlan,
}

impl Domain {
    /// Of what `outer` has in the columns.
    pub fn of(outer: &LogicalPlan, columns: Vec<Column>, names: &Names) -> Result<Self> {
        let columns: Vec<(Column, Column)> = columns
            .into_iter()
            .map(|column| (column, names.next("outer")))
            .collect();
        let own = columns
            .iter()
            .map(|(outer, own)| Expr::Column(outer.clone()).alias(&own.name));
        let plan = LogicalPlanBuilder::from(outer.clone())
            .project(own)?
            .distinct()?
            .build()?;
        Ok(Self { columns, plan })
    }

    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    fn own(&self) -> impl Iterator<Item = Expr> {
        self.columns.iter().map(|(_, own)| Expr::Column(own.clone()))
    }

    /// The same values under other names.
    fn renamed(&self, names: &Names) -> Result<Self> {
        let columns: Vec<(Column, Column)> = self
            .columns
            .iter()
            .map(|(outer, _)| (outer.clone(), names.next("outer")))
            .collect();
        let own = self.columns.iter().zip(&columns);
        let own = own.map(|((_, old), (_, new))| Expr::Column(old.clone()).alias(&new.name));
        let plan = LogicalPlanBuilder::from(self.plan.clone()).project(own)?.build()?;
        Ok(Self { columns, plan })
    }

    fn replace(&self, expr: Expr) -> Result<Transformed<Expr>> {
        expr.transform(|part| {
            let Expr::OuterReferenceColumn(_, outer) = &part else {
                return Ok(Transformed::no(part));
            };
            let found = self.columns.iter().find(|(known, _)| known == outer);
            Ok(match found {
                Some((_, own)) => Transformed::yes(Expr::Column(own.clone())),
                None => Transformed::no(part),
            })
        })
    }

    /// The expression with columns of the domain, under the name that it had.
    fn named(&self, expr: Expr) -> Result<Expr> {
        let (relation, name) = expr.qualified_name();
        let replaced = self.replace(expr)?;
        let keeps = !replaced.transformed || replaced.data.qualified_name() == (relation.clone(), name.clone());
        Ok(if keeps {
            replaced.data
        } else {
            replaced.data.alias_qualified(relation, name)
        })
    }

    fn asks(&self, plan: &LogicalPlan) -> Result<bool> {
        let is_known = |outer: &Column| self.columns.iter().any(|(known, _)| known == outer);
        let known = |expr: &Expr| matches!(expr, Expr::OuterReferenceColumn(_, outer) if is_known(outer));
        plan.exists(|node| {
            let mut asks = false;
            node.apply_expressions(|expr| {
                asks |= expr.exists(|part| Ok(known(part)))?;
                Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
            })?;
            if let LogicalPlan::Subquery(inner) = node {
                asks |= self.asks(&inner.subquery)?;
            }
            Ok(asks)
        })
    }
}

/// The plan's columns beside those of the domain: the plan's rows for each of the domain's.
pub(super) fn dependent(plan: &LogicalPlan, domain: &Domain, names: &Names) -> Result<LogicalPlan> {
    if !domain.asks(plan)? {
        return LogicalPlanBuilder::from(domain.plan.clone())
            .cross_join(plan.clone())?
            .build();
    }
    let below = |input: &LogicalPlan| dependent(input, domain, names);
    match plan {
        LogicalPlan::Filter(filter) => {
            let predicate = domain.replace(filter.predicate.clone()).data()?;
            LogicalPlanBuilder::from(below(&filter.input)?)
                .filter(predicate)?
                .build()
        }
        LogicalPlan::Projection(projection) => {
            let exprs = projection.expr.iter().map(|expr| domain.named(expr.clone()));
            let exprs: Vec<Expr> = domain.own().map(Ok).chain(exprs).collect::<Result<_>>()?;
            let input = Arc::new(below(&projection.input)?);
            Ok(LogicalPlan::Projection(Projection::try_new(exprs, input)?))
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let input = below(&alias.input)?;
            let written = alias.input.schema().iter().zip(alias.schema.iter());
            let exprs = written.map(|(inner, (relation, field))| under(Column::from(inner), relation, field));
            project(input, domain.own().chain(exprs).collect())
        }
        LogicalPlan::Aggregate(aggregate) => grouped(aggregate, domain, names),
        LogicalPlan::Distinct(Distinct::All(input)) => LogicalPlanBuilder::from(below(input)?).distinct()?.build(),
        LogicalPlan::Distinct(Distinct::On(first)) => {
            let all = |exprs: &[Expr]| -> Result<Vec<Expr>> {
                let named = exprs.iter().map(|expr| domain.named(expr.clone()));
                domain.own().map(Ok).chain(named).collect()
            };
            let sort = first
                .sort_expr
                .as_deref()
                .map(|keys| sorted(keys, domain))
                .transpose()?;
            let sort = sort.map(|keys| domain.own().map(|own| own.sort(true, false)).chain(keys).collect());
            let input = Arc::new(below(&first.input)?);
            let first = DistinctOn::try_new(all(&first.on_expr)?, all(&first.select_expr)?, sort, input)?;
            Ok(LogicalPlan::Distinct(Distinct::On(first)))
        }
        // Without a limit the order of a subquery's rows is nobody's to see.
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => below(&sort.input),
        LogicalPlan::Sort(sort) => {
            let limited = first_rows(&sort.input, &sort.expr, (0, sort.fetch), domain, names)?;
            Ok(limited)
        }
        LogicalPlan::Limit(limit) => limited(limit, domain, names),
        LogicalPlan::Window(window) => {
            let exprs = window.window_expr.iter().map(|expr| {
                let (_, name) = expr.qualified_name();
                let expr = domain.replace(expr.clone()).data()?.transform(|part| {
                    let Expr::WindowFunction(mut call) = part else {
                        return Ok(Transformed::no(part));
                    };
                    call.params.partition_by.extend(domain.own());
                    Ok(Transformed::yes(Expr::WindowFunction(call)))
                });
                Ok(expr.data()?.alias(name))
            });
            let exprs: Vec<Expr> = exprs.collect::<Result<_>>()?;
            LogicalPlanBuilder::from(below(&window.input)?).window(exprs)?.build()
        }
        LogicalPlan::Union(union) => {
            let mut sides = union.inputs.iter().map(|input| {
                let columns = input.schema().iter().map(|field| Expr::Column(Column::from(field)));
                project(below(input)?, domain.own().chain(columns).collect())
            });
            let first = sides.next().unwrap_or_else(|| Err(unsupported("a union of nothing")))?;
            let mut whole = LogicalPlanBuilder::from(first);
            for side in sides {
                whole = whole.union(side?)?;
            }
            let whole = whole.build()?;
            let skipped = domain.columns.len();
            let made: Vec<Column> = whole.schema().iter().map(Column::from).collect();
            let own = domain.columns.iter().zip(&made);
            let own = own.map(|((_, own), made)| Expr::Column(made.clone()).alias(&own.name));
            let written = made[skipped..].iter().zip(union.schema.iter());
            let rest = written.map(|(made, (relation, field))| under(made.clone(), relation, field));
            project(whole, own.chain(rest).collect())
        }
        LogicalPlan::Join(_) => joined(plan, domain, names),
        LogicalPlan::Values(values) => {
            let mut rows = values.values.iter().map(|row| {
                let cells = row.iter().zip(values.schema.fields());
                let cells = cells.map(|(cell, field)| Ok(domain.replace(cell.clone()).data()?.alias(field.name())));
                let exprs: Vec<Expr> = domain.own().map(Ok).chain(cells).collect::<Result<_>>()?;
                LogicalPlanBuilder::from(domain.plan.clone()).project(exprs)?.build()
            });
            let first = rows
                .next()
                .unwrap_or_else(|| Err(unsupported("VALUES without a row")))?;
            let mut whole = LogicalPlanBuilder::from(first);
            for row in rows {
                whole = whole.union(row?)?;
            }
            whole.build()
        }
        LogicalPlan::Unnest(unnest) => {
            let input = below(&unnest.input)?;
            let columns = unnest.exec_columns.clone();
            let plan = datafusion::logical_expr::builder::unnest_with_options(input, columns, unnest.options.clone())?;
            Ok(plan)
        }
        LogicalPlan::Subquery(inner) => below(&inner.subquery),
        other => Err(unsupported(&kind_of(other))),
    }
}

fn kind_of(plan: &LogicalPlan) -> String {
    let shown = plan.display().to_string();
    shown.split([':', ' ']).next().unwrap_or_default().to_lowercase()
}

pub(super) fn unsupported(what: &str) -> DataFusionError {
    DataFusionError::Plan(format!(
        "a subquery that looks at the row outside it cannot do so within {what}; join with it instead"
    ))
}

fn under(column: Column, relation: Option<&TableReference>, field: &FieldRef) -> Expr {
    if column.relation.as_ref() == relation && column.name == *field.name() {
        return Expr::Column(column);
    }
    Expr::Column(column).alias_qualified(relation.cloned(), field.name())
}

pub(super) fn project(input: LogicalPlan, exprs: Vec<Expr>) -> Result<LogicalPlan> {
    Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input))?))
}

fn sorted(keys: &[SortExpr], domain: &Domain) -> Result<Vec<SortExpr>> {
    let keys = keys.iter().map(|key| {
        let expr = domain.replace(key.expr.clone()).data()?;
        Ok(Sort::new(expr, key.asc, key.nulls_first))
    });
    keys.collect()
}

/// Groups within each row of the domain. Without keys there is one group for each of them, also where it has no rows.
fn grouped(aggregate: &Aggregate, domain: &Domain, names: &Names) -> Result<LogicalPlan> {
    if aggregate
        .group_expr
        .iter()
        .any(|key| matches!(key, Expr::GroupingSet(_)))
    {
        return Err(unsupported("GROUPING SETS, ROLLUP or CUBE"));
    }
    let input = dependent(&aggregate.input, domain, names)?;
    let calls = aggregate.aggr_expr.iter().map(|expr| domain.named(expr.clone()));
    let calls: Vec<Expr> = calls.collect::<Result<_>>()?;
    let keys = aggregate.group_expr.iter().map(|expr| domain.named(expr.clone()));
    let keys: Vec<Expr> = domain.own().map(Ok).chain(keys).collect::<Result<_>>()?;
    let groups = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(input), keys, calls)?);
    if !aggregate.group_expr.is_empty() {
        return Ok(groups);
    }
    let all = domain.renamed(names)?;
    let present = names.next("present");
    let groups = LogicalPlanBuilder::from(groups);
    let columns = groups.schema().iter().map(|field| Expr::Column(Column::from(field)));
    let groups = project(
        groups.clone().build()?,
        columns.chain([lit(true).alias(&present.name)]).collect(),
    )?;
    let both = join_domains(all.plan.clone(), &all, groups, domain, JoinType::Left)?;
    let own = domain.columns.iter().zip(&all.columns);
    let own = own.map(|((_, old), (_, new))| Ok(Expr::Column(new.clone()).alias(&old.name)));
    let calls = aggregate
        .aggr_expr
        .iter()
        .zip(aggregate.schema.iter())
        .map(|(expr, (relation, field))| {
            let made = Expr::Column(Column::new(relation.cloned(), field.name()));
            let empty = match bare(expr) {
                Expr::AggregateFunction(call) => call.func.default_value(field.data_type())?,
                _ => return Ok(made),
            };
            if empty.is_null() {
                return Ok(made);
            }
            let missing = Expr::Column(present.clone()).is_null();
            let value = when(missing, Expr::Literal(empty, None)).otherwise(made)?;
            Ok(value.alias_qualified(relation.cloned(), field.name()))
        });
    project(both, own.chain(calls).collect::<Result<_>>()?)
}

fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => bare(&alias.expr),
        other => other,
    }
}

/// Of both plans, what belongs to one row of the domain; NULL is a value like others.
fn join_domains(
    left: LogicalPlan,
    left_domain: &Domain,
    right: LogicalPlan,
    right_domain: &Domain,
    kind: JoinType,
) -> Result<LogicalPlan> {
    let keys = |domain: &Domain| -> Vec<Column> { domain.columns.iter().map(|(_, own)| own.clone()).collect() };
    join_keys(left, keys(left_domain), right, keys(right_domain), kind)
}

pub(super) fn join_keys(
    left: LogicalPlan,
    left_keys: Vec<Column>,
    right: LogicalPlan,
    right_keys: Vec<Column>,
    kind: JoinType,
) -> Result<LogicalPlan> {
    let left = LogicalPlanBuilder::from(left);
    if left_keys.is_empty() {
        return left.join_on(right, kind, [lit(true)])?.build();
    }
    left.join_detailed(right, kind, (left_keys, right_keys), None, NullEquality::NullEqualsNull)?
        .build()
}

fn limited(limit: &Limit, domain: &Domain, names: &Names) -> Result<LogicalPlan> {
    // A limit passes what keeps rows as they are: below it may be the order that it counts in.
    match limit.input.as_ref() {
        LogicalPlan::Projection(projection) => {
            let input = with_input(limit, &projection.input);
            let moved = Projection::try_new(projection.expr.clone(), Arc::new(input))?;
            return dependent(&LogicalPlan::Projection(moved), domain, names);
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let input = with_input(limit, &alias.input);
            let moved = LogicalPlanBuilder::from(input).alias(alias.alias.clone())?.build()?;
            return dependent(&moved, domain, names);
        }
        _ => {}
    }
    let (SkipType::Literal(skip), FetchType::Literal(fetch)) = (limit.get_skip_type()?, limit.get_fetch_type()?) else {
        return Err(unsupported("a LIMIT that is no constant"));
    };
    match limit.input.as_ref() {
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
            first_rows(&sort.input, &sort.expr, (skip, fetch), domain, names)
        }
        input => first_rows(input, &[], (skip, fetch), domain, names),
    }
}

fn with_input(limit: &Limit, input: &Arc<LogicalPlan>) -> LogicalPlan {
    LogicalPlan::Limit(Limit {
        input: Arc::clone(input),
        ..limit.clone()
    })
}

/// The rows from one place in an order to another, within each row of the domain.
fn first_rows(
    input: &LogicalPlan,
    order: &[SortExpr],
    (skip, fetch): (usize, Option<usize>),
    domain: &Domain,
    names: &Names,
) -> Result<LogicalPlan> {
    let order = sorted(order, domain)?;
    let rows = dependent(input, domain, names)?;
    let place = names.next("place");
    let call = row_number().partition_by(domain.own().collect());
    let call = if order.is_empty() { call } else { call.order_by(order) }.build()?;
    let columns: Vec<Expr> = rows
        .schema()
        .iter()
        .map(|field| Expr::Column(Column::from(field)))
        .collect();
    let mut wanted = Expr::Column(place.clone()).gt(lit(skip as u64));
    if let Some(fetch) = fetch {
        wanted = wanted.and(Expr::Column(place.clone()).lt_eq(lit(skip.saturating_add(fetch) as u64)));
    }
    let rows = LogicalPlanBuilder::from(rows)
        .window([call.alias(&place.name)])?
        .filter(wanted)?
        .build()?;
    project(rows, columns)
}

fn joined(plan: &LogicalPlan, domain: &Domain, names: &Names) -> Result<LogicalPlan> {
    let LogicalPlan::Join(join) = plan else {
        return Err(unsupported(&kind_of(plan)));
    };
    let keeps_right = matches!(
        join.join_type,
        JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark
    );
    let asks_left = domain.asks(&join.left)?;
    let asks_right = domain.asks(&join.right)?;
    let mut on = Vec::new();
    for (left, right) in &join.on {
        on.push((
            domain.replace(left.clone()).data()?,
            domain.replace(right.clone()).data()?,
        ));
    }
    let filter = join
        .filter
        .clone()
        .map(|filter| domain.replace(filter).data())
        .transpose()?;
    let both = (keeps_right && asks_left) || (!keeps_right && asks_right) || join.join_type == JoinType::Full;
    let other = domain.renamed(names)?;
    let (left, right) = if both {
        // Each side has the domain; the names are those of the side that is kept.
        let (of_left, of_right) = if keeps_right {
            (&other, domain)
        } else {
            (domain, &other)
        };
        (
            dependent(&join.left, of_left, names)?,
            dependent(&join.right, of_right, names)?,
        )
    } else if keeps_right {
        (join.left.as_ref().clone(), dependent(&join.right, domain, names)?)
    } else {
        (dependent(&join.left, domain, names)?, join.right.as_ref().clone())
    };
    let mut conditions: Vec<Expr> = filter.into_iter().collect();
    if both {
        let pairs = domain.columns.iter().zip(&other.columns);
        conditions.extend(pairs.map(|((_, one), (_, two))| {
            let (one, two) = (Expr::Column(one.clone()), Expr::Column(two.clone()));
            datafusion::logical_expr::binary_expr(one, datafusion::logical_expr::Operator::IsNotDistinctFrom, two)
        }));
    }
    let operator = match join.null_equality {
        NullEquality::NullEqualsNull => datafusion::logical_expr::Operator::IsNotDistinctFrom,
        NullEquality::NullEqualsNothing => datafusion::logical_expr::Operator::Eq,
    };
    conditions.extend(
        on.into_iter()
            .map(|(left, right)| datafusion::logical_expr::binary_expr(left, operator, right)),
    );
    if conditions.is_empty() {
        conditions.push(lit(true));
    }
    let whole = LogicalPlanBuilder::from(left)
        .join_on(right, join.join_type, conditions)?
        .build()?;
    if join.join_type != JoinType::Full {
        return Ok(whole);
    }
    let pairs = domain.columns.iter().zip(&other.columns);
    let own = pairs.map(|((_, one), (_, two))| {
        let (left, right) = (Expr::Column(one.clone()), Expr::Column(two.clone()));
        datafusion::functions::expr_fn::coalesce(vec![left, right]).alias(&one.name)
    });
    let rest = join.schema.iter().map(|field| Expr::Column(Column::from(field)));
    project(whole, own.chain(rest).collect())
}

/// The node with other expressions over another input; what it tells keeps its names and columns.
pub(super) fn rebuilt(
    node: &LogicalPlan,
    input: LogicalPlan,
    mut change: impl FnMut(Expr) -> Result<Expr>,
) -> Result<LogicalPlan> {
    let names = NamePreserver::new(node);
    let exprs = node.expressions().into_iter().map(|expr| {
        let name = names.save(&expr);
        Ok(name.restore(change(expr)?))
    });
    let made = node.with_new_exprs(exprs.collect::<Result<_>>()?, vec![input])?;
    if made.schema().fields().len() == node.schema().fields().len() {
        return Ok(made);
    }
    let columns = node.schema().iter().map(|field| Expr::Column(Column::from(field)));
    project(made, columns.collect())
}
