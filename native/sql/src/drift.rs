//! Fields that came with several types. A field that met texts beside its numbers or booleans is one of texts, and where the statement asks
//! for a number or a truth value, it takes the values that are one: `sum(n)`, `n * 2` and `WHERE NOT flag` go on as before the first text
//! came; what is none is NULL, and counted (`run::left_out`). So it is with a number in a JSON text (`sum(j->'x')`).
//!
//! The planner refuses such expressions while it resolves names, when nobody can tell it better. So they are marked in the statement
//! itself, by calls that nobody can write (`functions::NUMBER_OF`, `TRUTH_OF`). A mark around what has the asked type already, since
//! another stream has a field of that name, means nothing and is taken away again (`rules::drifted`).

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments,
    Ident, JoinConstraint, JoinOperator, ObjectName, Query, Select, SelectItem, UnaryOperator, Value, VisitMut,
    VisitorMut,
};

use crate::context::{FieldType, PlanContext};
use crate::functions::{NUMBER_OF, TRUTH_OF};
use crate::stream_table::TIME_COLUMN;

/// Functions of numbers alone.
#[rustfmt::skip]
const OF_NUMBERS: [&str; 77] = [
    "abs", "acos", "acosh", "approx_median", "approx_percentile_cont", "approx_percentile_cont_with_weight", "asin", "asinh",
    "atan", "atan2", "atanh", "avg", "bit_and", "bit_or", "bit_xor", "cbrt", "ceil", "ceiling", "corr", "cos", "cosh", "cot",
    "covar", "covar_pop", "covar_samp", "degrees", "exp", "factorial", "floor", "gcd", "isnan", "iszero", "lcm", "ln", "log",
    "log10", "log2", "max", "mean", "median", "min", "mod", "nanvl", "percentile_cont", "pow", "power", "quantile_cont", "radians",
    "regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy",
    "round", "sign", "signum", "sin", "sinh", "sqrt", "stddev", "stddev_pop", "stddev_samp", "sum", "summary_percentile", "tan",
    "tanh", "trunc", "var", "var_pop", "var_population", "var_samp", "var_sample", "variance",
];

/// Functions of truth values alone.
const OF_TRUTHS: [&str; 3] = ["bool_and", "bool_or", "every"];

/// Functions of any one type: of numbers where an argument is a number.
const OF_ONE_TYPE: [&str; 6] = ["coalesce", "greatest", "ifnull", "least", "nullif", "nvl"];

/// How often names may be given to names: subqueries within subqueries.
const ALIAS_ROUNDS: usize = 3;

/// Marks where the query wants numbers or truth values of what may be something else.
pub(crate) fn mark(query: &mut Query, context: &PlanContext) {
    let mut marks = Marks {
        context,
        numbers: HashSet::new(),
        truths: HashSet::new(),
    };
    for column in context.streams.iter().flat_map(|stream| &stream.columns) {
        if matches!(column.column_type, FieldType::TextNumber) {
            marks.numbers.insert(column.name.clone());
        }
        if matches!(column.column_type, FieldType::TextNumber | FieldType::TextBool) {
            marks.truths.insert(column.name.clone());
        }
    }
    for _ in 0..ALIAS_ROUNDS {
        let known = marks.numbers.len() + marks.truths.len();
        let _: ControlFlow<()> = query.visit(&mut Aliases(&mut marks));
        if marks.numbers.len() + marks.truths.len() == known {
            break;
        }
    }
    let _: ControlFlow<()> = query.visit(&mut marks);
}

struct Marks<'a> {
    context: &'a PlanContext,
    /// What names texts with numbers among them, or a number in a JSON text.
    numbers: HashSet<String>,
    /// What names texts with truth values among them.
    truths: HashSet<String>,
}

impl Marks<'_> {
    fn is_number(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Nested(inner) => self.is_number(inner),
            Expr::BinaryOp { op, .. } => matches!(op, BinaryOperator::Arrow | BinaryOperator::HashArrow),
            Expr::Function(call) => named(&call.name).is_some_and(|name| name == "json_get"),
            expr => field(expr).is_some_and(|name| self.numbers.contains(&name)),
        }
    }

    /// Texts with truth values among them.
    fn is_text_of_truth(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Nested(inner) => self.is_text_of_truth(inner),
            expr => field(expr).is_some_and(|name| self.truths.contains(&name)),
        }
    }

    /// Also numbers, which may have been booleans.
    fn is_truth(&self, expr: &Expr) -> bool {
        let is_plain_number = |name: &str| {
            let mut columns = self.context.streams.iter().flat_map(|stream| &stream.columns);
            columns.any(|column| {
                let is_number = matches!(
                    column.column_type,
                    FieldType::Int64 | FieldType::Float64 | FieldType::Decimal | FieldType::DecimalFloat
                );
                is_number && column.name == name && name != TIME_COLUMN
            })
        };
        match expr {
            Expr::Nested(inner) => self.is_truth(inner),
            expr => field(expr).is_some_and(|name| self.truths.contains(&name) || is_plain_number(&name)),
        }
    }

    fn number(&self, expr: &mut Expr) {
        if self.is_number(expr) {
            wrap(expr, NUMBER_OF);
        }
    }

    fn truth(&self, expr: &mut Expr) {
        if self.is_truth(expr) {
            wrap(expr, TRUTH_OF);
        }
    }

    fn call(&self, call: &mut Function) {
        if let Some(filter) = &mut call.filter {
            self.truth(filter);
        }
        let Some(name) = named(&call.name) else { return };
        let FunctionArguments::List(list) = &mut call.args else {
            return;
        };
        let mut arguments: Vec<&mut Expr> = list.args.iter_mut().filter_map(argument).collect();
        let name = name.as_str();
        if OF_TRUTHS.contains(&name) {
            arguments.into_iter().for_each(|argument| self.truth(argument));
        } else if OF_NUMBERS.contains(&name) {
            let sorted = call.within_group.iter_mut().map(|key| &mut key.expr);
            arguments
                .into_iter()
                .chain(sorted)
                .for_each(|argument| self.number(argument));
        } else if OF_ONE_TYPE.contains(&name) && arguments.iter().any(|argument| is_number_literal(argument)) {
            arguments.iter_mut().for_each(|argument| self.number(argument));
        }
    }

    /// A comparison with `true` or `false`, which is 1 or 0 among numbers.
    fn compare(&self, expr: &mut Expr) {
        let Expr::BinaryOp { left, op, right } = expr else {
            return;
        };
        let (field, value) = match (truth_literal(left), truth_literal(right)) {
            (None, Some(value)) if self.is_text_of_truth(left) => (left, value),
            (Some(value), None) if self.is_text_of_truth(right) => (right, value),
            _ => return,
        };
        let negated = match op {
            BinaryOperator::Eq => false,
            BinaryOperator::NotEq => true,
            _ => {
                wrap(field, TRUTH_OF);
                return;
            }
        };
        let field = std::mem::replace(field.as_mut(), null());
        *expr = among(field, &[Some(value)], negated);
    }

    /// A list of truth values.
    fn list(&self, expr: &mut Expr) {
        let Expr::InList {
            expr: field,
            list,
            negated,
        } = expr
        else {
            return;
        };
        let value = |value: &Expr| match is_null(value) {
            true => Some(None),
            false => truth_literal(value).map(Some),
        };
        let values: Option<Vec<Option<bool>>> = list.iter().map(value).collect();
        let Some(values) = values.filter(|_| self.is_text_of_truth(field)) else {
            return;
        };
        let field = std::mem::replace(field.as_mut(), null());
        *expr = among(field, &values, *negated);
    }
}

impl VisitorMut for Marks<'_> {
    type Break = ();

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let conditions = [&mut select.selection, &mut select.having, &mut select.qualify];
        for condition in conditions.into_iter().flatten() {
            self.truth(condition);
        }
        for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
            if let Some(condition) = condition_of(&mut join.join_operator) {
                self.truth(condition);
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        use BinaryOperator::{And, Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply, NotEq, Or, Plus};
        match expr {
            Expr::BinaryOp { left, op, right } => match op {
                And | Or => {
                    self.truth(left);
                    self.truth(right);
                }
                Plus | Minus | Multiply | Divide | Modulo => {
                    self.number(left);
                    self.number(right);
                }
                Eq | NotEq | Lt | LtEq | Gt | GtEq => self.compare(expr),
                _ => {}
            },
            Expr::UnaryOp { op, expr } => match op {
                UnaryOperator::Not => self.truth(expr),
                UnaryOperator::Minus | UnaryOperator::Plus => self.number(expr),
                _ => {}
            },
            Expr::IsTrue(inner) | Expr::IsNotTrue(inner) | Expr::IsFalse(inner) | Expr::IsNotFalse(inner) => {
                self.truth(inner);
            }
            Expr::IsUnknown(inner) | Expr::IsNotUnknown(inner) => self.truth(inner),
            Expr::Case {
                operand: None,
                conditions,
                ..
            } => conditions.iter_mut().for_each(|when| self.truth(&mut when.condition)),
            Expr::Function(call) => self.call(call),
            Expr::InList { .. } => self.list(expr),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Finds the names that results give to such fields: a query around theirs knows them by these.
struct Aliases<'m, 'a>(&'m mut Marks<'a>);

impl VisitorMut for Aliases<'_, '_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &select.projection {
            let SelectItem::ExprWithAlias { expr, alias } = item else {
                continue;
            };
            if self.0.is_number(expr) {
                self.0.numbers.insert(folded(alias));
            }
            if self.0.is_text_of_truth(expr) {
                self.0.truths.insert(folded(alias));
            }
        }
        ControlFlow::Continue(())
    }
}

fn condition_of(join: &mut JoinOperator) -> Option<&mut Expr> {
    use JoinOperator::{
        FullOuter, Inner, Join, Left, LeftAnti, LeftOuter, LeftSemi, Right, RightAnti, RightOuter, RightSemi,
    };
    match join {
        Join(on) | Inner(on) | Left(on) | LeftOuter(on) | Right(on) | RightOuter(on) | FullOuter(on) | LeftSemi(on)
        | RightSemi(on) | LeftAnti(on) | RightAnti(on) => match on {
            JoinConstraint::On(condition) => Some(condition),
            _ => None,
        },
        _ => None,
    }
}

/// `field IN ('true', '1')`: which texts and numbers are one of these truth values. Negated it is unknown of what is no truth value.
fn among(field: Expr, values: &[Option<bool>], negated: bool) -> Expr {
    let text = |text: &str| Expr::Value(Value::SingleQuotedString(text.to_owned()).into());
    let texts = values.iter().flat_map(|value| match value {
        Some(true) => vec![text("true"), text("1")],
        Some(false) => vec![text("false"), text("0")],
        None => vec![null()],
    });
    let found = Expr::InList {
        expr: Box::new(field.clone()),
        list: texts.collect(),
        negated,
    };
    if !negated {
        return found;
    }
    let mut truth = field;
    wrap(&mut truth, TRUTH_OF);
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen {
            condition: Expr::IsNotNull(Box::new(truth)),
            result: found,
        }],
        else_result: None,
    }
}

fn argument(argument: &mut FunctionArg) -> Option<&mut Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}

fn truth_literal(expr: &Expr) -> Option<bool> {
    match expr {
        Expr::Value(value) => match value.value {
            Value::Boolean(truth) => Some(truth),
            _ => None,
        },
        Expr::Nested(inner) => truth_literal(inner),
        _ => None,
    }
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if value.value == Value::Null)
}

fn is_number_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::Nested(inner) => is_number_literal(inner),
        Expr::UnaryOp { expr, .. } => is_number_literal(expr),
        _ => false,
    }
}

/// The name of a function that has no schema.
fn named(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [part] => part.as_ident().map(folded),
        _ => None,
    }
}

fn field(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(folded(ident)),
        Expr::CompoundIdentifier(parts) => parts.last().map(folded),
        _ => None,
    }
}

/// As the planner reads it.
fn folded(name: &Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

fn null() -> Expr {
    Expr::Value(Value::Null.into())
}

/// A call of the function over the expression and the field's name, which is empty for others.
fn wrap(expr: &mut Expr, function: &str) {
    let mut inner = &*expr;
    while let Expr::Nested(nested) = inner {
        inner = nested;
    }
    let name = Expr::Value(Value::SingleQuotedString(field(inner).unwrap_or_default()).into());
    let args = [std::mem::replace(expr, null()), name].map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)));
    *expr = Expr::Function(Function {
        name: ObjectName::from(vec![Ident::with_quote('"', function)]),
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
    });
}
