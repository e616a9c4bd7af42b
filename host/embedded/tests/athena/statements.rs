//! The lists of statements: each stands above its rows, or above a part of the message with which it is refused.

use crate::files;

/// One statement of a list.
struct Entry {
    line: usize,
    statement: String,
    rows: Vec<String>,
    /// The columns as `name type`, if the list names them.
    columns: Option<String>,
    refused: Option<String>,
}

/// `=>` is a row, `::` the columns, `!!` a refusal; the rest is the statement. A blank line ends an entry, `#` is a remark.
fn entries(list: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut open = false;
    for (number, line) in list.lines().enumerate() {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            open &= !line.is_empty();
            continue;
        }
        if !open {
            let statement = String::new();
            entries.push(Entry { line: number + 1, statement, rows: Vec::new(), columns: None, refused: None });
            open = true;
        }
        let entry = entries.last_mut().unwrap();
        match line.split_at(line.len().min(2)) {
            ("=>", row) => entry.rows.push(row.trim().to_owned()),
            ("::", columns) => entry.columns = Some(columns.trim().to_owned()),
            ("!!", refused) => entry.refused = Some(refused.trim().to_owned()),
            _ => entry.statement = format!("{}\n{line}", entry.statement).trim().to_owned(),
        }
    }
    entries
}

/// Runs a list; tells what did not come as promised.
async fn run(name: &str, list: &str) -> usize {
    let folder = files::folder();
    let engine = files::open(&folder);
    let entries = entries(list);
    let mut wrong = Vec::new();
    for entry in &entries {
        let answer = files::all(&engine, &entry.statement, &[]).await;
        let broken = match (answer, &entry.refused) {
            (Ok((columns, rows)), None) => {
                let shown: Vec<String> = rows
                    .iter()
                    .map(|row| row.iter().map(files::shown).collect::<Vec<_>>().join(" | ").trim_end().to_owned())
                    .collect();
                let named: Vec<_> =
                    columns.iter().map(|column| format!("{} {}", column.name, column.declared)).collect();
                let named = named.join(", ");
                let columns_fit = entry.columns.as_ref().is_none_or(|wanted| *wanted == named);
                let fits = shown == entry.rows && columns_fit;
                (!fits).then(|| format!("gave {named}\n    {}", shown.join("\n    ")))
            }
            (Ok(_), Some(_)) => Some("was not refused".into()),
            (Err(error), Some(part)) if error.to_string().contains(part) => None,
            (Err(error), _) => Some(format!("was refused: {error}")),
        };
        wrong.extend(broken.map(|what| format!("{name}:{}: {}\n  {what}", entry.line, entry.statement)));
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), entries.len(), wrong.join("\n"));
    entries.len()
}

macro_rules! lists {
    ($($name:ident),*) => {$(
        #[tokio::test]
        async fn $name() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/athena/lists/", stringify!($name), ".txt");
            let count = run(stringify!($name), &std::fs::read_to_string(path).unwrap()).await;
            println!("{count} statements");
        }
    )*};
}

lists!(required, queries, dates, text, json, collections, aggregates, numbers, catalogue, refused);
