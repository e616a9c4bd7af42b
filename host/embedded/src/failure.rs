//! DataFusion's errors in the engine's own words, without paths of this machine.

use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};

use crate::Error;
use crate::engine::Inner;

/// Tells what went wrong.
pub(crate) fn told(error: DataFusionError, engine: &Inner) -> Error {
    match root(error) {
        Cause::Own(error) => error,
        Cause::Theirs(error) => translated(error, engine),
    }
}

enum Cause {
    Own(Error),
    Theirs(DataFusionError),
}

/// What stands under the layers that DataFusion puts around an error.
fn root(error: DataFusionError) -> Cause {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => root(*inner),
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(own) => Cause::Own(*own),
            Err(inner) => match inner.downcast::<DataFusionError>() {
                Ok(theirs) => root(*theirs),
                Err(other) => Cause::Theirs(DataFusionError::External(other)),
            },
        },
        DataFusionError::ArrowError(inner, trace) => match *inner {
            ArrowError::ExternalError(inner) => root(DataFusionError::External(inner)),
            other => Cause::Theirs(DataFusionError::ArrowError(Box::new(other), trace)),
        },
        DataFusionError::Collection(mut all) if !all.is_empty() => root(all.swap_remove(0)),
        DataFusionError::Shared(shared) => match std::sync::Arc::try_unwrap(shared) {
            Ok(inner) => root(inner),
            Err(shared) => shared_root(&shared),
        },
        other => Cause::Theirs(other),
    }
}

/// One of ours inside of an error that others hold too; or its text.
fn shared_root(shared: &DataFusionError) -> Cause {
    let mut at: Option<&(dyn std::error::Error + 'static)> = Some(shared);
    while let Some(error) = at {
        if let Some(own) = error.downcast_ref::<Error>() {
            return Cause::Own(own.clone());
        }
        at = error.source();
    }
    match shared.find_root() {
        DataFusionError::ResourcesExhausted(text) => Cause::Theirs(DataFusionError::ResourcesExhausted(text.clone())),
        other => Cause::Theirs(DataFusionError::Execution(other.strip_backtrace())),
    }
}

fn translated(error: DataFusionError, engine: &Inner) -> Error {
    let text = |error: &dyn std::fmt::Display| cleaned(&error.to_string(), engine);
    match error {
        DataFusionError::ResourcesExhausted(_) => Error::Memory { limit_bytes: engine.limits.memory_bytes },
        DataFusionError::NotImplemented(what) => Error::Unsupported { construct: text(&what) },
        DataFusionError::SchemaError(schema, _) => match *schema {
            SchemaError::FieldNotFound { field, valid_fields } => Error::UnknownColumn {
                name: field.flat_name(),
                there_are: valid_fields.iter().map(|column| column.flat_name()).collect(),
            },
            SchemaError::AmbiguousReference { field } => {
                Error::Type(format!("column '{}' is ambiguous; name its table too", field.flat_name()))
            }
            other => Error::Type(text(&other)),
        },
        DataFusionError::Plan(what) => Error::Type(text(&what)),
        DataFusionError::ArrowError(inner, _) => match *inner {
            ArrowError::DivideByZero => Error::Value("division by zero".into()),
            ArrowError::ArithmeticOverflow(_) => Error::Value("a number is too large for its type".into()),
            ArrowError::CsvError(what) | ArrowError::JsonError(what) | ArrowError::ParseError(what) => {
                Error::Failed(format!("a file does not hold what its first rows promise{}", place(&text(&what))))
            }
            other => Error::Failed(text(&other)),
        },
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => {
            Error::Failed("a file of a table cannot be read".into())
        }
        DataFusionError::ParquetError(_) => Error::Failed("a file is not Parquet, or is damaged".into()),
        other => Error::Failed(text(&other.strip_backtrace())),
    }
}

/// Where in a file something is wrong, if that is told; not what stands there, which is data.
fn place(text: &str) -> String {
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    let behind = |mark: &str| text.split_once(mark).map(|(_, rest)| digits(rest)).filter(|digits| !digits.is_empty());
    let field = text.strip_prefix("whilst decoding field '").and_then(|rest| rest.split('\'').next());
    let places = [
        behind(" at line ").or_else(|| behind(" for line ")).map(|line| format!("line {line}")),
        behind(" for column ").map(|column| format!("column {column}, counted from 0")),
        field.map(|field| format!("field {field}")),
    ];
    let places: Vec<String> = places.into_iter().flatten().collect();
    if places.is_empty() { String::new() } else { format!(": {}", places.join(", ")) }
}

/// The first line, without the paths of the folder.
fn cleaned(text: &str, engine: &Inner) -> String {
    let line = text.lines().next().unwrap_or_default();
    let folder = engine.folder.to_string_lossy();
    line.replace(&format!("{folder}/"), "").replace(&*folder, "the folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_file_is_told_without_what_stands_there() {
        let csv = "Error while parsing value 'secret' as type 'Int64' for column 3 at line 7. Row data: '[secret]'";
        assert_eq!(place(csv), ": line 7, column 3, counted from 0");
        assert_eq!(place("incorrect number of fields for line 3, expected 2 got 3"), ": line 3");
        assert_eq!(place("whilst decoding field 'a': expected string got secret"), ": field a");
        assert_eq!(place("secret"), "");
    }
}
