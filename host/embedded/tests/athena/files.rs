//! The small files that the statements are about, and what runs a statement over them.

use std::fs;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Decimal128Array, Int32Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use datafusion::parquet::arrow::ArrowWriter;
use tempfile::TempDir;
use toolhost_embedded::{Column, Engine, Error, Limits, Value};

const CASES: &str = r#"
{"CaseNumber":"C-1","account":"111122223333","ServiceCode":"ec2","severity":"critical","RCA_Category":"configuration","TimeCreated":"2026-01-05T10:00:00Z","summary":"disk full","tags":["disk","io"],"cost":12.5}
{"CaseNumber":"C-2","account":"111122223333","ServiceCode":"s3","severity":"low","RCA_Category":"capacity","TimeCreated":"2026-01-20T08:30:00Z","summary":"slow \"listing\"","tags":["io"],"cost":3.0}
{"CaseNumber":"C-3","account":"444455556666","ServiceCode":"ec2","severity":"high","RCA_Category":"configuration","TimeCreated":"2026-02-01T23:59:59.500+01:00","summary":null,"tags":[],"cost":null}
{"CaseNumber":"C-4","account":"444455556666","ServiceCode":"rds","severity":"low","RCA_Category":null,"TimeCreated":"2026-02-10","summary":"failover, twice","tags":null,"cost":7.25}
"#;

const CUSTOMERS: &str = "\
id,name,plan,age,active,joined,zip
1,Ann,basic,31,true,2024-02-29,01234
2,Bob,premium,25,false,2025-01-15,56789
3,\"Cid, the third\",basic,,true,2025-12-31,00001
";

/// A folder with a table of each kind: `case_summary` (JSON lines), `customers` (CSV), `orders` (a folder of two Parquet
/// files).
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("case_summary.jsonl"), CASES.trim_start()).unwrap();
    fs::write(folder.path().join("Customers.csv"), CUSTOMERS).unwrap();
    fs::create_dir(folder.path().join("orders")).unwrap();
    orders(&folder, "a.parquet", &[1, 2], &[1, 1], &[1000, 250], &[Some("new"), None]);
    orders(&folder, "b.parquet", &[3, 4], &[2, 3], &[99, 50000], &[Some("paid"), Some("new")]);
    fs::write(folder.path().join("notes.txt"), "no table").unwrap();
    folder
}

fn orders(folder: &TempDir, name: &str, ids: &[i32], customers: &[i32], cents: &[i128], states: &[Option<&str>]) {
    let amounts = Decimal128Array::from(cents.to_vec()).with_precision_and_scale(10, 2).unwrap();
    let ordered = ids.iter().map(|id| 1_767_225_600_000_000_000 + i64::from(*id) * 3_600_000_000_000);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("order_id", Arc::new(Int32Array::from(ids.to_vec()))),
        ("customer_id", Arc::new(Int32Array::from(customers.to_vec()))),
        ("Amount", Arc::new(amounts)),
        ("state", Arc::new(StringArray::from(states.to_vec()))),
        ("ordered_at", Arc::new(TimestampNanosecondArray::from_iter_values(ordered))),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, held)| (name, held, true))).unwrap();
    let file = fs::File::create(folder.path().join("orders").join(name)).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Runs a statement to its end.
pub(crate) async fn all(
    engine: &Engine,
    statement: &str,
    parameters: &[Value],
) -> Result<(Vec<Column>, Vec<Vec<Value>>), Error> {
    let mut rows = engine.run(statement, parameters).await?;
    let mut all = Vec::new();
    while let Some(batch) = rows.next().await? {
        all.extend(batch);
    }
    Ok((rows.columns().to_vec(), all))
}

/// The database `support` in this folder.
pub(crate) fn open(folder: &TempDir) -> Engine {
    Engine::open(folder.path(), "support", Limits::default()).unwrap()
}

/// One value as the lists of statements write it.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Integer(whole) => whole.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Value::Decimal(text) | Value::Text(text) | Value::Date(text) | Value::Time(text) | Value::Timestamp(text) => {
            text.clone()
        }
    }
}
