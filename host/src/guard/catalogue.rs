//! The names that are not functions: tables, system variables, pragmas and hints, and which of them tell
//! an agent more than the rows that it was granted.
//!
//! Where a list would have to hold all that is harmful, it holds what is harmless instead: the next
//! version of a database adds harmful things without asking.

use super::lexer::{Token, unquote};
use super::{Class, Dialect};

/// Schemas of MySQL that hold accounts, other sessions' statements and the settings of the server.
const MYSQL_SYSTEM_SCHEMAS: &[&str] = &["mysql", "performance_schema", "sys", "mysql_innodb_cluster_metadata"];

/// The tables of `information_schema` that describe the data. The others describe the server, its users
/// and what its other sessions do (`processlist`, `user_privileges`, `innodb_trx`, `global_variables`), or
/// name the accounts that defined things (`views`, `routines`, `triggers`, `events`).
const INFORMATION_SCHEMA: &[&str] = &[
    "character_sets",
    "check_constraints",
    "collation_character_set_applicability",
    "collations",
    "column_statistics",
    "columns",
    "columns_extensions",
    "engines",
    "geometry_columns",
    "index_statistics",
    "key_column_usage",
    "key_period_usage",
    "keywords",
    "parameters",
    "partitions",
    "periods",
    "referential_constraints",
    "schemata",
    "schemata_extensions",
    "sequences",
    "spatial_ref_sys",
    "sql_functions",
    "st_geometry_columns",
    "st_spatial_reference_systems",
    "st_units_of_measure",
    "statistics",
    "table_constraints",
    "table_constraints_extensions",
    "table_statistics",
    "tables",
    "tables_extensions",
    "view_routine_usage",
    "view_table_usage",
];

/// Tables of SQLite that its shell and some builds add, and what is behind them.
const SQLITE_FILE_TABLES: &[&str] = &["fsdir", "zipfile", "csv", "sqlite_dbpage"];

/// Pragmas that describe tables, whatever their argument.
const PRAGMAS_OF_A_TABLE: &[&str] =
    &["table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"];

/// Pragmas that read one setting of the database file; with a value they would write it.
const PRAGMAS_WITHOUT_VALUE: &[&str] = &[
    "application_id",
    "collation_list",
    "compile_options",
    "encoding",
    "foreign_keys",
    "freelist_count",
    "function_list",
    "page_count",
    "page_size",
    "schema_version",
    "user_version",
];

/// System variables of MySQL that a query may ask for: how values are compared, cut and shown.
const SYSTEM_VARIABLES: &[&str] = &[
    "auto_increment_increment",
    "auto_increment_offset",
    "autocommit",
    "character_set_client",
    "character_set_connection",
    "character_set_database",
    "character_set_results",
    "character_set_server",
    "collation_connection",
    "collation_database",
    "collation_server",
    "default_week_format",
    "div_precision_increment",
    "ft_max_word_len",
    "ft_min_word_len",
    "group_concat_max_len",
    "innodb_ft_max_token_size",
    "innodb_ft_min_token_size",
    "lc_time_names",
    "lower_case_table_names",
    "max_allowed_packet",
    "max_execution_time",
    "max_statement_time",
    "read_only",
    "sql_mode",
    "sql_select_limit",
    "system_time_zone",
    "time_zone",
    "timestamp",
    "transaction_isolation",
    "transaction_read_only",
    "tx_isolation",
    "tx_read_only",
    "version",
    "version_comment",
];

/// Optimizer hints that choose a plan. Not among them: `SET_VAR` and `MAX_EXECUTION_TIME`, which undo the
/// limits of the session, and `RESOURCE_GROUP`.
const HINTS: &[&str] = &[
    "bka",
    "bnl",
    "derived_condition_pushdown",
    "group_index",
    "hash_join",
    "index",
    "index_merge",
    "join_fixed_order",
    "join_index",
    "join_order",
    "join_prefix",
    "join_suffix",
    "merge",
    "mrr",
    "no_bka",
    "no_bnl",
    "no_derived_condition_pushdown",
    "no_group_index",
    "no_hash_join",
    "no_icp",
    "no_index",
    "no_index_merge",
    "no_join_index",
    "no_merge",
    "no_mrr",
    "no_order_index",
    "no_range_optimization",
    "no_semijoin",
    "no_skip_scan",
    "order_index",
    "qb_name",
    "semijoin",
    "skip_scan",
    "subquery",
];

/// The class of a table that is more than rows, and why; none for any other table.
pub(super) fn table(parts: &[String], dialect: Dialect) -> Option<(Class, String)> {
    let (name, schemas) = parts.split_last()?;
    let name = name.to_ascii_lowercase();
    match dialect {
        Dialect::Sqlite => match name.strip_prefix("pragma_") {
            Some(pragma_name) => pragma(pragma_name, false),
            None if SQLITE_FILE_TABLES.contains(&name.as_str()) => {
                Some((Class::FileIo, format!("the table `{name}` reads files")))
            }
            None => None,
        },
        // The catalog of this name is that of the engine itself: its nodes, and what runs on them.
        Dialect::Athena => match schemas {
            [catalog, _] if catalog.eq_ignore_ascii_case("system") => {
                Some((Class::Admin, format!("the table `{}` tells about the engine and who uses it", parts.join("."))))
            }
            _ => None,
        },
        Dialect::Mysql => {
            let written = parts.join(".");
            let schema =
                |among: &[&str]| schemas.iter().any(|part| among.contains(&part.to_ascii_lowercase().as_str()));
            if schema(MYSQL_SYSTEM_SCHEMAS) {
                Some((Class::Admin, format!("the table `{written}` tells about the server and its users")))
            } else if schema(&["information_schema"]) && !INFORMATION_SCHEMA.contains(&name.as_str()) {
                Some((Class::Admin, format!("the table `{written}` is not one of those that describe the data")))
            } else {
                None
            }
        }
    }
}

/// The class of a whole schema that may not be listed, and why.
pub(super) fn schema(name: &str) -> Option<(Class, String)> {
    MYSQL_SYSTEM_SCHEMAS
        .contains(&name.to_ascii_lowercase().as_str())
        .then(|| (Class::Admin, format!("the schema `{name}` holds what belongs to the server")))
}

/// The class of a pragma that does more than describe tables, and why.
pub(super) fn pragma(name: &str, with_value: bool) -> Option<(Class, String)> {
    let name = name.to_ascii_lowercase();
    if PRAGMAS_OF_A_TABLE.contains(&name.as_str()) {
        return None;
    }
    match (PRAGMAS_WITHOUT_VALUE.contains(&name.as_str()), with_value) {
        (true, false) => None,
        (true, true) => Some((Class::Session, format!("the pragma `{name}` with a value changes it"))),
        (false, _) => Some((Class::Admin, format!("the pragma `{name}` is not one of those that describe tables"))),
    }
}

/// The class of the variable that these tokens begin with, unless it may be read, and why: `@a`,
/// `@@version`, `@@session.sql_mode`.
pub(super) fn variable(statement: &str, tokens: &[Token]) -> Option<(Class, String)> {
    let name = match tokens {
        [at, second, rest @ ..] if second.is_symbol(statement, "@") && second.start == at.end => match rest {
            [scope, dot, name, ..] if dot.is_symbol(statement, ".") && is_scope(scope.text(statement)) => name,
            [name, ..] => name,
            [] => return Some((Class::Unknown, "`@@` at the end names no variable".to_owned())),
        },
        _ => return Some((Class::Session, "variables such as `@a` belong to the session".to_owned())),
    };
    let name = unquote(name.text(statement)).to_ascii_lowercase();
    if SYSTEM_VARIABLES.contains(&name.as_str()) {
        return None;
    }
    Some((Class::Admin, format!("the system variable `@@{name}` is not one of those that may be read")))
}

fn is_scope(word: &str) -> bool {
    ["global", "session", "local"].iter().any(|scope| word.eq_ignore_ascii_case(scope))
}

/// Whether a word is a function of MySQL that tells the user without any brackets.
pub(super) fn is_user_keyword(word: &str) -> bool {
    ["current_user", "current_role", "session_user"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword))
}

/// The first hint in `/*+ ... */` that is not known to do no more than choose a plan.
pub(super) fn unknown_hint(comment: &str) -> Option<String> {
    let hints = comment.trim_start_matches("/*+").trim_end_matches("*/");
    let mut pieces: Vec<&str> = hints.split('(').collect();
    let tail = pieces.pop().unwrap_or_default();
    let names =
        pieces.iter().map(|piece| piece.rsplit([' ', '\t', '\n', '\r', ')', ',']).find(|word| !word.is_empty()));
    for name in names {
        let name = name.unwrap_or_default().to_ascii_lowercase();
        if !HINTS.contains(&name.as_str()) {
            return Some(name);
        }
    }
    // Words after the last bracket would be hints without arguments; there are none that are harmless.
    let left = tail.rsplit(')').next().unwrap_or_default().trim();
    (!left.is_empty()).then(|| left.to_ascii_lowercase())
}
