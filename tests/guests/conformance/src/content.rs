//! Tools that answer with each kind of content.

use toolhost_sdk::{EmbeddedResource, Error, Outcome, Result, json, tool};

/// A red pixel.
pub(crate) const PNG: &[u8] = include_bytes!("red.png");

/// A thousandth of a second of silence.
const WAV: &[u8] = include_bytes!("silence.wav");

/// Answers with a text.
#[tool(read_only, title = "Simple text", keywords = ["hello"])]
pub(crate) fn test_simple_text() -> &'static str {
    "This is a simple text response for testing."
}

/// Answers with a picture.
#[tool(read_only)]
pub(crate) fn test_image_content() -> Outcome {
    Outcome::new().image(PNG.to_vec(), "image/png")
}

/// Answers with a sound.
#[tool(read_only)]
pub(crate) fn test_audio_content() -> Outcome {
    Outcome::new().audio(WAV.to_vec(), "audio/wav")
}

/// Answers with a resource.
#[tool(read_only)]
pub(crate) fn test_embedded_resource() -> Outcome {
    let text = "This is an embedded resource content.";
    Outcome::new().resource(EmbeddedResource::text("test://embedded-resource", "text/plain", text))
}

/// Answers with a text, a picture and a resource.
#[tool(read_only)]
pub(crate) fn test_multiple_content_types() -> Outcome {
    let data = json!({ "test": "data", "value": 123 }).to_string();
    Outcome::new()
        .text("Multiple content types test:")
        .image(PNG.to_vec(), "image/png")
        .resource(EmbeddedResource::text("test://mixed-content-resource", "application/json", data))
}

/// Fails.
#[tool(read_only)]
pub(crate) fn test_error_handling() -> Result<()> {
    Err(Error::failed("This tool intentionally returns an error for testing"))
}
