//! Why Athena ended a statement, in words that may leave the house: what the statement's author
//! has to mend stays, places in S3, ARNs, request ids and values of rows go.

use crate::wit::{Error, ErrorKind};

/// The longest text of the engine that is repeated, in characters.
const CHARS_MAX: usize = 400;

/// Codes of errors whose text names nothing but the statement's own parts.
const OF_THE_STATEMENT: &str = "SYNTAX_ERROR TABLE_NOT_FOUND SCHEMA_NOT_FOUND CATALOG_NOT_FOUND COLUMN_NOT_FOUND \
     FUNCTION_NOT_FOUND TYPE_NOT_FOUND TYPE_MISMATCH AMBIGUOUS_NAME AMBIGUOUS_FUNCTION_CALL EXPRESSION_NOT_AGGREGATE \
     EXPRESSION_NOT_SCALAR EXPRESSION_NOT_IN_DISTINCT INVALID_COLUMN_REFERENCE MISMATCHED_COLUMN_ALIASES MISSING_GROUP_BY \
     MISSING_ORDER_BY MISSING_OVER MISSING_COLUMN_NAME MISSING_COLUMN_ALIASES NESTED_AGGREGATION NESTED_WINDOW \
     DUPLICATE_COLUMN_NAME DUPLICATE_NAMED_QUERY INVALID_WINDOW_FRAME INVALID_ORDER_BY INVALID_ARGUMENTS NOT_SUPPORTED \
     COLUMN_TYPE_UNKNOWN FUNCTION_NOT_AGGREGATE FUNCTION_NOT_WINDOW TOO_MANY_ARGUMENTS INVALID_PARAMETER_USAGE \
     SUBQUERY_MULTIPLE_ROWS";

/// Codes of errors whose text may hold a value of a row.
const OF_A_VALUE: &str =
    "DIVISION_BY_ZERO INVALID_CAST_ARGUMENT INVALID_FUNCTION_ARGUMENT NUMERIC_VALUE_OUT_OF_RANGE INVALID_LITERAL";

/// Where the part of a text begins that is about the service and not about the statement.
const TAILS: [&str; 7] = [
    "[Execution ID",
    "This query ran against",
    "If a data manifest file",
    "Please post the error",
    "(Service:",
    "Request ID",
    "Query Id:",
];

/// Why a statement ended, and what it named that is not there.
#[derive(Debug)]
pub(super) struct Reason {
    pub(super) error: Error,
    pub(super) missing: Option<Missing>,
}

/// A thing whose name the statement has wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Table,
    Database,
}

impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        Self { error, missing: None }
    }
}

/// Explains what Athena says of a statement that failed, or was stopped by somebody else.
/// `category` is its own: 1 the service, 2 the statement, 3 anything else.
pub(super) fn explain(said: &str, category: Option<i32>, shows: bool) -> Reason {
    let code = said.split(':').next().filter(|word| is_code(word)).unwrap_or_default();
    // Hive's words for everything; the codes are Trino's.
    let code = if code == "FAILED" { "" } else { code };
    let lower = said.to_lowercase();
    let says = |words: &str| lower.contains(words);
    let listed = |codes: &str| codes.split_whitespace().any(|other| other == code);
    let error = |kind, message: String| Reason::from(Error::new(kind, message));
    if let Some(missing) = missing(code, &lower) {
        let kind = if shows { ErrorKind::NotFound } else { ErrorKind::Invalid };
        let words = match (missing, code) {
            (Missing::Table, "") => "there is no such table".to_owned(),
            (Missing::Database, "") => "there is no such database".to_owned(),
            _ => words(said),
        };
        return Reason { error: Error::new(kind, words), missing: Some(missing) };
    }
    if listed(OF_THE_STATEMENT) || said.starts_with("line ") {
        // First: Athena says of a column that it may also be one that the host may not see.
        return error(ErrorKind::Invalid, words(said));
    }
    if says("not authorized") || says("access denied") || says("permission") || code == "PERMISSION_DENIED" {
        let action = denied_action(said);
        let action =
            action.as_deref().unwrap_or("glue and s3 on what the statement reads, and s3 on `output_location`");
        return error(ErrorKind::Unavailable, denied(action));
    }
    if says("bytes scanned limit") || code == "EXCEEDED_SCAN_LIMIT" {
        let message =
            "the statement read more than its workgroup allows: select fewer columns, or partitions by their keys";
        return error(ErrorKind::Limited, message.to_owned());
    }
    if code.starts_with("EXCEEDED_") || says("exhausted resources") || says("query timeout") {
        return error(ErrorKind::Limited, "the statement needs more time or memory than Athena has for it".to_owned());
    }
    if says("cancelled") || says("canceled") {
        return error(ErrorKind::Failed, "the statement was stopped at Athena by somebody else".to_owned());
    }
    match code {
        _ if listed(OF_A_VALUE) => {
            let message = format!("a value made the statement fail ({code}): guard it with TRY or TRY_CAST");
            error(ErrorKind::Invalid, message)
        }
        "" if category == Some(2) => error(ErrorKind::Invalid, "Athena does not take this statement".to_owned()),
        "" => error(ErrorKind::Failed, "Athena could not run the statement".to_owned()),
        code => error(ErrorKind::Failed, format!("Athena could not run the statement ({code})")),
    }
}

/// What a statement names that is not there: by the code of the engine, or by the words of Hive.
fn missing(code: &str, lower: &str) -> Option<Missing> {
    let says = |words: &[&str]| words.iter().any(|words| lower.contains(words));
    match code {
        "TABLE_NOT_FOUND" => Some(Missing::Table),
        "SCHEMA_NOT_FOUND" => Some(Missing::Database),
        "" if says(&["database does not exist", "database not found"]) => Some(Missing::Database),
        "" if says(&["table not found", "unable to fetch table", "entity not found", "table does not exist"]) => {
            Some(Missing::Table)
        }
        _ => None,
    }
}

/// What to tell of an action that the host's role lacks.
pub(super) fn denied(action: &str) -> String {
    format!(
        "the host's AWS role may not use {action} for this source: add it to the role's policy; `toolhost iam-policy` \
         prints the policy"
    )
}

/// The action of `... is not authorized to perform: glue:GetTables on resource: ...`.
pub(super) fn denied_action(said: &str) -> Option<String> {
    let (_, rest) = said.split_once("to perform: ")?;
    let action = rest.split(|c: char| !c.is_ascii_alphanumeric() && c != ':' && c != '-').next()?;
    let (service, name) = action.split_once(':')?;
    (!service.is_empty() && name.starts_with(|c: char| c.is_ascii_uppercase())).then(|| action.to_owned())
}

fn is_code(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The engine's own words as far as they may go: without tails, places and quoted values.
fn words(said: &str) -> String {
    let end = TAILS.iter().filter_map(|tail| said.find(tail)).min().unwrap_or(said.len());
    let said = said.get(..end).unwrap_or_default();
    let said = match (said.find("input '"), said.find("Expecting:")) {
        // What the parser met may be any text of the statement; what it expected is its own.
        (Some(met), Some(expected)) if met < expected => {
            format!("{}input. {}", said.get(..met).unwrap_or_default(), said.get(expected..).unwrap_or_default())
        }
        (Some(met), None) => format!("{}input", said.get(..met).unwrap_or_default()),
        _ => said.to_owned(),
    };
    let is_place = |word: &&str| ["s3://", "arn:", "://", "amazonaws.com"].iter().any(|mark| word.contains(mark));
    let plain: Vec<_> = said.split_whitespace().map(|word| if is_place(&word) { "..." } else { word }).collect();
    without_values(&plain.join(" ")).chars().take(CHARS_MAX).collect()
}

/// The text with each piece in quotes left out that is no name.
fn without_values(text: &str) -> String {
    let is_name = |piece: &str| piece.chars().all(|c| c.is_ascii_alphanumeric() || "_.$\"-".contains(c));
    let pieces = text.split('\'').enumerate();
    let pieces = pieces.map(|(index, piece)| if index % 2 == 0 || is_name(piece) { piece } else { "..." });
    pieces.collect::<Vec<_>>().join("'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(said: &str) -> (ErrorKind, String) {
        let error = explain(said, None, false).error;
        (error.kind, error.message)
    }

    #[test]
    fn what_is_wrong_with_a_statement_is_told_with_its_place() {
        for said in [
            "COLUMN_NOT_FOUND: line 1:8: Column 'nmae' cannot be resolved or requester is not authorized to access it",
            "SYNTAX_ERROR: line 3:12: Function 'foo' not registered",
            "TYPE_MISMATCH: line 1:40: Cannot apply operator: varchar >= date",
        ] {
            assert_eq!(told(said), (ErrorKind::Invalid, said.to_owned()));
        }
        let tail = ". This query ran against the \"support\" database. Please post the error message";
        let (kind, message) = told(&format!("SYNTAX_ERROR: line 1:8: Column 'nmae' cannot be resolved{tail}"));
        assert_eq!(
            (kind, message.as_str()),
            (ErrorKind::Invalid, "SYNTAX_ERROR: line 1:8: Column 'nmae' cannot be resolved.")
        );
    }

    #[test]
    fn a_name_that_is_not_there_is_known_as_such_in_the_words_of_both_parsers() {
        for (said, expected) in [
            ("TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.support.nope' does not exist", Missing::Table),
            ("SCHEMA_NOT_FOUND: line 1:15: Schema 'nope' does not exist", Missing::Database),
            ("FAILED: SemanticException [Error 10072]: Database does not exist: nope", Missing::Database),
            ("FAILED: SemanticException [Error 10001]: Table not found nope", Missing::Table),
            (
                "FAILED: SemanticException Unable to fetch table nope. Entity Not Found (Service: AmazonDataCatalog)",
                Missing::Table,
            ),
        ] {
            let reason = explain(said, None, false);
            assert_eq!((reason.missing, reason.error.kind), (Some(expected), ErrorKind::Invalid), "{said}");
            assert_eq!(explain(said, None, true).error.kind, ErrorKind::NotFound, "{said}");
        }
    }

    #[test]
    fn no_value_no_place_and_no_id_gets_through() {
        for said in [
            "INVALID_CAST_ARGUMENT: Cannot cast 'canary' to DATE",
            "INVALID_FUNCTION_ARGUMENT: Invalid format: \"canary\"",
            "SYNTAX_ERROR: line 1:8: mismatched input ''canary''. Expecting: <expression>",
            "line 1:8: mismatched input 'canary'",
            "SYNTAX_ERROR: line 1:9: Unknown type: s3://canary/x",
            "SYNTAX_ERROR: line 1:9: '' or 'a canary value' is odd",
            "HIVE_CURSOR_ERROR: Failed to read s3://canary/part-0 of arn:aws:glue:eu-central-1:123456789012:canary",
            "HIVE_BAD_DATA: Malformed file canary. [Execution ID: canary]",
            "GENERIC_INTERNAL_ERROR: canary",
            "Query exhausted resources at this scale factor. canary",
            "Insufficient permissions to execute the query. User: arn:aws:sts::123456789012:assumed-role/canary",
            "canary",
        ] {
            let (_, message) = told(said);
            assert!(!message.contains("canary") && !message.contains("1234"), "{said}: {message}");
        }
    }

    #[test]
    fn whose_fault_it_is_decides_the_kind() {
        for (said, category, expected) in [
            ("DIVISION_BY_ZERO: / by zero", Some(2), ErrorKind::Invalid),
            ("GENERIC_INTERNAL_ERROR: null", Some(1), ErrorKind::Failed),
            ("something about a query", Some(2), ErrorKind::Invalid),
            ("", None, ErrorKind::Failed),
            ("Bytes scanned limit was exceeded", None, ErrorKind::Limited),
            ("Query exhausted resources at this scale factor", Some(2), ErrorKind::Limited),
            ("Query timeout", None, ErrorKind::Limited),
            ("Query cancelled by user", None, ErrorKind::Failed),
            ("User is not authorized to perform: s3:GetObject on resource: x", Some(2), ErrorKind::Unavailable),
        ] {
            assert_eq!(explain(said, category, false).error.kind, expected, "{said}");
        }
        let (_, message) = told("x is not authorized to perform: s3:GetObject on resource: \"y\"");
        assert!(message.contains("may not use s3:GetObject"), "{message}");
    }
}
