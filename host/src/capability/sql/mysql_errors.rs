//! What a plugin is told of an error of a MySQL server, whichever way the statement went there.
//!
//! The server's own words help whoever writes statements, but some of them name users, hosts or
//! values of rows. So its words pass only for the numbers listed here.

use super::rows::Limits;
use crate::wit::{Error, ErrorKind};

/// The statement is wrong, and the message tells of nothing but its names and its syntax.
const HELPFUL: &[u16] = &[
    1046, 1048, 1051, 1052, 1054, 1055, 1056, 1060, 1063, 1064, 1066, 1103, 1109, 1110, 1111, 1112, 1136, 1140, 1146,
    1149, 1166, 1191, 1210, 1221, 1222, 1230, 1235, 1241, 1242, 1247, 1248, 1249, 1250, 1253, 1264, 1267, 1270, 1271,
    1295, 1305, 1318, 1356, 1364, 1365, 1406, 1451, 1452, 1582, 1583, 3140, 3141, 3143, 3593, 3819, 4025, 4161,
];

/// The statement is wrong, and the message quotes a value.
const WITH_VALUE: &[u16] = &[1062, 1265, 1292, 1366, 1367, 1411, 1525, 1586];

/// The most of a server's message that is passed on, in characters.
const MESSAGE_MAX: usize = 400;

/// The error for a plugin, of the number, the SQLSTATE and the message that the server gave.
pub(super) fn explain(code: u16, state: &str, message: &str, limits: &Limits) -> Error {
    let error = |kind, message: &str| Error::new(kind, message);
    match code {
        1044 | 1045 | 1130 | 1133 | 1251 | 1396 | 1698 | 1820 | 1862 | 2059 | 3118 | 3159 | 4151 => error(
            ErrorKind::Unavailable,
            "the database refused the host's credential for this source; the operator must check the user, the \
             password and the database that the source names",
        ),
        1049 => error(
            ErrorKind::Unavailable,
            "the server has no database of the name that this source is configured with; the operator must check it",
        ),
        1040 | 1129 | 1203 | 1226 => {
            error(ErrorKind::Unavailable, "the database takes no more connections just now; try again later")
        }
        1053 | 1077 | 1079 | 1158..=1161 | 1927 | 2006 | 2013 | 3169 => {
            error(ErrorKind::Unavailable, "the database ended the connection before it had answered")
        }
        1205 | 1213 | 3101 | 3572 => error(
            ErrorKind::Unavailable,
            "another transaction was in the way (a lock or a deadlock), and this one was rolled back; try it again",
        ),
        1317 | 1969 | 3024 => limits.too_slow(),
        1104 => {
            error(ErrorKind::Limited, "the statement would look at more rows than the database allows; narrow it down")
        }
        1153 | 1301 => error(ErrorKind::Limited, "a value is larger than the database lets through at once"),
        1142 | 1143 | 1227 | 1345 | 1370 | 1410 | 1419 => error(
            ErrorKind::Denied,
            "the rights of this source's database user do not allow the statement; the operator decides on them",
        ),
        1792 => error(
            ErrorKind::Denied,
            "the statement changes something, and this source is read in read-only transactions",
        ),
        _ if HELPFUL.contains(&code) => Error::new(ErrorKind::Invalid, shortened(message)),
        _ if WITH_VALUE.contains(&code) => Error::new(ErrorKind::Invalid, shortened(&without_value(message))),
        _ => {
            // Classes of SQLSTATE: 21 cardinality, 22 data, 23 constraints, 42 syntax and names.
            let wrong = ["21", "22", "23", "42"].iter().any(|class| state.starts_with(class));
            let kind = if wrong { ErrorKind::Invalid } else { ErrorKind::Failed };
            Error::new(kind, format!("the database refused the statement (MySQL error {code})"))
        }
    }
}

/// A message less the value that it quotes: `Duplicate entry 'x' for key 'k'` becomes
/// `Duplicate entry for key 'k'`. A value may hold anything, so all up to its last end goes.
fn without_value(message: &str) -> String {
    let before = message.split('\'').next().unwrap_or_default().trim_end().trim_end_matches(':');
    let after = match message.rfind("' for ") {
        Some(end) => message.get(end + 1..).unwrap_or_default(),
        None => "",
    };
    format!("{before}{after}")
}

fn shortened(message: &str) -> String {
    message.chars().take(MESSAGE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: Limits = Limits { rows_max: 1, bytes_max: 1, time_max: Duration::from_millis(250) };

    fn told(code: u16, state: &str, message: &str) -> (ErrorKind, String) {
        let error = explain(code, state, message, &LIMITS);
        (error.kind, error.message)
    }

    #[test]
    fn what_helps_to_write_a_statement_is_passed_on() {
        let message = "Unknown column 'nmae' in 'field list'";
        assert_eq!(told(1054, "42S22", message), (ErrorKind::Invalid, message.to_owned()));
        assert_eq!(told(1064, "42000", &"x".repeat(5_000)).1.len(), MESSAGE_MAX);
    }

    #[test]
    fn nothing_tells_who_the_host_is_logged_in_as() {
        for code in 1000..4200 {
            let message = "Access denied for user 'ann'@'10.0.0.7' (using password: YES)";
            if !HELPFUL.contains(&code) {
                let (_, told) = told(code, "42000", message);
                assert!(!told.contains("ann") && !told.contains("10.0.0.7"), "{code}: {told}");
            }
        }
    }

    #[test]
    fn values_of_rows_are_left_out() {
        let duplicate = "Duplicate entry 'it's ann' for key 'x' for key 'PRIMARY'";
        assert_eq!(told(1062, "23000", duplicate).1, "Duplicate entry for key 'PRIMARY'");
        let truncated = "Truncated incorrect DOUBLE value: 'secret'";
        assert_eq!(told(1292, "22007", truncated).1, "Truncated incorrect DOUBLE value");
        let integer = "Incorrect integer value: 'abc' for column `d`.`t`.`n` at row 1";
        assert_eq!(told(1366, "22007", integer).1, "Incorrect integer value for column `d`.`t`.`n` at row 1");
    }

    #[test]
    fn every_error_has_the_kind_of_who_can_mend_it() {
        for (code, state, kind) in [
            (1045, "28000", ErrorKind::Unavailable),
            (1142, "42000", ErrorKind::Denied),
            (1792, "25006", ErrorKind::Denied),
            (1969, "70100", ErrorKind::Limited),
            (1213, "40001", ErrorKind::Unavailable),
            (1698, "28000", ErrorKind::Unavailable),
            (3999, "42000", ErrorKind::Invalid),
            (3999, "HY000", ErrorKind::Failed),
        ] {
            assert_eq!(told(code, state, "any").0, kind, "{code}");
        }
    }
}
