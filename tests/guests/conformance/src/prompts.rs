//! Conversations to begin with.

use schemars::JsonSchema;
use serde::Deserialize;
use toolhost_sdk::{Conversation, EmbeddedResource, Part, Result, Typed, client, prompt};

use crate::content::PNG;
use crate::progress::now;

/// A prompt without arguments.
#[prompt(title = "Simple prompt")]
pub(crate) fn test_simple_prompt() -> &'static str {
    "This is a simple prompt for testing."
}

/// A prompt with two arguments.
#[prompt]
pub(crate) fn test_prompt_with_arguments(
    /// First test argument
    #[complete(words)]
    arg1: String,
    /// Second test argument
    #[complete(like_the_first)]
    arg2: String,
) -> String {
    format!("Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")
}

fn words(typed: &str) -> Vec<&'static str> {
    let mut words = vec!["test", "testValue1", "testValue2", "hello", "world"];
    words.retain(|word| word.starts_with(typed));
    words
}

/// Suggests what was filled in as the other argument.
fn like_the_first(typed: &Typed) -> Vec<String> {
    typed.other("arg1").map(str::to_owned).into_iter().collect()
}

/// A prompt with a resource in it.
#[prompt]
pub(crate) fn test_prompt_with_embedded_resource(
    /// URI of the resource to embed
    #[allow(non_snake_case, reason = "the suite's own name")]
    resourceUri: String,
) -> Conversation {
    let resource = EmbeddedResource::text(resourceUri, "text/plain", "Embedded resource content for testing.");
    Conversation::new().user(resource).user("Please process the embedded resource above.")
}

/// A prompt with a picture in it.
#[prompt]
pub(crate) fn test_prompt_with_image() -> Conversation {
    Conversation::new().user(Part::image(PNG.to_vec(), "image/png")).user("Please analyze the image above.")
}

#[derive(Deserialize, JsonSchema)]
struct Context {
    context: String,
}

/// A prompt that asks before it is written.
#[prompt(details = now)]
pub(crate) fn test_input_required_result_prompt() -> Result<String> {
    let Context { context } = client::ask("user_context", "What context should the prompt use?")?.given()?;
    Ok(format!("Prompt with context: {context}"))
}
