//! Forms of the standard and of PostgreSQL that the planner does not know, written as those that it does.

mod patterns;
mod volatile;

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, DataType, DateTimeField, DuplicateTreatment, ExactNumberInfo, Expr, Fetch, FunctionArg,
    FunctionArgExpr, FunctionArguments, Interval, LimitClause, Query, TableFactor, UnaryOperator, Value, ValueWithSpan,
    VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::{INVALID_SQL, SqlError};

/// An operator that no statement of ours has: it marks the lower bound of `BETWEEN SYMMETRIC`.
const MARK: (Token, UnaryOperator) = (Token::PGCubeRoot, UnaryOperator::PGCubeRoot);

/// `BETWEEN SYMMETRIC`, which the parser does not know, as a marked `BETWEEN`; `ASYMMETRIC` says nothing.
pub(crate) fn marked(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let keyword = |token: &TokenWithSpan| match &token.token {
        Token::Word(word) if word.quote_style.is_none() => word.keyword,
        _ => Keyword::NoKeyword,
    };
    let mut before = Keyword::NoKeyword;
    let mut out = Vec::with_capacity(tokens.len());
    for mut token in tokens {
        let is_blank = matches!(token.token, Token::Whitespace(_));
        match (before, keyword(&token)) {
            (Keyword::BETWEEN, Keyword::SYMMETRIC) => token.token = MARK.0,
            (Keyword::BETWEEN, Keyword::ASYMMETRIC) => continue,
            _ => {}
        }
        if !is_blank {
            before = keyword(&token);
        }
        out.push(token);
    }
    out
}

/// # Errors
/// 20001 for a form that has no meaning, or one that is not taken.
pub(crate) fn translate(query: &mut Query) -> Result<(), SqlError> {
    match query.visit(&mut Dialect) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Dialect;

impl VisitorMut for Dialect {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        done(volatile::check(query).and_then(|()| fetch(query)))
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<SqlError> {
        unnest(factor);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        done(rewrite(expr))
    }
}

fn done(result: Result<(), SqlError>) -> ControlFlow<SqlError> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

pub(super) fn invalid(text: impl AsRef<str>) -> SqlError {
    SqlError::new(INVALID_SQL, format!("Search SQL not valid: {}", text.as_ref()))
}

/// `FETCH FIRST n ROWS ONLY` is `LIMIT n`.
fn fetch(query: &mut Query) -> Result<(), SqlError> {
    let Some(Fetch {
        with_ties,
        percent,
        quantity,
    }) = query.fetch.take()
    else {
        return Ok(());
    };
    if with_ties {
        return Err(invalid(
            "FETCH ... WITH TIES is not supported: write QUALIFY rank() OVER (ORDER BY ...) <= n",
        ));
    }
    if percent {
        return Err(invalid("FETCH ... PERCENT is not supported: write a number of rows"));
    }
    let rows = quantity.unwrap_or_else(|| Expr::Value(Value::Number("1".to_owned(), false).into()));
    match &mut query.limit_clause {
        None => {
            query.limit_clause = Some(LimitClause::LimitOffset {
                limit: Some(rows),
                offset: None,
                limit_by: Vec::new(),
            });
        }
        Some(LimitClause::LimitOffset { limit, .. }) if limit.is_none() => *limit = Some(rows),
        Some(_) => return Err(invalid("LIMIT and FETCH say the same: leave one of them out")),
    }
    Ok(())
}

/// `LATERAL unnest(list)` is `unnest(list)`, and its alias is also the name of its column, as in PostgreSQL.
fn unnest(factor: &mut TableFactor) {
    if let TableFactor::Function { name, args, alias, .. } = factor
        && name.to_string().eq_ignore_ascii_case("unnest")
    {
        let exprs = args.iter().map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
            _ => None,
        });
        if let Some(array_exprs) = exprs.collect::<Option<Vec<_>>>() {
            *factor = TableFactor::UNNEST {
                alias: alias.take(),
                array_exprs,
                with_offset: false,
                with_offset_alias: None,
                with_ordinality: false,
            };
        }
    }
    if let TableFactor::UNNEST {
        alias: Some(alias),
        array_exprs,
        ..
    } = factor
        && alias.columns.is_empty()
        && array_exprs.len() == 1
    {
        alias
            .columns
            .push(datafusion::sql::sqlparser::ast::TableAliasColumnDef {
                name: alias.name.clone(),
                data_type: None,
            });
    }
}

fn rewrite(expr: &mut Expr) -> Result<(), SqlError> {
    match expr {
        Expr::Value(ValueWithSpan { value, .. }) => {
            if let Value::UnicodeStringLiteral(text) | Value::NationalStringLiteral(text) = value {
                *value = Value::SingleQuotedString(std::mem::take(text));
            }
        }
        Expr::Like {
            pattern, escape_char, ..
        }
        | Expr::ILike {
            pattern, escape_char, ..
        } => {
            if let Some(escape) = escape_char.take() {
                let escape = patterns::escape(&escape)?;
                let like = patterns::like(constant(pattern, "LIKE with ESCAPE")?, escape)?;
                **pattern = text(like);
            }
        }
        Expr::SimilarTo {
            negated,
            expr: subject,
            pattern,
            escape_char,
        } => {
            let escape = match escape_char {
                Some(escape) => patterns::escape(escape)?,
                None => Some('\\'),
            };
            let regex = patterns::similar(constant(pattern, "SIMILAR TO")?, escape)?;
            let op = match negated {
                true => BinaryOperator::PGRegexNotMatch,
                false => BinaryOperator::PGRegexMatch,
            };
            *expr = nested(binary(taken(subject), op, text(regex)));
        }
        Expr::Between {
            expr: subject,
            negated,
            low,
            high,
        } => {
            if let Some(either) = symmetric(subject, *negated, low, high) {
                *expr = either;
            }
        }
        Expr::Function(call) if call.name.to_string().eq_ignore_ascii_case("count") => {
            if let FunctionArguments::List(list) = &mut call.args
                && list.duplicate_treatment == Some(DuplicateTreatment::Distinct)
                && list.args.len() > 1
            {
                let several = distinct_rows(&list.args)
                    .ok_or_else(|| invalid("count(DISTINCT ...) of several takes plain expressions"))?;
                list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(several))];
            }
        }
        Expr::UnaryOp {
            op: UnaryOperator::BitwiseNot,
            expr: bits,
        } => {
            let ones = Expr::Value(Value::Number("-1".to_owned(), false).into());
            *expr = nested(binary(taken(bits), BinaryOperator::PGBitwiseXor, ones));
        }
        Expr::Interval(Interval {
            value,
            leading_field: unit @ None,
            last_field: None,
            ..
        }) if is_number(value) => *unit = Some(DateTimeField::Second),
        Expr::Cast {
            expr: value,
            data_type: DataType::Interval { .. },
            ..
        } if is_number(value) => {
            *expr = Expr::Interval(Interval {
                value: Box::new(taken(value)),
                leading_field: Some(DateTimeField::Second),
                leading_precision: None,
                last_field: None,
                fractional_seconds_precision: None,
            });
        }
        // As a text it is rounded as it is written; as a number it would be what a float makes of it.
        Expr::Cast {
            expr: value,
            data_type: DataType::Decimal(digits_of) | DataType::Numeric(digits_of) | DataType::Dec(digits_of),
            ..
        } if !matches!(digits_of, ExactNumberInfo::PrecisionAndScale(_, ..0)) => {
            if let Some(digits) = digits(value) {
                **value = text(digits);
            }
        }
        Expr::AtTimeZone { time_zone, .. } => match time_zone.as_ref() {
            Expr::Value(ValueWithSpan {
                value: Value::SingleQuotedString(_),
                ..
            }) => {}
            _ => {
                return Err(invalid(
                    "AT TIME ZONE takes a constant text: an offset such as '+05:30' or a name such as 'Europe/Berlin'",
                ));
            }
        },
        _ => {}
    }
    Ok(())
}

/// A text that is a number and nothing else: of seconds, where it stands for an interval.
fn is_number(expr: &Expr) -> bool {
    constant(expr, "").is_ok_and(|text| text.trim().parse::<f64>().is_ok_and(f64::is_finite))
}

/// A number of plain digits, as it is written.
fn digits(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(ValueWithSpan {
            value: Value::Number(digits, _),
            ..
        }) if !digits.contains(['e', 'E']) => Some(digits.clone()),
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => digits(expr).map(|digits| format!("-{digits}")),
        Expr::Nested(inner) => digits(inner),
        _ => None,
    }
}

/// `BETWEEN SYMMETRIC`: between the bounds, whichever is the lower. `None` for a plain `BETWEEN`.
fn symmetric(subject: &Expr, negated: bool, low: &mut Expr, high: &Expr) -> Option<Expr> {
    if !unmarked(low) {
        return None;
    }
    let within = |low: &Expr, high: &Expr| {
        nested(Expr::Between {
            expr: Box::new(subject.clone()),
            negated: false,
            low: Box::new(low.clone()),
            high: Box::new(high.clone()),
        })
    };
    let either = nested(binary(within(low, high), BinaryOperator::Or, within(high, low)));
    Some(match negated {
        true => Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr: Box::new(either),
        },
        false => either,
    })
}

/// The row of several arguments; NULL, which is not counted, where one of them is.
fn distinct_rows(args: &[FunctionArg]) -> Option<Expr> {
    let exprs = args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    let exprs: Vec<Expr> = exprs.collect::<Option<_>>()?;
    let known = exprs.iter().map(|expr| Expr::IsNotNull(Box::new(nested(expr.clone()))));
    let condition = known.reduce(|left, right| binary(left, BinaryOperator::And, right))?;
    Some(Expr::Case {
        case_token: datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken::empty(),
        end_token: datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen {
            condition,
            result: Expr::Tuple(exprs),
        }],
        else_result: None,
    })
}

/// Takes the mark off the leftmost operand; false where there is none.
fn unmarked(expr: &mut Expr) -> bool {
    match expr {
        Expr::UnaryOp { op, expr: inner } if *op == MARK.1 => {
            *expr = taken(inner);
            true
        }
        Expr::BinaryOp { left, .. } => unmarked(left),
        Expr::Cast { expr, .. } | Expr::AtTimeZone { timestamp: expr, .. } => unmarked(expr),
        _ => false,
    }
}

fn constant<'a>(expr: &'a Expr, what: &str) -> Result<&'a str, SqlError> {
    match expr {
        Expr::Value(ValueWithSpan {
            value:
                Value::SingleQuotedString(text)
                | Value::EscapedStringLiteral(text)
                | Value::DollarQuotedString(datafusion::sql::sqlparser::ast::DollarQuotedString { value: text, .. }),
            ..
        }) => Ok(text),
        Expr::Nested(inner) => constant(inner, what),
        _ => Err(invalid(format!("the pattern of {what} has to be a constant text"))),
    }
}

fn text(text: String) -> Expr {
    Expr::Value(Value::SingleQuotedString(text).into())
}

fn nested(expr: Expr) -> Expr {
    Expr::Nested(Box::new(expr))
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    }
}

fn taken(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::Value(Value::Null.into()))
}
