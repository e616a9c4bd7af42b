//! Functions on json.

use datafusion::error::Result;
use serde_json::Value;

use super::function::{Function, Gives, Takes};
use super::row::{Answer, Row, bad, boolean, int, json, text};
use crate::Error;

use Takes::{Any, Int, Json, JsonOrText, Text};

pub(super) fn all() -> Vec<Function> {
    vec![
        Function::new("json_extract", &[JsonOrText, Text], Gives::Json, |args| {
            args.each(|row| found(row)?.map_or(Ok(None), |value| json(value.to_string())))
        }),
        Function::new("json_extract_scalar", &[JsonOrText, Text], Gives::Text, |args| {
            args.each(|row| match found(row)? {
                Some(Value::String(held)) => text(held),
                Some(scalar @ (Value::Bool(_) | Value::Number(_))) => text(scalar.to_string()),
                _ => Ok(None),
            })
        }),
        Function::new("json_size", &[JsonOrText, Text], Gives::Int, |args| {
            args.each(|row| found(row)?.map_or(Ok(None), |value| int(size(&value))))
        }),
        Function::new("json_parse", &[Text], Gives::Json, |args| {
            args.each(|row| match serde_json::from_str::<Value>(row.text(0)) {
                Ok(mut value) => {
                    value.sort_all_objects();
                    json(value.to_string())
                }
                Err(_) => bad("the text is not JSON"),
            })
        }),
        Function::new("$json", &[Text], Gives::Json, |args| {
            args.each(|row| {
                parsed(row.text(0)).map_or_else(|| bad("the text is not JSON"), |value| json(value.to_string()))
            })
        }),
        Function::new("json_format", &[Json], Gives::Text, |args| args.each(|row| text(row.text(0)))),
        Function::new("json_array_length", &[JsonOrText], Gives::Int, |args| {
            args.each(|row| match parsed(row.text(0)) {
                Some(Value::Array(elements)) => int(elements.len() as i64),
                _ => Ok(None),
            })
        }),
        Function::new("json_array_get", &[JsonOrText, Int], Gives::Json, |args| args.each(array_get)),
        Function::new("json_array_contains", &[JsonOrText, Any], Gives::Boolean, |args| args.each(array_contains)),
        Function::new("is_json_scalar", &[JsonOrText], Gives::Boolean, |args| {
            args.each(|row| match parsed(row.text(0)) {
                Some(value) => boolean(!value.is_array() && !value.is_object()),
                None => bad("the text is not JSON"),
            })
        }),
    ]
}

fn parsed(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn size(value: &Value) -> i64 {
    match value {
        Value::Array(elements) => elements.len() as i64,
        Value::Object(entries) => entries.len() as i64,
        _ => 0,
    }
}

/// What stands at the path; none if nothing does, or the text is not JSON.
fn found(row: Row) -> Result<Option<Value>> {
    let steps = path(row.text(1))?;
    let Some(mut value) = parsed(row.text(0)) else { return Ok(None) };
    for step in steps {
        let next = match (&mut value, &step) {
            (Value::Object(entries), Step::Name(name)) => entries.get_mut(name),
            (Value::Array(elements), Step::Place(place)) => elements.get_mut(*place),
            (Value::Array(elements), Step::Name(name)) => {
                name.parse::<usize>().ok().and_then(|place| elements.get_mut(place))
            }
            (Value::Object(entries), Step::Place(place)) => entries.get_mut(&place.to_string()),
            _ => None,
        };
        match next {
            Some(next) => value = next.take(),
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

enum Step {
    Name(String),
    Place(usize),
}

/// Reads `$.store.book[0]["long name"]`.
fn path(written: &str) -> Result<Vec<Step>> {
    let wrong = || bad("the JSON path is not valid");
    let mut rest = written.strip_prefix('$').unwrap_or(written);
    if rest.len() == written.len() && !rest.starts_with(['.', '[']) {
        // Athena reads `a.b` as `$.a.b`.
        return path(&format!("$.{written}"));
    }
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if rest.starts_with("..") || rest.starts_with(".*") || rest.starts_with("[*") || rest.starts_with("[?") {
            return Err(Error::Unsupported { construct: "`..`, `*` and filters in JSON paths".into() }.into());
        }
        if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return wrong();
            }
            steps.push(Step::Name(name[..end].to_owned()));
            rest = &name[end..];
            continue;
        }
        let Some(inner) = rest.strip_prefix('[') else { return wrong() };
        let quote = inner.chars().next().filter(|first| *first == '"' || *first == '\'');
        let Some((step, after)) = (match quote {
            Some(quote) => inner[1..].split_once(&format!("{quote}]")),
            None => inner.split_once(']'),
        }) else {
            return wrong();
        };
        steps.push(match (quote, step.parse()) {
            (None, Ok(place)) => Step::Place(place),
            (None, Err(_)) if step.is_empty() || step.starts_with('-') => return wrong(),
            _ => Step::Name(step.to_owned()),
        });
        rest = after;
    }
    Ok(steps)
}

fn array_get(row: Row) -> Answer {
    let Some(Value::Array(elements)) = parsed(row.text(0)) else { return Ok(None) };
    let place = row.int(1);
    let place = if place < 0 { elements.len() as i64 + place } else { place };
    let found = usize::try_from(place).ok().and_then(|place| elements.get(place));
    found.map_or(Ok(None), |value| json(value.to_string()))
}

fn array_contains(row: Row) -> Answer {
    let Some(Value::Array(elements)) = parsed(row.text(0)) else { return Ok(None) };
    let (array, at) = row.array(1);
    let mut wanted = String::new();
    crate::render::json(array, at, &mut wanted);
    let Some(wanted) = parsed(&wanted) else { return boolean(false) };
    let same = |value: &Value| match (value.as_f64(), wanted.as_f64()) {
        (Some(left), Some(right)) => left == right,
        _ => *value == wanted,
    };
    boolean(elements.iter().any(same))
}
