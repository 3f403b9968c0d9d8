//! Expressions that the planner gives one name, told apart. It calls `CAST(x AS INT)` like `x` and `(a + b) * 2` like `a + b * 2`, and
//! refuses two results of one name. So a statement that it refuses for that is written anew: casts and brackets keep their text as
//! their name, and a result that repeats another is numbered.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::common::{DataFusionError, SchemaError};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName, Query,
    Select, SelectItem, Value, VisitMut, VisitorMut,
};

use crate::functions::SHOWN;

/// Whether the planner refused two expressions of one name.
pub(crate) fn is_collision(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => is_collision(inner),
        DataFusionError::Collection(all) => all.iter().any(is_collision),
        DataFusionError::SchemaError(inner, _) => matches!(
            inner.as_ref(),
            SchemaError::DuplicateUnqualifiedField { .. }
                | SchemaError::DuplicateQualifiedField { .. }
                | SchemaError::AmbiguousReference { .. }
        ),
        DataFusionError::Plan(text) => text.contains("require unique expression names"),
        _ => false,
    }
}

pub(crate) fn tell_apart(query: &mut Query) {
    let _: ControlFlow<()> = query.visit(&mut Apart);
}

struct Apart;

impl VisitorMut for Apart {
    type Break = ();

    /// Before its expressions are wrapped: names are of what is written.
    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        number(&mut select.projection);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let hides = match expr {
            Expr::Cast { .. } => true,
            Expr::Nested(inner) => matches!(inner.as_ref(), Expr::BinaryOp { .. } | Expr::UnaryOp { .. }),
            _ => false,
        };
        if hides {
            *expr = shown(std::mem::replace(expr, Expr::Value(Value::Null.into())));
        }
        ControlFlow::Continue(())
    }
}

/// Names each unnamed item that an item before it is written like.
fn number(items: &mut [SelectItem]) {
    // A star has a column of each name, most likely.
    let star = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    let alone = !items.iter().any(star);
    let mut names = Names::default();
    for item in items {
        if let SelectItem::UnnamedExpr(Expr::Identifier(ident)) = item
            && !alone
        {
            names.add(&ident.value);
        }
        let (name, free) = match item {
            SelectItem::UnnamedExpr(expr) => match expr {
                Expr::Identifier(ident) => (ident.value.clone(), alone),
                Expr::CompoundIdentifier(parts) => match parts.last() {
                    Some(last) if !names.has(&last.value) => (last.value.clone(), alone),
                    _ => (expr.to_string(), false),
                },
                expr => (expr.to_string(), true),
            },
            SelectItem::ExprWithAlias { alias, .. } => {
                names.add(&alias.value);
                continue;
            }
            _ => continue,
        };
        if free && !names.has(&name) {
            names.add(&name);
        } else {
            rename(item, names.own(name));
        }
    }
}

/// Names that are taken, in lower case: the planner reads most in it, and one too many given anew does no harm.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    fn has(&self, name: &str) -> bool {
        self.0.contains(&name.to_lowercase())
    }

    fn add(&mut self, name: &str) -> bool {
        self.0.insert(name.to_lowercase())
    }

    /// The name itself, or the first numbered one that is free.
    fn own(&mut self, name: String) -> String {
        let mut own = name.clone();
        let mut copy = 2;
        while !self.add(&own) {
            own = format!("{name}:{copy}");
            copy += 1;
        }
        own
    }
}

fn rename(item: &mut SelectItem, name: String) {
    if let SelectItem::UnnamedExpr(expr) = item {
        *item = SelectItem::ExprWithAlias {
            expr: std::mem::replace(expr, Expr::Value(Value::Null.into())),
            alias: Ident::with_quote('"', name),
        };
    }
}

/// A call that gives the expression the name that it is written as.
fn shown(expr: Expr) -> Expr {
    let name = Expr::Value(Value::SingleQuotedString(expr.to_string()).into());
    let args = [expr, name].map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::with_quote('"', SHOWN)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.into(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
