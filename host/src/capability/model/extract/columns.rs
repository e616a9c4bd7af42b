//! What the columns of a table are, and how often their values come.

use std::collections::BTreeMap;

use super::paragraph;
use super::records::Records;

/// A column of more different values than this is no category; one of numbers, of more than these.
const VALUES_MAX: usize = 50;
const NUMBERS_MAX: usize = 12;

/// The longest value of a category, and of a record's own name, in characters.
const VALUE_CHARACTERS_MAX: usize = 60;
const LABEL_CHARACTERS_MAX: usize = 40;

/// How many words a column's values have on average, if it holds text.
const TEXT_WORDS_MIN: usize = 4;

/// How many values of a category are shown, and how many columns.
const VALUES_SHOWN: usize = 10;
const COLUMNS_SHOWN: usize = 12;

/// The places of the columns that matter for sentences.
pub(super) struct Columns {
    /// What names a record.
    pub(super) label: Option<usize>,
    /// What holds text.
    pub(super) texts: Vec<usize>,
}

/// What is in one column.
#[derive(Debug, PartialEq)]
enum Kind {
    /// Few values, which repeat: each with how often, the most frequent first.
    Category(Vec<(String, usize)>),
    /// Dates or numbers, from the first to the last.
    Span(String, String),
    /// Sentences.
    Text,
    /// A different short value in each record.
    Name,
    Other,
}

impl Columns {
    pub(super) fn of(records: &Records) -> Self {
        let kinds: Vec<Kind> = (0..records.columns.len()).map(|place| kind(records, place)).collect();
        let is_text = |place: &usize| kinds.get(*place) == Some(&Kind::Text);
        let texts: Vec<usize> = (0..kinds.len()).filter(is_text).collect();
        Self { label: kinds.iter().position(|kind| *kind == Kind::Name), texts }
    }
}

/// Says how many records there are, and how they are spread.
pub(super) fn describe(records: &Records, text: &mut String) {
    let count = records.rows.len();
    let more = if records.more > 0 {
        format!(" {} more came after them and were not read.", records.more)
    } else {
        String::new()
    };
    paragraph(text, &format!("{count} record{}.{more}", if count == 1 { "" } else { "s" }));
    let lines = records.columns.iter().enumerate().filter_map(|(place, name)| match kind(records, place) {
        Kind::Category(values) => Some(spread(name, &values, count)),
        Kind::Span(first, last) if first == last => Some(format!("- {name}: {first}")),
        Kind::Span(first, last) => Some(format!("- {name}: from {first} to {last}")),
        Kind::Text | Kind::Name | Kind::Other => None,
    });
    let lines: Vec<String> = lines.take(COLUMNS_SHOWN).collect();
    if !lines.is_empty() {
        paragraph(text, &lines.join("\n"));
    }
}

/// One column in a line: `severity: high 120 (60 %), low 80 (40 %)`.
fn spread(name: &str, values: &[(String, usize)], records: usize) -> String {
    let share = |count: usize| (count * 100 + records / 2) / records.max(1);
    let shown: Vec<String> = values
        .iter()
        .take(VALUES_SHOWN)
        .map(|(value, count)| format!("{value} {count} ({} %)", share(*count)))
        .collect();
    let others = values.len().saturating_sub(VALUES_SHOWN);
    let others = if others > 0 { format!(", and {others} other values") } else { String::new() };
    let given: usize = values.iter().map(|(_, count)| count).sum();
    let without = records.saturating_sub(given);
    let without = if without > 0 { format!(", none {without}") } else { String::new() };
    format!("- {name}: {}{others}{without}", shown.join(", "))
}

fn kind(records: &Records, place: usize) -> Kind {
    let values: Vec<&str> = records
        .rows
        .iter()
        .filter_map(|row| row.get(place))
        .map(String::as_str)
        .filter(|value| !value.is_empty())
        .collect();
    if values.is_empty() {
        return Kind::Other;
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in &values {
        *counts.entry(value).or_default() += 1;
    }
    if values.iter().all(|value| is_date(value)) {
        // ISO 8601 sorts as text.
        return span(counts.keys().next(), counts.keys().next_back());
    }
    let longest = counts.keys().map(|value| value.chars().count()).max().unwrap_or(0);
    let numbers: Option<Vec<f64>> =
        values.iter().map(|value| value.parse().ok().filter(|n: &f64| n.is_finite())).collect();
    let different_max = if numbers.is_some() { NUMBERS_MAX } else { VALUES_MAX };
    if counts.len() < values.len() && counts.len() <= different_max && longest <= VALUE_CHARACTERS_MAX {
        let mut counts: Vec<(String, usize)> = counts.into_iter().map(|(value, n)| (value.to_owned(), n)).collect();
        counts.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
        return Kind::Category(counts);
    }
    let words: usize = values.iter().map(|value| value.split_whitespace().count()).sum();
    if words >= TEXT_WORDS_MIN * values.len() {
        return Kind::Text;
    }
    if counts.len() == records.rows.len() && longest <= LABEL_CHARACTERS_MAX {
        return Kind::Name;
    }
    match numbers {
        Some(_) => {
            let by_number = |a: &&&str, b: &&&str| {
                let number = |text: &str| text.parse::<f64>().unwrap_or_default();
                number(a).total_cmp(&number(b))
            };
            span(counts.keys().min_by(by_number), counts.keys().max_by(by_number))
        }
        None => Kind::Other,
    }
}

fn span(first: Option<&&str>, last: Option<&&str>) -> Kind {
    match (first, last) {
        (Some(first), Some(last)) => Kind::Span((*first).to_owned(), (*last).to_owned()),
        _ => Kind::Other,
    }
}

/// `2026-01-31`, and whatever may follow of a time.
fn is_date(value: &str) -> bool {
    let bytes = value.as_bytes();
    let shape = bytes.len() >= 10
        && bytes.len() <= 35
        && bytes.iter().take(10).enumerate().all(|(place, byte)| match place {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    shape && bytes.get(10).is_none_or(|byte| matches!(byte, b'T' | b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: &str = "case,severity,opened,score,summary\n\
        C-1,high,2026-03-01T10:00:00Z,1.5,The gateway refused every call for an hour.\n\
        C-2,low,2026-01-09,20,A report came late and nobody knew why.\n\
        C-3,high,2026-02-11,3,The gateway refused some calls again.\n\
        C-4,,2026-02-12,7,One more report came late this week.\n";

    #[test]
    fn a_column_is_told_by_its_values() {
        let records = Records::read(CASES).expect("records");
        let kinds: Vec<Kind> = (0..5).map(|place| kind(&records, place)).collect();
        assert_eq!(
            kinds,
            [
                Kind::Name,
                Kind::Category(vec![("high".to_owned(), 2), ("low".to_owned(), 1)]),
                Kind::Span("2026-01-09".to_owned(), "2026-03-01T10:00:00Z".to_owned()),
                Kind::Name,
                Kind::Text,
            ]
        );
        let columns = Columns::of(&records);
        assert_eq!((columns.label, columns.texts), (Some(0), vec![4]));
    }

    #[test]
    fn counts_add_up_and_say_what_is_missing() {
        let mut text = String::new();
        describe(&Records::read(CASES).expect("records"), &mut text);
        let expected = "\n\n4 records.\n\n- severity: high 2 (50 %), low 1 (25 %), none 1\n\
                        - opened: from 2026-01-09 to 2026-03-01T10:00:00Z";
        assert_eq!(text, expected);
    }

    #[test]
    fn many_values_are_cut_and_many_numbers_are_a_span() {
        let rows: String = (0..60).map(|n| format!("k{},{}\n", n % 20, n % 30)).collect();
        let mut text = String::new();
        describe(&Records::read(&format!("kind,size\n{rows}")).expect("records"), &mut text);
        assert!(text.contains("- kind: k0 3 (5 %), k1 3 (5 %)"), "{text}");
        assert!(text.contains(", and 10 other values\n- size: from 0 to 29"), "{text}");
    }
}
