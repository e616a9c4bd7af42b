//! `toolhost call`: one tool, once, without a server.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::start;
use super::terminal::{note, patiently, say};
use crate::call::{self, Content, JsonObject, Outcome, ResourceBody};
use crate::front;

/// Call one tool of the config and print what it answers.
#[derive(Args)]
pub(super) struct Call {
    /// The tool's full name, such as `crm__run_query`.
    tool: String,
    /// The arguments, a JSON object.
    #[arg(default_value = "{}")]
    arguments: String,
    /// Print the whole result as JSON.
    #[arg(long)]
    json: bool,
}

impl Call {
    pub(super) async fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        let arguments: JsonObject = serde_json::from_str(&self.arguments)
            .context("the arguments must be a JSON object, such as '{\"limit\": 5}'")?;
        let host = start::start_to_call(&start::read(path)?).await?;
        let outcome = patiently("Calling", host.call(call::Call::new(self.tool, arguments))).await;
        host.end_trail();
        let answer = outcome.and_then(Outcome::done);
        let code = if answer.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        if self.json {
            say!("{:#}", serde_json::to_value(front::tool_result(answer))?);
            return Ok(code);
        }
        match answer {
            Ok(answer) => answer.content.iter().for_each(|part| say!("{}", in_words(&part.content))),
            Err(error) => note!("{}", error.sentence()),
        }
        Ok(code)
    }
}

fn in_words(content: &Content) -> String {
    match content {
        Content::Text(text) => text.clone(),
        Content::Image(media) | Content::Audio(media) => format!("[{}, {} bytes]", media.mime_type, media.data.len()),
        Content::ResourceLink { uri, name, .. } => format!("[{name}: {uri}]"),
        Content::Resource { body: ResourceBody::Text(text), .. } => text.clone(),
        Content::Resource { uri, body: ResourceBody::Blob(bytes), .. } => format!("[{uri}, {} bytes]", bytes.len()),
    }
}
