//! Decides what a statement does before a database sees it: it reads, or it is of another class.
//!
//! The guard is the first of four lines (a read-only session, a rollback after every call and a user
//! with few rights come after it), and the only one that MySQL's `SLEEP`, `GET_LOCK` and `INTO OUTFILE`
//! meet: a read-only transaction allows all three. It follows one rule: *a statement is a read only if
//! every part of it is known to read*. Nothing here searches for forbidden words in a text.
//!
//! [`classify`] thinks in this order, and each step is a file:
//!
//! 1. [`lexer`]: where are the strings, the quoted names and the comments? By the exact rules of the
//!    dialect, since most ways round a guard begin with a comment that is none.
//! 2. Here: is it one statement, of a sane size, without comments that the database would run? Does it
//!    name variables, users or files outside all strings?
//! 3. `verb`: what is its first word? Only a few verbs can read; all others have their class at once,
//!    and no parser is asked. `SHOW`, `DESCRIBE` and `PRAGMA` are told apart here.
//! 4. `parse`: a real parser makes a tree of what is left. Its quotes and comments must begin and end where
//!    those of the lexer do: two that read a text differently are one too many. (`bridge` says some legal
//!    forms in words that the parser knows, for the tree only.)
//! 5. `walk`: every node of the tree is visited. A node that is not known to read is of class `unknown`.
//! 6. `functions` and `catalogue`: the functions and tables that it met: harmless, or of which class?
//!
//! The class of a statement is the worst that any part of it has. The text itself is never changed: it
//! is sent as it was written, or not at all. The one exception is [`rows`]: where a caller may see only
//! some rows of a table, a query for those takes the place of the table's name.

use std::collections::BTreeSet;
use std::fmt;

mod athena;
mod bridge;
mod builtins;
mod catalogue;
mod functions;
pub(crate) mod lexer;
mod parse;
pub(crate) mod rows;
mod verb;
mod walk;

#[cfg(test)]
mod corpus_athena;
#[cfg(test)]
mod corpus_harm;
#[cfg(test)]
mod corpus_reads;
#[cfg(test)]
mod tests;

use functions::Judgement;
use lexer::{Kind, Token};
use rows::{Filter, Sightings};

/// The longest statement, in bytes. RDS and Athena take more; people do not write more.
pub(crate) const STATEMENT_BYTES_MAX: usize = 64 * 1024;

/// What makes a statement that deletes rows a write.
const DELETES: &str = "it deletes rows";

/// The SQL that a database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite.
    Sqlite,
    /// MySQL and MariaDB, with `sql_mode` neither `ANSI_QUOTES` nor `NO_BACKSLASH_ESCAPES`.
    Mysql,
    /// Athena's engine 3: the SQL of Trino, and Hive's `SHOW` and `DESCRIBE`.
    Athena,
}

impl fmt::Display for Dialect {
    /// The word that plugins and agents read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Mysql => "mysql",
            Self::Athena => "athena",
        })
    }
}

/// What a statement does, from harmless to unknown. A grant says which of the first three it allows; no
/// grant allows the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// It reads rows or the catalogue, and nothing else.
    Read,
    /// It reads rows and locks them until its transaction ends: `SELECT ... FOR UPDATE`.
    Lock,
    /// It inserts, updates or deletes rows.
    Write,
    /// It changes tables, views or other definitions.
    Ddl,
    /// It changes what outlives it in the session: variables, transactions, locks held by name.
    Session,
    /// It manages the server or tells about it: users, other sessions, settings.
    Admin,
    /// It reads or writes files beside the tables.
    FileIo,
    /// It runs code that cannot be seen from here, or code that waits.
    Procedure,
    /// Part of it is not known to the guard.
    Unknown,
}

impl Class {
    /// The word for it in policies and in the audit. Words do not change.
    #[must_use]
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Lock => "lock",
            Self::Write => "write",
            Self::Ddl => "ddl",
            Self::Session => "session",
            Self::Admin => "admin",
            Self::FileIo => "file-io",
            Self::Procedure => "procedure",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What the guard found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The worst class of any part of the statement.
    pub class: Class,
    /// Every table that it names, without quotes and otherwise as written (`crm.orders`), sorted, each
    /// once. Empty for most statements that no grant allows. Names that a read's own `WITH` defines are
    /// left out where they cannot mean a table.
    pub tables: Vec<String>,
    /// For any class but `Read`, what made it so: "the function `sleep` waits". Empty for `Read`.
    pub reason: String,
}

/// Why a text is no statement that can be judged. The fault is always that of whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// It is longer than [`STATEMENT_BYTES_MAX`].
    #[error("the statement has {bytes} bytes; the limit is {STATEMENT_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It has too many operators, or nests too deeply, to be parsed with care.
    #[error("the statement is too complex: split it, or use a shorter list of conditions")]
    TooComplex,
    /// There is nothing but comments and white space.
    #[error("there is no statement")]
    Empty,
    /// Something follows the first statement.
    #[error("one statement at a time: there is more after the `;`")]
    Several,
    /// A string, a quoted name or a comment has no end.
    #[error("the {what} that begins on line {line} does not end")]
    Unterminated {
        /// What it is.
        what: &'static str,
        /// Where it begins, counted from 1.
        line: usize,
    },
    /// It holds the character that ends a statement in some databases and not in others.
    #[error("the statement holds a NUL character: pass such values as parameters")]
    Nul,
    /// It holds a comment that MySQL or MariaDB would run.
    #[error("comments that begin with `/*!` or `/*M!` are run by the database, and are not allowed")]
    ExecutableComment,
    /// The parser cannot read it: it is wrong, or legal in a form that the parser does not know.
    #[error("not understood by the guard: {detail}")]
    NotUnderstood {
        /// What was expected, and where.
        detail: String,
    },
}

/// Finds the class of one statement, and the tables that it names.
///
/// `allowed_functions` are functions of the user that the operator vouches for, as statements write them
/// (`margin`, `crm.margin`), in capitals or not; `lambda:NAME` is the Lambda function of that name, which
/// Athena calls for `USING EXTERNAL FUNCTION`. It cannot allow a function that is known to do harm.
///
/// # Errors
///
/// A [`Refusal`] if the text is no single statement that can be read. Never send such a text.
pub(crate) fn classify(
    statement: &str,
    dialect: Dialect,
    allowed_functions: &BTreeSet<String>,
) -> Result<Verdict, Refusal> {
    rows::classify_rows(statement, dialect, allowed_functions, &[]).map(|(verdict, _)| verdict)
}

/// Judges one statement of any length.
fn judge(
    statement: &str,
    dialect: Dialect,
    allowed_functions: &BTreeSet<String>,
    filters: &[Filter],
) -> Result<(Verdict, Sightings), Refusal> {
    let tokens = lexer::lex(statement, dialect)?;
    let (found, sightings) = (Found::default(), Sightings::default());
    let mut guard = Guard { statement, tokens: &tokens, dialect, allowed_functions, filters, found, sightings };
    guard.comments()?;
    let code = guard.one_statement()?;
    match dialect {
        Dialect::Mysql => guard.mysql_tokens(&code),
        Dialect::Athena => athena::tokens(&mut guard, &code),
        Dialect::Sqlite => {}
    }
    // Past this point only a worse reason could be found, and much of it does not parse.
    if guard.found.class == Class::Read {
        verb::judge(&mut guard, &code)?;
        rows::without_a_query(&mut guard, &code);
    }
    let Found { class, reason, tables, .. } = guard.found;
    Ok((Verdict { class, tables: tables.into_iter().collect(), reason }, guard.sightings))
}

/// What is known of a statement, be it one that can be judged or not: the word of its class, or `delete` for a
/// write that deletes rows; and the tables that it names, in lower case. Of what is no single statement that can be read, the class is `unknown`.
pub(crate) fn facts(
    statement: &str,
    dialect: Dialect,
    allowed_functions: &BTreeSet<String>,
) -> (&'static str, Vec<String>) {
    facts_of(classify(statement, dialect, allowed_functions).as_ref())
}

/// The same, of a statement that was judged.
pub(crate) fn facts_of(judged: Result<&Verdict, &Refusal>) -> (&'static str, Vec<String>) {
    match judged {
        Ok(Verdict { class, tables, reason }) => {
            let word = if *class == Class::Write && reason == DELETES { "delete" } else { class.word() };
            // Two spellings of one table are one.
            let tables: BTreeSet<String> = tables.iter().map(|table| table.to_lowercase()).collect();
            (word, tables.into_iter().collect())
        }
        Err(_) => (Class::Unknown.word(), Vec::new()),
    }
}

/// What was found so far.
struct Found {
    class: Class,
    reason: String,
    tables: BTreeSet<String>,
    /// Functions that the statement itself declares, to call code that the operator vouches for.
    declared: BTreeSet<String>,
}

impl Default for Found {
    fn default() -> Self {
        Self { class: Class::Read, reason: String::new(), tables: BTreeSet::new(), declared: BTreeSet::new() }
    }
}

/// One statement under examination.
struct Guard<'a> {
    statement: &'a str,
    /// All tokens, comments too.
    tokens: &'a [Token],
    dialect: Dialect,
    allowed_functions: &'a BTreeSet<String>,
    /// The tables of which not every caller sees every row.
    filters: &'a [Filter],
    found: Found,
    sightings: Sightings,
}

impl Guard<'_> {
    /// Notes that part of the statement is of a class. The worst stays, and of equals the first.
    fn raise(&mut self, class: Class, reason: impl Into<String>) {
        if class > self.found.class {
            self.found.class = class;
            self.found.reason = reason.into();
        }
    }

    /// Notes a table by the parts of its name, quotes removed.
    fn table(&mut self, parts: &[String]) {
        if let Some((class, reason)) = catalogue::table(parts, self.dialect) {
            self.raise(class, reason);
        }
        self.found.tables.insert(parts.join("."));
    }

    /// Notes a call of a function by the parts of its name, quotes removed.
    fn function(&mut self, parts: &[String], arguments: usize) {
        let name = parts.join(".");
        if let (Dialect::Sqlite, Some(pragma)) = (self.dialect, name.to_ascii_lowercase().strip_prefix("pragma_")) {
            if let Some((class, reason)) = catalogue::pragma(pragma, arguments > 0) {
                self.raise(class, reason);
            }
            return;
        }
        match functions::judge(parts, arguments, self.dialect) {
            Judgement::Harmless => {}
            Judgement::Denied(class, what) => self.raise(class, format!("the function `{name}` {what}")),
            Judgement::Unknown if self.allows(&name) || self.found.declared.contains(&name.to_ascii_lowercase()) => {}
            Judgement::Unknown => self.raise(
                Class::Procedure,
                format!("unknown function `{name}`; the operator can allow it in `functions`"),
            ),
        }
    }

    /// Whether the operator vouches for a function, by its name in `functions`.
    fn allows(&self, name: &str) -> bool {
        self.allowed_functions.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }

    /// Refuses comments that are code, and hints that change a session variable.
    fn comments(&mut self) -> Result<(), Refusal> {
        if self.dialect != Dialect::Mysql {
            return Ok(());
        }
        for token in self.tokens.iter().filter(|token| token.kind == Kind::Comment) {
            let comment = token.text(self.statement);
            match comment.as_bytes().get(2..4) {
                Some([b'!', _] | [b'M' | b'm', b'!']) if comment.starts_with("/*") => {
                    return Err(Refusal::ExecutableComment);
                }
                Some([b'+', _]) if comment.starts_with("/*") => {
                    if let Some(hint) = catalogue::unknown_hint(comment) {
                        self.raise(Class::Session, format!("the optimizer hint `{hint}` is not known to be harmless"));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The tokens of the one statement: no comments, no `;` at the end.
    fn one_statement(&self) -> Result<Vec<Token>, Refusal> {
        let mut code: Vec<Token> = self.tokens.iter().copied().filter(|token| token.kind != Kind::Comment).collect();
        while code.pop_if(|last| last.is_symbol(self.statement, ";")).is_some() {}
        if code.is_empty() {
            return Err(Refusal::Empty);
        }
        if code.iter().any(|token| token.is_symbol(self.statement, ";")) {
            return Err(Refusal::Several);
        }
        Ok(code)
    }

    /// Finds what MySQL understands anywhere in a statement, and what needs no tree to be seen:
    /// variables, the user without brackets, files to write.
    fn mysql_tokens(&mut self, code: &[Token]) {
        let statement = self.statement;
        let mut rest = code;
        let mut previous = "";
        while let [token, after @ ..] = rest {
            let text = token.text(statement);
            if token.is_symbol(statement, "@") && previous != "@" {
                if let Some((class, reason)) = catalogue::variable(statement, rest) {
                    self.raise(class, reason);
                }
            } else if token.kind == Kind::Word && previous != "." && catalogue::is_user_keyword(text) {
                self.raise(Class::Admin, format!("`{text}` tells who the host is to the database"));
            } else if token.is_word(statement, "into")
                && let Some(next) = after.first()
                && (next.is_word(statement, "outfile") || next.is_word(statement, "dumpfile"))
            {
                self.raise(Class::FileIo, format!("`INTO {}` writes a file", next.text(statement)));
            }
            previous = text;
            rest = after;
        }
    }
}
