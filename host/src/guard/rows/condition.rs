//! Which rows of a table a caller sees: a condition in the operator's words, with a gap for each
//! attribute of the caller, which the host fills.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ops::Range;

use super::super::lexer::{Kind, Token, lex};
use super::super::parse::{Shape, examine};
use super::super::{Class, Dialect, Found, Guard, Refusal, athena};
use super::Sightings;

/// The longest value that fills a gap, in bytes.
const VALUE_BYTES_MAX: usize = 256;

/// What a value may hold beside letters and digits: nothing that ends a string, or escapes in one.
const PLAIN: &str = " _-./@:+,&()=";

/// A table of which not every caller sees every row.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    /// The parts of its name, folded; the last is the table's own.
    name: Vec<String>,
    condition: Condition,
    /// Whether the rows are chosen before anything of the statement around them is looked at.
    pub(super) barrier: bool,
}

#[derive(Debug, Clone)]
struct Condition {
    text: String,
    gaps: Vec<Gap>,
}

/// The place of an attribute in a condition.
#[derive(Debug, Clone)]
struct Gap {
    span: Range<usize>,
    attribute: String,
    /// Whether it stands in the list of an `IN`, and takes several values.
    list: bool,
}

/// What is wrong with a filter. The fault is the operator's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    /// The table's name is none.
    #[error("`{0}` is no name of a table: write it without quotes, with its schema before a dot or without")]
    Name(String),
    /// The condition holds a comment, which could hide what follows it.
    #[error("a condition holds no comments")]
    Comment,
    /// The condition has a gap without a good name.
    #[error("`{0}` is no gap: write `:name`, with the name of a caller's attribute of letters, digits and `_`")]
    Gap(String),
    /// The condition is not one expression.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The condition does more than compute.
    #[error("a condition must only read: {0}")]
    Harmful(String),
}

/// Why a caller's attributes do not fill the gaps of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unbound<'a> {
    /// It has none of that name.
    Missing(&'a str),
    /// It has several values where there is room for one.
    Several(&'a str),
    /// One of its values is none that may stand in a statement.
    Unfit(&'a str),
}

impl Filter {
    /// A filter of the table of this name: `orders`, of whatever schema, or `crm.orders`.
    ///
    /// # Errors
    ///
    /// What is wrong with the name, or with the condition.
    pub(crate) fn new(
        name: &str,
        condition: &str,
        barrier: bool,
        dialect: Dialect,
        allowed_functions: &BTreeSet<String>,
    ) -> Result<Self, Flaw> {
        let quotes = |part: &str| part.is_empty() || part.contains(['"', '\'', '`', '[', ']']);
        let parts: Vec<&str> = name.split('.').collect();
        if parts.len() > 3 || parts.iter().any(|part| quotes(part)) {
            return Err(Flaw::Name(name.to_owned()));
        }
        let condition = Condition::new(condition, dialect)?;
        condition.check(dialect, allowed_functions)?;
        Ok(Self { name: parts.into_iter().map(folded).collect(), condition, barrier })
    }

    /// The table's own name, folded.
    pub(super) fn table(&self) -> &str {
        self.name.last().map_or("", String::as_str)
    }

    /// Whether a name in a statement may mean this table: as far as both say more than the table's own
    /// name, they agree.
    pub(super) fn is(&self, parts: &[String]) -> bool {
        self.name.iter().rev().zip(parts.iter().rev()).all(|(own, part)| *own == folded(part))
    }

    /// The attributes that the condition asks for.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &str> {
        self.condition.gaps.iter().map(|gap| gap.attribute.as_str())
    }

    /// The condition of no caller, to try it out: each gap holds a text that is a number too.
    pub(crate) fn of_nobody(&self) -> String {
        let Ok(condition) = self.condition.fill(|_| Ok::<_, Infallible>("'1'".to_owned()));
        condition
    }

    /// The condition with the values of one caller.
    ///
    /// # Errors
    ///
    /// The first attribute that does not fill its gap.
    pub(crate) fn bind(&self, attributes: &BTreeMap<String, Vec<String>>) -> Result<String, Unbound<'_>> {
        self.condition.fill(|gap| {
            let attribute = gap.attribute.as_str();
            match attributes.get(attribute).map_or(&[][..], Vec::as_slice) {
                [] => Err(Unbound::Missing(attribute)),
                values if values.iter().any(|value| !is_plain(value)) => Err(Unbound::Unfit(attribute)),
                [_, _, ..] if !gap.list => Err(Unbound::Several(attribute)),
                values => Ok(values.iter().map(|value| format!("'{value}'")).collect::<Vec<_>>().join(", ")),
            }
        })
    }
}

impl Condition {
    fn new(text: &str, dialect: Dialect) -> Result<Self, Flaw> {
        let text = text.trim().to_owned();
        let tokens = lex(&text, dialect)?;
        let mut gaps = Vec::new();
        for (place, token) in tokens.iter().enumerate() {
            let written = token.text(&text);
            let attribute = written.trim_start_matches(':');
            match token.kind {
                Kind::Comment => return Err(Flaw::Comment),
                Kind::Named if attribute.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
                    let list = is_listed(&text, &tokens, place, "in");
                    gaps.push(Gap { span: token.start..token.end, attribute: attribute.to_owned(), list });
                }
                Kind::Named | Kind::Positional | Kind::Foreign => return Err(Flaw::Gap(written.to_owned())),
                Kind::Word | Kind::Quoted | Kind::Text | Kind::Symbol => {}
            }
        }
        Ok(Self { text, gaps })
    }

    /// Refuses what is not one expression that only computes, by the guard's own rules.
    fn check(&self, dialect: Dialect, allowed_functions: &BTreeSet<String>) -> Result<(), Flaw> {
        let filled = self.fill(|_| Ok::<_, Flaw>("'x'".to_owned()))?;
        let tokens = lex(&filled, dialect)?;
        let mut guard = Guard {
            statement: &filled,
            tokens: &tokens,
            dialect,
            allowed_functions,
            filters: &[],
            found: Found::default(),
            sightings: Sightings::default(),
        };
        match dialect {
            Dialect::Mysql => guard.mysql_tokens(&tokens),
            Dialect::Athena => athena::tokens(&mut guard, &tokens),
            Dialect::Sqlite => {}
        }
        examine(&mut guard, Shape::Expression, 0..filled.len())?;
        match guard.found.class {
            Class::Read => Ok(()),
            _ => Err(Flaw::Harmful(guard.found.reason)),
        }
    }

    /// The text with something in each gap.
    fn fill<'a, E>(&'a self, mut value: impl FnMut(&'a Gap) -> Result<String, E>) -> Result<String, E> {
        let (mut filled, mut copied) = (String::with_capacity(self.text.len()), 0);
        for gap in &self.gaps {
            filled.push_str(self.text.get(copied..gap.span.start).unwrap_or_default());
            filled.push_str(&value(gap)?);
            copied = gap.span.end;
        }
        filled.push_str(self.text.get(copied..).unwrap_or_default());
        Ok(filled)
    }
}

/// Whether a token stands alone between the commas of a list in brackets that follows this word.
pub(super) fn is_listed(text: &str, tokens: &[Token], place: usize, word: &str) -> bool {
    let symbol = |token: Option<&Token>, among: [&str; 2]| {
        token.is_some_and(|token| among.iter().any(|symbol| token.is_symbol(text, symbol)))
    };
    let before = tokens.get(..place).unwrap_or_default();
    if !symbol(before.last(), ["(", ","]) || !symbol(tokens.get(place + 1), [")", ","]) {
        return false;
    }
    let mut closed = 0_usize;
    for (at, token) in before.iter().enumerate().rev() {
        if token.is_symbol(text, ")") {
            closed += 1;
        } else if token.is_symbol(text, "(") {
            match closed.checked_sub(1) {
                Some(left) => closed = left,
                None => return before.get(..at).and_then(<[_]>::last).is_some_and(|before| before.is_word(text, word)),
            }
        }
    }
    false
}

/// Whether a value may stand between quotes as it is, whatever the settings of the database.
fn is_plain(value: &str) -> bool {
    (1..=VALUE_BYTES_MAX).contains(&value.len()) && value.chars().all(|c| c.is_alphanumeric() || PLAIN.contains(c))
}

/// A name as a database that takes capitals for small letters may read it. Some take more letters for
/// one than others (`K`, `ſ` and `İ` for `k`, `s` and `i`): those are one here, so that none is missed.
pub(super) fn folded(name: &str) -> String {
    let fold = |c: char| {
        let upper = c.to_uppercase().next().unwrap_or(c);
        upper.to_lowercase().next().unwrap_or(upper)
    };
    name.chars().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(condition: &str) -> Filter {
        Filter::new("cases", condition, true, Dialect::Mysql, &BTreeSet::new()).unwrap()
    }

    fn unit(values: &[&str]) -> BTreeMap<String, Vec<String>> {
        BTreeMap::from([("unit".to_owned(), values.iter().map(|&value| value.to_owned()).collect())])
    }

    #[test]
    fn a_condition_is_one_expression_that_reads() {
        let dialect = Dialect::Mysql;
        let flaw = |condition: &str| Filter::new("cases", condition, true, dialect, &BTreeSet::new()).unwrap_err();
        for condition in [
            "",
            "unit = :unit) OR (1 = 1",
            "unit = :unit; SELECT 1",
            "unit = :unit LIMIT 5",
            "unit = :unit ORDER BY n",
            "unit = 'a",
            "SELECT 1",
            "unit =",
        ] {
            assert!(matches!(flaw(condition), Flaw::Refused(_)), "{condition}: {:?}", flaw(condition));
        }
        for condition in ["SLEEP(1)", "unit = CURRENT_USER", "unit = @unit", "f(unit)", "(@a := unit) = 'x'"] {
            assert!(matches!(flaw(condition), Flaw::Harmful(_)), "{condition}: {:?}", flaw(condition));
        }
        for condition in ["unit = ?", "unit = :né", "unit = :a$"] {
            assert!(matches!(flaw(condition), Flaw::Gap(_)), "{condition}: {:?}", flaw(condition));
        }
        for condition in ["unit = :unit -- all", "unit /* a */ = :unit", "unit = :unit #"] {
            assert_eq!(flaw(condition), Flaw::Comment, "{condition}");
        }
        for name in ["", "a.", "a.b.c.d", "`cases`", "[cases]"] {
            let refused = Filter::new(name, "unit = :unit", true, dialect, &BTreeSet::new());
            assert!(matches!(refused, Err(Flaw::Name(_))), "{name}");
        }
    }

    #[test]
    fn gaps_take_one_value_and_lists_take_several() {
        let bound = |condition: &str, values: &[&str]| {
            let filter = filter(condition);
            filter.bind(&unit(values)).map_err(|unbound| format!("{unbound:?}"))
        };
        assert_eq!(bound("u = :unit AND v <> :unit", &["a"]), Ok("u = 'a' AND v <> 'a'".to_owned()));
        assert_eq!(bound("u IN ('x', :unit, 'y')", &["a", "b"]), Ok("u IN ('x', 'a', 'b', 'y')".to_owned()));
        assert_eq!(bound("u NOT IN (f.g, (1), :unit)", &["a", "b"]), Ok("u NOT IN (f.g, (1), 'a', 'b')".to_owned()));
        for condition in
            ["u = :unit", "u IN (:unit + 1)", "u IN (concat(:unit, 'x'))", "(:unit) = u", "u = coalesce(:unit)"]
        {
            assert_eq!(bound(condition, &["a", "b"]), Err("Several(\"unit\")".to_owned()), "{condition}");
            assert!(bound(condition, &["a"]).is_ok(), "{condition}");
        }
        assert_eq!(bound("u = :unit", &[]), Err("Missing(\"unit\")".to_owned()));
        assert_eq!(bound("u = :other", &["a"]), Err("Missing(\"other\")".to_owned()));
        assert_eq!(bound("1 = 1", &[]), Ok("1 = 1".to_owned()));
    }

    #[test]
    fn no_value_leaves_its_quotes() {
        let filter = filter("unit in (:unit)");
        for value in ["a'b", "a\\", "a\"b", "`", "a\nb", "a\0", "", "100%", "a;b", "*", "\u{200b}", "’"] {
            assert_eq!(filter.bind(&unit(&["ok", value])), Err(Unbound::Unfit("unit")), "{value:?}");
        }
        assert_eq!(filter.bind(&unit(&[&"x".repeat(257)])), Err(Unbound::Unfit("unit")));
        for value in
            ["R&D (North), 50+", "arn:aws:iam::1:role/x", "ann@example.com", "Zürich", "東京", "a -- b", "a_b=c"]
        {
            assert_eq!(filter.bind(&unit(&[value])), Ok(format!("unit in ('{value}')")));
        }
    }
}
