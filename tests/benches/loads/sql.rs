//! The same statement through the `sql` plugin, with its guard, and through a native server.

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::TempDir;
use toolhost_tests::bench::client::Question;
use toolhost_tests::bench::servers::Server;
use toolhost_tests::bench::turns::take_turns;
use toolhost_tests::mariadb::MariaDb;
use toolhost_tests::mcp::Era;
use toolhost_tests::toolhost::Setup;

use crate::PLAN;
use crate::report::Report;

const ROWS: usize = 1_000;

/// How many rows a statement answers with.
const SELECTED: [usize; 2] = [1, 100];

const CONNECTIONS: [usize; 2] = [1, 8];

/// Both kinds of database take it.
const TABLE: &str =
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer VARCHAR(80), total DOUBLE, note VARCHAR(80))";

pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    Report::begin_pairs("SQL: run_query of the plugin `sql`, beside rmcp with the same driver");
    let folder = TempDir::with_prefix("toolhost-bench-")?;
    let file = folder.path().join("orders.db");
    rusqlite::Connection::open(&file)?.execute_batch(&format!("{TABLE}; {}", insert()))?;
    let native = Server::native(&["sqlite", &file.to_string_lossy()])?;
    let setup = Setup::new(format!("[plugins.sql]\ngrants = [\"sql.orders\"]\n[sql.orders.sqlite]\npath = {file:?}\n"));
    compare(report, "SQLite", &native, setup).await?;

    let server = MariaDb::private().await?;
    let database = server.database().await?;
    database.execute(&format!("{TABLE}; {}", insert())).await?;
    let (name, port, reader) = (database.name(), database.port(), database.reader());
    let native =
        Server::native(&["mysql", &format!("mysql://{}:{}@127.0.0.1:{port}/{name}", reader.name, reader.password)])?;
    let setup = Setup::new(format!(
        "[plugins.sql]\ngrants = [\"sql.orders\"]\n[sql.orders.mysql]\nhost = \"127.0.0.1\"\nport = {port}\n\
         user = {:?}\ndatabase = {name:?}\npassword = \"env:PASSWORD\"\n",
        reader.name
    ));
    compare(report, "MariaDB", &native, setup.env("PASSWORD", &reader.password)).await
}

async fn compare(report: &mut Report, kind: &str, native: &Server, setup: Setup) -> Result<()> {
    let own = Server::of(setup.plugin("sql", "sql")?.start().await?);
    for selected in SELECTED {
        for connections in CONNECTIONS {
            let contestants = [(native, question("run_query", selected)), (&own, question("sql__run_query", selected))];
            let pair = take_turns(&contestants, Era::Modern, connections, PLAN).await?;
            report.add_pair("sql", &format!("{kind}, rows of 1,000: {selected}"), connections, &pair)?;
        }
    }
    Ok(())
}

/// The last rows of the table, all of which must come.
fn question(tool: &str, selected: usize) -> Question {
    let first = ROWS - selected;
    let sql = "SELECT id, customer, total, note FROM orders WHERE id >= ? ORDER BY id";
    let rows: Vec<Value> = (first..ROWS).map(|id| json!(row(id))).collect();
    Question::call(tool, json!({ "sql": sql, "parameters": [first] }), move |result| {
        result["structuredContent"]["rows"] == json!(rows) && result["structuredContent"]["row_count"] == rows.len()
    })
}

fn row(id: usize) -> (usize, String, f64, String) {
    (id, format!("Customer {}", id % 100), id as f64 + 0.25, format!("What there is to say of order {id}."))
}

fn insert() -> String {
    let values =
        (0..ROWS).map(row).map(|(id, customer, total, note)| format!("({id}, '{customer}', {total}, '{note}')"));
    format!("INSERT INTO orders VALUES {}", values.collect::<Vec<_>>().join(", "))
}
