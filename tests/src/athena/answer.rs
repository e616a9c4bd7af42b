//! The rows of a statement in the service's shape: everything is text, the first page of a query
//! begins with its labels, and what describes a table comes in lines.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde_json::{Value, json};
use toolhost_embedded::{Error as EngineError, Rows, Value as Cell};

use super::invalid;
use crate::aws::Refusal;

/// Most rows of one page.
const ROWS_MAX: usize = 1_000;

/// What a statement answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// Label and type.
    columns: Vec<(String, String)>,
    rows: Vec<Vec<Option<String>>>,
    /// Whether it shows the catalogue: then it has no labels.
    shows: bool,
    pub(super) bytes_scanned: u64,
}

impl Answer {
    /// Rows that a test knows.
    pub(super) fn known(columns: &[(&str, &str)], rows: Vec<Vec<Option<String>>>) -> Self {
        let columns = columns.iter().map(|(name, declared)| ((*name).to_owned(), (*declared).to_owned())).collect();
        Self { columns, rows, shows: false, bytes_scanned: 0 }
    }

    /// Rows of the engine.
    pub(super) async fn of(mut rows: Rows, shows: bool) -> Result<Self, EngineError> {
        let columns: Vec<_> =
            rows.columns().iter().map(|column| (column.name.clone(), column.declared.clone())).collect();
        let mut all = Vec::new();
        while let Some(batch) = rows.next().await? {
            all.extend(batch.into_iter().map(|row| row.into_iter().map(text).collect::<Vec<_>>()));
        }
        if shows && columns.len() > 1 {
            let line = |row: Vec<Option<String>>| {
                let cells: Vec<_> = row.into_iter().map(|cell| format!("{:<20}", cell.unwrap_or_default())).collect();
                vec![Some(cells.join("\t"))]
            };
            all = all.into_iter().map(line).collect();
        }
        Ok(Self { columns, rows: all, shows, bytes_scanned: rows.bytes_scanned() })
    }

    /// One page: what `GetQueryResults` answers.
    pub(super) fn page(&self, id: &str, input: &Value) -> Result<Value, Refusal> {
        let from = match input["NextToken"].as_str() {
            None => 0,
            Some(token) => place(id, token).ok_or_else(|| invalid("NextToken is not one of this query"))?,
        };
        let max = input["MaxResults"].as_u64().map_or(ROWS_MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
        if !(1..=ROWS_MAX).contains(&max) {
            return Err(invalid("MaxResults is more than maximum allowed length 1000."));
        }
        let labels: Vec<_> = self.columns.iter().map(|(name, _)| Some(name.clone())).collect();
        let all = (!self.shows).then_some(&labels).into_iter().chain(&self.rows);
        let rows: Vec<_> = all.skip(from).take(max).map(|values| row(values)).collect();
        let end = from + rows.len();
        let total = self.rows.len() + usize::from(!self.shows);
        let columns: Vec<_> = self.columns.iter().map(|(name, declared)| column(name, declared)).collect();
        let mut page = json!({
            "ResultSet": { "Rows": rows, "ResultSetMetadata": { "ColumnInfo": columns } },
            "UpdateCount": 0,
        });
        if end < total {
            page["NextToken"] = json!(BASE64.encode(format!("{id}/{end}")));
        }
        Ok(page)
    }
}

/// Whether a statement is one of those that Hive's parser reads.
pub(super) fn shows(statement: &str) -> bool {
    let first = statement.split_whitespace().find(|word| !word.starts_with("--")).unwrap_or_default();
    ["show", "describe", "desc"].iter().any(|word| first.eq_ignore_ascii_case(word))
}

/// The row that a page begins at, if its token is one of this statement.
fn place(id: &str, token: &str) -> Option<usize> {
    let token = String::from_utf8(BASE64.decode(token).ok()?).ok()?;
    let (of, place) = token.split_once('/')?;
    (of == id).then(|| place.parse().ok())?
}

fn row(row: &[Option<String>]) -> Value {
    // NULL is a datum without a value.
    let datum = |cell: &Option<String>| cell.as_ref().map_or_else(|| json!({}), |text| json!({ "VarCharValue": text }));
    json!({ "Data": row.iter().map(datum).collect::<Vec<_>>() })
}

/// A column as the service tells it: the type's name is without its size.
fn column(name: &str, declared: &str) -> Value {
    let size = declared.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map(|(size, _)| size);
    let (precision, scale) = match size.and_then(|size| size.split_once(',')) {
        Some((precision, scale)) => (precision.trim().parse().unwrap_or(0), scale.trim().parse().unwrap_or(0)),
        None => (size.and_then(|size| size.trim().parse().ok()).unwrap_or(0), 0),
    };
    let zone = if declared.ends_with("with time zone") { " with time zone" } else { "" };
    let word = declared.split(['(', ' ']).next().unwrap_or_default();
    json!({
        "CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": name, "Label": name,
        "Type": format!("{word}{zone}"), "Precision": precision, "Scale": scale,
        "Nullable": "UNKNOWN", "CaseSensitive": false,
    })
}

/// A value as the service prints it.
fn text(cell: Cell) -> Option<String> {
    Some(match cell {
        Cell::Null => return None,
        Cell::Boolean(truth) => truth.to_string(),
        Cell::Integer(number) => number.to_string(),
        Cell::Float(number) if number.is_infinite() => {
            if number > 0.0 {
                "Infinity".to_owned()
            } else {
                "-Infinity".to_owned()
            }
        }
        Cell::Float(number) => format!("{number:?}"),
        Cell::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
        Cell::Decimal(text) | Cell::Text(text) | Cell::Date(text) | Cell::Time(text) | Cell::Timestamp(text) => text,
    })
}
