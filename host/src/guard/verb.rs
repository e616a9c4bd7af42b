//! Judges a statement by its first word, and reads the short forms that need no tree.
//!
//! Few verbs can read: those go to the parser, or to one of the small grammars here. Every other verb has
//! its class from [`CLASSES`], whatever follows it, and one that is on no list is `unknown`.

use super::lexer::{Kind, Token, unquote};
use super::parse::{Shape, examine};
use super::{Class, Dialect, Guard, Refusal, athena, catalogue};

/// Verbs that never read, and what they do.
const CLASSES: &[(Class, &str, &str)] = &[
    (Class::Ddl, "changes definitions", "create alter drop truncate rename comment reindex msck refresh"),
    (Class::Session, "changes the session", "set use reset begin start commit rollback savepoint release end xa"),
    (Class::Session, "takes or frees locks", "lock unlock handler"),
    (
        Class::Admin,
        "manages the server",
        "analyze binlog cache change check checksum clone deny flush grant help install kill optimize purge repair
         restart revoke shutdown stop uninstall vacuum",
    ),
    (Class::FileIo, "reads or writes files", "attach backup copy detach import load unload"),
    (
        Class::Procedure,
        "runs code that cannot be seen from here",
        "call case declare do deallocate execute get if loop prepare repeat resignal return signal while",
    ),
];

/// What, after `CREATE` and its like, belongs to the server and not to the data.
const SERVER_OBJECTS: &[&str] =
    &["user", "role", "server", "tablespace", "undo", "instance", "resource", "logfile", "replication"];

/// Judges a statement by its tokens, which are at least one.
pub(super) fn judge(guard: &mut Guard<'_>, code: &[Token]) -> Result<(), Refusal> {
    let mut rest = Cursor { statement: guard.statement, tokens: code };
    if guard.dialect == Dialect::Athena {
        return athena::judge(guard, rest);
    }
    if let Some(shape) = rest.shape() {
        return parsed(guard, shape, code);
    }
    let verb = code.first().map(|first| first.text(guard.statement).to_ascii_lowercase()).unwrap_or_default();
    rest.skip();
    match (verb.as_str(), guard.dialect) {
        ("explain" | "describe" | "desc", Dialect::Mysql) => explain(guard, rest),
        ("explain", Dialect::Sqlite) => {
            let _ = rest.word(&["query"]) && rest.word(&["plan"]);
            inner(guard, rest, "`EXPLAIN` of this kind of statement")
        }
        ("analyze", Dialect::Mysql) if runs_a_statement(rest) => explain(guard, rest),
        ("show", Dialect::Mysql) => show(guard, rest),
        ("pragma", Dialect::Sqlite) => pragma(guard, rest),
        _ => {
            by_class(guard, &verb, rest);
            Ok(())
        }
    }
}

/// Parses a query or a change; `LOCK IN SHARE MODE`, which the parser does not know, is taken off first.
pub(super) fn parsed(guard: &mut Guard<'_>, shape: Shape, code: &[Token]) -> Result<(), Refusal> {
    let mut code = code;
    if let Some((before, tail)) = code.len().checked_sub(4).and_then(|at| code.split_at_checked(at)) {
        let words = ["lock", "in", "share", "mode"];
        if guard.dialect == Dialect::Mysql
            && !before.is_empty()
            && tail.iter().zip(words).all(|(token, word)| token.is_word(guard.statement, word))
        {
            guard.raise(Class::Lock, "`LOCK IN SHARE MODE` locks the rows that it reads");
            code = before;
        }
    }
    match (code.first(), code.last()) {
        (Some(first), Some(last)) => examine(guard, shape, first.start..last.end),
        _ => Err(Refusal::Empty),
    }
}

pub(super) fn by_class(guard: &mut Guard<'_>, verb: &str, rest: Cursor<'_>) {
    let upper = verb.to_uppercase();
    let listed = CLASSES.iter().find(|(_, _, verbs)| verbs.split_whitespace().any(|other| other == verb));
    match listed {
        Some((Class::Ddl, ..)) if rest.any_word_of_three(SERVER_OBJECTS) => {
            guard.raise(Class::Admin, format!("`{upper}` of this kind manages the server"));
        }
        _ if verb == "vacuum" && rest.tokens.iter().any(|token| token.is_word(rest.statement, "into")) => {
            guard.raise(Class::FileIo, "`VACUUM INTO` writes a file");
        }
        Some((class, what, _)) => guard.raise(*class, format!("`{upper}` {what}")),
        None => guard.raise(Class::Unknown, "statements that begin like this are not known to the guard"),
    }
}

/// What follows `EXPLAIN`, `DESCRIBE`, `DESC`, or MariaDB's `ANALYZE`: a statement, or a table.
///
/// The statement's own class holds, whether it is run (`EXPLAIN ANALYZE`) or not: MariaDB runs parts of a
/// statement, functions among them, to plan it.
fn explain(guard: &mut Guard<'_>, mut rest: Cursor<'_>) -> Result<(), Refusal> {
    if let Some(parts) = rest.described() {
        guard.table(&parts);
        return Ok(());
    }
    rest.explain_options();
    if rest.word(&["for"]) {
        guard.raise(Class::Admin, "`EXPLAIN FOR` shows what other sessions do");
        return Ok(());
    }
    inner(guard, rest, "`EXPLAIN` of this kind of statement")
}

fn inner(guard: &mut Guard<'_>, rest: Cursor<'_>, what: &str) -> Result<(), Refusal> {
    if let Some(shape) = rest.shape() {
        return parsed(guard, shape, rest.tokens);
    }
    guard.raise(Class::Unknown, format!("{what} is not known to the guard"));
    Ok(())
}

/// Whether MariaDB's `ANALYZE` is followed by a statement, and not by `TABLE t`, which it manages.
fn runs_a_statement(mut rest: Cursor<'_>) -> bool {
    rest.explain_options();
    rest.shape().is_some() && !rest.word(&["table"])
}

/// What follows `SHOW`: tables, their columns, indexes and definitions. Everything else that it shows is
/// about the server, its users and its settings.
fn show(guard: &mut Guard<'_>, mut rest: Cursor<'_>) -> Result<(), Refusal> {
    rest.word(&["extended"]);
    rest.word(&["full"]);
    let words = |rest: &mut Cursor<'_>, first: &[&str], second: &[&str]| {
        let mut ahead = *rest;
        let both = ahead.word(first) && ahead.word(second);
        if both {
            *rest = ahead;
        }
        both
    };
    if words(&mut rest, &["create"], &["table", "view"]) {
        let parts = rest.object();
        return shown(guard, parts, rest);
    }
    if words(&mut rest, &["create"], &["database", "schema"]) {
        let _ = rest.word(&["if"]) && rest.word(&["not"]) && rest.word(&["exists"]);
        return in_schema(guard, rest.name(), rest);
    }
    if rest.word(&["columns", "fields", "index", "indexes", "keys"]) {
        let mut parts = if rest.word(&["from", "in"]) { rest.object() } else { None };
        if rest.word(&["from", "in"]) {
            parts = rest.name().zip(parts).map(|(schema, parts)| [vec![schema], parts].concat());
        }
        return shown(guard, parts, rest);
    }
    if rest.word(&["tables"]) || words(&mut rest, &["table"], &["status"]) {
        let schema = if rest.word(&["from", "in"]) { rest.name() } else { Some(String::new()) };
        return in_schema(guard, schema, rest);
    }
    if rest.word(&["databases", "schemas", "collation", "charset", "engines", "warnings", "errors"])
        || words(&mut rest, &["character"], &["set"])
    {
        return in_schema(guard, Some(String::new()), rest);
    }
    guard.raise(Class::Admin, "`SHOW` of this kind tells about the server, its users or its settings");
    Ok(())
}

/// Ends a `SHOW` that names a table.
pub(super) fn shown(guard: &mut Guard<'_>, parts: Option<Vec<String>>, rest: Cursor<'_>) -> Result<(), Refusal> {
    match parts {
        Some(parts) => guard.table(&parts),
        None => return Err(rest.expected("the name of a table")),
    }
    filter(guard, rest)
}

/// Ends a `SHOW` that may name a schema; an empty name is the schema of the session.
fn in_schema(guard: &mut Guard<'_>, schema: Option<String>, rest: Cursor<'_>) -> Result<(), Refusal> {
    match schema {
        Some(schema) => {
            if let Some((class, reason)) = catalogue::schema(&schema) {
                guard.raise(class, reason);
            }
        }
        None => return Err(rest.expected("the name of a schema")),
    }
    filter(guard, rest)
}

/// The end of a `SHOW`: nothing, `LIKE 'pattern'`, or `WHERE` with a condition that may hold anything.
fn filter(guard: &mut Guard<'_>, mut rest: Cursor<'_>) -> Result<(), Refusal> {
    if rest.word(&["like"]) && !rest.text() {
        return Err(rest.expected("a pattern"));
    }
    if rest.word(&["where"]) {
        return match (rest.tokens.first(), rest.tokens.last()) {
            (Some(first), Some(last)) => examine(guard, Shape::Expression, first.start..last.end),
            _ => Err(rest.expected("a condition")),
        };
    }
    rest.end()
}

/// What follows `PRAGMA`: `name`, `name(value)` or `name = value`, after a schema or not.
fn pragma(guard: &mut Guard<'_>, mut rest: Cursor<'_>) -> Result<(), Refusal> {
    let Some(name) = rest.object().and_then(|mut parts| parts.pop()) else {
        return Err(rest.expected("the name of a pragma"));
    };
    if let Some((class, reason)) = catalogue::pragma(&name, !rest.tokens.is_empty()) {
        guard.raise(class, reason);
        return Ok(());
    }
    let bracket = rest.symbol("(");
    if (bracket || rest.symbol("=")) && !(rest.name().is_some() || rest.text()) {
        return Err(rest.expected("a value"));
    }
    if bracket && !rest.symbol(")") {
        return Err(rest.expected("a bracket"));
    }
    rest.end()
}

/// The tokens that are still to be read.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) statement: &'a str,
    pub(super) tokens: &'a [Token],
}

impl Cursor<'_> {
    /// How what follows is to be parsed; none if it begins with no verb that reads or changes rows.
    pub(super) fn shape(&self) -> Option<Shape> {
        let first = self.tokens.first()?;
        match (first.kind, first.text(self.statement).to_ascii_lowercase().as_str()) {
            (Kind::Word, "select" | "with" | "values" | "table") | (Kind::Symbol, "(") => Some(Shape::Query),
            (Kind::Word, "insert" | "replace" | "update" | "delete") => Some(Shape::Change),
            _ => None,
        }
    }

    pub(super) fn skip(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
    }

    /// Takes the next token if `take` wants it.
    fn next_if(&mut self, take: impl FnOnce(&Token) -> bool) -> Option<Token> {
        let token = *self.tokens.first().filter(|token| take(token))?;
        self.skip();
        Some(token)
    }

    /// Takes the next token if it is one of these words.
    pub(super) fn word(&mut self, words: &[&str]) -> bool {
        let statement = self.statement;
        self.next_if(|token| words.iter().any(|word| token.is_word(statement, word))).is_some()
    }

    pub(super) fn symbol(&mut self, symbol: &str) -> bool {
        let statement = self.statement;
        self.next_if(|token| token.is_symbol(statement, symbol)).is_some()
    }

    pub(super) fn text(&mut self) -> bool {
        self.next_if(|token| token.kind == Kind::Text).is_some()
    }

    pub(super) fn name(&mut self) -> Option<String> {
        let token = self.next_if(|token| matches!(token.kind, Kind::Word | Kind::Quoted))?;
        Some(unquote(token.text(self.statement)))
    }

    /// `name` or `schema.name`.
    pub(super) fn object(&mut self) -> Option<Vec<String>> {
        let mut parts = vec![self.name()?];
        while self.symbol(".") {
            parts.push(self.name()?);
        }
        Some(parts)
    }

    /// All that follows as `table`, `table column` or `table 'pattern'`; none if it is anything else.
    fn described(mut self) -> Option<Vec<String>> {
        if self.shape().is_some() {
            return None;
        }
        let parts = self.object()?;
        let _ = self.text() || self.name().is_some();
        self.tokens.is_empty().then_some(parts)
    }

    fn explain_options(&mut self) {
        loop {
            if self.word(&["format"]) {
                let _ = self.symbol("=") && (self.name().is_some() || self.text());
            } else if !self.word(&["analyze", "extended", "partitions"]) {
                return;
            }
        }
    }

    /// Whether one of these words is among the next three, where `CREATE OR REPLACE USER` has it.
    fn any_word_of_three(mut self, words: &[&str]) -> bool {
        (0..3).any(|_| {
            let found = self.word(words);
            self.skip();
            found
        })
    }

    pub(super) fn end(&self) -> Result<(), Refusal> {
        match self.tokens {
            [] => Ok(()),
            _ => Err(self.expected("the end of the statement")),
        }
    }

    pub(super) fn expected(&self, what: &str) -> Refusal {
        let at = self.tokens.first().map_or(self.statement.len(), |token| token.start);
        let line = self.statement.get(..at).unwrap_or_default().matches('\n').count() + 1;
        Refusal::NotUnderstood { detail: format!("expected {what} on line {line}") }
    }
}
