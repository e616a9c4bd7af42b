//! Rows by role, for every capability that speaks SQL: the operator says of a table which rows a caller
//! sees, and the host puts that into each statement, with what it knows of the caller.
//!
//! It never asks the plugin, and tells it no value: what a filter compares with is the caller's own
//! attributes, as whoever identified it wrote them. A caller without the attribute sees no rows, and is
//! told so; never all of them.
//!
//! ```toml
//! [query.cases.rows.case_summary]
//! where = "business_unit in (:unit)"
//! all_for = ["admins"]
//! ```

mod trial;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::OnceCell;
use toml::Spanned;

pub(super) use self::trial::Unfit;
use super::OpenError;
use crate::call::Caller;
use crate::guard::rows::{Filter, Sightings, Unbound, classify_rows, narrow};
use crate::guard::{Class, Dialect, Refusal, Verdict};
use crate::wit::{Error, ErrorKind};

/// `[<capability>.<grant>.rows]`: the filtered tables by name, as statements write it without quotes:
/// `case_summary` for the table in whatever schema, `"support.case_summary"` for that of one. Views and
/// tables that show the same rows need filters of their own. While a filter does not fit the source, which has no
/// such table or no such column, no statement is run there; Athena alone is not asked, as it costs.
pub(super) type Config = BTreeMap<String, RowsOf>;

/// `[<capability>.<grant>.rows.<table>]`: which rows of one table a caller sees.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RowsOf {
    /// The condition that a row must meet, in the database's own SQL. `:name` stands for the caller's
    /// attribute of that name, as text: `CAST(:name AS integer)` where the column is a number. In a list,
    /// `in (:name)`, it stands for all values of the attribute; elsewhere it must have just one.
    #[serde(rename = "where")]
    #[schemars(with = "String")]
    condition: Spanned<String>,
    /// Callers of these groups see every row, and may change rows where the grant lets plugins write.
    #[serde(default)]
    all_for: BTreeSet<String>,
    /// Whether the database picks a caller's rows before it looks at anything else of a statement, so that no
    /// statement can learn of other rows by the errors that they would cause. It makes it read all of these
    /// rows each time: without, it may use the statement's own conditions to find few (an index, a partition).
    #[serde(default = "yes")]
    barrier: bool,
}

fn yes() -> bool {
    true
}

/// The filters of one grant.
#[derive(Debug)]
pub(super) struct RowFilters {
    dialect: Dialect,
    filters: Vec<Filter>,
    /// What the filters at the same places are of.
    tables: Vec<Table>,
    /// Set when all were tried out, and fit.
    fit: OnceCell<()>,
}

#[derive(Debug)]
struct Table {
    name: String,
    /// The config table of the filter.
    path: String,
    all_for: BTreeSet<String>,
}

impl RowFilters {
    /// Reads the filters of the grant at `path`, such as `sql.crm`. Conditions may call the grant's `functions`.
    pub(super) fn open(
        config: Config,
        path: &str,
        dialect: Dialect,
        functions: &BTreeSet<String>,
    ) -> Result<Self, OpenError> {
        let (mut filters, mut tables) = (Vec::new(), Vec::new());
        for (name, RowsOf { condition, all_for, barrier }) in config {
            let path = format!("{path}.rows.{name}");
            let filter = Filter::new(&name, condition.get_ref(), barrier, dialect, functions)
                .map_err(|flaw| OpenError::At(condition.span(), format!("[{path}] where: {flaw}")))?;
            filters.push(filter);
            tables.push(Table { name, path, all_for });
        }
        Ok(Self { dialect, filters, tables, fit: OnceCell::new() })
    }

    /// Whether every caller sees every row.
    pub(super) fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// Judges a statement, and finds what it has to do with filtered tables.
    pub(super) fn classify(
        &self,
        statement: &str,
        functions: &BTreeSet<String>,
    ) -> Result<(Verdict, Sightings), Refusal> {
        classify_rows(statement, self.dialect, functions, &self.filters)
    }

    /// The statement as this caller may send it. It must have passed everything else: `class` and
    /// `sightings` are what [`RowFilters::classify`] said of it.
    pub(super) fn narrow<'s>(
        &self,
        statement: &'s str,
        class: Class,
        sightings: &Sightings,
        caller: &Caller,
        functions: &BTreeSet<String>,
    ) -> Result<Cow<'s, str>, Error> {
        let denied = |message: String| Error::new(ErrorKind::Denied, message);
        let mut conditions = BTreeMap::new();
        for place in sightings.filters() {
            let (Some(filter), Some(table)) = (self.filters.get(place), self.tables.get(place)) else { continue };
            if table.shows_all_to(caller) {
                continue;
            }
            if class != Class::Read {
                let message = format!(
                    "this caller may not see every row of `{0}`, so it may not use it in a statement that changes \
                     rows; the operator may let its group: [{1}] all_for",
                    table.name, table.path
                );
                return Err(denied(message));
            }
            let condition = filter.bind(&caller.attributes).map_err(|unbound| denied(table.unbound(unbound)))?;
            if let Some(why) = sightings.bar(place) {
                return Err(denied(format!("the statement cannot read `{}` like this: {why}", table.name)));
            }
            conditions.insert(place, condition);
        }
        if conditions.is_empty() {
            return Ok(Cow::Borrowed(statement));
        }
        narrow(statement, self.dialect, functions, &self.filters, sightings, &conditions)
            .map(Cow::Owned)
            .map_err(|refusal| Error::new(ErrorKind::Invalid, refusal.to_string()))
    }

    /// What decides which rows a caller sees: whatever was read for one sight is of no use for another.
    /// Empty for a grant without filters.
    pub(super) fn sight(&self, caller: &Caller) -> String {
        let mut sight = String::new();
        for (filter, table) in self.filters.iter().zip(&self.tables) {
            let seen = match table.shows_all_to(caller) {
                true => None,
                false => Some(filter.attributes().map(|name| (name, caller.attributes.get(name))).collect::<Vec<_>>()),
            };
            // Writing to a string cannot fail; this form quotes every value.
            let _ = write!(sight, "{:?}={seen:?};", table.name);
        }
        sight
    }

    /// What agents should know before they wonder; none without filters.
    pub(super) fn introduce(&self) -> Option<String> {
        let names: Vec<_> = self.tables.iter().map(|table| format!("`{}`", table.name)).collect();
        (!names.is_empty()).then(|| {
            format!(
                "Who asks decides which rows there are of: {}. Read these by name, in SELECT alone; give nothing else \
                 their names.",
                names.join(", ")
            )
        })
    }

    /// For the operator's line of a grant; empty without filters.
    pub(super) fn summary(&self) -> String {
        let names: Vec<_> = self.tables.iter().map(|table| table.name.as_str()).collect();
        if names.is_empty() { String::new() } else { format!(", rows by caller of {}", names.join(", ")) }
    }
}

impl Table {
    fn shows_all_to(&self, caller: &Caller) -> bool {
        !self.all_for.is_disjoint(&caller.groups)
    }

    /// Says which attribute is missing or wrong, and to whom that is a task; no value.
    fn unbound(&self, unbound: Unbound<'_>) -> String {
        let Self { name, path, .. } = self;
        match unbound {
            Unbound::Missing(attribute) => format!(
                "which rows of `{name}` a caller sees is decided by its attribute `{attribute}`, and this caller has \
                 none; whoever identifies it (the operator's keys, the issuer of its token) must give it one"
            ),
            Unbound::Several(attribute) => format!(
                "this caller has several values of the attribute `{attribute}`, and the filter of `{name}` compares \
                 with one; for several, the operator writes `in (:{attribute})`: [{path}] where"
            ),
            Unbound::Unfit(attribute) => format!(
                "a value of this caller's attribute `{attribute}` cannot be used in the filter of `{name}`: whoever \
                 identifies the caller must give it one of 1 to 256 bytes, of letters, digits, spaces and `_-./@:+,&()=`"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Result<RowFilters, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
        RowFilters::open(config, "sql.crm", Dialect::Mysql, &BTreeSet::new()).map_err(|error| error.to_string())
    }

    fn filters() -> RowFilters {
        let notes = "[notes]\nwhere = \"author = :name\"\nbarrier = false\n";
        open(&format!("[cases]\nwhere = \"unit in (:unit)\"\nall_for = [\"admins\"]\n{notes}")).expect("opens")
    }

    fn caller(units: &[&str], groups: &[&str]) -> Caller {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let attributes = match units {
            [] => BTreeMap::new(),
            units => BTreeMap::from([("unit".to_owned(), texts(units))]),
        };
        Caller { attributes, groups: texts(groups).into_iter().collect(), ..Caller::named("ann") }
    }

    fn sent(statement: &str, caller: &Caller) -> Result<String, String> {
        let filters = filters();
        let (verdict, sightings) = filters.classify(statement, &BTreeSet::new()).expect("is understood");
        let narrowed = filters.narrow(statement, verdict.class, &sightings, caller, &BTreeSet::new());
        narrowed.map(Cow::into_owned).map_err(|error| {
            assert_eq!(error.kind, ErrorKind::Denied);
            error.message
        })
    }

    #[test]
    fn each_caller_sends_what_it_may_see() {
        let statement = "SELECT n FROM cases";
        let one = sent(statement, &caller(&["emea"], &["analysts"]));
        assert!(one.is_ok_and(|sent| sent.contains("WHERE unit in ('emea') LIMIT")));
        let two = sent(statement, &caller(&["emea", "apac"], &[]));
        assert!(two.is_ok_and(|sent| sent.contains("WHERE unit in ('emea', 'apac') LIMIT")));
        assert_eq!(sent(statement, &caller(&[], &["admins"])).as_deref(), Ok(statement));
        assert_eq!(sent("SELECT 1 FROM x", &caller(&[], &[])).as_deref(), Ok("SELECT 1 FROM x"));
    }

    #[test]
    fn a_caller_without_the_attribute_is_told_its_name_and_sees_nothing() {
        for statement in ["SELECT n FROM cases", "SELECT 1 FROM x WHERE 1 IN (SELECT n FROM cases)", "TABLE cases"] {
            let told = sent(statement, &caller(&[], &["analysts"])).expect_err("is denied");
            assert!(told.contains("attribute `unit`") && told.contains("has none"), "{told}");
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_not_repeated() {
        let told = sent("SELECT n FROM cases", &caller(&["it's"], &[])).expect_err("is denied");
        assert!(told.contains("attribute `unit`") && !told.contains("it's"), "{told}");
        let two = Caller {
            attributes: BTreeMap::from([("name".to_owned(), vec!["ann".to_owned(), "bob".to_owned()])]),
            ..Caller::named("ann")
        };
        let told = sent("SELECT n FROM notes", &two).expect_err("is denied");
        assert!(told.contains("in (:name)") && told.contains("[sql.crm.rows.notes] where"), "{told}");
        assert!(!told.contains("bob"), "{told}");
    }

    #[test]
    fn only_who_sees_every_row_may_change_rows() {
        for statement in [
            "DELETE FROM cases",
            "INSERT INTO cases VALUES (1)",
            "UPDATE x SET n = (SELECT MAX(n) FROM cases)",
            "INSERT INTO x SELECT * FROM cases",
        ] {
            let told = sent(statement, &caller(&["emea"], &[])).expect_err("is denied");
            assert!(told.contains("[sql.crm.rows.cases] all_for"), "{told}");
            assert_eq!(sent(statement, &caller(&[], &["admins"])).as_deref(), Ok(statement));
        }
        assert!(sent("DELETE FROM x", &caller(&["emea"], &[])).is_ok());
    }

    #[test]
    fn a_bar_says_what_to_write_instead() {
        let told = sent("EXPLAIN SELECT n FROM cases", &caller(&["emea"], &[])).expect_err("is denied");
        assert!(
            told.starts_with("the statement cannot read `cases` like this: ") && told.contains("EXPLAIN"),
            "{told}"
        );
        assert!(sent("EXPLAIN SELECT n FROM cases", &caller(&[], &["admins"])).is_ok());
    }

    #[test]
    fn another_sight_is_another_text() {
        let filters = filters();
        let sights: BTreeSet<String> = [
            caller(&[], &[]),
            caller(&["emea"], &[]),
            caller(&["emea", "apac"], &[]),
            caller(&["emea\", \"apac"], &[]),
            caller(&["emea"], &["admins"]),
        ]
        .iter()
        .map(|caller| filters.sight(caller))
        .collect();
        assert_eq!(sights.len(), 5, "{sights:?}");
        // What no filter asks for makes no difference.
        let other = Caller { groups: BTreeSet::from(["analysts".to_owned()]), ..caller(&["emea"], &[]) };
        assert_eq!(filters.sight(&other), filters.sight(&caller(&["emea"], &[])));
        assert_eq!(open("").expect("opens").sight(&other), "");
    }

    #[test]
    fn flaws_name_the_table_of_the_config() {
        let flaw = |text: &str| open(text).expect_err("is refused");
        assert!(flaw("[cases]\nwhere = \"sleep(1)\"\n").starts_with("[sql.crm.rows.cases] where: "));
        assert!(flaw("[\"a.b.c.d\"]\nwhere = \"1 = 1\"\n").contains("no name of a table"));
        assert!(flaw("[cases]\nwhere = \"1 = 1\"\nall = []\n").contains("unknown field `all`"));
        assert!(flaw("[cases]\nall_for = []\n").contains("missing field `where`"));
    }

    #[test]
    fn agents_are_told_which_tables_and_no_condition() {
        let told = filters().introduce().expect("is told");
        assert!(told.contains("`cases`, `notes`") && !told.contains("unit"), "{told}");
        assert_eq!(open("").expect("opens").introduce(), None);
    }
}
