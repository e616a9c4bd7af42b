//! The guard of one grant, for every capability that speaks SQL: what it says of a statement, and what
//! it said of those that came last.
//!
//! Agents send the same text again with other values beside it, and to read a text takes longer than a
//! database takes to run a simple one. What the guard says depends on the text and on the grant's
//! own config alone, so it is kept for as long as the grant is open; a text is found by itself, and
//! by no digest of it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

use super::row_filter::RowFilters;
use crate::call::{Caller, Facts};
use crate::guard::rows::Sightings;
use crate::guard::{self, Class, Dialect, Refusal, Verdict};
use crate::wit::Error;

/// How many statements are kept; the one that was not sent for longest goes first.
const STATEMENTS_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

/// How long a statement may be that is kept, in bytes: a grant keeps 1 MiB of text at most.
const KEPT_BYTES_MAX: usize = 4 << 10;

/// What judges the statements of one grant.
pub(super) struct StatementGuard {
    dialect: Dialect,
    functions: BTreeSet<String>,
    pub(super) filters: RowFilters,
    kept: Mutex<LruCache<String, Arc<Judged>>>,
}

/// What the guard said of one statement.
pub(super) struct Judged {
    facts: Facts,
    verdict: Result<(Verdict, Sightings), Refusal>,
}

impl StatementGuard {
    /// One that knows nothing yet. The operator vouches for `functions`.
    pub(super) fn new(dialect: Dialect, functions: BTreeSet<String>, filters: RowFilters) -> Self {
        Self { dialect, functions, filters, kept: Mutex::new(LruCache::new(STATEMENTS_MAX)) }
    }

    /// What a policy is told of a statement, before it is let through or not.
    pub(super) fn facts(&self, statement: &str) -> Facts {
        self.judge(statement).facts.clone()
    }

    /// What the guard says of a statement.
    pub(super) fn judge(&self, statement: &str) -> Arc<Judged> {
        let known = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(statement).map(Arc::clone);
        if let Some(known) = known {
            return known;
        }
        // Nobody waits meanwhile; of two who send it at once, both have it judged.
        let judged = Arc::new(self.judge_anew(statement));
        if statement.len() <= KEPT_BYTES_MAX {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.put(statement.to_owned(), Arc::clone(&judged));
        }
        judged
    }

    fn judge_anew(&self, statement: &str) -> Judged {
        let verdict = self.filters.classify(statement, &self.functions);
        let (class, tables) = if self.filters.is_empty() {
            guard::facts_of(verdict.as_ref().map(|(verdict, _)| verdict))
        } else {
            guard::facts(statement, self.dialect, &self.functions)
        };
        Judged { facts: Facts { class: Some(class), tables }, verdict }
    }

    /// The statement as this caller may send it; `sightings` are what [`Judged::verdict`] says of it.
    pub(super) fn narrow<'s>(
        &self,
        statement: &'s str,
        class: Class,
        sightings: &Sightings,
        caller: &Caller,
    ) -> Result<Cow<'s, str>, Error> {
        self.filters.narrow(statement, class, sightings, caller, &self.functions)
    }
}

impl Judged {
    /// Its class and its tables, and where it names tables that have filters; or why it is no statement.
    pub(super) fn verdict(&self) -> Result<&(Verdict, Sightings), &Refusal> {
        self.verdict.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> StatementGuard {
        let (dialect, functions) = (Dialect::Sqlite, BTreeSet::from(["margin".to_owned()]));
        let filters = RowFilters::open(Default::default(), "sql.crm", dialect, &functions).expect("opens");
        StatementGuard::new(dialect, functions, filters)
    }

    fn class(guard: &StatementGuard, statement: &str) -> Option<Class> {
        guard.judge(statement).verdict().ok().map(|(verdict, _)| verdict.class)
    }

    #[test]
    fn what_was_said_once_is_said_again_and_only_of_the_same_text() {
        let guard = guard();
        let text = "SELECT margin(total) FROM Orders WHERE id = ?";
        let first = guard.judge(text);
        assert!(Arc::ptr_eq(&first, &guard.judge(text)));
        assert_eq!(guard.facts(text), Facts { class: Some("read"), tables: vec!["orders".to_owned()] });
        for (other, expected) in [
            ("SELECT margin(total) FROM Orders WHERE id = 1", Some(Class::Read)),
            ("DELETE FROM Orders WHERE id = ?", Some(Class::Write)),
            ("SELECT margins(total) FROM Orders WHERE id = ?", Some(Class::Procedure)),
            ("SELECT margin(total) FROM Orders WHERE id = ?; DELETE FROM Orders", None),
        ] {
            for _ in 0..2 {
                assert_eq!(class(&guard, other), expected, "{other}");
            }
        }
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_length() {
        let guard = guard();
        for number in 0..STATEMENTS_MAX.get() * 2 {
            guard.judge(&format!("SELECT {number}"));
        }
        let long = format!("SELECT '{}'", "x".repeat(KEPT_BYTES_MAX));
        assert_eq!(class(&guard, &long), Some(Class::Read));
        let kept = guard.kept.lock().expect("is free");
        assert_eq!(kept.len(), STATEMENTS_MAX.get());
        assert!(!kept.contains(&long) && !kept.contains("SELECT 0"));
    }
}
