//! Which functions do no more than compute a value, and what the others do.
//!
//! Three answers. *Harmless*: on the list of the dialect's own functions ([`super::builtins`]). *Denied*:
//! on the list below, with what it does; nobody can allow it. *Unknown*: a function that somebody wrote,
//! which may do anything, unless the operator vouches for it.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::{Class, Dialect, builtins};

/// What is known of a function.
pub(super) enum Judgement {
    /// It computes a value.
    Harmless,
    /// It does more: of which class it is, and what it does.
    Denied(Class, &'static str),
    /// It is none of the database's own.
    Unknown,
}

/// Functions that do more than compute a value: names, class, and the end of "the function `f` ...".
type Group = (Class, &'static str, &'static str);

/// Of MySQL, MariaDB, Aurora and their usual extensions.
const MYSQL_DENIED: &[Group] = &[
    (Class::Procedure, "waits", "sleep benchmark"),
    (
        Class::Procedure,
        "waits for a replica",
        "master_pos_wait source_pos_wait master_gtid_wait wait_for_executed_gtid_set
         wait_until_sql_thread_after_gtids wsrep_sync_wait_upto_gtid",
    ),
    (Class::FileIo, "reads a file", "load_file"),
    (
        Class::Session,
        "takes, frees or shows locks that outlive the statement",
        "get_lock release_lock release_all_locks is_free_lock is_used_lock service_get_read_locks
         service_get_write_locks service_release_locks",
    ),
    (Class::Session, "moves or reads a counter", "nextval lastval setval"),
    (
        Class::Admin,
        "tells who the host is to the database",
        "user current_user session_user system_user current_role connection_id roles_graphml
         ps_thread_id ps_current_thread_id",
    ),
    (Class::Admin, "tells about replication", "binlog_gtid_pos wsrep_last_seen_gtid wsrep_last_written_gtid"),
    (
        Class::Procedure,
        "runs a program",
        "sys_exec sys_eval sys_get sys_set sys_bineval do_system lib_mysqludf_sys_info",
    ),
    (
        Class::Procedure,
        "calls another service",
        "lambda_sync lambda_async aws_sagemaker_invoke_endpoint aws_bedrock_invoke_model
         aws_bedrock_invoke_model_get_embeddings aws_comprehend_detect_sentiment
         aws_comprehend_detect_sentiment_confidence http_get http_post http_put http_delete
         ml_predict_row ml_explain_row ml_generate ml_embed_row ml_rag",
    ),
    (Class::Procedure, "runs a statement that is hidden in a string", "mroonga_command"),
];

/// Families of MySQL's functions that manage the server, by the beginnings of their names.
const MYSQL_DENIED_FAMILIES: &[Group] = &[
    (
        Class::Admin,
        "manages the server",
        "asynchronous_connection_failover_ audit_api_ audit_log_ firewall_ group_replication_ keyring_ mysql_firewall_
         mysql_query_rewrite_ query_rewrite_ read_firewall_ set_firewall_ version_tokens_ mysqlx_ innodb_redo_log_",
    ),
    (Class::Procedure, "runs a statement on another server", "spider_"),
];

/// Of SQLite, of its shell and of its usual extensions.
const SQLITE_DENIED: &[Group] = &[
    (Class::Procedure, "loads code into the database", "load_extension fts3_tokenizer fts5"),
    (Class::FileIo, "reads or writes files", "readfile writefile lsmode fsdir zipfile zipfile_cds"),
    (Class::Procedure, "runs a program", "edit shell system"),
    (Class::Procedure, "runs a statement that is hidden in a string", "eval sha3_query"),
    (Class::Procedure, "waits", "sleep usleep"),
    (Class::Write, "rewrites an index", "optimize"),
    (Class::Admin, "writes to the log of the host", "sqlite_log"),
    (
        Class::Admin,
        "changes how the shell works",
        "shell_add_schema shell_module_schema shell_putsnl shell_escape_crnl shell_idquote shell_int32",
    ),
];

/// Of Athena: Trino's table functions that run a statement elsewhere, and what tells who asks.
const ATHENA_DENIED: &[Group] = &[
    (Class::Procedure, "hands a statement to another system, where nothing guards it", "query raw_query"),
    (Class::Admin, "tells who the host is to the engine", "current_user current_role current_groups"),
];

type Denied = HashMap<&'static str, (Class, &'static str)>;

static MYSQL: LazyLock<(HashSet<&str>, Denied)> = LazyLock::new(|| (words(builtins::MYSQL), by_name(MYSQL_DENIED)));
static SQLITE: LazyLock<(HashSet<&str>, Denied)> = LazyLock::new(|| (words(builtins::SQLITE), by_name(SQLITE_DENIED)));
static ATHENA: LazyLock<(HashSet<&str>, Denied)> = LazyLock::new(|| (words(builtins::ATHENA), by_name(ATHENA_DENIED)));

fn words(lists: &'static [&'static str]) -> HashSet<&'static str> {
    lists.iter().flat_map(|list| list.split_whitespace()).collect()
}

fn by_name(groups: &'static [Group]) -> Denied {
    groups
        .iter()
        .flat_map(|(class, what, names)| names.split_whitespace().map(|name| (name, (*class, *what))))
        .collect()
}

/// Judges a function by the parts of its name, quotes removed, and the number of its arguments.
///
/// A name with a schema before it is a function that somebody wrote, with one exception: MariaDB's
/// `mariadb_schema.sleep` is `sleep`. So a harmful name is denied with any schema before it, and a
/// harmless one is harmless only without.
pub(super) fn judge(parts: &[String], arguments: usize, dialect: Dialect) -> Judgement {
    let Some((last, schema)) = parts.split_last() else { return Judgement::Unknown };
    let name = last.to_ascii_lowercase();
    let (harmless, denied) = match dialect {
        Dialect::Mysql => &*MYSQL,
        Dialect::Sqlite => &*SQLITE,
        Dialect::Athena => &*ATHENA,
    };
    if let Some((class, what)) = denied.get(name.as_str()) {
        return Judgement::Denied(*class, what);
    }
    if dialect == Dialect::Mysql {
        for (class, what, beginnings) in MYSQL_DENIED_FAMILIES {
            if beginnings.split_whitespace().any(|beginning| name.starts_with(beginning)) {
                return Judgement::Denied(*class, what);
            }
        }
        if name == "last_insert_id" && arguments > 0 {
            return Judgement::Denied(Class::Session, "with an argument changes what the next call returns");
        }
    }
    match schema.is_empty() && harmless.contains(name.as_str()) {
        true => Judgement::Harmless,
        false => Judgement::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_function_is_both_harmless_and_denied() {
        for (harmless, denied) in [&*MYSQL, &*SQLITE, &*ATHENA] {
            let both: Vec<_> = denied.keys().filter(|name| harmless.contains(*name)).collect();
            assert_eq!(both, Vec::<&&str>::new());
        }
    }

    #[test]
    fn the_lists_are_lower_case_and_hold_each_name_once() {
        for lists in [builtins::MYSQL, builtins::SQLITE, builtins::ATHENA] {
            let all: Vec<&str> = lists.iter().flat_map(|list| list.split_whitespace()).collect();
            for name in &all {
                assert_eq!(all.iter().filter(|other| *other == name).count(), 1, "{name}");
                assert_eq!(*name, name.to_ascii_lowercase());
            }
        }
    }
}
