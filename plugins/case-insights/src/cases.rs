//! What support cases are asked for, and what is made of the rows that come back.

use schemars::JsonSchema;
use serde::Serialize;
use toolhost_sdk::rows::{Row, Value};

use crate::argument::Severity;
use crate::date::Date;

/// When a case was created, in SQL.
pub(crate) const CREATED: &str = "from_iso8601_timestamp(timecreated)";

/// Which cases are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filters {
    pub(crate) from: Option<Date>,
    /// The last day.
    pub(crate) to: Option<Date>,
    pub(crate) case: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) severity: Option<Severity>,
    pub(crate) rca_category: Option<String>,
    pub(crate) lifecycle_category: Option<String>,
}

impl Filters {
    /// `WHERE ...` or nothing, and the values of its placeholders.
    pub(crate) fn conditions(&self) -> (String, Vec<Value>) {
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let (mut conditions, mut values) = (Vec::new(), Vec::new());
        for (condition, value) in [
            (format!("{CREATED} >= ?"), self.from.map(Value::from)),
            (format!("{CREATED} < ?"), self.to.map(|to| to.plus(1).into())),
            ("casenumber = ?".to_owned(), text(&self.case)),
            ("accountnumber = ?".to_owned(), text(&self.account)),
            ("lower(servicecode) = lower(?)".to_owned(), text(&self.service)),
            ("lower(severitycode) = ?".to_owned(), self.severity.map(|severity| severity.code().into())),
            ("lower(rca_category) = lower(?)".to_owned(), text(&self.rca_category)),
            ("lower(lifecycle_category) = lower(?)".to_owned(), text(&self.lifecycle_category)),
        ] {
            if let Some(value) = value {
                conditions.push(condition);
                values.push(value);
            }
        }
        let conditions =
            if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
        (conditions, values)
    }

    /// `2026-01-01 to 2026-01-31`.
    pub(crate) fn date_range(&self) -> String {
        let day = |date: Option<Date>| date.map(|date| date.to_string()).unwrap_or_default();
        format!("{} to {}", day(self.from), day(self.to))
    }
}

/// One case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Case {
    pub(crate) case_number: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) severity: Option<String>,
    pub(crate) rca_category: Option<String>,
    pub(crate) lifecycle_category: Option<String>,
    /// When it was created, in ISO 8601.
    pub(crate) created: Option<String>,
    /// The first 700 characters of it.
    pub(crate) summary: Option<String>,
}

impl Case {
    /// Reads the columns of [`crate::table::COLUMNS`] and the summary.
    pub(crate) fn read(row: Row) -> Self {
        let mut cells = row.into_iter().map(text);
        let mut next = || cells.next().flatten();
        Self {
            case_number: next(),
            account: next(),
            service: next(),
            severity: next(),
            rca_category: next(),
            lifecycle_category: next(),
            created: next(),
            summary: next().filter(|summary| !summary.trim().is_empty()),
        }
    }

    /// The day on which it was created, as the table has it.
    pub(crate) fn date(&self) -> Option<&str> {
        self.created.as_deref().map(|created| created.get(..10).unwrap_or(created))
    }
}

/// How many cases have one value of a column.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Count {
    /// The value; null where a case has none.
    pub(crate) name: Option<String>,
    pub(crate) cases: i64,
}

/// The cases of some filters, counted.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Counts {
    pub(crate) total_cases: i64,
    pub(crate) by_severity: Vec<Count>,
    pub(crate) by_service: Vec<Count>,
    pub(crate) by_rca_category: Vec<Count>,
    pub(crate) by_lifecycle_category: Vec<Count>,
}

impl Counts {
    /// Adds up groups of severity, service, RCA category, lifecycle category and their count.
    pub(crate) fn of(rows: Vec<Row>) -> Self {
        let mut counts: [Vec<Count>; 4] = Default::default();
        let mut total_cases = 0;
        for mut row in rows {
            let cases = row.pop().map_or(0, |value| integer(&value));
            total_cases += cases;
            for (counts, name) in counts.iter_mut().zip(row.into_iter().map(text)) {
                match counts.iter_mut().find(|count| count.name == name) {
                    Some(count) => count.cases += cases,
                    None => counts.push(Count { name, cases }),
                }
            }
        }
        for counts in &mut counts {
            counts.sort_by(|a, b| b.cases.cmp(&a.cases).then_with(|| a.name.cmp(&b.name)));
        }
        let [by_severity, by_service, by_rca_category, by_lifecycle_category] = counts;
        Self { total_cases, by_severity, by_service, by_rca_category, by_lifecycle_category }
    }
}

/// The cases of one service in one week.
pub(crate) struct Week {
    pub(crate) service: Option<String>,
    /// Its Monday.
    pub(crate) start: String,
    pub(crate) cases: i64,
    /// Those that are critical or urgent.
    pub(crate) critical: i64,
    /// Those in the later half of the time that was asked for.
    pub(crate) later: i64,
}

impl Week {
    pub(crate) fn read(row: Row) -> Option<Self> {
        let [service, start, cases, critical, later] = <[Value; 5]>::try_from(row).ok()?;
        let start = text(start)?;
        Some(Self {
            service: text(service),
            start: start.get(..10).unwrap_or(&start).to_owned(),
            cases: integer(&cases),
            critical: integer(&critical),
            later: integer(&later),
        })
    }
}

/// A value as text; none for NULL.
pub(crate) fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Text(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// A number of cases.
pub(crate) fn integer(value: &Value) -> i64 {
    match value {
        Value::Integer(number) => *number,
        other => other.to_string().parse().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(cells: [&str; 4], cases: i64) -> Row {
        let cell = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
        cells.map(cell).into_iter().chain([cases.into()]).collect()
    }

    #[test]
    fn every_filter_is_a_placeholder_with_its_value() {
        let text = |text: &str| Some(text.to_owned());
        let hostile = "x' OR '1'='1";
        let filters = Filters {
            from: Some(Date::today()),
            to: Some(Date::today()),
            case: text(hostile),
            account: text(hostile),
            service: text(hostile),
            severity: Some(Severity::Urgent),
            rca_category: text(hostile),
            lifecycle_category: text(hostile),
        };
        let (conditions, values) = filters.conditions();
        assert_eq!((conditions.matches('?').count(), values.len()), (8, 8));
        assert!(!conditions.contains(hostile), "{conditions}");
        assert_eq!(values[1], Value::Date(Date::today().plus(1).to_string()), "the last day belongs to it");
        assert_eq!(Filters::default().conditions(), (String::new(), Vec::new()));
    }

    #[test]
    fn groups_are_added_up_the_largest_first() {
        let counts = Counts::of(vec![
            group(["high", "EC2", "Cost", "Launch"], 3),
            group(["high", "S3", "", "Launch"], 4),
            group(["low", "EC2", "Cost", "Launch"], 2),
        ]);
        let names = |counts: &[Count]| -> Vec<(String, i64)> {
            counts.iter().map(|count| (count.name.clone().unwrap_or_default(), count.cases)).collect()
        };
        let owned = |counts: &[(&str, i64)]| counts.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect::<Vec<_>>();
        assert_eq!(counts.total_cases, 9);
        assert_eq!(names(&counts.by_severity), owned(&[("high", 7), ("low", 2)]));
        assert_eq!(names(&counts.by_service), owned(&[("EC2", 5), ("S3", 4)]));
        assert_eq!(names(&counts.by_rca_category), owned(&[("Cost", 5), ("", 4)]));
        assert_eq!(names(&counts.by_lifecycle_category), owned(&[("Launch", 9)]));
    }

    #[test]
    fn a_case_without_a_summary_has_none() {
        let row = |summary: Value| {
            ["C", "A", "S", "V", "R", "L", "2026-01-31T10:00:00Z"]
                .map(Value::from)
                .into_iter()
                .chain([summary])
                .collect()
        };
        assert_eq!(Case::read(row(" \n".into())).summary, None);
        assert_eq!(Case::read(row(Value::Null)).summary, None);
        let case = Case::read(row("x".into()));
        assert_eq!((case.summary.as_deref(), case.date()), (Some("x"), Some("2026-01-31")));
    }
}
