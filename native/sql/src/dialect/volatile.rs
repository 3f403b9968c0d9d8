//! Parts of a WITH that call `random()` or `uuid()` and are read twice: the planner would compute them for each reader anew, so their
//! readers would see different rows. No statement is answered so.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Ident, ObjectName, Query, TableFactor, Visit, Visitor};

use super::invalid;
use crate::error::SqlError;

const VOLATILE: [&str; 3] = ["random", "rand", "uuid"];

/// # Errors
/// 20001 for a part of a WITH that has to be computed once and would be computed twice.
pub(super) fn check(query: &Query) -> Result<(), SqlError> {
    let Some(with) = &query.with else { return Ok(()) };
    for part in &with.cte_tables {
        let Some(function) = volatile_call(&part.query) else {
            continue;
        };
        let name = &part.alias.name;
        if readers(query, name) > 1 {
            return Err(invalid(format!(
                "{name} calls {function}() and is read more than once, and would have other rows each time: read it once"
            )));
        }
    }
    Ok(())
}

fn volatile_call(query: &Query) -> Option<String> {
    struct Calls;
    impl Visitor for Calls {
        type Break = String;

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
            match expr {
                Expr::Function(call) if VOLATILE.contains(&call.name.to_string().to_lowercase().as_str()) => {
                    ControlFlow::Break(call.name.to_string())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    match query.visit(&mut Calls) {
        ControlFlow::Break(function) => Some(function),
        ControlFlow::Continue(()) => None,
    }
}

fn readers(query: &Query, name: &Ident) -> usize {
    struct Readers<'a>(&'a Ident, usize);
    impl Visitor for Readers<'_> {
        type Break = ();

        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { name, args: None, .. } = factor
                && is_named(name, self.0)
            {
                self.1 += 1;
            }
            ControlFlow::Continue(())
        }
    }
    let mut readers = Readers(name, 0);
    let _ = query.visit(&mut readers);
    readers.1
}

fn is_named(table: &ObjectName, name: &Ident) -> bool {
    let [part] = table.0.as_slice() else { return false };
    part.as_ident().is_some_and(|ident| folded(ident) == folded(name))
}

fn folded(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}
