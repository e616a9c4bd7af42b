//! Rows by role: finds where a statement reads tables of which not every caller sees every row, and
//! puts the rows that this caller may see in their place.
//!
//! The text is not printed anew from its tree: of a statement that reads a filtered table, the bytes of
//! the table's name are replaced, by a query in brackets, and all others stay. Two things make that safe.
//! Every place where the name stands must be understood: a table that is read, or the name of a column;
//! the rest is refused. And what comes out is judged again, as if somebody had written it: it must be
//! a read that names the table nowhere but between the brackets.
//!
//! What this does not see: other tables and views with the same rows. Those need filters of their own.

mod condition;
mod look;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;

pub(crate) use self::condition::{Filter, Unbound};
pub(super) use self::look::{Places, look, without_a_query};
use super::{Class, Dialect, Refusal, Verdict, judge};

/// The longest statement that a filter may make, in bytes: as much as Athena takes.
const NARROWED_BYTES_MAX: usize = 256 * 1024;

/// No engine moves a condition to the other side of a `LIMIT`, for that would be another question. So
/// nothing of the statement around it ever meets a row that is hidden: not an error that it provokes,
/// either. All three dialects take this number.
const BARRIER: &str = " LIMIT 9223372036854775807";

/// Where a statement names tables that have filters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sightings {
    references: Vec<Reference>,
    bars: Vec<Bar>,
}

/// A table that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reference {
    /// Which of the filters is that of the table.
    filter: usize,
    /// Its name, from the first part to the last.
    table: Range<usize>,
    /// What gives way: the name, and another name after it that is the same.
    span: Range<usize>,
    /// What the statement calls it, unless that follows.
    name: Option<String>,
}

/// A use of a table's name for which there is no filtered form.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bar {
    filter: usize,
    /// Where it stands; none if that is not known.
    at: Option<usize>,
    why: String,
}

impl Sightings {
    /// The filters that the statement has to do with, as places in the list that it was judged with.
    pub(crate) fn filters(&self) -> BTreeSet<usize> {
        let read = self.references.iter().map(|reference| reference.filter);
        read.chain(self.bars.iter().map(|bar| bar.filter)).collect()
    }

    /// Why the statement cannot be narrowed down by this filter, if it cannot.
    pub(crate) fn bar(&self, filter: usize) -> Option<&str> {
        self.bars.iter().find(|bar| bar.filter == filter).map(|bar| bar.why.as_str())
    }
}

/// As [`super::classify`]; finds also where the statement names tables that have filters.
///
/// # Errors
///
/// A [`Refusal`] if the text is no single statement that can be read.
pub(crate) fn classify_rows(
    statement: &str,
    dialect: Dialect,
    allowed_functions: &BTreeSet<String>,
    filters: &[Filter],
) -> Result<(Verdict, Sightings), Refusal> {
    if statement.len() > super::STATEMENT_BYTES_MAX {
        return Err(Refusal::TooLong { bytes: statement.len() });
    }
    judge(statement, dialect, allowed_functions, filters)
}

/// The statement with the rows that fit a condition in the place of each table that has one. `sightings`
/// are those of the same statement, `conditions` have their values, by the place of their filter.
///
/// # Errors
///
/// A [`Refusal`] if what comes out is not surely a read of these rows alone. Then nothing may be sent.
pub(crate) fn narrow(
    statement: &str,
    dialect: Dialect,
    allowed_functions: &BTreeSet<String>,
    filters: &[Filter],
    sightings: &Sightings,
    conditions: &BTreeMap<usize, String>,
) -> Result<String, Refusal> {
    let mut references: Vec<_> = sightings.references.iter().collect();
    references.sort_by_key(|reference| reference.span.start);
    let (mut narrowed, mut copied, mut inserted) = (String::new(), 0, Vec::new());
    for Reference { filter, table, span, name } in references {
        let (Some(condition), Some(with)) = (conditions.get(filter), filters.get(*filter)) else { continue };
        narrowed.push_str(piece(statement, copied..span.start)?);
        let (begin, table) = (narrowed.len(), piece(statement, table.clone())?);
        let barrier = if with.barrier { BARRIER } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(narrowed, "(SELECT * FROM {table} WHERE {condition}{barrier})");
        if let Some(name) = name {
            let _ = write!(narrowed, " AS {name}");
        }
        inserted.push(begin..narrowed.len());
        copied = span.end;
    }
    narrowed.push_str(piece(statement, copied..statement.len())?);
    if narrowed.len() > NARROWED_BYTES_MAX {
        return Err(Refusal::TooComplex);
    }
    let (verdict, left) = judge(&narrowed, dialect, allowed_functions, filters)?;
    let inside = |at: usize| inserted.iter().any(|range| range.contains(&at));
    let bound = |filter: &usize| conditions.contains_key(filter);
    let read = left.references.iter().filter(|reference| bound(&reference.filter));
    let barred = left.bars.iter().filter(|bar| bound(&bar.filter));
    if verdict.class == Class::Read
        && read.map(|reference| reference.span.start).all(inside)
        && barred.map(|bar| bar.at).all(|at| at.is_some_and(inside))
    {
        return Ok(narrowed);
    }
    Err(Refusal::NotUnderstood { detail: "a table whose rows are filtered, in this place".to_owned() })
}

/// Tables that were found must lie in the statement, one after the other.
fn piece(statement: &str, range: Range<usize>) -> Result<&str, Refusal> {
    let detail = || "a table whose rows are filtered, inside the name of another".to_owned();
    statement.get(range).ok_or_else(|| Refusal::NotUnderstood { detail: detail() })
}
