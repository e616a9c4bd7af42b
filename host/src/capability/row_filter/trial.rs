//! Whether filters fit their source: one of a misspelt table or column would hide nothing, and nobody would know.

use super::RowFilters;
use crate::guard::Dialect;
use crate::wit::{Error, ErrorKind};

/// A filter that does not fit, or that could not be tried out.
#[derive(Debug)]
pub(in crate::capability) struct Unfit {
    /// For the operator: it names the config table.
    pub(in crate::capability) reason: String,
    error: Error,
}

/// What a plugin is told.
impl From<Unfit> for Error {
    fn from(unfit: Unfit) -> Self {
        unfit.error
    }
}

impl RowFilters {
    /// Has each filter tried out by a statement that reads no row, until all of them have fitted once.
    pub(in crate::capability) async fn prove<R>(&self, run: impl Fn(String) -> R) -> Result<(), Unfit>
    where
        R: Future<Output = Result<(), Error>>,
    {
        let prove = async || {
            for (statement, path) in self.trials() {
                run(statement).await.map_err(|error| unfit(path, error))?;
            }
            Ok(())
        };
        self.fit.get_or_try_init(prove).await.copied()
    }

    /// Of each filter, a statement that fails unless it fits, and its config table.
    fn trials(&self) -> impl Iterator<Item = (String, &str)> {
        let quote = if self.dialect == Dialect::Mysql { "`" } else { "\"" };
        self.filters.iter().zip(&self.tables).map(move |(filter, table)| {
            // A name with quotes in it was refused.
            let name = table.name.replace('.', &format!("{quote}.{quote}"));
            let condition = filter.of_nobody();
            (format!("SELECT 1 FROM {quote}{name}{quote} WHERE {condition} LIMIT 0"), table.path.as_str())
        })
    }
}

fn unfit(path: &str, error: Error) -> Unfit {
    let message = &error.message;
    // A database that is away says nothing of its tables.
    if !matches!(error.kind, ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Denied) {
        return Unfit { reason: format!("[{path}] could not be tried out: {message}"), error };
    }
    let reason = format!(
        "[{path}]: the source has no such table, or its condition does not fit; mend whichever is wrong, for a table \
         of another name is not filtered: {message}"
    );
    tracing::warn!(why = reason, "no statement is run on a source while a filter of its rows does not fit");
    let message = "which rows a caller sees is not set up rightly for this source, so it answers nothing; the operator \
         learns more from `toolhost check`";
    Unfit { reason, error: Error::new(ErrorKind::Unavailable, message) }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeSet;

    use super::super::Config;
    use super::*;

    fn filters(dialect: Dialect) -> RowFilters {
        let text = "[\"crm.Cases\"]\nwhere = \"unit in (:unit) or owner = :name or mark = ':name'\"\n";
        let config: Config = toml::from_str(text).expect("parses");
        RowFilters::open(config, "sql.crm", dialect, &BTreeSet::new()).expect("opens")
    }

    #[tokio::test]
    async fn each_filter_is_tried_out_once_by_a_statement_that_reads_no_row() {
        let rest = "WHERE unit in ('1') or owner = '1' or mark = ':name' LIMIT 0";
        for (dialect, table) in [
            (Dialect::Mysql, "`crm`.`Cases`"),
            (Dialect::Sqlite, "\"crm\".\"Cases\""),
            (Dialect::Athena, "\"crm\".\"Cases\""),
        ] {
            let (filters, ran) = (filters(dialect), RefCell::new(Vec::new()));
            for _ in 0..2 {
                let run = |statement| async {
                    ran.borrow_mut().push(statement);
                    Ok(())
                };
                filters.prove(run).await.expect("fits");
            }
            assert_eq!(ran.into_inner(), [format!("SELECT 1 FROM {table} {rest}")]);
        }
    }

    #[tokio::test]
    async fn one_that_does_not_fit_is_named_to_the_operator_alone_and_tried_again() {
        let (filters, tries) = (filters(Dialect::Sqlite), Cell::new(0));
        let prove = async |kind| {
            let run = |_| async {
                tries.set(tries.get() + 1);
                Err(Error::new(kind, "no such table: cases"))
            };
            let Unfit { reason, error } = filters.prove(run).await.expect_err("does not fit");
            (reason, error)
        };
        let (reason, error) = prove(ErrorKind::Invalid).await;
        assert!(reason.starts_with("[sql.crm.rows.crm.Cases]: the source has no such table, or its"), "{reason}");
        assert!(reason.ends_with(": no such table: cases"), "{reason}");
        assert!(error.kind == ErrorKind::Unavailable && error.message.contains("toolhost check"), "{error:?}");
        assert!(!error.message.contains("ases"), "{error:?}");
        let (reason, error) = prove(ErrorKind::Limited).await;
        assert!(reason.contains("could not be tried out") && error.kind == ErrorKind::Limited, "{reason}");
        assert_eq!(tries.get(), 2);
    }
}
