//! What is Athena's own: which forms of Trino's SQL the parser is to know, and the short statements that
//! Athena hands to a parser of Hive's family.
//!
//! Nothing here writes, whatever a grant allows: `INSERT`, `MERGE`, `CREATE TABLE AS`, `UNLOAD` and their
//! like have a class and no tree. So a read is `SELECT` in one of its forms, or a statement that shows
//! the catalogue.

use sqlparser::ast::Expr;
use sqlparser::dialect::Dialect as Rules;

use super::lexer::{Kind, Token};
use super::parse::Shape;
use super::verb::{Cursor, by_class, parsed, shown};
use super::{Class, Guard, Refusal};

/// Trino's SQL as the parser is to read it. Whatever is not named here, it does not know: neither does Trino.
#[derive(Debug)]
pub(super) struct Trino;

impl Rules for Trino {
    fn is_identifier_start(&self, c: char) -> bool {
        c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
    }

    fn is_identifier_part(&self, c: char) -> bool {
        c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn supports_lambda_functions(&self) -> bool {
        true
    }

    fn supports_numeric_literal_underscores(&self) -> bool {
        true
    }

    fn supports_interval_options(&self) -> bool {
        true
    }

    fn supports_table_versioning(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }
}

/// Whether an expression of this kind only computes, beside those that every dialect has.
pub(super) fn reads(expression: &Expr) -> bool {
    matches!(
        expression,
        Expr::Array(_)
            | Expr::AtTimeZone { .. }
            | Expr::CompoundFieldAccess { .. }
            | Expr::Cube(_)
            | Expr::GroupingSets(_)
            | Expr::Lambda(_)
            | Expr::Named { .. }
            | Expr::Rollup(_)
    )
}

/// Finds the words that tell who asks, which are functions without brackets.
pub(super) fn tokens(guard: &mut Guard<'_>, code: &[Token]) {
    let mut previous = "";
    for token in code {
        let text = token.text(guard.statement);
        let tells = ["current_user", "current_role"].iter().any(|word| token.is_word(guard.statement, word));
        if tells && previous != "." {
            guard.raise(Class::Admin, format!("`{text}` tells who the host is to the engine"));
        }
        previous = text;
    }
}

/// Judges a statement by its first word.
pub(super) fn judge(guard: &mut Guard<'_>, mut rest: Cursor<'_>) -> Result<(), Refusal> {
    if rest.word(&["show"]) {
        without_escapes(rest)?;
        show(guard, rest)
    } else if rest.word(&["describe", "desc"]) {
        without_escapes(rest)?;
        describe(guard, rest)
    } else if rest.word(&["explain"]) {
        explain_options(&mut rest)?;
        query(guard, rest)
    } else if rest.word(&["using"]) {
        external_functions(guard, &mut rest)?;
        query(guard, rest)
    } else {
        query(guard, rest)
    }
}

/// A query, or whatever it is by its first word.
fn query(guard: &mut Guard<'_>, mut rest: Cursor<'_>) -> Result<(), Refusal> {
    match rest.shape() {
        Some(Shape::Query) => return parsed(guard, Shape::Query, rest.tokens),
        Some(_) if !rest.word(&["replace"]) => guard.raise(Class::Write, "it changes rows"),
        _ if rest.word(&["merge"]) => guard.raise(Class::Write, "it changes rows"),
        _ => {
            let verb = rest.tokens.first().map(|first| first.text(rest.statement).to_ascii_lowercase());
            rest.skip();
            by_class(guard, &verb.unwrap_or_default(), rest);
        }
    }
    Ok(())
}

/// Hive's parser lets `\` escape a quote, and Trino's does not: where the first reads, neither may meet one.
fn without_escapes(rest: Cursor<'_>) -> Result<(), Refusal> {
    let quoted = |token: &&Token| matches!(token.kind, Kind::Text | Kind::Quoted);
    match rest.tokens.iter().filter(quoted).any(|token| token.text(rest.statement).contains('\\')) {
        true => Err(Refusal::NotUnderstood { detail: "a backslash inside quotes".to_owned() }),
        false => Ok(()),
    }
}

/// What follows `SHOW`: databases, tables, their columns, partitions and definitions, and functions.
fn show(guard: &mut Guard<'_>, mut rest: Cursor<'_>) -> Result<(), Refusal> {
    if rest.word(&["create"]) {
        if !rest.word(&["table", "view"]) {
            return Err(rest.expected("TABLE or VIEW"));
        }
        let parts = rest.object();
        return shown(guard, parts, rest);
    }
    if rest.word(&["columns"]) {
        let mut parts = if rest.word(&["from", "in"]) { rest.object() } else { None };
        if rest.word(&["from", "in"]) {
            parts = rest.object().zip(parts).map(|(schema, table)| [schema, table].concat());
        }
        pattern(&mut rest)?;
        return shown(guard, parts, rest);
    }
    if rest.word(&["partitions"]) {
        let parts = rest.object();
        return shown(guard, parts, rest);
    }
    if rest.word(&["tblproperties"]) {
        let parts = rest.object();
        if rest.symbol("(") && !(rest.text() && rest.symbol(")")) {
            return Err(rest.expected("the name of a property in quotes"));
        }
        return shown(guard, parts, rest);
    }
    if rest.word(&["databases", "schemas", "tables", "views", "functions"]) {
        if rest.word(&["from", "in"]) && rest.object().is_none() {
            return Err(rest.expected("the name of a database"));
        }
        pattern(&mut rest)?;
        return rest.end();
    }
    guard.raise(Class::Admin, "`SHOW` of this kind tells about the engine, its users or its settings");
    Ok(())
}

/// `LIKE 'pattern'` or `'pattern'`, or neither.
fn pattern(rest: &mut Cursor<'_>) -> Result<(), Refusal> {
    if rest.word(&["like"]) && !rest.text() {
        return Err(rest.expected("a pattern"));
    }
    rest.text();
    Ok(())
}

/// What follows `DESCRIBE`: a table, a partition of it, a column of it.
fn describe(guard: &mut Guard<'_>, mut rest: Cursor<'_>) -> Result<(), Refusal> {
    let mut ahead = rest;
    // A table may have the name of an option.
    if ahead.word(&["extended", "formatted"]) && ahead.object().is_some() {
        rest.skip();
    }
    let parts = rest.object();
    if rest.word(&["partition"]) {
        let closes = |token: &Token| token.is_symbol(rest.statement, ")");
        let length = rest.tokens.iter().position(closes).ok_or_else(|| rest.expected("a bracket"))?;
        rest.tokens = rest.tokens.get(length + 1..).unwrap_or_default();
    }
    let _ = rest.object();
    shown(guard, parts, rest)
}

/// `ANALYZE`, which runs the statement, `VERBOSE`, and `(FORMAT JSON, TYPE LOGICAL)`.
fn explain_options(rest: &mut Cursor<'_>) -> Result<(), Refusal> {
    while rest.word(&["analyze", "verbose"]) {}
    let mut ahead = *rest;
    if !ahead.symbol("(") || !["format", "type"].iter().any(|word| ahead.word(&[*word])) {
        return Ok(());
    }
    while ahead.name().is_some() || ahead.symbol(",") {}
    if !ahead.symbol(")") {
        return Err(ahead.expected("an option of EXPLAIN"));
    }
    *rest = ahead;
    Ok(())
}

/// `USING EXTERNAL FUNCTION f(a varchar) RETURNS varchar LAMBDA 'name'`, once or more: functions that
/// run a Lambda of the statement's choice, which the operator must vouch for by the name of the Lambda.
fn external_functions(guard: &mut Guard<'_>, rest: &mut Cursor<'_>) -> Result<(), Refusal> {
    loop {
        if !(rest.word(&["external"]) && rest.word(&["function"])) {
            return Err(rest.expected("EXTERNAL FUNCTION"));
        }
        let name = rest.name().ok_or_else(|| rest.expected("the name of a function"))?;
        // Its parameters and its type: names, numbers, commas and brackets.
        while !rest.word(&["lambda"]) {
            if !(rest.name().is_some() || ["(", ")", ","].iter().any(|symbol| rest.symbol(symbol))) {
                return Err(rest.expected("LAMBDA"));
            }
        }
        let lambda = rest.tokens.first().filter(|token| token.kind == Kind::Text);
        let lambda = lambda.map(|token| token.text(rest.statement).trim_matches('\'').to_owned());
        let lambda = lambda.ok_or_else(|| rest.expected("the name of a Lambda function in quotes"))?;
        rest.skip();
        if !guard.allows(&format!("lambda:{lambda}")) {
            let hint = "the operator can allow it in `functions`, as `lambda:NAME`";
            guard.raise(Class::Procedure, format!("`USING EXTERNAL FUNCTION` runs a Lambda function; {hint}"));
        }
        guard.found.declared.insert(name.to_ascii_lowercase());
        if !rest.symbol(",") {
            return Ok(());
        }
    }
}
