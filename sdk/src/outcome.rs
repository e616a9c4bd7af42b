//! What a tool answers: how Rust values become the parts and the JSON of an outcome.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::part::{EmbeddedResource, Part, ResourceLink, object};
pub use crate::wit::exports::toolhost::plugin::tools::Outcome;
use crate::{Error, Result, schema};

/// What a tool may return: a value that knows how to become an [`Outcome`].
///
/// Implemented for text, [`Json`], a text beside a [`Json`], rows, an [`Outcome`] made by
/// hand, nothing at all, and a `Result` of any of them.
#[diagnostic::on_unimplemented(
    message = "a tool cannot return `{Self}`",
    label = "not something a tool can answer with",
    note = "return `Json<T>`, `String`, `sql::Rows`, `Outcome`, `()`, or a `Result` of one of them"
)]
pub trait IntoOutcome {
    /// JSON Schema of the structured part; none if there is no such part.
    fn output_schema() -> Option<Value> {
        None
    }

    /// Becomes the answer.
    fn into_outcome(self) -> Result<Outcome>;
}

impl IntoOutcome for Outcome {
    fn into_outcome(self) -> Result<Outcome> {
        Ok(self)
    }
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Result<Outcome> {
        Ok(Outcome::new())
    }
}

impl IntoOutcome for String {
    fn into_outcome(self) -> Result<Outcome> {
        Ok(Outcome::new().text(self))
    }
}

impl IntoOutcome for &'static str {
    fn into_outcome(self) -> Result<Outcome> {
        Ok(Outcome::new().text(self))
    }
}

impl<T: IntoOutcome, E: Into<Error>> IntoOutcome for Result<T, E> {
    fn output_schema() -> Option<Value> {
        T::output_schema()
    }

    fn into_outcome(self) -> Result<Outcome> {
        self.map_err(Into::into)?.into_outcome()
    }
}

/// A value as JSON: structured for programs, the same JSON as text for the model.
///
/// Clients of older protocol revisions take only an object, so anything else is put into
/// one: `Json(vec![1, 2])` is answered as `{"result":[1,2]}`, and described so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<T>(
    /// The value.
    pub T,
);

impl<T: Serialize + JsonSchema> IntoOutcome for Json<T> {
    fn output_schema() -> Option<Value> {
        Some(schema::output::<T>())
    }

    fn into_outcome(self) -> Result<Outcome> {
        let text = self.into_text()?;
        Ok(Outcome { structured: Some(text.clone()), ..Outcome::new().text(text) })
    }
}

/// A text for the model beside JSON for programs, where JSON would cost the model too much.
impl<T: Serialize + JsonSchema> IntoOutcome for (String, Json<T>) {
    fn output_schema() -> Option<Value> {
        Json::<T>::output_schema()
    }

    fn into_outcome(self) -> Result<Outcome> {
        let (text, json) = self;
        Ok(Outcome { structured: Some(json.into_text()?), ..Outcome::new().text(text) })
    }
}

impl<T: Serialize> Json<T> {
    /// The text of a JSON object, written without a tree in between.
    fn into_text(self) -> Result<String> {
        let text = serde_json::to_string(&self.0)?;
        // The instance ends with the call, and its memory with it: to free a tree piece by piece costs for nothing.
        std::mem::forget(self.0);
        Ok(if text.starts_with('{') { text } else { format!("{{\"result\":{text}}}") })
    }
}

/// An outcome is built part by part, in the order in which the model reads it.
///
/// ```
/// use toolhost_sdk::{Outcome, Part, json};
///
/// let outcome = Outcome::new()
///     .text("The chart of this week.")
///     .image(vec![0x89, b'P', b'N', b'G'], "image/png")
///     .part(Part::text("Drawn from 7 samples.").priority(0.1))
///     .structured(json!({ "samples": 7 }));
/// assert_eq!(outcome.content.len(), 3);
/// ```
impl Outcome {
    /// An answer with nothing in it.
    pub fn new() -> Self {
        Self { content: Vec::new(), structured: None, meta: None }
    }

    /// Adds text.
    pub fn text(self, text: impl Into<String>) -> Self {
        self.part(Part::text(text))
    }

    /// Adds a picture: its bytes as they are, and their media type.
    pub fn image(self, data: Vec<u8>, mime_type: impl Into<String>) -> Self {
        self.part(Part::image(data, mime_type))
    }

    /// Adds a sound: its bytes as they are, and their media type.
    pub fn audio(self, data: Vec<u8>, mime_type: impl Into<String>) -> Self {
        self.part(Part::audio(data, mime_type))
    }

    /// Adds a pointer to something that the client may read by itself.
    pub fn link(self, link: ResourceLink) -> Self {
        self.part(Part::link(link))
    }

    /// Adds a resource itself.
    pub fn resource(self, resource: EmbeddedResource) -> Self {
        self.part(Part::resource(resource))
    }

    /// Adds a part with hints of its own.
    pub fn part(mut self, part: Part) -> Self {
        self.content.push(part);
        self
    }

    /// Sets what programs read. The host refuses it if it does not fit the tool's output
    /// schema; a tool that returns an `Outcome` has none.
    pub fn structured(mut self, value: Value) -> Self {
        // Not `to_string`, which writes byte by byte through `fmt`.
        self.structured = serde_json::to_string(&value).ok();
        self
    }

    /// Sets the protocol's `_meta` of the result. Keys are best prefixed: `example.com/cost`.
    pub fn meta<'a>(mut self, entries: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        self.meta = Some(object(entries));
        self
    }
}

impl Default for Outcome {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::raw::Content;

    #[derive(Serialize, JsonSchema)]
    struct Sum {
        sum: i64,
    }

    fn first_text(outcome: &Outcome) -> &str {
        match &outcome.content[0].content {
            Content::Text(text) => text,
            other => panic!("not text: {other:?}"),
        }
    }

    #[test]
    fn an_object_is_answered_as_it_is() {
        let outcome = Json(Sum { sum: 3 }).into_outcome().unwrap();
        assert_eq!(outcome.structured.as_deref(), Some(r#"{"sum":3}"#));
        assert_eq!(first_text(&outcome), r#"{"sum":3}"#);
    }

    #[test]
    fn anything_else_is_put_into_an_object_and_described_so() {
        let outcome = Json(vec![1, 2]).into_outcome().unwrap();
        assert_eq!(outcome.structured.as_deref(), Some(r#"{"result":[1,2]}"#));
        assert_eq!(
            Json::<Vec<i32>>::output_schema(),
            Some(json!({
                "type": "object",
                "properties": { "result": { "type": "array", "items": { "type": "integer" } } },
                "required": ["result"],
            }))
        );
    }

    #[test]
    fn a_text_may_stand_beside_the_json() {
        let outcome = ("three".to_owned(), Json(Sum { sum: 3 })).into_outcome().unwrap();
        assert_eq!(first_text(&outcome), "three");
        assert_eq!(outcome.structured.as_deref(), Some(r#"{"sum":3}"#));
    }

    #[test]
    fn an_error_of_a_tool_is_the_error_of_the_call() {
        let answer: Result<Json<Sum>> = Err(Error::limited("Too many.").retry_after_ms(5));
        let error = answer.into_outcome().unwrap_err();
        assert_eq!((error.kind, error.retry_after_ms), (crate::ErrorKind::Limited, Some(5)));
    }
}
