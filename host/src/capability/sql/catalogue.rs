//! What tables there are: the catalogue SQL of each dialect, so that no plugin writes any.

use std::collections::BTreeMap;
use std::fmt;

use super::backend::Backend;
use super::{Sql, invalid};
use crate::guard::Dialect;
use crate::wit::rows::{Row, Value};
use crate::wit::sql::{ForeignKey, Index, Parameter, Table, TableColumn, TableDescription, TableKind};
use crate::wit::{Error, ErrorKind};

/// Most tables that are listed.
const TABLES_MAX: usize = 1_000;

/// Most tables that the introduction names.
const INTRODUCED_MAX: usize = 60;

/// The name of a primary key's index, in every dialect below.
const PRIMARY: &str = "PRIMARY";

/// The catalogue statements of one dialect. All dialects answer with the same columns;
/// `?` stands for a table's name, or in `keys` for NULL to ask about all tables.
struct Statements {
    /// name, `table` or `view`, comment
    tables: &'static str,
    /// name, declared type, nullable as 0 or 1, default, comment
    columns: &'static str,
    /// table, index, column, unique as 0 or 1; the columns of an index in their order
    keys: &'static str,
    /// constraint, column, other table, other column
    references: &'static str,
}

const MYSQL: Statements = Statements {
    tables: "SELECT table_name, IF(table_type LIKE '%VIEW', 'view', 'table'), IF(table_type LIKE '%VIEW', '', table_comment) \
             FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name LIMIT 1000",
    columns: "SELECT column_name, column_type, is_nullable = 'YES', NULLIF(column_default, 'NULL'), column_comment \
              FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position",
    keys: "SELECT table_name, index_name, column_name, non_unique = 0 FROM information_schema.statistics \
           WHERE table_schema = DATABASE() AND (? IS NULL OR table_name = ?) \
           ORDER BY table_name, index_name <> 'PRIMARY', index_name, seq_in_index",
    references: "SELECT constraint_name, column_name, referenced_table_name, referenced_column_name \
                 FROM information_schema.key_column_usage WHERE table_schema = DATABASE() AND table_name = ? \
                 AND referenced_table_name IS NOT NULL ORDER BY constraint_name, ordinal_position",
};

const SQLITE: Statements = Statements {
    tables: "SELECT name, type, '' FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view') \
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name LIMIT 1000",
    columns: "SELECT name, type, \"notnull\" = 0 AND pk = 0, dflt_value, '' FROM pragma_table_xinfo(?) ORDER BY cid",
    keys: "SELECT * FROM (\
             SELECT t.name AS tab, 'PRIMARY' AS idx, c.name, 1, c.pk AS seq \
             FROM pragma_table_list t JOIN pragma_table_xinfo(t.name) c WHERE t.schema = 'main' AND c.pk > 0 \
             UNION ALL \
             SELECT t.name, i.name, c.name, i.\"unique\", c.seqno \
             FROM pragma_table_list t JOIN pragma_index_list(t.name) i JOIN pragma_index_info(i.name) c \
             WHERE t.schema = 'main' AND i.origin <> 'pk'\
           ) WHERE tab NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND (? IS NULL OR tab = ?) \
           ORDER BY tab, idx <> 'PRIMARY', idx, seq",
    references: "SELECT id, \"from\", \"table\", \"to\" FROM pragma_foreign_key_list(?) ORDER BY id, seq",
};

/// A table and its key columns, as the introduction names them.
pub(super) struct Keyed {
    name: String,
    key: Vec<String>,
    indexed: Vec<String>,
}

impl fmt::Display for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.key.is_empty() {
            write!(f, " (key {}", self.key.join(", "))?;
            if !self.indexed.is_empty() {
                write!(f, "; indexed {}", self.indexed.join(", "))?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl Sql {
    /// The tables and views, by name.
    pub(super) async fn tables(&self) -> Result<Vec<Table>, Error> {
        if let Backend::Script(script) = &self.backend {
            return Ok(script.tables());
        }
        let rows = self.catalogue(self.statements().tables, &[]).await?;
        Ok(rows.iter().take(TABLES_MAX).map(table).collect())
    }

    /// One table or view.
    pub(super) async fn describe(&self, name: &str) -> Result<TableDescription, Error> {
        if let Backend::Script(script) = &self.backend {
            return script.describe(name);
        }
        let tables = self.tables().await?;
        let Some(table) = tables.into_iter().find(|table| table.name.eq_ignore_ascii_case(name)) else {
            let message = format!("there is no table `{name}` in this source; list its tables to see their names");
            return Err(Error::new(ErrorKind::NotFound, message));
        };
        let statements = self.statements();
        let named = Value::Text(table.name.clone());
        let columns = self.catalogue(statements.columns, std::slice::from_ref(&named)).await?;
        let keys = self.catalogue(statements.keys, &[named.clone(), named.clone()]).await?;
        let references = self.catalogue(statements.references, &[named]).await?;
        let mut indexes = indexes(&keys);
        let primary = indexes.iter().position(|index| index.name == PRIMARY);
        Ok(TableDescription {
            primary_key: primary.map(|place| indexes.remove(place).columns).unwrap_or_default(),
            table,
            columns: columns.iter().map(column).collect(),
            indexes,
            foreign_keys: foreign_keys(&references),
        })
    }

    /// The tables with their key columns, for the introduction.
    pub(super) async fn keys(&self) -> Result<Vec<Keyed>, Error> {
        let tables = self.tables().await?;
        if let Backend::Script(_) = &self.backend {
            return Ok(tables
                .into_iter()
                .map(|table| Keyed { name: table.name, key: vec![], indexed: vec![] })
                .collect());
        }
        let keys = self.catalogue(self.statements().keys, &[Value::Null, Value::Null]).await?;
        let mut by_table: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for row in keys {
            by_table.entry(text(&row, 0)).or_default().push(row);
        }
        let keyed = tables.into_iter().take(INTRODUCED_MAX).map(|table| {
            let rows = by_table.remove(&table.name).unwrap_or_default();
            let (primary, others): (Vec<Index>, Vec<Index>) =
                indexes(&rows).into_iter().partition(|index| index.name == PRIMARY);
            let key = primary.into_iter().flat_map(|index| index.columns).collect();
            let indexed = others.into_iter().map(|index| index.columns.join("+")).collect();
            Keyed { name: table.name, key, indexed }
        });
        Ok(keyed.collect())
    }

    fn statements(&self) -> &'static Statements {
        match self.backend.dialect() {
            Dialect::Mysql => &MYSQL,
            // No backend here speaks any other dialect.
            _ => &SQLITE,
        }
    }

    /// Runs a statement of this file, which needs no guard.
    async fn catalogue(&self, statement: &str, values: &[Value]) -> Result<Vec<Row>, Error> {
        let parameters: Vec<Parameter> =
            values.iter().map(|value| Parameter { name: None, value: value.clone() }).collect();
        let statement = self.template(statement)?.bind(&parameters).map_err(invalid)?;
        let (stream, deadline) = self.in_time(|| self.backend.read(statement)).await?;
        Ok(stream.collect(self.limits.rows_max, &self.limits, deadline).await?.rows)
    }
}

fn table(row: &Row) -> Table {
    let kind = if text(row, 1) == "view" { TableKind::View } else { TableKind::Table };
    Table { name: text(row, 0), kind, comment: filled(row, 2) }
}

fn column(row: &Row) -> TableColumn {
    TableColumn {
        name: text(row, 0),
        declared: text(row, 1).to_lowercase(),
        nullable: truth(row, 2),
        default_value: row.get(3).and_then(words),
        comment: filled(row, 4),
    }
}

/// Rows of `keys`, gathered into indexes.
fn indexes(rows: &[Row]) -> Vec<Index> {
    let mut indexes: Vec<Index> = Vec::new();
    for row in rows {
        let (name, column) = (text(row, 1), text(row, 2));
        match indexes.last_mut() {
            Some(index) if index.name == name => index.columns.push(column),
            _ => indexes.push(Index { name, columns: vec![column], unique: truth(row, 3) }),
        }
    }
    indexes
}

/// Rows of `references`, gathered into foreign keys.
fn foreign_keys(rows: &[Row]) -> Vec<ForeignKey> {
    let mut keys: Vec<(String, ForeignKey)> = Vec::new();
    for row in rows {
        let (constraint, column, other) = (text(row, 0), text(row, 1), text(row, 3));
        match keys.last_mut() {
            Some((last, key)) if *last == constraint => {
                key.columns.push(column);
                key.references_columns.push(other);
            }
            _ => {
                let references_columns = vec![other];
                let key = ForeignKey { columns: vec![column], references_table: text(row, 2), references_columns };
                keys.push((constraint, key));
            }
        }
    }
    keys.into_iter().map(|(_, key)| key).collect()
}

/// A value of the catalogue in words; none for NULL.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Boolean(truth) => Some(u8::from(*truth).to_string()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Decimal(text) | Value::Text(text) => Some(text.clone()),
        Value::Date(text) | Value::Time(text) | Value::Timestamp(text) => Some(text.clone()),
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

fn text(row: &Row, place: usize) -> String {
    row.get(place).and_then(words).unwrap_or_default()
}

fn filled(row: &Row, place: usize) -> Option<String> {
    row.get(place).and_then(words).filter(|text| !text.is_empty())
}

fn truth(row: &Row, place: usize) -> bool {
    text(row, place) == "1"
}
