//! Statements with `:name` parameters, made into what the driver of the database takes.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mysql_async::Value;

use super::wire::{Field, Parameter};
use crate::aws::Refusal;

/// One statement whose parameters are `?`.
#[derive(Debug)]
pub(super) struct Statement {
    /// The text for the database.
    pub(super) text: String,
    /// Which parameter each `?` stands for.
    names: Vec<String>,
}

impl Statement {
    /// Finds the parameters.
    ///
    /// Errors on a second statement and on `?`. What stands in quotes and in comments is
    /// left alone, save for the comments that the database executes.
    pub(super) fn parse(sql: &str) -> Result<Self, Refusal> {
        let mut statement = Self { text: String::with_capacity(sql.len()), names: Vec::new() };
        let mut rest = sql;
        let mut ended = false;
        while let Some(first) = rest.chars().next() {
            let comment = comment_length(rest);
            if ended && comment == 0 && !first.is_whitespace() && first != ';' {
                return Err(Refusal::invalid("Multistatements aren't supported."));
            }
            ended |= first == ';';
            let length = match first {
                _ if comment > 0 => comment,
                '\'' | '"' | '`' => quoted_length(rest, first),
                '?' => return Err(Refusal::bad_request("No value specified for parameter 1")),
                ':' => match name(rest) {
                    Some(name) => {
                        statement.text.push('?');
                        statement.names.push(name.to_owned());
                        rest = rest.get(1 + name.len()..).unwrap_or_default();
                        continue;
                    }
                    None => 1,
                },
                _ => first.len_utf8(),
            };
            let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            statement.text.push_str(token);
            rest = after;
        }
        Ok(statement)
    }

    /// The values for the `?`, in their order.
    pub(super) fn bind(&self, parameters: &[Parameter]) -> Result<Vec<Value>, Refusal> {
        let find = |name: &String| {
            let parameter = parameters.iter().find(|parameter| parameter.name == *name);
            parameter.ok_or_else(|| Refusal::bad_request(format!("Cannot find parameter: {name}")))
        };
        self.names.iter().map(|name| value(find(name)?)).collect()
    }
}

/// The name of the parameter that `rest` begins with.
fn name(rest: &str) -> Option<&str> {
    let word = rest.strip_prefix(':')?;
    let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(word.len());
    word.get(..end).filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
}

/// How long the comment is that `rest` begins with; 0 if it begins with none.
fn comment_length(rest: &str) -> usize {
    let to = |end: &str| rest.find(end).map_or(rest.len(), |at| at + end.len());
    let dashes = rest.strip_prefix("--");
    if rest.starts_with('#') || dashes.is_some_and(|after| after.is_empty() || after.starts_with(char::is_whitespace)) {
        return to("\n");
    }
    match rest.strip_prefix("/*") {
        // Code to the database: its inside is read like the rest of the statement.
        Some(inside) if inside.starts_with(['!', '+']) || inside.starts_with("M!") => 0,
        Some(inside) => inside.find("*/").map_or(rest.len(), |at| at + 4),
        None => 0,
    }
}

/// How long the quoted text is that `rest` begins with. A doubled quote reads as two
/// texts side by side, which comes to the same.
fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == quote {
            return at + 1;
        } else {
            escaped = c == '\\' && quote != '`';
        }
    }
    rest.len()
}

fn value(parameter: &Parameter) -> Result<Value, Refusal> {
    let name = &parameter.name;
    if let Some(hint) = &parameter.type_hint {
        match &parameter.value {
            Field::IsNull(_) => {}
            Field::StringValue(text) if fits(hint, text) => {}
            _ => {
                let message = format!("Parameter \"{name}\" has a value that does not fit its type hint {hint}");
                return Err(Refusal::bad_request(message));
            }
        }
    }
    Ok(match &parameter.value {
        Field::ArrayValue(_) => return Err(Refusal::invalid("Array parameters are not supported.")),
        Field::BlobValue(text) => match BASE64_STANDARD.decode(text) {
            Ok(bytes) => Value::Bytes(bytes),
            Err(_) => return Err(Refusal::new(400, "SerializationException", "blobValue is not base64")),
        },
        Field::BooleanValue(value) => Value::Int((*value).into()),
        Field::DoubleValue(value) => Value::Double(*value),
        Field::IsNull(true) => Value::NULL,
        Field::IsNull(false) => {
            return Err(Refusal::bad_request(format!("Parameter \"{name}\" has value with no field set")));
        }
        Field::LongValue(value) => Value::Int(*value),
        Field::StringValue(text) => Value::Bytes(text.as_bytes().to_vec()),
    })
}

/// Whether a text has the form that its type hint promises.
fn fits(hint: &str, text: &str) -> bool {
    match hint {
        "DATE" => has_shape(text, "0000-00-00"),
        "TIME" => has_shape(whole(text), "00:00:00"),
        "TIMESTAMP" => has_shape(whole(text), "0000-00-00 00:00:00"),
        "DECIMAL" => text.parse::<f64>().is_ok_and(f64::is_finite),
        "UUID" => text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12]),
        "JSON" => serde_json::from_str::<serde_json::Value>(text).is_ok(),
        _ => false,
    }
}

/// The text without its fraction of a second, if it has one.
fn whole(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, fraction))
            if (1..=6).contains(&fraction.len()) && fraction.chars().all(|c| c.is_ascii_digit()) =>
        {
            whole
        }
        _ => text,
    }
}

/// Whether there is a digit wherever the shape has a `0`, and the same character elsewhere.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.chars().zip(shape.chars()).all(|(c, s)| if s == '0' { c.is_ascii_digit() } else { c == s })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_question_marks_except_in_quotes_and_comments() {
        let sql = "SELECT ':a', \"\\\":a\", `:a` -- :a ?\n, :a, 5--:b, @x := :a_1 /* :c; */ /*! + :d */;  # end";
        let statement = Statement::parse(sql).unwrap();
        assert_eq!(
            statement.text,
            "SELECT ':a', \"\\\":a\", `:a` -- :a ?\n, ?, 5--?, @x := ? /* :c; */ /*! + ? */;  # end"
        );
        assert_eq!(statement.names, ["a", "b", "a_1", "d"]);
    }

    #[test]
    fn a_second_statement_and_a_question_mark_are_refused() {
        for sql in ["SELECT 1; DELETE FROM t", "SELECT 1;;x", "SELECT 1 /*! ; DELETE FROM t */", "SELECT ?"] {
            assert!(Statement::parse(sql).is_err(), "{sql}");
        }
    }

    #[test]
    fn a_type_hint_binds_its_text() {
        for (hint, good, bad) in [
            ("DATE", "2026-01-31", "31.01.2026"),
            ("TIME", "23:59:59.123", "23:59"),
            ("TIMESTAMP", "2026-01-31 23:59:59.123", "2026-01-31T23:59:59"),
            ("DECIMAL", "-12.90", "12,90"),
            ("UUID", "00112233-4455-6677-8899-aabbccddeeff", "0011"),
            ("JSON", "{\"a\":1}", "{a:1}"),
        ] {
            assert!(fits(hint, good), "{hint} {good}");
            assert!(!fits(hint, bad), "{hint} {bad}");
        }
    }
}
