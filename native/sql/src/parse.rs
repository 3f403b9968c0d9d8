//! From text to one query statement, with limits that keep every later pass off the end of the stack.
//!
//! A parser limit alone is not enough: `a OR a OR a ...` is parsed by a loop into a tree as deep as the chain is long,
//! and trees are walked and freed by recursion. So the depth that a text can reach is bounded from its tokens first.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Query, Statement, TableFactor, Visit, Visitor};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use crate::dialect::{marked, translate};
use crate::distinct_from::as_operators;
use crate::error::{INVALID_SQL, SqlError};
use crate::statement_size;
use crate::syntax::told;

/// Longest statement, in bytes.
pub const SQL_BYTES_MAX: usize = 1 << 20;
/// The most operators that one expression, with all that is nested in it, may chain.
pub const OPERATORS_MAX: usize = 2_000;
/// What an operator of arithmetic counts as: the planner finds the type of a chain anew at each of them, in time that grows with the
/// square.
const ARITHMETIC_OPERATORS: usize = 4;
/// The most brackets and subqueries inside one another.
const NESTING_MAX: usize = 120;

/// What the calls of functions inside one another may cost the parser, which reads what stands in a call twice, in case it is an argument
/// with a name: a call in sixteen others at most, or thousands side by side.
const CALLS_COST_MAX: f64 = 100_000.0;
/// How much dearer the arguments of a call are than the call.
const CALL_FACTOR: f64 = 1.8;

/// What an item of a list in a call costs of what an argument does.
const LIST_SHARE: f64 = 0.01;

/// A statement that only reads, with its tokens.
pub(crate) struct Parsed {
    pub query: Box<Query>,
    pub explain: Option<Explain>,
    pub tokens: Vec<TokenWithSpan>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explain {
    /// EXPLAIN: the plan as rows, nothing is read.
    Plan,
    /// EXPLAIN ANALYZE: the query runs and its rows are dropped.
    Analyze,
}

pub(crate) fn parse(sql: &str) -> Result<Parsed, SqlError> {
    if sql.len() > SQL_BYTES_MAX {
        let message = format!(
            "the statement has {} bytes, more than the limit of {SQL_BYTES_MAX}",
            sql.len()
        );
        return Err(SqlError::new(INVALID_SQL, message));
    }
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, sql)
        .tokenize_with_location()
        .map_err(|error| {
            let (text, _) = told(&error.to_string(), &[]);
            syntax(text).at(error.location.line, error.location.column)
        })?;
    check_depth(&tokens)?;
    parse_tokens(tokens.into_iter().map(folded_as_fields_are).collect())
}

/// Fields are stored with ASCII letters in lower case and all others as they were sent. So are names without quotes read: the planner's own
/// way takes other letters to lower case too.
fn folded_as_fields_are(mut token: TokenWithSpan) -> TokenWithSpan {
    if let Token::Word(word) = &token.token
        && word.quote_style.is_none()
        && !word.value.is_ascii()
    {
        token.token = Token::make_word(&word.value.to_ascii_lowercase(), Some('"'));
    }
    token
}

/// Parses tokens that came from a statement of allowed depth.
pub(crate) fn parse_tokens(tokens: Vec<TokenWithSpan>) -> Result<Parsed, SqlError> {
    let statements = Parser::new(&PostgreSqlDialect {})
        .with_recursion_limit(NESTING_MAX)
        .with_tokens_with_locations(as_operators(marked(tokens.clone())))
        .parse_statements()
        .map_err(|error| parser_error(error, &tokens))?;
    let mut last = None;
    for statement in statements {
        last = Some(only_query(statement)?);
    }
    let (mut query, explain) = last.ok_or_else(|| syntax("the statement is empty".to_owned()))?;
    translate(&mut query)?;
    if let ControlFlow::Break(what) = query.visit(&mut Unread) {
        return Err(syntax(what.to_owned()));
    }
    statement_size::check(&query)?;
    Ok(Parsed { query, explain, tokens })
}

/// The query of a statement, and whether it is to be explained. Of several statements in one text the last is run, and
/// none of those before it may be anything but a query either: nobody shall believe that it had an effect.
fn only_query(statement: Statement) -> Result<(Box<Query>, Option<Explain>), SqlError> {
    match statement {
        Statement::Query(query) => Ok((query, None)),
        Statement::Explain { statement, analyze, .. } => match *statement {
            Statement::Query(query) => {
                let explain = if analyze { Explain::Analyze } else { Explain::Plan };
                Ok((query, Some(explain)))
            }
            other => Err(refused(&other)),
        },
        other => Err(refused(&other)),
    }
}

/// Stops at what the planner would take no notice of: a query that locks the rows it reads, or reads a share of them.
struct Unread;

impl Visitor for Unread {
    type Break = &'static str;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<&'static str> {
        if query.locks.is_empty() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break("rows are not locked: leave FOR UPDATE or FOR SHARE out")
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<&'static str> {
        match factor {
            TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } => {
                ControlFlow::Break("TABLESAMPLE is not supported: filter instead, as in WHERE random() < 0.1")
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

fn refused(statement: &Statement) -> SqlError {
    let text = statement.to_string();
    let verb = text.split_whitespace().next().unwrap_or("");
    syntax(format!(
        "only queries are run (SELECT, WITH, VALUES, EXPLAIN), not {verb}"
    ))
}

fn syntax(detail: String) -> SqlError {
    SqlError::new(INVALID_SQL, format!("Search SQL not valid: {detail}"))
}

fn parser_error(error: ParserError, tokens: &[TokenWithSpan]) -> SqlError {
    match error {
        ParserError::RecursionLimitExceeded => syntax(format!(
            "brackets and subqueries nest deeper than the limit of {NESTING_MAX}"
        )),
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => {
            let (text, place) = told(&text, tokens);
            match place {
                Some(place) => syntax(text).at(place.line, place.column),
                None => syntax(text),
            }
        }
    }
}

/// Where a name with dots first stands, and whether it is called like a function there.
pub(crate) fn place_of(name: &str, tokens: &[TokenWithSpan]) -> Option<(Location, bool)> {
    let parts: Vec<&str> = name.split('.').collect();
    let width = 2 * parts.len() - 1;
    tokens.windows(width).enumerate().find_map(|(at, window)| {
        let matches = window.iter().enumerate().all(|(i, token)| match &token.token {
            Token::Word(word) if i % 2 == 0 => word.value.eq_ignore_ascii_case(parts[i / 2]),
            Token::Period => i % 2 == 1,
            _ => false,
        });
        let called = tokens.get(at + width).is_some_and(|next| next.token == Token::LParen);
        matches.then(|| (window[0].span.start, called))
    })
}

/// Bounds the depth of the tree by the operators of the longest chain. A comma starts a new expression; what is nested
/// in brackets adds its own bound to the expression around it.
fn check_depth(tokens: &[TokenWithSpan]) -> Result<(), SqlError> {
    let mut levels: Vec<Level> = vec![Level::default()];
    let (mut after_name, mut calls_cost) = (false, 0.0);
    for token in tokens {
        let Some(level) = levels.last_mut() else { return Ok(()) };
        match &token.token {
            Token::LParen if after_name => {
                let cost = level.arguments_cost.max(1.0) * CALL_FACTOR;
                levels.push(Level {
                    arguments_cost: cost,
                    is_call: true,
                    ..Level::default()
                });
                calls_cost += cost;
            }
            Token::LParen | Token::LBracket | Token::LBrace => {
                let arguments_cost = level.arguments_cost;
                levels.push(Level {
                    arguments_cost,
                    ..Level::default()
                });
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                if levels.len() > 1 {
                    let inner = levels.pop().map_or(0, |level| level.longest);
                    if let Some(outer) = levels.last_mut() {
                        outer.add(inner + 1);
                    }
                }
            }
            Token::Comma | Token::SemiColon => {
                level.current = 0;
                calls_cost += level.arguments_cost * if level.is_call { 1.0 } else { LIST_SHARE };
            }
            other => level.add(operators(other)),
        }
        match &token.token {
            Token::Whitespace(_) => {}
            Token::Word(word) => after_name = word.quote_style.is_some() || !is_before_brackets(word.keyword),
            _ => after_name = false,
        }
        if calls_cost > CALLS_COST_MAX {
            let text = "calls of functions nest too deep: compute the inner ones in a subquery";
            return Err(syntax(text.to_owned()).at(token.span.start.line, token.span.start.column));
        }
        if levels.last().is_some_and(|level| level.longest > OPERATORS_MAX) {
            let text = format!(
                "an expression chains more than {OPERATORS_MAX} operators (each of arithmetic is {ARITHMETIC_OPERATORS}); \
                 use IN (...) for long lists"
            );
            return Err(syntax(text).at(token.span.start.line, token.span.start.column));
        }
    }
    Ok(())
}

/// Words that stand before brackets which are no call.
fn is_before_brackets(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::IN
            | Keyword::AND
            | Keyword::OR
            | Keyword::NOT
            | Keyword::WHERE
            | Keyword::FROM
            | Keyword::AS
            | Keyword::SELECT
            | Keyword::ON
            | Keyword::BY
            | Keyword::VALUES
            | Keyword::OVER
            | Keyword::WHEN
            | Keyword::THEN
            | Keyword::ELSE
            | Keyword::UNION
            | Keyword::ALL
            | Keyword::EXISTS
            | Keyword::JOIN
            | Keyword::LATERAL
    )
}

#[derive(Default)]
struct Level {
    /// Of an argument, where it is a call's brackets or something in them.
    arguments_cost: f64,
    is_call: bool,
    current: usize,
    longest: usize,
}

impl Level {
    fn add(&mut self, operators: usize) {
        self.current += operators;
        self.longest = self.longest.max(self.current);
    }
}

/// As how many operators a token counts.
fn operators(token: &Token) -> usize {
    match token {
        Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod | Token::StringConcat => ARITHMETIC_OPERATORS,
        other => usize::from(is_operator(other)),
    }
}

fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::IS
                | Keyword::IN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::SIMILAR
                | Keyword::BETWEEN
                | Keyword::COLLATE
                | Keyword::AT
                | Keyword::UNION
                | Keyword::INTERSECT
                | Keyword::EXCEPT
                | Keyword::JOIN
                | Keyword::CASE
        ),
        Token::EOF
        | Token::Number(..)
        | Token::Char(_)
        | Token::SingleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::Whitespace(_)
        | Token::Period
        | Token::EscapedStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::Placeholder(_) => false,
        _ => true,
    }
}
