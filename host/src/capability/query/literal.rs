//! Values as Athena takes them for the placeholders of a statement: literals of Trino's SQL.

use std::fmt::Write as _;

use crate::wit::rows::Value;
use crate::wit::{Error, ErrorKind};

/// The longest literal that Athena takes, in characters.
const CHARS_MAX: usize = 1_024;

/// Each value as a literal, in their order. Whatever a text holds, it stays a text.
pub(super) fn literals(values: &[Value]) -> Result<Vec<String>, Error> {
    let literal = |(index, value)| {
        let literal = literal(value);
        match literal.chars().count() {
            0..=CHARS_MAX => Ok(literal),
            _ => {
                let message =
                    format!("value {} is longer than {CHARS_MAX} characters, which is Athena's limit", index + 1);
                Err(Error::new(ErrorKind::Limited, message))
            }
        }
    };
    values.iter().enumerate().map(literal).collect()
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Boolean(truth) => truth.to_string(),
        // Without its minus, the least number would be too large.
        Value::Integer(i64::MIN) => typed("BIGINT", &i64::MIN.to_string()),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) if number.is_nan() => typed("DOUBLE", "NaN"),
        Value::Float(number) if number.is_infinite() => {
            typed("DOUBLE", if *number > 0.0 { "Infinity" } else { "-Infinity" })
        }
        Value::Float(number) => typed("DOUBLE", &format!("{number:e}")),
        Value::Decimal(text) => typed("DECIMAL", text),
        Value::Text(text) => quoted(text),
        Value::Bytes(bytes) => {
            let mut literal = "X'".to_owned();
            for byte in bytes {
                // Writing to a string cannot fail.
                let _ = write!(literal, "{byte:02X}");
            }
            literal + "'"
        }
        Value::Date(text) => typed("DATE", text),
        Value::Time(text) => typed("TIME", text),
        Value::Timestamp(text) => typed("TIMESTAMP", &text.replacen('T', " ", 1)),
    }
}

fn typed(name: &str, text: &str) -> String {
    format!("{name} {}", quoted(text))
}

/// In Trino a quote is written twice inside a text, and nothing else escapes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Dialect;
    use crate::guard::lexer::{Kind, lex};

    #[test]
    fn each_kind_of_value_has_its_literal() {
        for (value, expected) in [
            (Value::Null, "NULL"),
            (Value::Boolean(true), "true"),
            (Value::Integer(-5), "-5"),
            (Value::Integer(i64::MAX), "9223372036854775807"),
            (Value::Integer(i64::MIN), "BIGINT '-9223372036854775808'"),
            (Value::Float(0.1), "DOUBLE '1e-1'"),
            (Value::Float(f64::NAN), "DOUBLE 'NaN'"),
            (Value::Float(f64::NEG_INFINITY), "DOUBLE '-Infinity'"),
            (Value::Decimal("12.90".into()), "DECIMAL '12.90'"),
            (Value::Text("it's".into()), "'it''s'"),
            (Value::Text(String::new()), "''"),
            (Value::Bytes(vec![0, 255]), "X'00FF'"),
            (Value::Date("2026-01-31".into()), "DATE '2026-01-31'"),
            (Value::Time("23:59:59".into()), "TIME '23:59:59'"),
            (Value::Timestamp("2026-01-31T23:59:59.5".into()), "TIMESTAMP '2026-01-31 23:59:59.5'"),
        ] {
            assert_eq!(literal(&value), expected);
        }
    }

    #[test]
    fn no_text_ends_its_literal() {
        for text in ["'", "''", "\\'", "'; DROP TABLE t --", "a' OR '1'='1", "/* ' */", "😀'\0", "-- \n'"] {
            for value in [
                Value::Text(text.into()),
                Value::Decimal(text.into()),
                Value::Date(text.into()),
                Value::Time(text.into()),
                Value::Timestamp(text.into()),
            ] {
                let literal = literal(&value);
                let Ok(tokens) = lex(&literal, Dialect::Athena) else {
                    assert!(text.contains('\0'), "{literal}");
                    continue;
                };
                let kinds: Vec<_> = tokens.iter().map(|token| token.kind).collect();
                assert!(matches!(kinds.as_slice(), [Kind::Text] | [Kind::Word, Kind::Text]), "{literal}");
            }
        }
    }

    #[test]
    fn a_value_beyond_athenas_limit_says_which() {
        let long = [Value::Integer(1), Value::Text("x".repeat(1_023))];
        let error = literals(&long).expect_err("is refused");
        assert!(error.kind == ErrorKind::Limited && error.message.contains("value 2"), "{error:?}");
        assert!(literals(&[Value::Text("x".repeat(1_022))]).is_ok());
    }
}
