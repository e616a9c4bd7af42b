//! Tools, and what they answer.

use std::sync::Arc;

use memchr::memchr2;
use serde_json::value::RawValue;

use super::{Allowance, bad_json, icon, json, object, part, part_bytes, within};
use crate::call::{Annotations, Answer, Structured, TaskUse, Tool};
use crate::fault::Error;
use crate::wit::tools;

/// How deep an answer may be nested: as deep as what reads JSON here follows it.
const DEPTH_MAX: usize = 127;

/// An answer as the guest gave it, or why it is refused. Its structured outcome is read if
/// `is_read`, and otherwise looked through.
pub(in crate::runtime) fn answer(guest: tools::Outcome, is_read: bool, allowance: &Allowance) -> Result<Answer, Error> {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let bytes = guest.content.iter().map(part_bytes).sum::<usize>() + text(&guest.structured) + text(&guest.meta);
    within(bytes, allowance)?;
    let structured = guest.structured.map(|text| structured(text, is_read)).transpose()?;
    let meta = guest.meta.map(|text| object("the outcome's `meta`", &text)).transpose()?;
    let content = guest.content.into_iter().map(part).collect::<Result<_, _>>()?;
    Ok(Answer { content, structured, meta })
}

fn structured(text: String, is_read: bool) -> Result<Structured, Error> {
    const WHAT: &str = "the structured outcome";
    // A line break would end the line, or the event, that it goes out in; and what is nested too deep
    // is told so by whoever reads it.
    if is_read || memchr2(b'\n', b'\r', text.as_bytes()).is_some() || depth(&text) > DEPTH_MAX {
        return json(WHAT, &text).map(Structured::Tree);
    }
    RawValue::from_string(text).map(Structured::Text).map_err(|error| bad_json(WHAT, &error))
}

/// How deep a text is nested, if it is JSON.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut is_quoted, mut is_escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_quoted,
            b'"' => is_quoted = !is_quoted,
            b'{' | b'[' if !is_quoted => depth += 1,
            b'}' | b']' if !is_quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// A tool as the guest described it, under its full name, or what is wrong with it.
pub(in crate::runtime) fn tool(guest: tools::Tool, name: String) -> Result<Tool, Error> {
    let input_schema = Arc::new(object("its input schema", &guest.input_schema)?);
    let output_schema = guest.output_schema.map(|text| object("its output schema", &text)).transpose()?.map(Arc::new);
    let meta = guest.meta.map(|text| object("its `meta`", &text)).transpose()?;
    let hints = guest.annotations;
    let mirrors_arguments = guest.input_schema.contains("x-mcp-header");
    Ok(Tool {
        name,
        title: guest.title,
        description: guest.description,
        input_schema,
        mirrors_arguments,
        output_schema,
        annotations: Annotations {
            read_only: hints.read_only,
            destructive: hints.destructive,
            idempotent: hints.idempotent,
            open_world: hints.open_world,
        },
        task_use: match guest.task_use {
            tools::TaskUse::WhenSlow => TaskUse::WhenSlow,
            tools::TaskUse::AtOnce => TaskUse::AtOnce,
            tools::TaskUse::Required => TaskUse::Required,
        },
        keywords: guest.keywords,
        icons: guest.icons.into_iter().map(icon).collect(),
        meta,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Kind;

    #[test]
    fn what_nobody_reads_goes_on_as_it_was_written() {
        let text = r#"{"b": [1, 2.50, "[é\"\\"], "a": {"b": null}}"#;
        let Ok(Structured::Text(kept)) = structured(text.to_owned(), false) else { panic!("it is JSON on one line") };
        assert_eq!(kept.get(), text);
        let Ok(Structured::Tree(read)) = structured(text.to_owned(), true) else { panic!("it is JSON") };
        assert_eq!(Structured::Text(kept).into_value(), read);
    }

    #[test]
    fn an_answer_on_several_lines_goes_out_on_one() {
        for text in ["{\n\"a\": 1}", "{\"a\":\r1}"] {
            let structured = structured(text.to_owned(), false).expect("is JSON");
            assert_eq!(serde_json::to_string(&structured).expect("is JSON"), "{\"a\":1}", "{text:?}");
        }
    }

    #[test]
    fn what_is_no_json_or_nested_too_deep_is_refused_whether_it_is_read_or_not() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let quoted = serde_json::to_string(&nested(DEPTH_MAX + 1)).expect("is text");
        for is_read in [true, false] {
            for wrong in ["", "{", "{} {}", "nul", "{\"a\": 01}", "\"\u{1}\"", &nested(DEPTH_MAX + 1)] {
                let error = structured(wrong.to_owned(), is_read).expect_err("is refused");
                assert_eq!(error.kind, Kind::BadOutput, "{wrong:?}");
            }
            for right in [&nested(DEPTH_MAX), &quoted] {
                assert!(structured(right.clone(), is_read).is_ok(), "{right:?}");
            }
        }
    }
}
