//! `SHOW CREATE` of a view names the account that defined it; no account reaches an agent.

use super::rows::RowStream;
use crate::wit::rows::{Row, Value};

/// The rows of a statement, without accounts if it may show definitions.
pub(super) fn hide(statement: &str, rows: RowStream) -> RowStream {
    if may_show_definitions(statement) { rows.map(without_definers) } else { rows }
}

/// Comments may stand before and between the words, so both anywhere are enough.
fn may_show_definitions(statement: &str) -> bool {
    let statement = statement.to_ascii_lowercase();
    statement.contains("show") && statement.contains("create")
}

/// The row without the accounts in its definitions.
fn without_definers(row: Row) -> Row {
    let hide = |value| match value {
        Value::Text(text) => Value::Text(without_definer(&text)),
        other => other,
    };
    row.into_iter().map(hide).collect()
}

/// Leaves out the one ``DEFINER=`user`@`host` `` that a definition begins with.
fn without_definer(definition: &str) -> String {
    let cut = definition.split_once(" DEFINER=").and_then(|(before, account)| {
        let after_user = quoted(account)?.strip_prefix('@')?;
        Some(format!("{before}{}", quoted(after_user)?))
    });
    cut.unwrap_or_else(|| definition.to_owned())
}

/// What follows a name in back-quotes, in which a doubled back-quote stands for one.
fn quoted(text: &str) -> Option<&str> {
    let mut rest = text.strip_prefix('`')?;
    loop {
        rest = rest.split_once('`')?.1;
        match rest.strip_prefix('`') {
            Some(more) => rest = more,
            None => return Some(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_that_defined_a_view_is_left_out() {
        let shown =
            "CREATE ALGORITHM=UNDEFINED DEFINER=`ro``ot`@`db.internal` SQL SECURITY DEFINER VIEW `v` AS select 1";
        let row = without_definers(vec![Value::Text(shown.to_owned()), Value::Integer(1)]);
        let expected = "CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS select 1";
        assert_eq!(row, [Value::Text(expected.to_owned()), Value::Integer(1)]);
    }

    #[test]
    fn other_definitions_stay_as_they_are() {
        for text in ["CREATE TABLE `t` (a int COMMENT ' DEFINER=me')", "", " DEFINER=`open"] {
            assert_eq!(without_definer(text), text);
        }
    }

    #[test]
    fn show_create_is_known_however_it_is_written() {
        assert!(may_show_definitions("SHOW CREATE VIEW v") && may_show_definitions("/* a */ show /**/ create table t"));
        assert!(!may_show_definitions("SHOW TABLES") && !may_show_definitions("SELECT created_at FROM t"));
    }
}
