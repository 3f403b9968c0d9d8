//! `EXCEPT ALL` and `INTERSECT ALL`, which count how often a row is there; the planner's own do not. Rows that are equal are numbered
//! on either side, and of the numbered rows, which are all different, the operation without `ALL` keeps the right ones.

use std::ops::ControlFlow;

use datafusion::common::DataFusionError;
use datafusion::sql::sqlparser::ast::{Query, SetExpr, SetOperator, SetQuantifier, TableFactor, VisitMut, VisitorMut};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

use crate::functions::SHOWN;

/// What rows are numbered by until `rules::BagRule` says that it is all of their columns, which only the resolved plan knows. It is
/// shown as the name of a call, for the planner drops constants there.
pub(crate) const ALL_COLUMNS: &str = "all columns of the row";

/// Writes each such operation within a query anew.
pub(crate) fn number_rows(query: &mut Query) -> Result<(), DataFusionError> {
    match query.visit(&mut Bags) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(DataFusionError::SQL(Box::new(error), None)),
    }
}

struct Bags;

impl VisitorMut for Bags {
    type Break = ParserError;

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<ParserError> {
        match rewrite(&mut query.body) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

fn rewrite(body: &mut SetExpr) -> Result<(), ParserError> {
    let SetExpr::SetOperation {
        op,
        set_quantifier,
        left,
        right,
    } = body
    else {
        return Ok(());
    };
    rewrite(left)?;
    rewrite(right)?;
    let operator = match (op, set_quantifier) {
        (SetOperator::Except | SetOperator::Minus, SetQuantifier::All) => "EXCEPT",
        (SetOperator::Intersect, SetQuantifier::All) => "INTERSECT",
        _ => return Ok(()),
    };
    let number = format!("row_number() OVER (PARTITION BY \"{SHOWN}\"(1, '{ALL_COLUMNS}'))");
    let numbered = |side: &str| format!("SELECT *, {number} AS \"row of equals\" FROM (VALUES (1)) AS \"{side}\"");
    let text = format!(
        "SELECT * EXCLUDE (\"row of equals\") FROM ({} {operator} {}) AS \"numbered\"",
        numbered("left"),
        numbered("right"),
    );
    let written = Parser::new(&GenericDialect {}).try_with_sql(&text)?.parse_query()?;
    if let SetExpr::SetOperation { left, right, .. } = std::mem::replace(body, *written.body) {
        let mut sides = Sides {
            left: Some(left),
            right: Some(right),
        };
        let _: ControlFlow<()> = body.visit(&mut sides);
    }
    Ok(())
}

/// Puts the operation's sides in the places of the text.
struct Sides {
    left: Option<Box<SetExpr>>,
    right: Option<Box<SetExpr>>,
}

impl VisitorMut for Sides {
    type Break = ();

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Derived {
            subquery,
            alias: Some(alias),
            ..
        } = factor
        {
            let side = match alias.name.value.as_str() {
                "left" => self.left.take(),
                "right" => self.right.take(),
                _ => None,
            };
            if let Some(side) = side {
                subquery.body = side;
            }
        }
        ControlFlow::Continue(())
    }
}
