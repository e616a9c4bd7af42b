//! `SHOW`, `DESCRIBE` and the head of `EXPLAIN`: Hive's grammar, which the parser does not know.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Token};

use super::syntax;
use super::tokens::Tokens;
use crate::Error;

/// A question about the catalogue.
#[derive(Debug, PartialEq)]
pub(crate) enum Show {
    /// `SHOW DATABASES`, `SHOW SCHEMAS`, with a pattern.
    Databases(Option<String>),
    /// `SHOW TABLES`, with a database and a pattern.
    Tables(Option<String>, Option<String>),
    /// `SHOW COLUMNS IN t`, `DESCRIBE t`: the parts of the table's name.
    Columns(Vec<String>),
    /// `DESCRIBE t`: the same with types.
    Describe(Vec<String>),
    /// `SHOW FUNCTIONS`, with a pattern.
    Functions(Option<String>),
    /// `SHOW CATALOGS`.
    Catalogs,
}

/// What follows `EXPLAIN` and its options.
pub(super) fn explained(mut tokens: Tokens) -> Result<Tokens, Error> {
    match tokens.first().map(|first| first.token.clone()) {
        Some(Token::Word(word)) if word.keyword == Keyword::ANALYZE => {
            Err(Error::Unsupported { construct: "EXPLAIN ANALYZE".into() })
        }
        Some(Token::LParen) if matches!(tokens.get(1).map(|next| &next.token), Some(Token::Word(word)) if word.keyword != Keyword::SELECT && word.keyword != Keyword::WITH) =>
        {
            let end = tokens.iter().position(|own| own.token == Token::RParen).unwrap_or(tokens.len() - 1);
            Ok(tokens.split_off(end + 1))
        }
        _ => Ok(tokens),
    }
}

/// Reads a whole `SHOW` or `DESCRIBE`.
pub(super) fn parse(tokens: &Tokens) -> Result<Show, Error> {
    let mut rest = Rest { tokens, at: 1 };
    let first = word(&tokens[0].token);
    let show = if first == "show" {
        match rest.word().as_deref() {
            Some("databases" | "schemas") => {
                rest.place()?;
                Show::Databases(rest.pattern()?)
            }
            Some("tables") => {
                let database = rest.place()?.and_then(|mut parts| parts.pop());
                Show::Tables(database, rest.pattern()?)
            }
            Some("columns") => match rest.place()? {
                Some(mut table) => {
                    if let Some(mut database) = rest.place()? {
                        database.append(&mut table);
                        table = database;
                    }
                    Show::Columns(table)
                }
                None => return Err(rest.expected("FROM or IN and a table")),
            },
            Some("functions") => Show::Functions(rest.pattern()?),
            Some("catalogs") => Show::Catalogs,
            Some("create") => {
                let what = rest.word().unwrap_or_default().to_uppercase();
                return Err(Error::Unsupported { construct: format!("SHOW CREATE {what}") });
            }
            Some(other @ ("partitions" | "tblproperties" | "views" | "stats" | "session" | "grants" | "roles")) => {
                return Err(Error::Unsupported { construct: format!("SHOW {}", other.to_uppercase()) });
            }
            _ => {
                rest.at -= usize::from(rest.at > 1);
                return Err(rest.expected("DATABASES, SCHEMAS, TABLES, COLUMNS, FUNCTIONS or CATALOGS"));
            }
        }
    } else {
        for option in ["extended", "formatted", "table"] {
            let named = tokens.len() - rest.at > 1 && rest.peek().as_deref() == Some(option);
            rest.at += usize::from(named);
        }
        Show::Describe(rest.name()?)
    };
    match rest.at == tokens.len() {
        true => Ok(show),
        false => Err(rest.expected("end of statement")),
    }
}

fn word(token: &Token) -> String {
    match token {
        Token::Word(word) => word.value.clone(),
        _ => String::new(),
    }
}

struct Rest<'a> {
    tokens: &'a Tokens,
    at: usize,
}

impl Rest<'_> {
    fn peek(&self) -> Option<String> {
        self.tokens.get(self.at).map(|own| word(&own.token)).filter(|word| !word.is_empty())
    }

    fn word(&mut self) -> Option<String> {
        let word = self.peek();
        self.at += usize::from(word.is_some());
        word
    }

    fn expected(&self, what: &str) -> Error {
        let own = self.tokens.get(self.at).or(self.tokens.last());
        let found = self.tokens.get(self.at).map_or("end of statement".into(), |own| own.token.to_string());
        let at = own.map(|own| own.span.start).unwrap_or(Location { line: 0, column: 0 });
        syntax(format!("Expected: {what}, found: {found}"), at)
    }

    /// `a.b.c`
    fn name(&mut self) -> Result<Vec<String>, Error> {
        let mut parts = Vec::new();
        loop {
            match self.word() {
                Some(part) => parts.push(part),
                None => return Err(self.expected("a name")),
            }
            match self.tokens.get(self.at).map(|own| &own.token) {
                Some(Token::Period) => self.at += 1,
                _ => return Ok(parts),
            }
        }
    }

    /// `IN db`, `FROM db`.
    fn place(&mut self) -> Result<Option<Vec<String>>, Error> {
        match self.peek().as_deref() {
            Some("in" | "from") => {
                self.at += 1;
                self.name().map(Some)
            }
            _ => Ok(None),
        }
    }

    /// `LIKE 'x%'`, or Hive's `'x*'`.
    fn pattern(&mut self) -> Result<Option<String>, Error> {
        let like = self.peek().as_deref() == Some("like");
        self.at += usize::from(like);
        match self.tokens.get(self.at).map(|own| &own.token) {
            Some(Token::SingleQuotedString(pattern)) => {
                self.at += 1;
                Ok(Some(pattern.clone()))
            }
            _ if like => Err(self.expected("a pattern in quotes")),
            _ => Ok(None),
        }
    }
}

/// True if the name fits the pattern: `%` and `*` are anything, `_` is one letter, `|` stands between two patterns.
pub(crate) fn fits(name: &str, pattern: &str) -> bool {
    pattern.to_lowercase().split('|').any(|pattern| {
        let source: String = pattern
            .chars()
            .map(|letter| match letter {
                '%' | '*' => ".*".to_owned(),
                '_' => ".".to_owned(),
                letter => regex::escape(&letter.to_string()),
            })
            .collect();
        regex::Regex::new(&format!("^{source}$")).is_ok_and(|regex| regex.is_match(name))
    })
}
