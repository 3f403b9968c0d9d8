//! `IS [NOT] DISTINCT FROM`. The parser takes all that follows for the right side, also what AND and OR join to the
//! comparison: `a IS DISTINCT FROM b AND c` would be `a IS DISTINCT FROM (b AND c)`. An operator of PostgreSQL's form
//! `OPERATOR(name)` ends where it should, so the tokens are replaced by one, which the planner resolves.

use datafusion::logical_expr::Operator;
use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

const DISTINCT_FROM: &str = "is_distinct_from";
const NOT_DISTINCT_FROM: &str = "is_not_distinct_from";

/// The tokens with operators in place of the words.
pub(crate) fn as_operators(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut out = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let Some((name, end)) = words(&tokens, at) else {
            out.push(tokens[at].clone());
            at += 1;
            continue;
        };
        let operator = [
            Token::make_keyword("OPERATOR"),
            Token::LParen,
            Token::make_word(name, None),
            Token::RParen,
        ];
        out.extend(operator.map(|token| TokenWithSpan::new(token, tokens[at].span)));
        at = end;
    }
    out
}

/// The comparison that such an operator stands for.
pub(crate) fn resolve(operator: &BinaryOperator) -> Option<Operator> {
    match operator {
        BinaryOperator::PGCustomBinaryOperator(name) => match name.as_slice() {
            [name] if name == DISTINCT_FROM => Some(Operator::IsDistinctFrom),
            [name] if name == NOT_DISTINCT_FROM => Some(Operator::IsNotDistinctFrom),
            _ => None,
        },
        _ => None,
    }
}

/// The operator whose words begin at a token, and the place behind them.
fn words(tokens: &[TokenWithSpan], at: usize) -> Option<(&'static str, usize)> {
    let mut words = tokens.iter().enumerate().skip(at);
    let mut words = words
        .by_ref()
        .filter(|(_, token)| !matches!(token.token, Token::Whitespace(_)));
    let mut next = || words.next().map(|(place, token)| (keyword(token), place + 1));
    if next()?.0 != Keyword::IS {
        return None;
    }
    let (name, distinct) = match next()?.0 {
        Keyword::NOT => (NOT_DISTINCT_FROM, next()?.0),
        word => (DISTINCT_FROM, word),
    };
    let (from, end) = next()?;
    (distinct == Keyword::DISTINCT && from == Keyword::FROM).then_some((name, end))
}

fn keyword(token: &TokenWithSpan) -> Keyword {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => word.keyword,
        _ => Keyword::NoKeyword,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::as_operators;

    fn parsed(sql: &str) -> String {
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location();
        let tokens = as_operators(tokens.unwrap_or_default());
        let expr = Parser::new(&PostgreSqlDialect {})
            .with_tokens_with_locations(tokens)
            .parse_expr();
        expr.map_or_else(|error| error.to_string(), |expr| format!("{expr:?}"))
    }

    #[test]
    fn the_right_side_ends_where_and_or_or_begins() {
        assert!(parsed("a IS DISTINCT FROM b AND c").contains("op: And, right: Identifier"));
        assert!(parsed("a is not  distinct from b OR c").contains("op: Or, right: Identifier"));
    }

    #[test]
    fn other_words_stay() {
        assert!(!parsed("a IS NOT NULL AND b IS TRUE").contains("PGCustom"));
        assert!(!parsed("count(DISTINCT a)").contains("PGCustom"));
    }
}
