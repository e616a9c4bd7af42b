//! Tools, and what they answer.

use std::sync::Arc;

use super::{Allowance, icon, json, object, part, part_bytes, within};
use crate::call::{Annotations, Answer, TaskUse, Tool};
use crate::fault::Error;
use crate::wit::tools;

/// An answer as the guest gave it, or why it is refused.
pub(in crate::runtime) fn answer(guest: tools::Outcome, allowance: &Allowance) -> Result<Answer, Error> {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let bytes = guest.content.iter().map(part_bytes).sum::<usize>() + text(&guest.structured) + text(&guest.meta);
    within(bytes, allowance)?;
    let structured = guest.structured.map(|text| json("the structured outcome", &text)).transpose()?;
    let meta = guest.meta.map(|text| object("the outcome's `meta`", &text)).transpose()?;
    let content = guest.content.into_iter().map(part).collect::<Result<_, _>>()?;
    Ok(Answer { content, structured, meta })
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
