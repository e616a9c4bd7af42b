//! From text to one statement that reads, in the words that the planner knows.
//!
//! `tokens` brings what the parser's grammar lacks into its grammar, `guard` lets through what reads and is known,
//! `rewrite` puts functions in place of Trino's special forms, `from` joins `UNNEST` to what stands before it, and `labels`
//! names the columns. Everything else of Trino's meaning is in the planner and the functions.

mod attempt;
mod from;
mod guard;
mod labels;
mod rewrite;
mod show;
mod tokens;

use datafusion::sql::sqlparser::ast::{Query, VisitMut};
use datafusion::sql::sqlparser::dialect::{Dialect, GenericDialect};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token};

use crate::{Error, Value};

pub(crate) use attempt::function;
pub(crate) use labels::label;
pub(crate) use show::{Show, fits};

/// What precedes the name of a function that `TRY` holds.
pub(crate) const ATTEMPT: &str = "$try:";

/// How deep parentheses, functions and subqueries may stand in each other.
const DEPTH_MAX: usize = 60;

/// One statement that reads.
#[derive(Debug)]
pub(crate) enum Statement {
    /// `SELECT` and its like.
    Query(Box<Query>),
    /// `EXPLAIN` of one.
    Explain(Box<Query>),
    /// `SHOW` and `DESCRIBE`.
    Show(Show),
}

/// Where a statement runs: what its names and clocks mean.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// The database, in lower case.
    pub(crate) database: String,
    /// The instant that `now()` tells, in milliseconds.
    pub(crate) now: i64,
}

/// The parser's settings for Trino's grammar.
#[derive(Debug)]
struct Trino;

impl Dialect for Trino {
    /// The parser asks its dialect for `UNNEST` and a few others only by the name of this one.
    fn dialect(&self) -> std::any::TypeId {
        std::any::TypeId::of::<GenericDialect>()
    }

    fn is_delimited_identifier_start(&self, letter: char) -> bool {
        letter == '"' || letter == '`'
    }

    fn is_identifier_start(&self, letter: char) -> bool {
        letter.is_alphabetic() || letter == '_'
    }

    fn is_identifier_part(&self, letter: char) -> bool {
        letter.is_alphanumeric() || letter == '_'
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_lambda_functions(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }

    fn supports_numeric_literal_underscores(&self) -> bool {
        true
    }

    fn require_interval_qualifier(&self) -> bool {
        true
    }
}

/// Reads one statement; `parameters` take the place of its `?`.
pub(crate) fn parse(text: &str, parameters: &[Value], setting: &Setting) -> Result<Statement, Error> {
    let mut tokens = tokens::read(text, parameters)?;
    let first = match tokens.first().map(|first| &first.token) {
        Some(Token::Word(word)) => word.keyword,
        Some(Token::LParen) => Keyword::SELECT,
        Some(_) => Keyword::NoKeyword,
        None => return Err(Error::Syntax { message: "the statement is empty".into(), line: 1, column: 1 }),
    };
    match first {
        Keyword::SELECT | Keyword::WITH | Keyword::VALUES | Keyword::TABLE => {
            query(tokens, setting).map(Statement::Query)
        }
        Keyword::EXPLAIN => {
            tokens.remove(0);
            query(show::explained(tokens)?, setting).map(Statement::Explain)
        }
        Keyword::SHOW | Keyword::DESCRIBE | Keyword::DESC => show::parse(&tokens).map(Statement::Show),
        _ => {
            let word = tokens.first().map(|first| first.token.to_string().to_uppercase()).unwrap_or_default();
            Err(Error::NotARead(format!("this one begins with {word}")))
        }
    }
}

fn query(tokens: tokens::Tokens, setting: &Setting) -> Result<Box<Query>, Error> {
    let mut parser = Parser::new(&Trino).with_recursion_limit(DEPTH_MAX).with_tokens_with_locations(tokens);
    let mut query = parser.parse_query().map_err(misread)?;
    let next = parser.peek_token();
    if next.token != Token::EOF {
        return Err(syntax(format!("Expected: end of statement, found: {}", next.token), next.span.start));
    }
    guard::check(&query)?;
    labels::name_columns(&mut query);
    let mut rewrite = rewrite::Rewrite { setting };
    if let std::ops::ControlFlow::Break(error) = query.visit(&mut rewrite) {
        return Err(*error);
    }
    Ok(query)
}

fn syntax(message: String, at: Location) -> Error {
    Error::Syntax { message, line: at.line, column: at.column }
}

/// The parser tells the place at the end of its text.
fn misread(error: ParserError) -> Error {
    let text = match error {
        ParserError::RecursionLimitExceeded => {
            return Error::Unsupported { construct: format!("nesting deeper than {DEPTH_MAX}") };
        }
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => text,
    };
    let place = text.rsplit_once(" at Line: ").and_then(|(message, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((message.to_owned(), line.parse().ok()?, column.parse().ok()?))
    });
    match place {
        Some((message, line, column)) => Error::Syntax { message, line, column },
        None => Error::Syntax { message: text, line: 0, column: 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Statement, Error> {
        parse(text, &[], &Setting { database: "db".into(), now: 0 })
    }

    #[test]
    fn a_syntax_error_tells_its_place() {
        match parsed("SELECT a\nFROM t WHRE b = 1") {
            Err(Error::Syntax { line, column, .. }) => assert_eq!((line, column), (2, 13)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_but_one_statement_that_reads_is_let_through() {
        for text in [
            "INSERT INTO t VALUES (1)",
            "CREATE TABLE t AS SELECT 1",
            "DROP TABLE t",
            "UNLOAD (SELECT 1) TO 's3://x' WITH (format = 'JSON')",
            "MSCK REPAIR TABLE t",
            "PREPARE p FROM SELECT 1",
            "SELECT 1; SELECT 2",
            "WITH c AS (SELECT 1) DELETE FROM t",
            "SELECT * INTO t FROM u",
            "SELECT * FROM t FOR UPDATE",
        ] {
            assert!(matches!(parsed(text), Err(Error::NotARead(_))), "{text}: {:?}", parsed(text));
        }
    }
}
