//! The table of cases: the statements. Values reach them as parameters and in no other way.

use std::time::Duration;

use toolhost_sdk::query::{self, Execution, Source};
use toolhost_sdk::rows::{Row, Value};
use toolhost_sdk::{Error, Result, kv, settings};

use crate::argument::Severity;
use crate::cases::{CREATED, Case, Counts, Filters, Week, integer, text};
use crate::date::Date;
use crate::prompt::SUMMARY_CHARS_MAX;

/// The columns of one case, in the order of [`Case::read`], before its summary. No more of a summary is fetched
/// than is read.
const COLUMNS: &str =
    "casenumber, accountnumber, servicecode, severitycode, rca_category, lifecycle_category, timecreated";

/// How many groups of cases are counted.
const GROUPS_MAX: u32 = 10_000;

/// How many values of the columns to filter by are told when a filter finds nothing, and for
/// how long they are remembered: to fetch them reads the whole table.
const KNOWN_MAX: u32 = 300;
const KNOWN_FOR: Duration = Duration::from_secs(3_600);

/// The table, in the one source that was granted.
pub(crate) struct Table {
    source: Source,
    name: String,
}

impl Table {
    /// The table that the operator's setting `table` names; `case_summary` if it names none.
    pub(crate) fn open() -> Result<Self> {
        let name = settings::get("table").unwrap_or_else(|| "case_summary".to_owned());
        if !is_name(&name) {
            let message = "The operator's setting `table` of this plugin is no table's name: it must be corrected in \
                           the host's configuration, to such as `case_summary` or `support.case_summary`.";
            return Err(Error::failed(message));
        }
        Ok(Self { source: query::source()?, name })
    }

    /// The most urgent cases first, of these the newest; how many there are in all, whatever
    /// `cases_max` is; and the id of the statement.
    pub(crate) fn most_urgent(&self, filters: &Filters, cases_max: u32) -> Result<(Vec<Case>, i64, String)> {
        let ranks = Severity::BY_URGENCY.iter().enumerate();
        let ranks: String = ranks.map(|(rank, severity)| format!("WHEN '{}' THEN {rank} ", severity.code())).collect();
        let order = format!("CASE lower(severitycode) {ranks}ELSE {} END, ", Severity::BY_URGENCY.len());
        let listing = self.list(filters, &order, cases_max)?;
        let (rows, status) = listing.rows(cases_max)?;
        let total = rows.rows.first().and_then(|row| row.last()).map_or(0, integer);
        Ok((rows.rows.into_iter().map(Case::read).collect(), total, status.engine_id))
    }

    /// All cases counted, the newest of them, and the ids of both statements.
    pub(crate) fn overview(&self, filters: &Filters, cases_max: u32) -> Result<(Counts, Vec<Case>, Vec<String>)> {
        let (conditions, values) = filters.conditions();
        let columns = "severitycode, servicecode, rca_category, lifecycle_category";
        let name = &self.name;
        let statement = format!(
            "SELECT {columns}, count(*) AS cases FROM {name}{conditions} GROUP BY {columns} ORDER BY cases DESC"
        );
        // Both run at the same time.
        let counting = self.source.submit(&statement, &values)?;
        let listing = self.list(filters, "", cases_max)?;
        let (groups, counted) = counting.rows(GROUPS_MAX)?;
        if groups.truncated {
            let message =
                format!("The cases fall into more than {GROUPS_MAX} groups: ask for fewer days, or one service.");
            return Err(Error::limited(message));
        }
        let (newest, listed) = listing.rows(cases_max)?;
        let newest = newest.rows.into_iter().map(Case::read).collect();
        Ok((Counts::of(groups.rows), newest, vec![counted.engine_id, listed.engine_id]))
    }

    /// Begins to list cases by `order`, of those the newest first.
    fn list(&self, filters: &Filters, order: &str, cases_max: u32) -> Result<Execution> {
        let (conditions, values) = filters.conditions();
        let statement = format!(
            "SELECT {COLUMNS}, substr(summary, 1, {SUMMARY_CHARS_MAX}) AS summary, count(*) OVER () AS total \
             FROM {}{conditions} ORDER BY {order}{CREATED} DESC, casenumber LIMIT {cases_max}",
            self.name
        );
        self.source.submit(&statement, &values)
    }

    /// The cases of each service, week by week.
    pub(crate) fn weeks(&self, filters: &Filters, middle: Date) -> Result<(Vec<Week>, String)> {
        let (conditions, values) = filters.conditions();
        let statement = format!(
            "SELECT servicecode, date_trunc('week', {CREATED}) AS week, count(*) AS cases, \
             sum(CASE WHEN lower(severitycode) IN ('critical', 'urgent') THEN 1 ELSE 0 END) AS critical, \
             sum(CASE WHEN {CREATED} >= ? THEN 1 ELSE 0 END) AS later \
             FROM {}{conditions} GROUP BY servicecode, date_trunc('week', {CREATED}) ORDER BY servicecode, week",
            self.name
        );
        let values: Vec<_> = std::iter::once(middle.into()).chain(values).collect();
        let (rows, status) = self.source.submit(&statement, &values)?.rows(GROUPS_MAX)?;
        if rows.truncated {
            return Err(Error::limited(format!(
                "There are more than {GROUPS_MAX} weeks of services: ask for fewer days."
            )));
        }
        Ok((rows.rows.into_iter().filter_map(Week::read).collect(), status.engine_id))
    }

    /// A sentence on what there is to filter by, for whoever filtered by what there is not;
    /// nothing if they did not, or if it cannot be told.
    pub(crate) fn hint(&self, filters: &Filters) -> String {
        let asked = [
            ("service_code", filters.service.is_some()),
            ("rca_category", filters.rca_category.is_some()),
            ("lifecycle_category", filters.lifecycle_category.is_some()),
        ];
        if !asked.iter().any(|(_, asked)| *asked) {
            return String::new();
        }
        let key = format!("known {} {}", self.source.name, self.name);
        let known: Vec<(String, String)> = kv::cached(&key, KNOWN_FOR, || self.known()).unwrap_or_default();
        let told = asked.iter().filter(|(_, asked)| *asked).filter_map(|(kind, _)| {
            let values: Vec<_> = known.iter().filter(|(of, _)| of == kind).map(|(_, value)| value.as_str()).collect();
            (!values.is_empty()).then(|| format!(" There are cases with {kind}: {}.", values.join(", ")))
        });
        told.collect()
    }

    /// The values of the columns to filter by.
    fn known(&self) -> Result<Vec<(String, String)>> {
        let column = |(kind, column)| {
            let name = &self.name;
            format!(
                "SELECT '{kind}' AS kind, {column} AS value FROM {name} WHERE {column} IS NOT NULL GROUP BY {column}"
            )
        };
        let columns = [
            ("service_code", "servicecode"),
            ("rca_category", "rca_category"),
            ("lifecycle_category", "lifecycle_category"),
        ];
        let statement = format!("{} ORDER BY kind, value", columns.map(column).join(" UNION ALL "));
        let rows = self.source.run(&statement, &[], KNOWN_MAX)?;
        let pair =
            |row: Row| <[Value; 2]>::try_from(row).ok().and_then(|[kind, value]| Some((text(kind)?, text(value)?)));
        Ok(rows.rows.into_iter().filter_map(pair).collect())
    }
}

/// Whether this is a table's name, with or without that of its database and catalogue.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
    };
    name.len() <= 255 && name.split('.').count() <= 3 && name.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn a_tables_name_holds_nothing_else() {
        for name in ["case_summary", "support.case_summary", "awsdatacatalog.support.cases_2026", "_t"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", ".", "a.", "1a", "a b", "a;b", "a--", "\"a\"", "a.b.c.d", "é", "(SELECT 1)", &"a".repeat(256)]
        {
            assert!(!is_name(name), "{name}");
        }
    }
}
