//! Key columns of `FULL JOIN … USING` and `RIGHT JOIN … USING`: a key is that of the side that is there. The planner takes the left one's,
//! NULL where only the right side has a row. So in a query with such a join the keys are written as what they are,
//! `coalesce(left.key, right.key)`, and the joins as `ON`.

use std::ops::ControlFlow;

use datafusion::common::DataFusionError;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, ExcludeSelectItem, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, ObjectName, OrderByKind, Query, Select,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor, TableWithJoins, VisitMut, VisitorMut,
    WildcardAdditionalOptions,
};

pub(crate) fn coalesce_keys(query: &mut Query) -> Result<(), DataFusionError> {
    match query.visit(&mut Queries) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(text) => Err(DataFusionError::Plan(text)),
    }
}

struct Queries;

impl VisitorMut for Queries {
    type Break = String;

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<String> {
        let SetExpr::Select(select) = query.body.as_mut() else {
            return ControlFlow::Continue(());
        };
        let from = match select.from.as_mut_slice() {
            [from] if from.joins.iter().any(keeps_right_by_name) => from,
            all if all.iter().any(|from| from.joins.iter().any(keeps_right_by_name)) => {
                return ControlFlow::Break(
                    "a FULL or RIGHT JOIN with USING stands beside no comma: join the other stream with CROSS JOIN"
                        .to_owned(),
                );
            }
            _ => return ControlFlow::Continue(()),
        };
        let keys = match Keys::of(from) {
            Ok(keys) => keys,
            Err(text) => return ControlFlow::Break(text),
        };
        keys.write(select);
        if let Some(order) = &mut query.order_by
            && let OrderByKind::Expressions(order) = &mut order.kind
        {
            for key in order {
                let named = matches!(&key.expr, Expr::Identifier(name) if keys.is_named(name, &select.projection));
                if !named {
                    keys.replace(&mut key.expr);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

fn keeps_right_by_name(join: &Join) -> bool {
    use JoinConstraint::{Natural, Using};
    matches!(
        &join.join_operator,
        JoinOperator::FullOuter(Using(_) | Natural)
            | JoinOperator::Right(Using(_) | Natural)
            | JoinOperator::RightOuter(Using(_) | Natural)
    )
}

/// What names are of the tables that are joined, and of which tables each key is.
struct Keys {
    tables: Vec<Ident>,
    keys: Vec<(Ident, Vec<Ident>)>,
}

impl Keys {
    fn of(from: &mut TableWithJoins) -> Result<Self, String> {
        let mut found = Keys {
            tables: vec![name_of(&from.relation)?],
            keys: Vec::new(),
        };
        for join in &mut from.joins {
            let table = name_of(&join.relation)?;
            if let Some(constraint) = constraint_of(&mut join.join_operator) {
                match constraint {
                    JoinConstraint::Using(names) => {
                        let names: Vec<Ident> = names
                            .iter()
                            .filter_map(|name| name.0.last()?.as_ident().cloned())
                            .collect();
                        let equal = names.iter().map(|name| found.add(name, &table));
                        let on = equal.reduce(|left, right| binary(left, BinaryOperator::And, right));
                        if let Some(on) = on {
                            *constraint = JoinConstraint::On(on);
                        }
                    }
                    JoinConstraint::Natural => {
                        return Err("NATURAL joins that keep rows of the right side are not supported: name the keys with USING".to_owned());
                    }
                    _ => {}
                }
            }
            found.tables.push(table);
        }
        Ok(found)
    }

    /// Adds a table to a key; the condition that joins it.
    fn add(&mut self, name: &Ident, table: &Ident) -> Expr {
        let right = column(table, name);
        if let Some((_, tables)) = self.keys.iter_mut().find(|(key, _)| is_same(key, name)) {
            let left = value(name, tables);
            tables.push(table.clone());
            return binary(left, BinaryOperator::Eq, right);
        }
        // A table before has it; which one, only the planner knows where there are several.
        let before = self.tables.clone();
        let left = match before.as_slice() {
            [one] => column(one, name),
            _ => Expr::Identifier(name.clone()),
        };
        let tables = match before.as_slice() {
            [one] => vec![one.clone(), table.clone()],
            all => vec![all[0].clone(), table.clone()],
        };
        self.keys.push((name.clone(), tables));
        binary(left, BinaryOperator::Eq, right)
    }

    fn write(&self, select: &mut Select) {
        let items = std::mem::take(&mut select.projection);
        for item in items {
            match item {
                SelectItem::Wildcard(options) if options.opt_except.is_none() && options.opt_exclude.is_none() => {
                    for (key, tables) in &self.keys {
                        select.projection.push(SelectItem::ExprWithAlias {
                            expr: value(key, tables),
                            alias: key.clone(),
                        });
                    }
                    for table in &self.tables {
                        select.projection.push(self.rest_of(table, options.clone()));
                    }
                }
                SelectItem::UnnamedExpr(Expr::Identifier(name)) if self.find(&name).is_some() => {
                    let expr = self.find(&name).unwrap_or(Expr::Identifier(name.clone()));
                    select.projection.push(SelectItem::ExprWithAlias { expr, alias: name });
                }
                mut other => {
                    if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = &mut other {
                        self.replace(expr);
                    }
                    select.projection.push(other);
                }
            }
        }
        if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
            for key in keys {
                self.replace(key);
            }
        }
        for expr in [&mut select.selection, &mut select.having, &mut select.qualify]
            .into_iter()
            .flatten()
        {
            self.replace(expr);
        }
    }

    /// All columns of a table but its keys.
    fn rest_of(&self, table: &Ident, options: WildcardAdditionalOptions) -> SelectItem {
        let keys = self
            .keys
            .iter()
            .filter(|(_, tables)| tables.iter().any(|one| is_same(one, table)));
        let keys: Vec<ObjectName> = keys.map(|(key, _)| ObjectName::from(vec![key.clone()])).collect();
        let opt_exclude = (!keys.is_empty()).then_some(ExcludeSelectItem::Multiple(keys));
        let kind = SelectItemQualifiedWildcardKind::ObjectName(ObjectName::from(vec![table.clone()]));
        SelectItem::QualifiedWildcard(kind, WildcardAdditionalOptions { opt_exclude, ..options })
    }

    fn find(&self, name: &Ident) -> Option<Expr> {
        let (key, tables) = self.keys.iter().find(|(key, _)| is_same(key, name))?;
        Some(value(key, tables))
    }

    fn replace(&self, expr: &mut Expr) {
        let _: ControlFlow<()> = expr.visit(&mut Replace { keys: self, inside: 0 });
    }

    fn is_named(&self, name: &Ident, items: &[SelectItem]) -> bool {
        items
            .iter()
            .any(|item| matches!(item, SelectItem::ExprWithAlias { alias, .. } if is_same(alias, name)))
    }
}

/// Replaces keys without a table in an expression, not those of subqueries, which have tables of their own.
struct Replace<'a> {
    keys: &'a Keys,
    inside: usize,
}

impl VisitorMut for Replace<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.inside += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.inside -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.inside == 0
            && let Expr::Identifier(name) = expr
            && let Some(key) = self.keys.find(name)
        {
            *expr = key;
        }
        ControlFlow::Continue(())
    }
}

fn constraint_of(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    use JoinOperator::{FullOuter, Inner, Join, Left, LeftOuter, Right, RightOuter};
    match operator {
        Join(on) | Inner(on) | Left(on) | LeftOuter(on) | Right(on) | RightOuter(on) | FullOuter(on) => Some(on),
        _ => None,
    }
}

fn name_of(factor: &TableFactor) -> Result<Ident, String> {
    let named = match factor {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(alias.name.clone())
        }
        TableFactor::Table { name, .. } => name.0.last().and_then(|part| part.as_ident()).cloned(),
        _ => None,
    };
    named.ok_or_else(|| {
        "a FULL or RIGHT JOIN with USING joins streams and subqueries that have a name: give each an alias".to_owned()
    })
}

/// As the planner reads names.
fn is_same(one: &Ident, other: &Ident) -> bool {
    let folded = |name: &Ident| match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    };
    folded(one) == folded(other)
}

fn column(table: &Ident, name: &Ident) -> Expr {
    Expr::CompoundIdentifier(vec![table.clone(), name.clone()])
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    }
}

/// The key of the first table that is there.
fn value(name: &Ident, tables: &[Ident]) -> Expr {
    let args = tables
        .iter()
        .map(|table| FunctionArg::Unnamed(FunctionArgExpr::Expr(column(table, name))));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("coalesce")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
