//! From functions to what clients may read: what `#[resource]` and `plugin!` write down.

use serde::Serialize;
use serde_json::Value;

use crate::part::{ResourceBody, object};
use crate::wit::resources::exports::toolhost::plugin::resources::Catalogue;
pub use crate::wit::resources::exports::toolhost::plugin::resources::Contents;
use crate::{Error, Json, Result, Suggestions, Typed};

/// What a resource may return: a value that knows how to become its contents.
///
/// Implemented for text, bytes, [`Json`], [`Contents`] made by hand, several of them, and a
/// `Result` of any of these.
#[diagnostic::on_unimplemented(
    message = "a resource cannot return `{Self}`",
    label = "not something that can be read",
    note = "return `String`, `Vec<u8>`, `Json<T>`, `Contents`, `Vec<Contents>`, or a `Result` of one of them"
)]
pub trait IntoContents {
    /// The media type, where `#[resource]` names none.
    const MIME_TYPE: Option<&'static str> = None;

    /// Becomes the contents.
    fn into_contents(self) -> Result<Vec<Contents>>;
}

impl IntoContents for String {
    const MIME_TYPE: Option<&'static str> = Some("text/plain");

    fn into_contents(self) -> Result<Vec<Contents>> {
        Contents::text(self).into_contents()
    }
}

impl IntoContents for &'static str {
    const MIME_TYPE: Option<&'static str> = Some("text/plain");

    fn into_contents(self) -> Result<Vec<Contents>> {
        Contents::text(self).into_contents()
    }
}

impl IntoContents for Vec<u8> {
    const MIME_TYPE: Option<&'static str> = Some("application/octet-stream");

    fn into_contents(self) -> Result<Vec<Contents>> {
        Contents::blob(self).into_contents()
    }
}

impl IntoContents for &'static [u8] {
    const MIME_TYPE: Option<&'static str> = Some("application/octet-stream");

    fn into_contents(self) -> Result<Vec<Contents>> {
        Contents::blob(self).into_contents()
    }
}

/// Unlike the answer of a tool, what a resource holds need not be an object.
impl<T: Serialize> IntoContents for Json<T> {
    const MIME_TYPE: Option<&'static str> = Some("application/json");

    fn into_contents(self) -> Result<Vec<Contents>> {
        Contents::text(serde_json::to_string(&self.0)?).into_contents()
    }
}

impl IntoContents for Contents {
    fn into_contents(self) -> Result<Vec<Contents>> {
        Ok(vec![self])
    }
}

impl IntoContents for Vec<Contents> {
    fn into_contents(self) -> Result<Vec<Contents>> {
        Ok(self)
    }
}

impl<T: IntoContents, E: Into<Error>> IntoContents for Result<T, E> {
    const MIME_TYPE: Option<&'static str> = T::MIME_TYPE;

    fn into_contents(self) -> Result<Vec<Contents>> {
        self.map_err(Into::into)?.into_contents()
    }
}

/// Contents are built around what they hold. They have the URI that was asked for and the
/// media type of the resource, if they are not given others.
///
/// ```
/// use toolhost_sdk::{Contents, json};
///
/// let page = Contents::text("<!doctype html>")
///     .mime_type("text/html;profile=mcp-app")
///     .meta([("ui", json!({ "prefersBorder": true }))]);
/// assert_eq!(page.uri, "");
/// ```
impl Contents {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(ResourceBody::Text(text.into()))
    }

    /// Bytes, as they are.
    pub fn blob(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(ResourceBody::Blob(bytes.into()))
    }

    /// Sets the URI, of a part of what was asked for.
    pub fn uri(mut self, uri: impl Into<String>) -> Self {
        self.uri = uri.into();
        self
    }

    /// Sets the media type.
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// Sets the protocol's `_meta` of the contents.
    pub fn meta<'a>(mut self, entries: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        self.meta = Some(object(entries));
        self
    }

    fn new(body: ResourceBody) -> Self {
        Self { uri: String::new(), mime_type: None, body, meta: None }
    }
}

/// The contents of a resource, each with the URI and the media type it was not given.
pub fn contents<T: IntoContents>(value: T, uri: &str, mime_type: Option<&str>) -> Result<Vec<Contents>> {
    let mut contents = value.into_contents()?;
    for part in &mut contents {
        if part.uri.is_empty() {
            uri.clone_into(&mut part.uri);
        }
        let kind = part.mime_type.take();
        part.mime_type = kind.or_else(|| mime_type.or(T::MIME_TYPE).map(str::to_owned));
    }
    Ok(contents)
}

/// One resource, or the template of many, as `#[resource]` writes it down beside its function.
#[diagnostic::on_unimplemented(message = "`{Self}` is no resource", note = "mark the function with `#[resource(..)]`")]
pub trait Function {
    /// What it is called, or the template of it.
    const URI: &'static str;

    /// Adds what it is.
    fn describe(catalogue: &mut Catalogue);

    /// Reads it; nothing if the URI is another's.
    fn read(uri: &str) -> Option<Result<Vec<Contents>>>;

    /// Suggests values for a variable.
    fn complete(typed: &Typed) -> Result<Suggestions>;
}

/// One line of a plugin's list of resources.
#[derive(Clone, Copy)]
pub struct Entry {
    uri: &'static str,
    describe: fn(&mut Catalogue),
    read: fn(&str) -> Option<Result<Vec<Contents>>>,
    complete: fn(&Typed) -> Result<Suggestions>,
}

impl Entry {
    /// The entry of one resource.
    pub const fn of<T: Function>() -> Self {
        Self { uri: T::URI, describe: T::describe, read: T::read, complete: T::complete }
    }

    fn is_template(&self) -> bool {
        self.uri.contains('{')
    }
}

/// Describes every resource of a list, in its order.
pub fn describe(resources: &[Entry]) -> Result<Catalogue> {
    let mut catalogue = Catalogue { resources: Vec::new(), templates: Vec::new() };
    resources.iter().for_each(|resource| (resource.describe)(&mut catalogue));
    Ok(catalogue)
}

/// Reads the resource of that URI: one of its own before one that a template makes.
/// `not-found` if there is none.
pub fn read(resources: &[Entry], uri: &str) -> Result<Vec<Contents>> {
    let templates = resources.iter().filter(|resource| resource.is_template());
    let mut all = resources.iter().filter(|resource| !resource.is_template()).chain(templates);
    let none = || Err(Error::not_found(format!("This plugin has no resource `{uri}`.")));
    all.find_map(|resource| (resource.read)(uri)).unwrap_or_else(none)
}

/// Suggests values for a variable of a template. `not-found` if there is no such template.
pub fn complete(resources: &[Entry], uri_template: &str, typed: &Typed) -> Result<Suggestions> {
    match resources.iter().find(|resource| resource.uri == uri_template) {
        Some(resource) => (resource.complete)(typed),
        None => Err(Error::not_found(format!("This plugin has no template `{uri_template}`."))),
    }
}
