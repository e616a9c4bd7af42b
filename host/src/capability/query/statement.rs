//! A statement with the values for its placeholders.

use crate::guard::Dialect;
use crate::guard::lexer::{Kind, Token, lex};
use crate::wit::rows::Value;
use crate::wit::{Error, ErrorKind};

/// A statement that the guard let through, as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
    /// Whether it shows the catalogue, `SHOW` or `DESCRIBE`, and is no query.
    pub(super) shows: bool,
}

impl Statement {
    /// The statement, if there is a value for each of its `?`.
    pub(super) fn new(text: &str, values: Vec<Value>) -> Result<Self, Error> {
        let invalid = |message: String| Error::new(ErrorKind::Invalid, message);
        let tokens = lex(text, Dialect::Athena).map_err(|refusal| invalid(refusal.to_string()))?;
        let placeholder = |token: &&Token| matches!(token.kind, Kind::Named | Kind::Foreign);
        if let Some(other) = tokens.iter().find(placeholder) {
            let message = format!("`{}` is no placeholder here; write `?` for each value", other.text(text));
            return Err(invalid(message));
        }
        let expected = tokens.iter().filter(|token| token.kind == Kind::Positional).count();
        if expected != values.len() {
            let given = values.len();
            return Err(invalid(format!("placeholders in the statement: {expected}; values given: {given}")));
        }
        let mut code = tokens.iter().filter(|token| token.kind != Kind::Comment);
        let begins = |words: &[&str], token: Option<&Token>| {
            token.is_some_and(|token| words.iter().any(|word| token.is_word(text, word)))
        };
        let first = code.next();
        if expected > 0 && begins(&["explain"], first) {
            return Err(invalid("EXPLAIN takes no placeholders: write the values into the statement".to_owned()));
        }
        Ok(Self { text: text.to_owned(), values, shows: begins(&["show", "describe", "desc"], first) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str, values: Vec<Value>) -> String {
        Statement::new(text, values).expect_err("is refused").message
    }

    #[test]
    fn every_placeholder_has_its_value_and_no_text_is_one() {
        let one = vec![Value::Integer(1)];
        assert!(Statement::new("SELECT '?', \"?\" FROM t WHERE a = ? -- ?", one.clone()).is_ok());
        assert_eq!(refusal("SELECT ?", Vec::new()), "placeholders in the statement: 1; values given: 0");
        assert_eq!(refusal("SELECT 1", one.clone()), "placeholders in the statement: 0; values given: 1");
        assert!(refusal("SELECT :name", one.clone()).contains("`:name` is no placeholder"));
        assert!(refusal("SELECT ?1", one.clone()).contains("`?1` is no placeholder"));
        assert!(refusal("EXPLAIN SELECT ?", one).contains("EXPLAIN takes no placeholders"));
    }

    #[test]
    fn what_shows_the_catalogue_is_no_query() {
        let shows = |text| Statement::new(text, Vec::new()).expect("is read").shows;
        assert!(shows("-- who\nSHOW TABLES") && shows("/* a */ desc t") && shows("DESCRIBE t"));
        assert!(!shows("SELECT 'show'") && !shows("(SELECT 1)") && !shows("EXPLAIN SELECT 1"));
    }
}
