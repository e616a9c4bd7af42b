//! What `SHOW`, `DESCRIBE` and `information_schema` answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::common::Result;
use datafusion::datasource::{MemTable, TableProvider};

use crate::functions::FUNCTIONS;
use crate::statement::{Show, fits};
use crate::{Error, types};

/// The one catalogue, as Athena names its own.
const CATALOG: &str = "awsdatacatalog";

/// The schema that tells of the others.
pub(crate) const INFORMATION: &str = "information_schema";

/// The columns of the tables, by their names; of those that the question is about.
pub(crate) type Columns = BTreeMap<String, SchemaRef>;

/// The database, and the names of its tables.
pub(crate) struct Database<'a> {
    pub(crate) name: &'a str,
    pub(crate) tables: &'a [String],
}

fn texts(columns: Vec<(&str, Vec<String>)>) -> Result<RecordBatch> {
    let arrays = columns.into_iter().map(|(name, values)| (name, Arc::new(StringArray::from(values)) as ArrayRef));
    Ok(RecordBatch::try_from_iter_with_nullable(arrays.map(|(name, values)| (name, values, true)))?)
}

fn fitting(names: impl IntoIterator<Item = String>, pattern: &Option<String>) -> Vec<String> {
    names.into_iter().filter(|name| pattern.as_ref().is_none_or(|pattern| fits(name, pattern))).collect()
}

impl Database<'_> {
    /// The table of which a question names the parts: `t`, `db.t`, `catalog.db.t`.
    pub(crate) fn table(&self, parts: &[String]) -> Result<String, Error> {
        let known = match parts {
            [table] => Some(table),
            [database, table] if database == self.name => Some(table),
            [catalog, database, table] if catalog == CATALOG && database == self.name => Some(table),
            _ => None,
        };
        let unknown = || Error::UnknownTable { name: parts.join("."), there_are: self.tables.to_vec() };
        known.filter(|table| self.tables.contains(table)).cloned().ok_or_else(unknown)
    }

    /// Answers a question; `columns` are those of the table that it is about.
    pub(crate) fn answer(&self, show: &Show, columns: Option<&SchemaRef>) -> Result<RecordBatch> {
        let fields = || columns.iter().flat_map(|schema| schema.fields().iter());
        let names = || fields().map(|field| field.name().clone()).collect();
        match show {
            Show::Databases(pattern) => texts(vec![("database_name", fitting([self.name.to_owned()], pattern))]),
            Show::Tables(Some(database), _) if database != self.name => {
                Err(Error::UnknownTable { name: format!("{database}.*"), there_are: self.tables.to_vec() }.into())
            }
            Show::Tables(_, pattern) => texts(vec![("tab_name", fitting(self.tables.to_vec(), pattern))]),
            Show::Columns(_) => texts(vec![("field", names())]),
            Show::Describe(_) => {
                let held = fields().map(|field| types::name(field.data_type())).collect();
                let comments = fields().map(|_| String::new()).collect();
                texts(vec![("col_name", names()), ("data_type", held), ("comment", comments)])
            }
            Show::Functions(pattern) => {
                let mut names: Vec<String> = FUNCTIONS.names().map(str::to_owned).collect();
                names.sort();
                names.dedup();
                texts(vec![("function", fitting(names, pattern))])
            }
            Show::Catalogs => texts(vec![("catalog", vec![CATALOG.into()])]),
        }
    }

    /// A table of `information_schema`; none if it has no such table.
    pub(crate) fn information(&self, table: &str, columns: &Columns) -> Result<Option<Arc<dyn TableProvider>>> {
        let same = |value: &str, count: usize| vec![value.to_owned(); count];
        let count = self.tables.len();
        let batch = match table {
            "schemata" => texts(vec![
                ("catalog_name", same(CATALOG, 2)),
                ("schema_name", vec![INFORMATION.into(), self.name.to_owned()]),
            ])?,
            "tables" => texts(vec![
                ("table_catalog", same(CATALOG, count)),
                ("table_schema", same(self.name, count)),
                ("table_name", self.tables.to_vec()),
                ("table_type", same("BASE TABLE", count)),
            ])?,
            "columns" => self.columns(columns)?,
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?)))
    }

    fn columns(&self, columns: &Columns) -> Result<RecordBatch> {
        let all: Vec<_> = columns
            .iter()
            .flat_map(|(table, schema)| {
                schema.fields().iter().enumerate().map(move |(place, field)| (table, place, field))
            })
            .collect();
        let texts = |value: &dyn Fn(&(&String, usize, &FieldRef)) -> String| {
            Arc::new(all.iter().map(|column| Some(value(column))).collect::<StringArray>()) as ArrayRef
        };
        let nulls: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>; all.len()]));
        let places: ArrayRef =
            Arc::new(all.iter().map(|(_, place, _)| Some(*place as i64 + 1)).collect::<Int64Array>());
        Ok(RecordBatch::try_from_iter_with_nullable([
            ("table_catalog", texts(&|_| CATALOG.into()), true),
            ("table_schema", texts(&|_| self.name.into()), true),
            ("table_name", texts(&|(table, _, _)| table.to_string()), true),
            ("column_name", texts(&|(_, _, field)| field.name().clone()), true),
            ("ordinal_position", places, true),
            ("column_default", nulls, true),
            ("is_nullable", texts(&|_| "YES".into()), true),
            ("data_type", texts(&|(_, _, field)| types::name(field.data_type())), true),
        ])?)
    }
}
