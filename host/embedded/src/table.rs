//! What is in a table's files: their columns, and a plan that reads them.
//!
//! CSV knows no types: a column is `boolean`, `bigint` or `double` if all values of its first rows are, and `varchar`
//! otherwise; digits with a zero in front are text. Times stay text, there and in JSON, as they were written. An empty field of
//! CSV is NULL.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Column, Result};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::datasource::{TableType, ViewTable, provider_as_source};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::object_store::path::Path as ObjectPath;
use datafusion::object_store::{ObjectMeta, ObjectStore};
use datafusion::physical_plan::ExecutionPlan;
use futures_util::StreamExt;

use crate::Error;
use crate::folder::{Format, Table};
use crate::functions::FUNCTIONS;
use crate::types::{self, VARCHAR};

/// The first rows, from which the types of CSV and JSON are told.
const ROWS_LOOKED_AT: usize = 10_000;

/// Where the folder is, to the engine.
pub(crate) const STORE: &str = "folder://tables";

/// A table whose columns are known.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) columns: SchemaRef,
    pub(crate) provider: Arc<dyn TableProvider>,
    /// The size of its files.
    pub(crate) bytes: u64,
}

/// Looks into the files of a table.
pub(crate) async fn know(
    name: &str,
    table: &Table,
    state: &dyn Session,
    store: &Arc<dyn ObjectStore>,
) -> Result<Known> {
    let files: Vec<ObjectMeta> = table.files.iter().map(meta).collect();
    let format: Arc<dyn FileFormat> = match table.format {
        Format::Csv => Arc::new(CsvFormat::default().with_has_header(true).with_newlines_in_values(true)),
        Format::Json => Arc::new(JsonFormat::default().with_schema_infer_max_rec(ROWS_LOOKED_AT)),
        Format::Parquet => Arc::new(ParquetFormat::default().with_force_view_types(false)),
    };
    let schema = match table.format {
        Format::Csv => csv_schema(name, &format, &files, state, store).await?,
        Format::Json | Format::Parquet => format.infer_schema(state, store, &files).await?,
    };
    let schema = Arc::new(Schema::new(schema.fields().iter().map(|field| read_as(field)).collect::<Vec<_>>()));
    let files = Files { schema, format, files };
    let bytes = files.files.iter().map(|file| file.size).sum();
    let provider = in_own_form(name, files)?;
    Ok(Known { columns: provider.schema(), provider, bytes })
}

fn meta(file: &crate::folder::File) -> ObjectMeta {
    ObjectMeta {
        location: file.parts.iter().map(|part| part.as_str()).collect::<ObjectPath>(),
        last_modified: file.modified.into(),
        size: file.size,
        e_tag: None,
        version: None,
    }
}

/// A column of which no value was seen is text.
fn read_as(field: &Field) -> Field {
    Field::new(field.name(), seen(field.data_type()), true)
}

fn seen(held: &DataType) -> DataType {
    match held {
        DataType::Null => VARCHAR,
        DataType::List(element) => {
            DataType::List(Arc::new(Field::new(element.name(), seen(element.data_type()), true)))
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|field| read_as(field)).collect()),
        other => other.clone(),
    }
}

/// The columns under names in lower case, and in the engine's forms of their types.
fn in_own_form(name: &str, files: Files) -> Result<Arc<dyn TableProvider>> {
    let mut taken = std::collections::HashSet::new();
    let mut changed = false;
    let mut columns = Vec::new();
    for field in files.schema.fields() {
        let label = field.name().to_lowercase();
        let held = types::canonical(field.data_type());
        changed |= label != *field.name() || held != *field.data_type();
        if !taken.insert(label.clone()) {
            return Err(Error::Failed(format!("table '{name}' has two columns named {label}")).into());
        }
        let column = Expr::Column(Column::from_name(field.name()));
        columns.push(match (held == *field.data_type(), FUNCTIONS.scalars.get("$file")) {
            (false, Some(function)) => function.call(vec![column]).alias(label),
            _ => column.alias(label),
        });
    }
    let files = Arc::new(files);
    if !changed {
        return Ok(files);
    }
    let plan = LogicalPlanBuilder::scan("files", provider_as_source(files), None)?.project(columns)?.build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// Files that are read as they are.
#[derive(Debug)]
struct Files {
    schema: SchemaRef,
    format: Arc<dyn FileFormat>,
    files: Vec<ObjectMeta>,
}

#[async_trait::async_trait]
impl TableProvider for Files {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let source = self.format.file_source(TableSchema::from(self.schema.clone()));
        let files: FileGroup = self.files.iter().cloned().map(PartitionedFile::new_from_meta).collect();
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(STORE)?, source)
            .with_file_groups(files.split_files(state.config().target_partitions()))
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        self.format.create_physical_plan(state, config).await
    }
}

/// The columns of CSV files, all of which must have the same header.
async fn csv_schema(
    name: &str,
    format: &Arc<dyn FileFormat>,
    files: &[ObjectMeta],
    state: &dyn Session,
    store: &Arc<dyn ObjectStore>,
) -> Result<SchemaRef> {
    let header = CsvFormat::default().with_has_header(true).with_schema_infer_max_rec(1);
    let mut names: Option<Vec<String>> = None;
    for file in files {
        let schema = header.infer_schema(state, store, std::slice::from_ref(file)).await?;
        let own: Vec<String> = schema.fields().iter().map(|field| field.name().trim().to_owned()).collect();
        if names.get_or_insert_with(|| own.clone()) != &own {
            return Err(Error::Failed(format!("the files of table '{name}' have different headers")).into());
        }
    }
    let text = |names: Vec<String>| names.into_iter().map(|name| Field::new(name, VARCHAR, true)).collect::<Vec<_>>();
    let schema = Arc::new(Schema::new(text(names.unwrap_or_default())));
    let texts = Files { schema: schema.clone(), format: format.clone(), files: files.to_vec() };
    let plan = texts.scan(state, None, &[], Some(ROWS_LOOKED_AT)).await?;
    let mut rows = datafusion::physical_plan::execute_stream(plan, state.task_ctx())?;
    let mut guesses = vec![Guess::default(); schema.fields().len()];
    let mut seen = 0;
    while let Some(batch) = rows.next().await.transpose()?
        && seen < ROWS_LOOKED_AT
    {
        seen += batch.num_rows();
        for (guess, column) in guesses.iter_mut().zip(batch.columns()) {
            column.as_string::<i32>().iter().flatten().for_each(|value| guess.see(value));
        }
    }
    let fields = schema.fields().iter().zip(guesses);
    Ok(Arc::new(Schema::new(
        fields.map(|(field, guess)| Field::new(field.name(), guess.held(), true)).collect::<Vec<_>>(),
    )))
}

/// What the values of a CSV column may be.
#[derive(Clone)]
struct Guess {
    any: bool,
    boolean: bool,
    whole: bool,
    number: bool,
}

impl Default for Guess {
    fn default() -> Self {
        Guess { any: false, boolean: true, whole: true, number: true }
    }
}

impl Guess {
    fn see(&mut self, value: &str) {
        let digits = value.strip_prefix('-').unwrap_or(value);
        let leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
        let plain = digits.starts_with(|first: char| first.is_ascii_digit()) && !leading_zero;
        self.any = true;
        self.boolean &= matches!(value.to_ascii_lowercase().as_str(), "true" | "false");
        self.whole &= plain && value.parse::<i64>().is_ok();
        let too_long = digits.bytes().all(|digit| digit.is_ascii_digit()) && value.parse::<i64>().is_err();
        self.number &= plain && !too_long && value.parse::<f64>().is_ok();
    }

    fn held(&self) -> DataType {
        match self {
            Guess { any: false, .. } => VARCHAR,
            Guess { boolean: true, .. } => DataType::Boolean,
            Guess { whole: true, .. } => DataType::Int64,
            Guess { number: true, .. } => DataType::Float64,
            _ => VARCHAR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(values: &[&str]) -> DataType {
        let mut guess = Guess::default();
        values.iter().for_each(|value| guess.see(value));
        guess.held()
    }

    #[test]
    fn csv_columns_are_what_all_their_values_are() {
        assert_eq!(guessed(&["1", "-20"]), DataType::Int64);
        assert_eq!(guessed(&["1", "2.5", "1e3"]), DataType::Float64);
        assert_eq!(guessed(&["true", "False"]), DataType::Boolean);
        assert_eq!(guessed(&["001234567890", "1"]), VARCHAR);
        assert_eq!(guessed(&["2026-01-31T00:00:00Z"]), VARCHAR);
        assert_eq!(guessed(&["99999999999999999999"]), VARCHAR);
        assert_eq!(guessed(&[]), VARCHAR);
    }
}
