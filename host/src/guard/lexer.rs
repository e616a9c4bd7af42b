//! Cuts a statement into tokens by the rules of its own dialect, so that nobody after it can take
//! a string for code, or code for a comment.
//!
//! Only the borders matter here: where strings, quoted names, comments and placeholders begin and
//! end. Numbers come as words, operators as single symbols. Every token is a span of bytes in the
//! statement; the text between two tokens is white space.
//!
//! The rules that other tools get wrong, and a database does not:
//!
//! | | MySQL, MariaDB | SQLite | Athena |
//! | --- | --- | --- | --- |
//! | `--` | a comment only before white space, a control character or the end | a comment always | a comment always |
//! | `#` | a comment | no token of its own | no token of its own |
//! | `"a"` | a string | a name | a name |
//! | `[a]` | no token of its own | a name | no token of its own |
//! | `\` in a string | takes the next character with it | an ordinary character | an ordinary character |
//!
//! The rules for MySQL hold for its usual `sql_mode`: without `ANSI_QUOTES` and without
//! `NO_BACKSLASH_ESCAPES`. A backend must see to it that its sessions have neither. Athena hands
//! `SHOW` and `DESCRIBE` to a parser of another family, in which `\` does escape: `athena.rs` refuses it there.

use super::{Dialect, Refusal};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A key word, a name without quotes, or a number.
    Word,
    /// A name in quotes.
    Quoted,
    /// A string, its quotes included. A prefix (`x'00'`, `_utf8'a'`) is a word before it.
    Text,
    /// A comment, its markers included.
    Comment,
    /// The placeholder `?`.
    Positional,
    /// The placeholder `:name`.
    Named,
    /// A placeholder that the database would take and the contract does not know: `?1`, `$a`, `@a`.
    Foreign,
    /// Any other character, all of them ASCII.
    Symbol,
}

/// One token: what it is, and the bytes of the statement that it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

impl Token {
    /// The text of the token.
    #[must_use]
    pub(crate) fn text<'a>(&self, statement: &'a str) -> &'a str {
        statement.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether it is the word `word`, in capitals or not.
    #[must_use]
    pub(crate) fn is_word(&self, statement: &str, word: &str) -> bool {
        self.kind == Kind::Word && self.text(statement).eq_ignore_ascii_case(word)
    }

    /// Whether it is the symbol `symbol`.
    #[must_use]
    pub(crate) fn is_symbol(&self, statement: &str, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text(statement) == symbol
    }
}

/// Cuts a statement into tokens, comments among them.
///
/// # Errors
///
/// [`Refusal::Nul`] and [`Refusal::Unterminated`]; a database would not agree on where those end.
pub(crate) fn lex(statement: &str, dialect: Dialect) -> Result<Vec<Token>, Refusal> {
    let mut lexer = Lexer { statement, bytes: statement.as_bytes(), at: 0, dialect };
    let mut tokens = Vec::with_capacity(statement.len() / 4);
    while let Some(byte) = lexer.peek(0) {
        let start = lexer.at;
        if let Some(kind) = lexer.token(byte)? {
            tokens.push(Token { kind, start, end: lexer.at });
        }
    }
    Ok(tokens)
}

struct Lexer<'a> {
    statement: &'a str,
    bytes: &'a [u8],
    at: usize,
    dialect: Dialect,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// Moves past the token that begins with `byte`; none if that is white space.
    fn token(&mut self, byte: u8) -> Result<Option<Kind>, Refusal> {
        let mysql = self.dialect == Dialect::Mysql;
        let sqlite = self.dialect == Dialect::Sqlite;
        let kind = match byte {
            0 => return Err(Refusal::Nul),
            b' ' | b'\t' | b'\n' | b'\r' | 0x0c => {
                self.at += 1;
                return Ok(None);
            }
            0x0b if mysql => {
                self.at += 1;
                return Ok(None);
            }
            b'-' if self.peek(1) == Some(b'-') && self.dashes_comment() => self.line_comment(),
            b'#' if mysql => self.line_comment(),
            b'/' if self.peek(1) == Some(b'*') => self.block_comment()?,
            b'\'' => self.quoted(b'\'', Kind::Text)?,
            b'"' if mysql => self.quoted(b'"', Kind::Text)?,
            b'"' => self.quoted(b'"', Kind::Quoted)?,
            b'`' => self.quoted(b'`', Kind::Quoted)?,
            b'[' if sqlite => self.bracketed()?,
            b'?' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) => self.foreign(),
            b'?' => self.take(1, Kind::Positional),
            b':' if self.peek(1) == Some(b':') => self.take(2, Kind::Symbol),
            b':' => match self.peek(1) {
                Some(next) if next.is_ascii_digit() => self.foreign(),
                Some(next) if is_word(next) => {
                    self.at += 1;
                    self.word(Kind::Named)
                }
                _ => self.take(1, Kind::Symbol),
            },
            b'$' | b'@' | b'#' if sqlite && self.peek(1).is_some_and(is_word) => self.foreign(),
            _ if is_word(byte) => self.word(Kind::Word),
            _ => self.take(1, Kind::Symbol),
        };
        Ok(Some(kind))
    }

    /// Whether the two dashes here begin a comment: in MySQL `1--1` is two.
    fn dashes_comment(&self) -> bool {
        match self.dialect {
            Dialect::Sqlite | Dialect::Athena => true,
            Dialect::Mysql => self.peek(2).is_none_or(|next| next == b' ' || next.is_ascii_control()),
        }
    }

    fn take(&mut self, bytes: usize, kind: Kind) -> Kind {
        self.at += bytes;
        kind
    }

    fn word(&mut self, kind: Kind) -> Kind {
        while self.peek(0).is_some_and(is_word) {
            self.at += 1;
        }
        kind
    }

    fn foreign(&mut self) -> Kind {
        self.at += 1;
        self.word(Kind::Foreign)
    }

    fn line_comment(&mut self) -> Kind {
        while self.peek(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
        Kind::Comment
    }

    /// Comments do not nest, in any dialect.
    fn block_comment(&mut self) -> Result<Kind, Refusal> {
        let start = self.at;
        self.at += 2;
        loop {
            match self.peek(0) {
                Some(b'*') if self.peek(1) == Some(b'/') => return Ok(self.take(2, Kind::Comment)),
                Some(_) => self.at += 1,
                None => return Err(self.unterminated("comment", start)),
            }
        }
    }

    fn quoted(&mut self, quote: u8, kind: Kind) -> Result<Kind, Refusal> {
        let start = self.at;
        let escapes = kind == Kind::Text && self.dialect == Dialect::Mysql;
        self.at += 1;
        loop {
            match self.peek(0) {
                Some(byte) if byte == quote && self.peek(1) == Some(quote) => self.at += 2,
                Some(byte) if byte == quote => return Ok(self.take(1, kind)),
                Some(b'\\') if escapes => self.at += 2,
                Some(0) => return Err(Refusal::Nul),
                Some(_) => self.at += 1,
                None => {
                    let what = if kind == Kind::Text { "string" } else { "quoted name" };
                    return Err(self.unterminated(what, start));
                }
            }
        }
    }

    /// `[name]` ends at the first bracket: nothing escapes it.
    fn bracketed(&mut self) -> Result<Kind, Refusal> {
        let start = self.at;
        loop {
            match self.peek(0) {
                Some(b']') => return Ok(self.take(1, Kind::Quoted)),
                Some(0) => return Err(Refusal::Nul),
                Some(_) => self.at += 1,
                None => return Err(self.unterminated("quoted name", start)),
            }
        }
    }

    fn unterminated(&self, what: &'static str, start: usize) -> Refusal {
        let before = self.statement.get(..start).unwrap_or_default();
        Refusal::Unterminated { what, line: before.matches('\n').count() + 1 }
    }
}

/// The characters of a name without quotes. Whatever is not ASCII belongs to names.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

/// The name that a word or a quoted name stands for.
#[must_use]
pub(crate) fn unquote(text: &str) -> String {
    let mut chars = text.chars();
    let (Some(quote @ ('`' | '"' | '[')), Some(_)) = (chars.next(), chars.next_back()) else {
        return text.to_owned();
    };
    let inner = chars.as_str();
    match quote {
        '[' => inner.to_owned(),
        quote => inner.replace(&format!("{quote}{quote}"), &quote.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::Kind::{Comment, Foreign, Named, Positional, Quoted, Symbol, Text, Word};
    use super::*;

    fn cut(statement: &str, dialect: Dialect) -> Vec<(Kind, &str)> {
        let tokens = lex(statement, dialect).unwrap();
        tokens.iter().map(|token| (token.kind, token.text(statement))).collect()
    }

    #[test]
    fn two_dashes_are_a_comment_where_the_dialect_says_so() {
        let minus = vec![(Word, "1"), (Symbol, "-"), (Symbol, "-"), (Word, "1")];
        assert_eq!(cut("1--1", Dialect::Mysql), minus);
        assert_eq!(cut("1--1", Dialect::Sqlite), [(Word, "1"), (Comment, "--1")]);
        assert_eq!(cut("1-- 1", Dialect::Mysql), [(Word, "1"), (Comment, "-- 1")]);
        assert_eq!(cut("1--\n1", Dialect::Mysql), [(Word, "1"), (Comment, "--"), (Word, "1")]);
        assert_eq!(cut("1--1", Dialect::Athena), [(Word, "1"), (Comment, "--1")]);
        assert_eq!(cut("1--\u{1}1", Dialect::Mysql), [(Word, "1"), (Comment, "--\u{1}1")]);
        assert_eq!(cut("1--", Dialect::Mysql), [(Word, "1"), (Comment, "--")]);
    }

    #[test]
    fn quotes_and_backslashes_end_strings_as_the_database_ends_them() {
        assert_eq!(cut(r"'it\'s' 'b'", Dialect::Mysql), [(Text, r"'it\'s'"), (Text, "'b'")]);
        assert_eq!(cut(r"'c:\' 'b'", Dialect::Sqlite), [(Text, r"'c:\'"), (Text, "'b'")]);
        assert_eq!(cut(r#""a' -- ""#, Dialect::Mysql), [(Text, r#""a' -- ""#)]);
        assert_eq!(cut(r#""a""b""#, Dialect::Sqlite), [(Quoted, r#""a""b""#)]);
        assert_eq!(cut("`a``b`", Dialect::Mysql), [(Quoted, "`a``b`")]);
        assert_eq!(cut(r"'c:\' a[1]", Dialect::Athena).len(), 5);
        assert_eq!(cut("[a'b]'c'", Dialect::Sqlite), [(Quoted, "[a'b]"), (Text, "'c'")]);
        assert_eq!(cut(r"'ä\ö'é", Dialect::Mysql), [(Text, r"'ä\ö'"), (Word, "é")]);
    }

    #[test]
    fn comments_end_where_they_end() {
        assert_eq!(cut("a#b\nc", Dialect::Mysql), [(Word, "a"), (Comment, "#b"), (Word, "c")]);
        let nested = [(Comment, "/* /* */"), (Word, "b"), (Symbol, "*"), (Symbol, "/")];
        assert_eq!(cut("/* /* */ b */", Dialect::Mysql), nested);
        assert_eq!(cut("/* /* */ b */", Dialect::Sqlite), nested);
        assert_eq!(cut("/*/ 'a' */", Dialect::Mysql), [(Comment, "/*/ 'a' */")]);
    }

    #[test]
    fn placeholders_are_told_from_what_looks_like_them() {
        assert_eq!(
            cut("? :aé ::b := :", Dialect::Mysql),
            [
                (Positional, "?"),
                (Named, ":aé"),
                (Symbol, "::"),
                (Word, "b"),
                (Symbol, ":"),
                (Symbol, "="),
                (Symbol, ":"),
            ]
        );
        assert_eq!(
            cut("?1 :2 @a $b", Dialect::Sqlite),
            [(Foreign, "?1"), (Foreign, ":2"), (Foreign, "@a"), (Foreign, "$b"),]
        );
        assert_eq!(cut("@a $b", Dialect::Mysql), [(Symbol, "@"), (Word, "a"), (Word, "$b")]);
        assert_eq!(
            cut("':a' `?` \"?\" -- ?", Dialect::Mysql).iter().filter(|(kind, _)| *kind == Positional).count(),
            0
        );
    }

    #[test]
    fn what_does_not_end_is_refused() {
        assert_eq!(lex("SELECT\n'a", Dialect::Mysql), Err(Refusal::Unterminated { what: "string", line: 2 }));
        assert_eq!(lex(r"'a\'", Dialect::Mysql), Err(Refusal::Unterminated { what: "string", line: 1 }));
        assert_eq!(lex("[a", Dialect::Sqlite), Err(Refusal::Unterminated { what: "quoted name", line: 1 }));
        assert_eq!(lex("/* a", Dialect::Sqlite), Err(Refusal::Unterminated { what: "comment", line: 1 }));
        assert_eq!(lex("'a\0'", Dialect::Sqlite), Err(Refusal::Nul));
    }

    #[test]
    fn names_lose_their_quotes() {
        assert_eq!(unquote("`a``b`"), "a`b");
        assert_eq!(unquote("\"a\"\"b\""), "a\"b");
        assert_eq!(unquote("[a b]"), "a b");
        assert_eq!(unquote("a"), "a");
    }
}
