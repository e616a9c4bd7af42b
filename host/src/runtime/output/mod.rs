//! What a guest says, turned into the shared nouns: sizes and JSON checked on the way.

mod prompt;
mod resource;
mod skill;
mod tool;

use serde_json::Value;

pub(super) use self::prompt::{conversation, prompt};
pub(super) use self::resource::{contents, resource, template};
pub(super) use self::skill::skill;
pub(super) use self::tool::{answer, tool};
use crate::call::{Content, Icon, JsonObject, Media, Part, PartAnnotations, ResourceBody, Suggestions, Uses};
use crate::fault::{Error, Kind};
use crate::wit::{self, completion, content};

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
    Error { retry_after, ..Error::new(kind, message) }
}

/// What a plugin may say in an error, in bytes.
const ERROR_BYTES_MAX: usize = 8 << 10;

fn json(what: &str, text: &str) -> Result<Value, Error> {
    // The parser refuses JSON that is nested more than 128 deep.
    serde_json::from_str(text).map_err(|error| bad_json(what, &error))
}

fn bad_json(what: &str, error: &serde_json::Error) -> Error {
    Error::new(Kind::BadOutput, format!("The plugin is at fault: {what} is no usable JSON ({error})."))
}

fn object(what: &str, text: &str) -> Result<JsonObject, Error> {
    match json(what, text)? {
        Value::Object(object) => Ok(object),
        _ => Err(Error::new(Kind::BadOutput, format!("The plugin is at fault: {what} is no JSON object."))),
    }
}

fn part(guest: content::Part) -> Result<Part, Error> {
    let media = |media: content::Media| Media { data: media.data, mime_type: media.mime_type };
    let content = match guest.content {
        content::Content::Text(text) => Content::Text(text),
        content::Content::Image(image) => Content::Image(media(image)),
        content::Content::Audio(audio) => Content::Audio(media(audio)),
        content::Content::ResourceLink(link) => Content::ResourceLink {
            uri: link.uri,
            name: link.name,
            title: link.title,
            description: link.description,
            mime_type: link.mime_type,
            size: link.size,
        },
        content::Content::Resource(resource) => {
            Content::Resource { uri: resource.uri, mime_type: resource.mime_type, body: body(resource.body) }
        }
    };
    let meta = guest.meta.map(|text| object("a part's `meta`", &text)).transpose()?;
    Ok(Part { content, annotations: guest.annotations.map(part_annotations), meta })
}

fn body(guest: content::ResourceBody) -> ResourceBody {
    match guest {
        content::ResourceBody::Text(text) => ResourceBody::Text(text),
        content::ResourceBody::Blob(bytes) => ResourceBody::Blob(bytes),
    }
}

fn part_annotations(guest: content::PartAnnotations) -> PartAnnotations {
    PartAnnotations {
        for_user: guest.audience.contains(&content::Audience::User),
        for_assistant: guest.audience.contains(&content::Audience::Assistant),
        priority: guest.priority,
        last_modified: guest.last_modified,
    }
}

fn icon(guest: content::Icon) -> Icon {
    Icon { src: guest.src, mime_type: guest.mime_type, sizes: guest.sizes }
}

/// Text, bytes and JSON of a part together, in bytes.
fn part_bytes(part: &content::Part) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let content = match &part.content {
        content::Content::Text(text) => text.len(),
        content::Content::Image(media) | content::Content::Audio(media) => media.data.len(),
        content::Content::ResourceLink(link) => link.uri.len() + link.name.len() + text(&link.description),
        content::Content::Resource(resource) => resource.uri.len() + body_bytes(&resource.body),
    };
    content + text(&part.meta)
}

fn body_bytes(body: &content::ResourceBody) -> usize {
    match body {
        content::ResourceBody::Text(text) => text.len(),
        content::ResourceBody::Blob(bytes) => bytes.len(),
    }
}

/// What an answer may have, and where its size is noted.
pub(super) struct Allowance {
    pub(super) bytes_max: usize,
    pub(super) uses: Uses,
}

fn within(bytes: usize, allowance: &Allowance) -> Result<(), Error> {
    let Allowance { bytes_max, uses } = allowance;
    if bytes <= *bytes_max {
        uses.note_bytes(bytes);
        return Ok(());
    }
    let message = format!("The plugin answered {bytes} bytes; its limit `output_kib` is {}.", bytes_max >> 10);
    Err(Error::new(Kind::OverLimit, message).next("Ask for less at once."))
}

/// Suggestions as the guest gave them, as many as may pass.
pub(super) fn suggestions(guest: completion::Suggestions, uses: &Uses) -> Suggestions {
    let completion::Suggestions { mut values, total } = guest;
    let given = values.len();
    values.truncate(Suggestions::MAX);
    uses.note_bytes(values.iter().map(String::len).sum());
    let total = total.map(|total| total.max(u32::try_from(given).unwrap_or(u32::MAX)));
    let more = given > values.len() || total.is_some_and(|total| total as usize > values.len());
    Suggestions { values, total, more }
}
