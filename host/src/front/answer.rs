//! What plugins offer and answer, and errors, in the words of MCP. REST answers with the same JSON.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rmcp::model::{
    Annotations, AudioContent, CallToolResult, CompleteResult, CompletionInfo, ContentBlock, EmbeddedResource,
    GetPromptResult, Icon, ImageContent, MetaObject, Prompt, PromptArgument, PromptMessage, ReadResourceResult,
    Resource, ResourceContents, ResourceTemplate, ResultType, Role, TextContent, Tool, ToolAnnotations,
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::call::{self, Answer, Content, Conversation, Part, ResourceBody, Structured, Suggestions};
use crate::fault::Error;

/// Where an error's kind, fault and wait stand in the `_meta` of a result.
const ERROR_META: &str = "toolhost/error";

/// A tool as MCP lists it.
pub(super) fn tool(tool: &call::Tool) -> Tool {
    let mut listed = Tool::new(tool.name.clone(), tool.description.clone(), Arc::clone(&tool.input_schema));
    listed.title.clone_from(&tool.title);
    listed.output_schema.clone_from(&tool.output_schema);
    listed.annotations = annotations(tool.annotations);
    listed.icons = icons(&tool.icons);
    listed.meta = tool.meta.clone().map(MetaObject);
    listed
}

/// A resource as MCP lists it.
pub(super) fn resource(resource: &call::Resource) -> Resource {
    let mut listed = Resource::new(resource.uri.clone(), resource.name.clone());
    listed.title.clone_from(&resource.title);
    listed.description.clone_from(&resource.description);
    listed.mime_type.clone_from(&resource.mime_type);
    listed.size = resource.size;
    listed.annotations = resource.annotations.clone().map(part_annotations);
    listed.icons = icons(&resource.icons);
    listed.meta = resource.meta.clone().map(MetaObject);
    listed
}

/// A template as MCP lists it.
pub(super) fn template(template: &call::Template) -> ResourceTemplate {
    let mut listed = ResourceTemplate::new(template.uri_template.clone(), template.name.clone());
    listed.title.clone_from(&template.title);
    listed.description.clone_from(&template.description);
    listed.mime_type.clone_from(&template.mime_type);
    listed.annotations = template.annotations.clone().map(part_annotations);
    listed.icons = icons(&template.icons);
    listed.meta = template.meta.clone().map(MetaObject);
    listed
}

/// A prompt as MCP lists it.
pub(super) fn prompt(prompt: &call::Prompt) -> Prompt {
    let argument = |argument: &call::PromptArgument| {
        let mut listed = PromptArgument::new(argument.name.clone()).with_required(argument.required);
        (listed.title, listed.description) = (argument.title.clone(), argument.description.clone());
        listed
    };
    let arguments = (!prompt.arguments.is_empty()).then(|| prompt.arguments.iter().map(argument).collect());
    let mut listed = Prompt::new(prompt.name.clone(), prompt.description.clone(), arguments);
    listed.title.clone_from(&prompt.title);
    listed.icons = icons(&prompt.icons);
    listed.meta = prompt.meta.clone().map(MetaObject);
    listed
}

fn icons(icons: &[call::Icon]) -> Option<Vec<Icon>> {
    (!icons.is_empty()).then(|| icons.iter().map(icon).collect())
}

fn annotations(hints: call::Annotations) -> Option<ToolAnnotations> {
    let call::Annotations { read_only, destructive, idempotent, open_world } = hints;
    [read_only, destructive, idempotent, open_world].iter().any(Option::is_some).then(|| {
        let mut annotations = ToolAnnotations::default();
        annotations.read_only_hint = read_only;
        annotations.destructive_hint = destructive;
        annotations.idempotent_hint = idempotent;
        annotations.open_world_hint = open_world;
        annotations
    })
}

fn icon(icon: &call::Icon) -> Icon {
    let mut shown = Icon::new(icon.src.clone());
    shown.mime_type.clone_from(&icon.mime_type);
    shown.sizes = (!icon.sizes.is_empty()).then(|| icon.sizes.clone());
    shown
}

/// What a call answered, as the result of `tools/call`. It is the protocol library's
/// [`CallToolResult`], but that the structured outcome need not be read to be sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    result_type: Option<ResultType>,
    content: Vec<ContentBlock>,
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_content: Option<Structured>,
    is_error: bool,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    pub(super) meta: Option<MetaObject>,
}

impl From<ToolResult> for CallToolResult {
    fn from(result: ToolResult) -> Self {
        let ToolResult { result_type, content, structured_content, is_error, meta } = result;
        let mut result = if is_error { Self::error(content) } else { Self::success(content) };
        result.result_type = result_type;
        result.structured_content = structured_content.map(Structured::into_value);
        result.meta = meta;
        result
    }
}

impl ToolResult {
    /// The same, as the newest revision has it: it says that it is one.
    pub(super) fn typed(self) -> Self {
        Self { result_type: Some(ResultType::COMPLETE), ..self }
    }
}

/// What a call answered: the result of `tools/call`, whichever door it leaves by.
pub fn tool_result(answer: Result<Answer, Error>) -> ToolResult {
    match answer {
        Ok(Answer { content, structured, meta }) => ToolResult {
            result_type: None,
            content: content.into_iter().map(part).collect(),
            structured_content: structured,
            is_error: false,
            meta: meta.map(MetaObject),
        },
        Err(error) => {
            let mut meta = MetaObject::default();
            meta.0.insert(ERROR_META.to_owned(), error_json(&error));
            let content = vec![ContentBlock::text(error.sentence())];
            ToolResult { result_type: None, content, structured_content: None, is_error: true, meta: Some(meta) }
        }
    }
}

/// What was read, as the result of `resources/read`.
pub(super) fn contents(contents: Vec<call::Contents>) -> ReadResourceResult {
    let one =
        |contents: call::Contents| resource_contents(contents.uri, contents.mime_type, contents.body, contents.meta);
    ReadResourceResult::new(contents.into_iter().map(one).collect())
}

/// A prompt that was written, as the result of `prompts/get`.
pub(super) fn conversation(conversation: Conversation) -> GetPromptResult {
    let message = |message: call::Message| {
        let role = if message.by_model { Role::Assistant } else { Role::User };
        PromptMessage::new(role, part(message.part))
    };
    let mut result = GetPromptResult::new(conversation.messages.into_iter().map(message).collect());
    result.description = conversation.description;
    result.meta = conversation.meta.map(MetaObject);
    result
}

/// Suggestions, as the result of `completion/complete`.
pub(super) fn suggestions(suggestions: Suggestions) -> CompleteResult {
    let mut completion = CompletionInfo::default();
    (completion.values, completion.total) = (suggestions.values, suggestions.total);
    completion.has_more = Some(suggestions.more);
    CompleteResult::new(completion)
}

/// An error as JSON: `kind`, `fault`, `message`, and `next` and `retryAfterMs` where known.
pub fn error_json(error: &Error) -> Value {
    let mut shown = json!({
        "kind": error.kind.as_str(),
        "fault": error.kind.fault().as_str(),
        "message": error.message,
    });
    if let Value::Object(fields) = &mut shown {
        if let Some(next) = &error.next {
            fields.insert("next".to_owned(), json!(next));
        }
        if let Some(wait) = error.retry_after {
            fields.insert("retryAfterMs".to_owned(), json!(wait.as_millis()));
        }
    }
    shown
}

fn part(part: Part) -> ContentBlock {
    let hints = part.annotations.map(part_annotations);
    let meta = part.meta.map(MetaObject);
    match part.content {
        Content::Text(text) => {
            let mut content = TextContent::new(text);
            (content.annotations, content.meta) = (hints, meta);
            ContentBlock::Text(content)
        }
        Content::Image(media) => {
            let mut content = ImageContent::new(BASE64.encode(media.data), media.mime_type);
            (content.annotations, content.meta) = (hints, meta);
            ContentBlock::Image(content)
        }
        Content::Audio(media) => {
            let mut content = AudioContent::new(BASE64.encode(media.data), media.mime_type);
            (content.annotations, content.meta) = (hints, meta);
            ContentBlock::Audio(content)
        }
        Content::ResourceLink { uri, name, title, description, mime_type, size } => {
            let mut link = Resource::new(uri, name);
            (link.title, link.description, link.mime_type, link.size) = (title, description, mime_type, size);
            (link.annotations, link.meta) = (hints, meta);
            ContentBlock::ResourceLink(link)
        }
        Content::Resource { uri, mime_type, body } => {
            let mut content = EmbeddedResource::new(resource_contents(uri, mime_type, body, None));
            (content.annotations, content.meta) = (hints, meta);
            ContentBlock::Resource(content)
        }
    }
}

fn resource_contents(
    uri: String,
    mime_type: Option<String>,
    body: ResourceBody,
    meta: Option<call::JsonObject>,
) -> ResourceContents {
    let meta = meta.map(MetaObject);
    match body {
        ResourceBody::Text(text) => ResourceContents::TextResourceContents { uri, mime_type, text, meta },
        ResourceBody::Blob(bytes) => {
            let blob = BASE64.encode(bytes);
            ResourceContents::BlobResourceContents { uri, mime_type, blob, meta }
        }
    }
}

fn part_annotations(hints: call::PartAnnotations) -> Annotations {
    let audience = [(hints.for_user, Role::User), (hints.for_assistant, Role::Assistant)];
    let audience: Vec<Role> = audience.into_iter().filter_map(|(is_for, role)| is_for.then_some(role)).collect();
    let mut annotations = Annotations::default();
    annotations.audience = (!audience.is_empty()).then_some(audience);
    #[allow(clippy::cast_possible_truncation, reason = "the protocol library holds a priority in 32 bits")]
    let priority = hints.priority.map(|priority| priority as f32);
    annotations.priority = priority;
    annotations.last_modified = hints.last_modified;
    annotations
}
