//! Data as records: JSON, lines of JSON, CSV, or blocks of `Key: value`.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::columns::Columns;
use super::sentences::{Sentence, split};

/// How much of a table is read.
const RECORDS_MAX: usize = 10_000;
const COLUMNS_MAX: usize = 40;

/// How deep an object in a record is read: `{"a": {"b": 1}}` has the column `a.b`.
const DEPTH_MAX: usize = 3;

/// A table of texts. What a record does not have is empty.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Records {
    pub(super) columns: Vec<String>,
    /// Each as wide as `columns`.
    pub(super) rows: Vec<Vec<String>>,
    /// How many records came after those that were read.
    pub(super) more: usize,
}

impl Records {
    /// The records of a text; none if it holds none.
    pub(super) fn read(data: &str) -> Option<Self> {
        let records = json(data).or_else(|| csv(data)).or_else(|| blocks(data))?;
        (!records.rows.is_empty() && !records.columns.is_empty()).then_some(records)
    }

    /// The sentences of the columns that hold text, each with the record's own name.
    pub(super) fn sentences(&self, sentences_max: usize) -> Vec<Sentence> {
        let columns = Columns::of(self);
        let named = |place: usize, row: &[String]| match columns.label.and_then(|label| row.get(label)) {
            Some(name) => name.clone(),
            None => format!("record {}", place + 1),
        };
        let of_row = |(record, row): (usize, &Vec<String>)| {
            let texts = columns.texts.iter().filter_map(|column| row.get(*column));
            let label = named(record, row);
            let sentences = texts.flat_map(|text| split(text)).map(|text| (text, label.clone()));
            sentences.map(|(text, label)| Sentence { text, label: Some(label), record }).collect::<Vec<_>>()
        };
        self.rows.iter().enumerate().flat_map(of_row).take(sentences_max).collect()
    }

    /// The place of a column, which is added if it is new and there is room.
    fn column(&mut self, name: &str) -> Option<usize> {
        if let Some(place) = self.columns.iter().position(|known| known == name) {
            return Some(place);
        }
        (self.columns.len() < COLUMNS_MAX).then(|| {
            self.columns.push(name.to_owned());
            self.columns.len() - 1
        })
    }

    /// Adds a record by names.
    fn push(&mut self, fields: impl Iterator<Item = (String, String)>) {
        if self.rows.len() == RECORDS_MAX {
            self.more += 1;
            return;
        }
        let mut row = vec![String::new(); self.columns.len()];
        for (name, value) in fields {
            let Some(place) = self.column(&name) else { continue };
            row.resize(self.columns.len(), String::new());
            if let Some(cell) = row.get_mut(place) {
                *cell = value;
            }
        }
        self.rows.push(row);
    }

    /// Makes every row as wide as there are columns.
    fn squared(mut self) -> Self {
        let width = self.columns.len();
        self.rows.iter_mut().for_each(|row| row.resize(width, String::new()));
        self
    }
}

/// JSON in one of the shapes that lists come in: an array, an object that holds one, an object
/// of columns and rows, or an object a line.
fn json(data: &str) -> Option<Records> {
    let values: Vec<Value> = serde_json::Deserializer::from_str(data)
        .into_iter()
        .collect::<Result<_, _>>()
        .ok()
        .filter(|v: &Vec<_>| !v.is_empty())?;
    let values = match <[Value; 1]>::try_from(values) {
        Ok([Value::Array(items)]) => items,
        Ok([Value::Object(object)]) => match table(&object) {
            Some(records) => return Some(records),
            None => longest_list(object),
        },
        Ok([_]) => return None,
        Err(lines) => lines,
    };
    let mut records = Records::default();
    for value in &values {
        let mut fields = Vec::new();
        flatten("", value, DEPTH_MAX, &mut fields);
        records.push(fields.into_iter());
    }
    Some(records.squared())
}

/// `{"columns": [...], "rows": [[...]]}`, as queries are answered.
fn table(object: &Map<String, Value>) -> Option<Records> {
    let name = |column: &Value| Some(column.as_str().or_else(|| column.get("name")?.as_str())?.to_owned());
    let columns: Vec<String> = object.get("columns")?.as_array()?.iter().map(name).collect::<Option<_>>()?;
    let mut records = Records::default();
    for row in object.get("rows")?.as_array()? {
        let cells = row.as_array()?.iter().map(|cell| scalar(cell).unwrap_or_default());
        records.push(columns.iter().cloned().zip(cells));
    }
    Some(records.squared())
}

/// The longest array in an object, or the object itself.
fn longest_list(object: Map<String, Value>) -> Vec<Value> {
    let lists = object.iter().filter_map(|(key, value)| Some((key, value.as_array()?.len())));
    // The first of those that are as long, for `max_by_key` gives the last.
    let longest = lists.rev().max_by_key(|(_, length)| *length).filter(|(_, length)| *length > 0);
    let longest = longest.map(|(key, _)| key.clone());
    let mut object = object;
    match longest.and_then(|key| object.remove(&key)) {
        Some(Value::Array(items)) => items,
        _ => vec![Value::Object(object)],
    }
}

fn flatten(name: &str, value: &Value, depth: usize, fields: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) if depth > 0 => {
            for (key, value) in object {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(&name, value, depth - 1, fields);
            }
        }
        value => {
            if let Some(text) = scalar(value) {
                fields.push((if name.is_empty() { "text" } else { name }.to_owned(), text));
            }
        }
    }
}

/// A value as text; of an array, its scalars.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Object(_) => None,
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Array(items) => Some(items.iter().filter_map(scalar).collect::<Vec<_>>().join(", ")),
        other => Some(other.to_string()),
    }
}

/// Lines with as many commas, tabs, semicolons or bars each; the first names the columns.
fn csv(data: &str) -> Option<Records> {
    let parsed = [',', '\t', ';', '|'].into_iter().filter_map(|separator| {
        let rows = cells(data, separator);
        let width = rows.first()?.len();
        (width > 1 && rows.len() > 1 && rows.iter().all(|row| row.len() == width)).then_some(rows)
    });
    let mut rows = parsed.max_by_key(|rows| rows.first().map_or(0, Vec::len))?.into_iter();
    let head = rows.next()?;
    let names_columns = head.iter().collect::<HashSet<_>>().len() == head.len()
        && head.iter().all(|name| name.len() <= 40 && name.chars().next().is_some_and(char::is_alphabetic));
    let columns = if names_columns { head.clone() } else { (1..=head.len()).map(|n| format!("column {n}")).collect() };
    let mut records = Records::default();
    for row in (!names_columns).then_some(head).into_iter().chain(rows) {
        records.push(columns.iter().cloned().zip(row));
    }
    Some(records.squared())
}

/// Cells of text with separators, quoted as RFC 4180 has it. Empty lines are no rows.
fn cells(data: &str, separator: char) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut characters = data.chars().peekable();
    let mut quoted = false;
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' if quoted || cell.trim().is_empty() => quoted = !quoted,
            c if c == separator && !quoted => row.push(std::mem::take(&mut cell).trim().to_owned()),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell).trim().to_owned());
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    row.push(cell.trim().to_owned());
    rows.push(row);
    rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
    rows
}

/// Paragraphs of lines `Key: value` of which each has a key of the first.
fn blocks(data: &str) -> Option<Records> {
    let blocks: Vec<Vec<(String, String)>> =
        data.split("\n\n").filter(|block| !block.trim().is_empty()).map(block).collect();
    let first: Vec<&str> = blocks.first()?.iter().map(|(key, _)| key.as_str()).collect();
    let alike = |block: &Vec<(String, String)>| block.iter().any(|(key, _)| first.contains(&key.as_str()));
    if blocks.len() < 2 || first.is_empty() || !blocks.iter().all(alike) {
        return None;
    }
    let mut records = Records::default();
    for block in blocks {
        records.push(block.into_iter());
    }
    Some(records.squared())
}

/// The fields of one paragraph. A line without a key goes on with the one before it.
fn block(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().map(|line| line.trim_start_matches(['-', '*', ' '])) {
        let key = line.split_once(": ").filter(|(key, _)| {
            (1..=30).contains(&key.len()) && key.chars().all(|c| c.is_alphanumeric() || " _-".contains(c))
        });
        match (key, fields.last_mut()) {
            (Some((key, value)), _) => fields.push((key.trim().to_owned(), value.trim().to_owned())),
            (None, Some((_, value))) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            (None, None) => {}
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &str) -> (Vec<String>, Vec<Vec<String>>) {
        let records = Records::read(data).unwrap_or_default();
        (records.columns, records.rows)
    }

    #[test]
    fn one_list_reads_the_same_in_every_shape() {
        let owned = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let expected = (owned(&["id", "kind", "text"]), vec![owned(&["1", "a", "x, y"]), owned(&["2", "b", "z"])]);
        for data in [
            r#"[{"id": 1, "kind": "a", "text": "x, y"}, {"id": 2, "kind": "b", "text": "z"}]"#,
            r#"{"total": 2, "few": [1], "cases": [{"id": 1, "kind": "a", "text": "x, y"}, {"id": 2, "kind": "b", "text": "z"}]}"#,
            r#"{"columns": [{"name": "id"}, {"name": "kind"}, {"name": "text"}], "rows": [[1, "a", "x, y"], [2, "b", "z"]]}"#,
            r#"{"columns": ["id", "kind", "text"], "rows": [[1, "a", "x, y"], [2, "b", "z"]]}"#,
            "{\"id\": 1, \"kind\": \"a\", \"text\": \"x, y\"}\n{\"id\": 2, \"kind\": \"b\", \"text\": \"z\"}",
            "id,kind,text\r\n1,a,\"x, y\"\r\n2,b,z\r\n",
            "id;kind;text\n1;a;x, y\n\n2;b;z",
            "id | kind | text\n1 | a | x, y\n2 | b | z",
            "id\tkind\ttext\n1\ta\tx, y\n2\tb\tz",
            "id: 1\nkind: a\ntext: x,\n  y\n\nid: 2\nkind: b\ntext: z",
        ] {
            assert_eq!(read(data), expected, "{data}");
        }
    }

    #[test]
    fn quotes_and_depths_and_gaps_are_kept() {
        let (columns, rows) = read("a,b\n\"said \"\"no\"\"\",\"two\nlines\"\n");
        assert_eq!((columns.len(), &*rows[0][0], &*rows[0][1]), (2, "said \"no\"", "two\nlines"));
        let (columns, rows) = read(r#"[{"a": {"b": {"c": 1}}}, {"d": ["x", "y"]}, "free"]"#);
        assert_eq!(columns, ["a.b.c", "d", "text"]);
        assert_eq!(rows, [["1", "", ""], ["", "x, y", ""], ["", "", "free"]]);
        let (columns, rows) = read("1,2\n3,4\n");
        assert_eq!((columns, rows.len()), (vec!["column 1".to_owned(), "column 2".to_owned()], 2));
    }

    #[test]
    fn prose_is_no_table() {
        for data in ["", "One thing. Another thing.", "7", "\"text\"", "One, two.\nThree.", "Note: this\n\nis prose."] {
            assert_eq!(Records::read(data), None, "{data}");
        }
    }

    #[test]
    fn what_is_too_much_is_counted_and_left() {
        let lines: String = (0..RECORDS_MAX + 3).map(|n| format!("{{\"n\": {n}}}\n")).collect();
        let records = Records::read(&lines).expect("records");
        assert_eq!((records.rows.len(), records.more), (RECORDS_MAX, 3));
        let wide: String =
            (0..COLUMNS_MAX + 3).map(|n| format!("{}\"c{n}\": 1", if n == 0 { "[{" } else { "," })).collect();
        assert_eq!(Records::read(&(wide + "}]")).map(|records| records.columns.len()), Some(COLUMNS_MAX));
    }
}
