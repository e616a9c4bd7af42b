//! What a guest says, turned into the shared nouns: sizes and JSON checked on the way.

use std::sync::Arc;

use serde_json::Value;

use crate::call::{Annotations, Content, Icon, JsonObject, Media, Outcome, Part, PartAnnotations, ResourceBody, Tool};
use crate::fault::{Error, Kind};
use crate::wit::{self, tools};

/// An outcome as the guest gave it, or why it is refused.
pub(super) fn outcome(guest: tools::Outcome, bytes_max: usize) -> Result<Outcome, Error> {
    let bytes = size(&guest);
    if bytes > bytes_max {
        let message = format!("The plugin answered {bytes} bytes; its limit `output_kib` is {}.", bytes_max >> 10);
        return Err(Error::new(Kind::OverLimit, message).next("Ask for less at once."));
    }
    let structured = guest.structured.map(|text| json("the structured outcome", &text)).transpose()?;
    let meta = guest.meta.map(|text| object("the outcome's `meta`", &text)).transpose()?;
    let content = guest.content.into_iter().map(part).collect::<Result<_, _>>()?;
    Ok(Outcome { content, structured, meta })
}

/// A tool as the guest described it, under its full name, or what is wrong with it.
pub(super) fn tool(guest: tools::Tool, name: String) -> Result<Tool, Error> {
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
        icons: guest.icons.into_iter().map(icon).collect(),
        meta,
    })
}

/// An error as the guest gave it, within bounds.
pub(super) fn error(guest: wit::Error) -> Error {
    let kind = match guest.kind {
        wit::ErrorKind::Denied => Kind::Denied,
        wit::ErrorKind::Invalid => Kind::Invalid,
        wit::ErrorKind::NotFound => Kind::NotFound,
        wit::ErrorKind::Limited => Kind::Limited,
        wit::ErrorKind::Unavailable => Kind::Unavailable,
        wit::ErrorKind::Failed => Kind::Failed,
    };
    let mut message = guest.message;
    if message.len() > ERROR_BYTES_MAX {
        message.truncate(message.floor_char_boundary(ERROR_BYTES_MAX));
        message.push('…');
    }
    let retry_after = guest.retry_after_ms.map(std::time::Duration::from_millis);
    Error { kind, message, next: None, retry_after }
}

/// What a plugin may say in an error, in bytes.
const ERROR_BYTES_MAX: usize = 8 << 10;

fn json(what: &str, text: &str) -> Result<Value, Error> {
    // The parser refuses JSON that is nested more than 128 deep.
    serde_json::from_str(text).map_err(|error| {
        Error::new(Kind::BadOutput, format!("The plugin is at fault: {what} is no usable JSON ({error})."))
    })
}

fn object(what: &str, text: &str) -> Result<JsonObject, Error> {
    match json(what, text)? {
        Value::Object(object) => Ok(object),
        _ => Err(Error::new(Kind::BadOutput, format!("The plugin is at fault: {what} is no JSON object."))),
    }
}

fn part(guest: tools::Part) -> Result<Part, Error> {
    let media = |media: tools::Media| Media { data: media.data, mime_type: media.mime_type };
    let content = match guest.content {
        tools::Content::Text(text) => Content::Text(text),
        tools::Content::Image(image) => Content::Image(media(image)),
        tools::Content::Audio(audio) => Content::Audio(media(audio)),
        tools::Content::ResourceLink(link) => Content::ResourceLink {
            uri: link.uri,
            name: link.name,
            title: link.title,
            description: link.description,
            mime_type: link.mime_type,
            size: link.size,
        },
        tools::Content::Resource(resource) => Content::Resource {
            uri: resource.uri,
            mime_type: resource.mime_type,
            body: match resource.body {
                tools::ResourceBody::Text(text) => ResourceBody::Text(text),
                tools::ResourceBody::Blob(bytes) => ResourceBody::Blob(bytes),
            },
        },
    };
    let meta = guest.meta.map(|text| object("a part's `meta`", &text)).transpose()?;
    Ok(Part { content, annotations: guest.annotations.map(part_annotations), meta })
}

fn part_annotations(guest: tools::PartAnnotations) -> PartAnnotations {
    PartAnnotations {
        for_user: guest.audience.contains(&tools::Audience::User),
        for_assistant: guest.audience.contains(&tools::Audience::Assistant),
        priority: guest.priority,
        last_modified: guest.last_modified,
    }
}

fn icon(guest: tools::Icon) -> Icon {
    Icon { src: guest.src, mime_type: guest.mime_type, sizes: guest.sizes }
}

/// Text, bytes and JSON of an outcome together, in bytes.
fn size(outcome: &tools::Outcome) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let parts = outcome.content.iter().map(|part| {
        let content = match &part.content {
            tools::Content::Text(text) => text.len(),
            tools::Content::Image(media) | tools::Content::Audio(media) => media.data.len(),
            tools::Content::ResourceLink(link) => link.uri.len() + link.name.len() + text(&link.description),
            tools::Content::Resource(resource) => {
                resource.uri.len()
                    + match &resource.body {
                        tools::ResourceBody::Text(text) => text.len(),
                        tools::ResourceBody::Blob(bytes) => bytes.len(),
                    }
            }
        };
        content + text(&part.meta)
    });
    parts.sum::<usize>() + text(&outcome.structured) + text(&outcome.meta)
}
