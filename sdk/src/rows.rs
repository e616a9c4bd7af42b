//! Rows of typed values, as every source of rows answers them; as a tool's answer, a compact
//! text for the model and JSON for programs.

mod value;

use std::borrow::Cow;
use std::fmt::Write as _;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::json;

pub use crate::wit::toolhost::types::rows::{Column, ColumnKind, Row, Rows, Value};
use crate::{IntoOutcome, Json, Outcome, Result, schema};

/// Rows are answered as a table of text and as
/// `{"columns":[{"name","type"}],"rows":[[..]],"row_count":n,"truncated":bool}`.
impl IntoOutcome for Rows {
    fn output_schema() -> Option<serde_json::Value> {
        Some(schema::output::<Self>())
    }

    fn into_outcome(self) -> Result<Outcome> {
        (self.to_text(), Json(self)).into_outcome()
    }
}

impl Rows {
    /// The rows as text: a line of column names, a line for each row, and how many there are.
    ///
    /// ```text
    /// name | total
    /// Ann | 12.90
    /// (1 row)
    /// ```
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let names = self.columns.iter().map(|column| column.name.as_str());
        push_line(&mut text, names);
        for row in &self.rows {
            push_line(&mut text, row);
        }
        let count = self.rows.len();
        let rows = if count == 1 { "row" } else { "rows" };
        // Writing to a String cannot fail.
        let _ = write!(text, "({count} {rows}");
        if self.truncated {
            // To raise it helps only where it was the limit, and not the grant's own.
            let _ = write!(text, "; there are more: narrow the query, or raise max_rows if it is {count}");
        }
        text.push(')');
        text
    }
}

/// One row is one line, whatever its values hold.
fn push_line(text: &mut String, cells: impl IntoIterator<Item = impl ToString>) {
    for (i, cell) in cells.into_iter().enumerate() {
        if i > 0 {
            text.push_str(" | ");
        }
        let cell = cell.to_string();
        if cell.contains(['\n', '\r']) {
            text.push_str(&cell.replace('\n', "\\n").replace('\r', "\\r"));
        } else {
            text.push_str(&cell);
        }
    }
    text.push('\n');
}

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let column = |column: &Column| json!({ "name": column.name, "type": column.kind });
        let mut rows = serializer.serialize_struct("Rows", 4)?;
        rows.serialize_field("columns", &self.columns.iter().map(column).collect::<Vec<_>>())?;
        rows.serialize_field("rows", &self.rows)?;
        rows.serialize_field("row_count", &self.rows.len())?;
        rows.serialize_field("truncated", &self.truncated)?;
        rows.end()
    }
}

impl JsonSchema for Rows {
    fn schema_name() -> Cow<'static, str> {
        "Rows".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let string = json!({ "type": "string" });
        json_schema!({
            "type": "object",
            "properties": {
                "columns": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": { "name": string, "type": string },
                        "required": ["name", "type"],
                    },
                },
                "rows": {
                    "type": "array",
                    "description": "One array of values for each row; exact numbers are strings, bytes are base64.",
                    "items": { "type": "array" },
                },
                "row_count": { "type": "integer" },
                "truncated": { "type": "boolean", "description": "Whether rows were left out." },
            },
            "required": ["columns", "rows", "row_count", "truncated"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: ColumnKind) -> Column {
        Column { name: name.to_owned(), kind, declared: String::new() }
    }

    fn two_rows() -> Rows {
        Rows {
            columns: vec![column("name", ColumnKind::Text), column("total", ColumnKind::Decimal)],
            rows: vec![vec!["Ann\nLee".into(), Value::Decimal("12.90".to_owned())], vec!["Bo".into(), Value::Null]],
            truncated: false,
        }
    }

    #[test]
    fn a_row_is_a_line() {
        assert_eq!(two_rows().to_text(), "name | total\nAnn\\nLee | 12.90\nBo | NULL\n(2 rows)");
    }

    #[test]
    fn rows_that_were_left_out_are_told() {
        let rows = Rows { truncated: true, ..two_rows() };
        let last = "(2 rows; there are more: narrow the query, or raise max_rows if it is 2)";
        assert_eq!(rows.to_text().lines().last(), Some(last));
    }

    #[test]
    fn the_json_has_exactly_the_keys_of_its_schema() {
        let json = serde_json::to_value(two_rows()).unwrap();
        assert_eq!(
            json,
            json!({
                "columns": [{ "name": "name", "type": "text" }, { "name": "total", "type": "decimal" }],
                "rows": [["Ann\nLee", "12.90"], ["Bo", null]],
                "row_count": 2,
                "truncated": false,
            })
        );
        let schema = Rows::output_schema().unwrap();
        let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&json), keys(&schema["properties"]));
    }
}
