//! Puts values in the place of placeholders, as far as the text goes: finds `?` and `:name` in a statement
//! and rewrites them to the style of the driver.
//!
//! The contract (`parameter` in `wit/deps/sql.wit`) lets a statement use either style. Drivers want one:
//! `?` for MySQL and SQLite, `:name` for the RDS Data API. The statement is never printed anew: its bytes
//! are copied, and only those of the placeholders are replaced. Where a placeholder is, and is not, the
//! guard's lexer knows: none is in a string, a quoted name or a comment.
//!
//! [`scan`] finds them, [`Placeholders::bind`] checks them against the names of the values that came, and
//! [`Binding::positional`] or [`Binding::named`] write the statement that is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::guard::lexer::{Kind, lex};
use crate::guard::{Dialect, Refusal};

/// Why the placeholders of a statement and the values for them do not fit. The fault is the caller's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// The statement cannot be read at all.
    #[error(transparent)]
    Statement(#[from] Refusal),
    /// It uses both styles.
    #[error("the statement uses both `?` and `:{name}`; use one kind of placeholder")]
    Mixed {
        /// The first named one.
        name: String,
    },
    /// It uses a placeholder of another style.
    #[error("`{placeholder}` is no placeholder; write `?`, or `:name` with a name of letters, digits and `_`")]
    Foreign {
        /// What stands there.
        placeholder: String,
    },
    /// The values have names and the placeholders do not.
    #[error("the statement uses `?`, but a value is named `{name}`; leave the names out, or write `:{name}`")]
    NamedValue {
        /// The first such name.
        name: String,
    },
    /// The placeholders have names, and a value has none.
    #[error("the statement uses `:{name}`, so every value needs a name; value {position} has none")]
    NamelessValue {
        /// The first name in the statement.
        name: String,
        /// Which value, counted from 1.
        position: usize,
    },
    /// There are more or fewer values than placeholders.
    #[error("placeholders in the statement: {expected}; values given: {given}")]
    Count {
        /// How many `?` there are.
        expected: usize,
        /// How many values there are.
        given: usize,
    },
    /// A placeholder has no value.
    #[error("there is no value for `:{name}`")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A value has no placeholder.
    #[error("the statement has no `:{name}` for the value of that name")]
    Unused {
        /// The name of the value.
        name: String,
    },
    /// Two values have one name.
    #[error("there are two values named `{name}`")]
    Twice {
        /// The name.
        name: String,
    },
}

/// The placeholders of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placeholders<'a> {
    statement: &'a str,
    found: Found,
}

/// Where the placeholders are, in bytes and in order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Positional(Vec<Range<usize>>),
    Named(Vec<(Range<usize>, String)>),
}

/// Finds the placeholders of a statement.
///
/// # Errors
///
/// [`Unfit::Mixed`], [`Unfit::Foreign`], or [`Unfit::Statement`] if the text has no clear end of a string
/// or a comment.
pub(super) fn scan(statement: &str, dialect: Dialect) -> Result<Placeholders<'_>, Unfit> {
    let mut positional = Vec::new();
    let mut named = Vec::new();
    for token in lex(statement, dialect)? {
        let text = token.text(statement);
        let name = text.trim_start_matches(':');
        match token.kind {
            Kind::Positional => positional.push(token.start..token.end),
            Kind::Named if is_name(name) => named.push((token.start..token.end, name.to_owned())),
            Kind::Named | Kind::Foreign => return Err(Unfit::Foreign { placeholder: text.to_owned() }),
            Kind::Word | Kind::Quoted | Kind::Text | Kind::Comment | Kind::Symbol => {}
        }
    }
    let found = match named.first() {
        None => Found::Positional(positional),
        Some(_) if positional.is_empty() => Found::Named(named),
        Some((_, name)) => return Err(Unfit::Mixed { name: name.clone() }),
    };
    Ok(Placeholders { statement, found })
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl<'a> Placeholders<'a> {
    /// Gives each placeholder one of the values, told by their names in the order they came; none for a
    /// value without. A named value may stand in several places.
    ///
    /// # Errors
    ///
    /// What does not fit, and how many or which values were expected.
    pub(super) fn bind(&self, names: &[Option<&str>]) -> Result<Binding<'a>, Unfit> {
        let places = match &self.found {
            Found::Positional(spans) => {
                if let Some(name) = names.iter().flatten().next() {
                    return Err(match spans.is_empty() {
                        true => Unfit::Unused { name: (*name).to_owned() },
                        false => Unfit::NamedValue { name: (*name).to_owned() },
                    });
                }
                if spans.len() != names.len() {
                    return Err(Unfit::Count { expected: spans.len(), given: names.len() });
                }
                spans.iter().cloned().zip(0..).collect()
            }
            Found::Named(spans) => by_name(spans, names)?,
        };
        Ok(Binding { statement: self.statement, places })
    }
}

fn by_name(spans: &[(Range<usize>, String)], names: &[Option<&str>]) -> Result<Vec<(Range<usize>, usize)>, Unfit> {
    let first = || spans.first().map(|(_, name)| name.clone()).unwrap_or_default();
    let mut given = BTreeSet::new();
    for (index, name) in names.iter().enumerate() {
        let name = name.ok_or_else(|| Unfit::NamelessValue { name: first(), position: index + 1 })?;
        if !given.insert(name) {
            return Err(Unfit::Twice { name: name.to_owned() });
        }
        if !spans.iter().any(|(_, wanted)| wanted == name) {
            return Err(Unfit::Unused { name: name.to_owned() });
        }
    }
    spans
        .iter()
        .map(|(span, wanted)| {
            let index = names.iter().position(|name| *name == Some(wanted.as_str()));
            index.map(|index| (span.clone(), index)).ok_or_else(|| Unfit::Missing { name: wanted.clone() })
        })
        .collect()
}

/// A statement and, for each of its placeholders, the value that stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binding<'a> {
    statement: &'a str,
    /// Where the placeholder is, and the index of its value.
    places: Vec<(Range<usize>, usize)>,
}

impl Binding<'_> {
    /// The statement with a `?` for each placeholder, and for each `?` the index of its value.
    #[must_use]
    pub(super) fn positional(&self) -> (String, Vec<usize>) {
        (self.splice(|_| "?".to_owned()), self.places.iter().map(|(_, index)| *index).collect())
    }

    /// The statement with `:p1`, `:p2`, ... for its placeholders, numbered as they stand there, and for
    /// each number the index of its value. The text is the same in whatever order the values came.
    #[must_use]
    pub(super) fn named(&self) -> (String, Vec<usize>) {
        let mut numbers = BTreeMap::new();
        let mut indexes = Vec::new();
        let text = self.splice(|index| {
            let number = numbers.entry(index).or_insert_with(|| {
                indexes.push(index);
                indexes.len()
            });
            format!(":p{number}")
        });
        (text, indexes)
    }

    fn splice(&self, mut placeholder: impl FnMut(usize) -> String) -> String {
        let mut spliced = String::with_capacity(self.statement.len() + 2 * self.places.len());
        let mut copied = 0;
        for (span, index) in &self.places {
            spliced.push_str(self.statement.get(copied..span.start).unwrap_or_default());
            spliced.push_str(&placeholder(*index));
            copied = span.end;
            // `?FROM t` is legal; `:p1FROM` would be another name.
            if self.statement.get(copied..).is_some_and(|rest| rest.starts_with(|next: char| next.is_alphanumeric())) {
                spliced.push(' ');
            }
        }
        spliced.push_str(self.statement.get(copied..).unwrap_or_default());
        spliced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind<'a>(statement: &'a str, names: &[Option<&str>]) -> Result<Binding<'a>, Unfit> {
        scan(statement, Dialect::Mysql)?.bind(names)
    }

    #[test]
    fn each_style_becomes_the_other() {
        let names = [Some("from"), Some("to")];
        let binding = bind("SELECT :to, :from, :to FROM t", &names).unwrap();
        assert_eq!(binding.positional(), ("SELECT ?, ?, ? FROM t".to_owned(), vec![1, 0, 1]));
        assert_eq!(binding.named(), ("SELECT :p1, :p2, :p1 FROM t".to_owned(), vec![1, 0]));

        let binding = bind("SELECT ? + ?", &[None, None]).unwrap();
        assert_eq!(binding.positional(), ("SELECT ? + ?".to_owned(), vec![0, 1]));
        assert_eq!(binding.named(), ("SELECT :p1 + :p2".to_owned(), vec![0, 1]));

        let binding = bind("SELECT ?FROM t", &[None]).unwrap();
        assert_eq!(binding.named().0, "SELECT :p1 FROM t");

        let binding = bind("SELECT 1", &[]).unwrap();
        assert_eq!(binding.positional(), ("SELECT 1".to_owned(), vec![]));
    }

    #[test]
    fn the_text_does_not_tell_in_which_order_the_values_came() {
        let sets = [[Some("a"), Some("b")], [Some("b"), Some("a")]];
        let [one, other] = sets.map(|names| bind("INSERT INTO t VALUES (:b, :a, :b)", &names).unwrap());
        assert_eq!(one.named(), ("INSERT INTO t VALUES (:p1, :p2, :p1)".to_owned(), vec![1, 0]));
        assert_eq!(other.named(), (one.named().0, vec![0, 1]));
        assert_eq!(other.positional().0, one.positional().0);
    }

    #[test]
    fn the_bytes_around_a_placeholder_stay_as_they_were_in_text_of_any_script() {
        let statement = "SELECT 'ä😀?', `:ñ`, :a\r\n-- é :no ?\n, \"😀:b\" /* :c ? */ , :b # :d\n";
        let binding = bind(statement, &[Some("a"), Some("b")]).unwrap();
        let expected = "SELECT 'ä😀?', `:ñ`, ?\r\n-- é :no ?\n, \"😀:b\" /* :c ? */ , ? # :d\n";
        assert_eq!(binding.positional(), (expected.to_owned(), vec![0, 1]));
        assert_eq!(binding.named().0, expected.replacen(", ?\r", ", :p1\r", 1).replacen(", ? #", ", :p2 #", 1));
    }

    #[test]
    fn the_rules_of_the_dialect_decide_what_a_comment_is() {
        assert_eq!(bind("SELECT 1--?", &[None]).unwrap().named().0, "SELECT 1--:p1");
        assert_eq!(scan("SELECT 1--?", Dialect::Sqlite).unwrap().bind(&[]).unwrap().named().0, "SELECT 1--?");
        assert_eq!(bind(r"SELECT 'a\'?', ?", &[None]).unwrap().named().0, r"SELECT 'a\'?', :p1");
        let sqlite = scan(r"SELECT 'a\', ?, [?]", Dialect::Sqlite).unwrap();
        assert_eq!(sqlite.bind(&[None]).unwrap().named().0, r"SELECT 'a\', :p1, [?]");
    }

    #[test]
    fn assignments_and_doubled_colons_are_no_placeholders() {
        assert_eq!(bind("SELECT @a := 1, b::c", &[]).unwrap().positional().1, Vec::<usize>::new());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let said = |statement: &str, names: &[Option<&str>]| bind(statement, names).unwrap_err().to_string();
        assert_eq!(said("SELECT ?, :a", &[]), "the statement uses both `?` and `:a`; use one kind of placeholder");
        assert_eq!(said("SELECT ?, ?", &[None]), "placeholders in the statement: 2; values given: 1");
        assert_eq!(said("SELECT ?", &[None, None]), "placeholders in the statement: 1; values given: 2");
        assert_eq!(said("SELECT 1", &[None]), "placeholders in the statement: 0; values given: 1");
        assert_eq!(said("SELECT :a, :b", &[Some("a")]), "there is no value for `:b`");
        assert_eq!(said("SELECT :a", &[Some("a"), Some("b")]), "the statement has no `:b` for the value of that name");
        assert_eq!(said("SELECT :a", &[Some("a"), Some("a")]), "there are two values named `a`");
        assert_eq!(
            said("SELECT :a, :b", &[Some("a"), None]),
            "the statement uses `:a`, so every value needs a name; value 2 has none"
        );
        assert_eq!(
            said("SELECT ?", &[Some("a")]),
            "the statement uses `?`, but a value is named `a`; leave the names out, or write `:a`"
        );
        assert_eq!(said("SELECT 1", &[Some("a")]), "the statement has no `:a` for the value of that name");
        assert_eq!(
            said("SELECT ?1", &[None]),
            "`?1` is no placeholder; write `?`, or `:name` with a name of letters, digits and `_`"
        );
        assert_eq!(said("SELECT 'a", &[]), "the string that begins on line 1 does not end");
    }

    #[test]
    fn placeholders_that_only_the_database_knows_are_refused() {
        for (statement, dialect) in [
            ("SELECT ?1", Dialect::Sqlite),
            ("SELECT :1", Dialect::Mysql),
            ("SELECT @a", Dialect::Sqlite),
            ("SELECT $a", Dialect::Sqlite),
            ("SELECT :né", Dialect::Mysql),
            ("SELECT :a$b", Dialect::Sqlite),
        ] {
            let refused = scan(statement, dialect);
            assert!(matches!(refused, Err(Unfit::Foreign { .. })), "{statement}: {refused:?}");
        }
    }
}
