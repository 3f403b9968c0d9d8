//! Numbers in JSON texts among other numbers. `json_get` answers a union, whose members are whole numbers and fractions apart; a number is
//! a number however it was written, so where one meets a number it is read as one. Whole numbers stay exact.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ExprSchema;
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::{
    Between, Case, Expr, ExprSchemable, Operator, ScalarUDF, binary_expr, cast, not, try_cast,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion_functions_json::udfs::{json_get_float_udf, json_get_int_udf, json_union_to_text_udf};

/// A comparison of such a number with another, or arithmetic with one; `None` for anything else.
pub(super) fn computed(left: &Expr, op: &BinaryOperator, right: &Expr, schema: &dyn ExprSchema) -> Option<Expr> {
    use BinaryOperator::{Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply, NotEq, Plus};
    let op = match op {
        Eq => Operator::Eq,
        NotEq => Operator::NotEq,
        Lt => Operator::Lt,
        LtEq => Operator::LtEq,
        Gt => Operator::Gt,
        GtEq => Operator::GtEq,
        Plus => Operator::Plus,
        Minus => Operator::Minus,
        Multiply => Operator::Multiply,
        Divide => Operator::Divide,
        Modulo => Operator::Modulo,
        _ => return None,
    };
    if !is_json(left, schema) && !is_json(right, schema) {
        return None;
    }
    if op.is_numerical_operators() {
        let side = |side: &Expr| match is_json(side, schema) {
            true => Some(float(side)),
            false => is_number(side, schema).then(|| side.clone()),
        };
        return Some(binary_expr(side(left)?, op, side(right)?));
    }
    compared(left, op, right, schema)
}

/// The same for IS [NOT] DISTINCT FROM.
pub(super) fn compared(left: &Expr, op: Operator, right: &Expr, schema: &dyn ExprSchema) -> Option<Expr> {
    if is_json(left, schema) && is_number(right, schema) {
        return Some(against(left, right, schema, |json, number| {
            binary_expr(json, op, number)
        }));
    }
    if is_json(right, schema) && is_number(left, schema) {
        return Some(against(right, left, schema, |json, number| {
            binary_expr(number, op, json)
        }));
    }
    None
}

/// BETWEEN whose bounds are numbers.
pub(super) fn between(between: &Between, schema: &dyn ExprSchema) -> Option<Expr> {
    let at_least = compared(&between.expr, Operator::GtEq, &between.low, schema)?;
    let at_most = compared(&between.expr, Operator::LtEq, &between.high, schema)?;
    let inside = at_least.and(at_most);
    Some(if between.negated { not(inside) } else { inside })
}

/// IN over a list with numbers; its texts and nulls stay in a list.
pub(super) fn listed(list: &InList, schema: &dyn ExprSchema) -> Option<Expr> {
    if !is_json(&list.expr, schema) {
        return None;
    }
    let (numbers, others): (Vec<&Expr>, Vec<&Expr>) = list.list.iter().partition(|value| is_number(value, schema));
    if numbers.is_empty() {
        return None;
    }
    let tests = numbers
        .into_iter()
        .filter_map(|number| compared(&list.expr, Operator::Eq, number, schema));
    let rest = (!others.is_empty()).then(|| {
        let list = InList::new(list.expr.clone(), others.into_iter().cloned().collect(), false);
        Expr::InList(list)
    });
    let found = tests.chain(rest).reduce(Expr::or)?;
    Some(if list.negated { not(found) } else { found })
}

fn against(json: &Expr, number: &Expr, schema: &dyn ExprSchema, compare: impl Fn(Expr, Expr) -> Expr) -> Expr {
    let fraction = compare(float(json), float_of(number, schema));
    if !matches!(number.get_type(schema), Ok(whole) if whole.is_integer()) {
        return fraction;
    }
    let whole = int(json);
    let test = whole.clone().is_not_null();
    Expr::Case(Case::new(
        None,
        vec![(Box::new(test), Box::new(compare(whole, number.clone())))],
        Some(Box::new(fraction)),
    ))
}

fn float_of(number: &Expr, schema: &dyn ExprSchema) -> Expr {
    match number.get_type(schema) {
        Ok(DataType::Float64) => number.clone(),
        _ => cast(number.clone(), DataType::Float64),
    }
}

/// Such a number as a float.
pub(super) fn float(json: &Expr) -> Expr {
    typed(json, &json_get_float_udf(), DataType::Float64)
}

fn int(json: &Expr) -> Expr {
    typed(json, &json_get_int_udf(), DataType::Int64)
}

/// A call of `json_get` as one that answers a type, or the union's value in that type.
fn typed(json: &Expr, accessor: &Arc<ScalarUDF>, data_type: DataType) -> Expr {
    match json {
        Expr::Alias(alias) => typed(&alias.expr, accessor, data_type),
        Expr::ScalarFunction(call) => {
            let call = ScalarFunction::new_udf(Arc::clone(accessor), call.args.clone());
            Expr::ScalarFunction(call)
        }
        // By its text: the members of a union are not cast to one another.
        other => {
            let text = ScalarFunction::new_udf(json_union_to_text_udf(), vec![other.clone()]);
            try_cast(Expr::ScalarFunction(text), data_type)
        }
    }
}

fn is_json(expr: &Expr, schema: &dyn ExprSchema) -> bool {
    match expr {
        Expr::Alias(alias) => is_json(&alias.expr, schema),
        Expr::ScalarFunction(call) => call.name() == "json_get",
        Expr::Column(_) => matches!(expr.get_type(schema), Ok(DataType::Union(..))),
        _ => false,
    }
}

fn is_number(expr: &Expr, schema: &dyn ExprSchema) -> bool {
    expr.get_type(schema).is_ok_and(|data_type| data_type.is_numeric())
}
