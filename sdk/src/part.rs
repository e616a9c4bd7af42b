//! The parts of an answer or of a conversation: text, pictures, sounds and resources.

use serde_json::{Map, Value};

pub use crate::wit::toolhost::types::content::{Audience, EmbeddedResource, Part, ResourceBody, ResourceLink};
use crate::wit::toolhost::types::content::{Content, Media, PartAnnotations};

/// A part is one of five kinds of content, with hints about it.
impl Part {
    /// Text for the model to read.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::Text(text.into()))
    }

    /// A picture: its bytes as they are, and their media type.
    pub fn image(data: Vec<u8>, mime_type: impl Into<String>) -> Self {
        let mime_type = mime_type.into();
        Self::new(Content::Image(Media { data, mime_type }))
    }

    /// A sound: its bytes as they are, and their media type.
    pub fn audio(data: Vec<u8>, mime_type: impl Into<String>) -> Self {
        let mime_type = mime_type.into();
        Self::new(Content::Audio(Media { data, mime_type }))
    }

    /// A pointer to something that the client may read by itself.
    pub fn link(link: ResourceLink) -> Self {
        Self::new(Content::ResourceLink(link))
    }

    /// A resource itself.
    pub fn resource(resource: EmbeddedResource) -> Self {
        Self::new(Content::Resource(resource))
    }

    /// Says whom the part is for; without it, everybody.
    pub fn audience(mut self, audience: &[Audience]) -> Self {
        self.hints().audience = audience.to_vec();
        self
    }

    /// Says how much the part matters: 0.0, may be left out, to 1.0, must be read.
    pub fn priority(mut self, priority: f64) -> Self {
        self.hints().priority = Some(priority);
        self
    }

    /// Says when the part last changed, as an ISO 8601 timestamp.
    pub fn last_modified(mut self, timestamp: impl Into<String>) -> Self {
        self.hints().last_modified = Some(timestamp.into());
        self
    }

    /// Sets the protocol's `_meta` of the part.
    pub fn meta<'a>(mut self, entries: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        self.meta = Some(object(entries));
        self
    }

    fn new(content: Content) -> Self {
        Self { content, annotations: None, meta: None }
    }

    fn hints(&mut self) -> &mut PartAnnotations {
        self.annotations.get_or_insert(PartAnnotations { audience: Vec::new(), priority: None, last_modified: None })
    }
}

impl ResourceLink {
    /// A link with a place and a name; the other fields are public, and empty.
    pub fn new(uri: impl Into<String>, name: impl Into<String>) -> Self {
        Self { uri: uri.into(), name: name.into(), title: None, description: None, mime_type: None, size: None }
    }
}

impl EmbeddedResource {
    /// Text with a URI of its own.
    pub fn text(uri: impl Into<String>, mime_type: impl Into<String>, text: impl Into<String>) -> Self {
        Self { uri: uri.into(), mime_type: Some(mime_type.into()), body: ResourceBody::Text(text.into()) }
    }

    /// Bytes with a URI of their own.
    pub fn blob(uri: impl Into<String>, mime_type: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { uri: uri.into(), mime_type: Some(mime_type.into()), body: ResourceBody::Blob(bytes.into()) }
    }
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<EmbeddedResource> for Part {
    fn from(resource: EmbeddedResource) -> Self {
        Self::resource(resource)
    }
}

impl From<ResourceLink> for Part {
    fn from(link: ResourceLink) -> Self {
        Self::link(link)
    }
}

/// A `_meta`, as the contract has it.
pub(crate) fn object<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> String {
    let entries = entries.into_iter().map(|(key, value)| (key.to_owned(), value));
    Value::Object(Map::from_iter(entries)).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hints_and_meta_are_kept_with_their_part() {
        let part = Part::text("x").audience(&[Audience::User]).priority(0.5).meta([("a/b", json!(1))]);
        let hints = part.annotations.unwrap();
        assert_eq!((hints.audience, hints.priority), (vec![Audience::User], Some(0.5)));
        assert_eq!(part.meta.as_deref(), Some(r#"{"a/b":1}"#));
    }
}
