//! The handler that rmcp asks: lists of what the plugins offer, and the calls of [`Door`].

#![allow(deprecated, reason = "the newest revision drops logging and subscriptions; clients have them still")]

use std::sync::Arc;

use axum::http::request::Parts;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams, CompleteResult,
    CustomRequest, CustomResult, DiscoverResult, ErrorCode, ErrorData, GetPromptRequestParams, GetPromptResponse,
    GetSkillRequestParams, GetSkillResult, GetTaskParams, GetTaskResult, InitializeRequestParams, InitializeResult,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListSkillsResult, ListToolsResult,
    PaginatedRequestParams, ReadResourceDirectoryRequestParams, ReadResourceRequestParams, ReadResourceResponse,
    Reference, Resource, ServerConfig, SetLevelRequestParams, Skill, SkillFrontmatter, SkillResource, SkillResources,
    SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};

use super::{Context, Door, Opening, begin, declared, listening, lists, malformed, protocol_error};
use crate::call::{self, Caller, Complete, CompleteOf, Offer};
use crate::front::{answer, identify};
use crate::registry::Seen;

/// How long a client may keep a list before it asks again, in milliseconds.
const LIST_FRESH_MS: u64 = 10_000;

/// The media type of a folder of skills.
const FOLDER: &str = "inode/directory";

/// How long a result may be kept, and by whom. What a caller may see depends on the caller.
pub(super) fn fresh() -> (Option<u64>, Option<CacheScope>) {
    (Some(LIST_FRESH_MS), Some(CacheScope::Private))
}

/// The result of a list: a page of it, and what every list says.
macro_rules! listed {
    ($door:expr, $context:expr, $request:expr, $result:ident, $field:ident, $items:expr) => {{
        let (page, next_cursor) = lists::page($items, $request.as_ref())?;
        let mut result = $result { $field: page, ..Default::default() };
        result.next_cursor = next_cursor;
        (result.ttl_ms, result.cache_scope) = fresh();
        result.meta = $door.server_info(&Context::of(&$context), None);
        Ok(result)
    }};
}

impl ServerHandler for Door {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(declared::capabilities(&self.host.plugins())).with_server_info(declared::about())
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        self.session.set_client(request.capabilities.clone());
        if let Some(opening) = context.extensions.get::<Parts>().and_then(|head| head.extensions.get::<Opening>()) {
            opening.opened(self.clone());
        }
        let instructions = self.host.instructions(&caller(&context)).await;
        let mut result = self.negotiate_initialize(&request)?.with_instructions(instructions);
        // The extensions are for the revision that knows extensions.
        result.capabilities.extensions = None;
        Ok(result)
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.session.listen(self.host.events(), context.peer);
    }

    async fn discover(&self, context: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let info = self.get_info().with_instructions(self.host.instructions(&caller(&context)).await);
        let versions = self.supported_protocol_versions().into_owned();
        let mut result = DiscoverResult::from_server_info(versions, info);
        (result.ttl_ms, result.cache_scope) = (LIST_FRESH_MS, CacheScope::Private);
        Ok(result)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let plugins = self.host.plugins();
        let seen = plugins.seen_by(&caller(&context));
        let tools = seen.tools().map(|tool| (tool.name.clone(), answer::tool(tool)));
        listed!(self, context, request, ListToolsResult, tools, tools)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let plugins = self.host.plugins();
        // rmcp asks at each call, to hold the call's headers against the tool's schema.
        let (_, loaded) = plugins.tool(name).filter(|(_, loaded)| loaded.tool.mirrors_arguments)?;
        Some(answer::tool(&loaded.tool))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Door::call_tool(self, request, &Context::of(&context)).await.map(Into::into)
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        self.task(&request.task_id, &Context::of(&context)).await
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.reply_to_task(&request.task_id, &request.input_responses, &Context::of(&context)).await
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.stop_task(&request.task_id, &Context::of(&context)).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let plugins = self.host.plugins();
        offered(plugins.offers(Offer::Resources) || plugins.offers(Offer::Skills), "resources/list")?;
        let seen = plugins.seen_by(&caller(&context));
        let mut all: Vec<_> = seen.skills().map(about_skill).collect();
        all.extend(seen.resources().map(|resource| (resource.uri.clone(), answer::resource(resource))));
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        listed!(self, context, request, ListResourcesResult, resources, all.into_iter())
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let plugins = self.host.plugins();
        offered(plugins.offers(Offer::Resources) || plugins.offers(Offer::Skills), "resources/templates/list")?;
        let seen = plugins.seen_by(&caller(&context));
        let templates = seen.templates().map(|template| (template.uri_template.clone(), answer::template(template)));
        listed!(self, context, request, ListResourceTemplatesResult, resource_templates, templates)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        self.read(request, &Context::of(&context)).await
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let plugins = self.host.plugins();
        offered(plugins.offers(Offer::Prompts), "prompts/list")?;
        let seen = plugins.seen_by(&caller(&context));
        let prompts = seen.prompts().map(|prompt| (prompt.name.clone(), answer::prompt(prompt)));
        listed!(self, context, request, ListPromptsResult, prompts, prompts)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        self.prompt(request, &Context::of(&context)).await
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let context = Context::of(&context);
        let others = request.context.and_then(|context| context.arguments).unwrap_or_default();
        let of = match request.r#ref {
            Reference::Prompt(prompt) => CompleteOf::Prompt(prompt.name),
            Reference::Resource(template) => CompleteOf::Template(template.uri),
            _ => return Err(ErrorData::invalid_params("`ref` must be a prompt or a resource template", None)),
        };
        let (argument, typed) = (request.argument.name, request.argument.value);
        let complete = Complete { of, argument, typed, others: others.into_iter().collect() };
        let (host, call) = (Arc::clone(&self.host), self.call(complete, &context));
        let mut running = begin(call, |call| async move { host.complete(call).await });
        let answered = self.drive(&mut running, &context, None).await.map_err(|error| protocol_error(&error))?;
        let suggestions = match answered {
            super::Answered::Done(suggestions) => suggestions,
            super::Answered::InputRequired(_) => call::Suggestions::default(),
        };
        let mut result = answer::suggestions(suggestions);
        result.meta = self.server_info(&context, None);
        Ok(result)
    }

    async fn set_level(&self, request: SetLevelRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.session.set_level(declared::level(request.level));
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if !self.host.plugins().seen_by(&caller(&context)).has_resource(&request.uri) {
            let uri = json!({ "uri": request.uri });
            return Err(ErrorData::resource_not_found("There is no such resource.", Some(uri)));
        }
        if self.session.subscribe(request.uri) {
            return Ok(());
        }
        Err(ErrorData::invalid_request(
            "This session hears of as many resources as it may; unsubscribe from some.",
            None,
        ))
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.session.unsubscribe(&request.uri);
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, stream: SubscriptionContext) -> Result<(), ErrorData> {
        listening::listen(self.host.events(), stream).await;
        Ok(())
    }

    async fn list_skills(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListSkillsResult, ErrorData> {
        let plugins = self.host.plugins();
        let seen = plugins.seen_by(&caller(&context));
        let skills = seen.skills().map(|skill| (skill.path.clone(), entry(skill)));
        let (page, next_cursor) = lists::page(skills, request.as_ref())?;
        let mut result = ListSkillsResult::with_all_items(page);
        result.next_cursor = next_cursor;
        (result.ttl_ms, result.cache_scope) = fresh();
        result.meta = self.server_info(&Context::of(&context), None);
        Ok(result)
    }

    async fn get_skill(
        &self,
        request: GetSkillRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetSkillResult, ErrorData> {
        let plugins = self.host.plugins();
        let skill = plugins.seen_by(&caller(&context)).skills().find(|skill| skill.uri("SKILL.md") == request.uri);
        let skill = skill.ok_or_else(|| no_such(&request.uri))?;
        let mut result = GetSkillResult::new(entry(skill));
        (result.ttl_ms, result.cache_scope) = fresh();
        result.meta = self.server_info(&Context::of(&context), None);
        Ok(result)
    }

    async fn read_resource_directory(
        &self,
        request: ReadResourceDirectoryRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let plugins = self.host.plugins();
        let children = children(&plugins.seen_by(&caller(&context)), request.uri.trim_end_matches('/'));
        if children.is_empty() {
            return Err(no_such(&request.uri));
        }
        let page_of = request.cursor.map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
        listed!(self, context, page_of, ListResourcesResult, resources, children.into_iter())
    }

    /// Where rmcp hands over what it did not recognise: a `tools/call` here is a malformed one.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        match malformed::parameters(&request.method, Context::of(&context).is_modern) {
            Some(message) => Err(ErrorData::new(ErrorCode::INVALID_PARAMS, message, None)),
            None => Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, request.method, None)),
        }
    }
}

/// Who makes a request.
fn caller(context: &RequestContext<RoleServer>) -> Arc<Caller> {
    identify::caller(context.extensions.get::<Parts>())
}

/// What no plugin has is a method that this server does not have.
fn offered(offered: bool, method: &'static str) -> Result<(), ErrorData> {
    if offered { Ok(()) } else { Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None)) }
}

fn no_such(uri: &str) -> ErrorData {
    ErrorData::invalid_params("There is no such skill, or folder of one.", Some(json!({ "uri": uri })))
}

/// A skill's own `SKILL.md`, as a resource.
fn about_skill(skill: &call::Skill) -> (String, Resource) {
    let text = |field| skill.frontmatter.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let uri = skill.uri("SKILL.md");
    let resource = Resource::new(uri.clone(), text("name"));
    (uri, resource.with_description(text("description")).with_mime_type("text/markdown"))
}

/// A skill, as the extension lists it.
fn entry(skill: &call::Skill) -> Skill {
    let text = |field| skill.frontmatter.get(field).and_then(Value::as_str).unwrap_or_default();
    let mut frontmatter = SkillFrontmatter::new(text("name"), text("description"));
    for (field, value) in
        skill.frontmatter.iter().filter(|(field, _)| !matches!(field.as_str(), "name" | "description"))
    {
        frontmatter = frontmatter.with_field(field.clone(), value.clone());
    }
    let file = |file: &call::SkillFile| {
        SkillResource::new(skill.uri(&file.path), format!("sha256:{}", file.digest), file.bytes.len() as u64)
    };
    let files = SkillResources::Files(skill.files.iter().map(file).collect());
    Skill::new(skill.uri("SKILL.md"), frontmatter, files)
}

/// What lies directly in a folder of skills, by URI.
fn children(plugins: &Seen<'_>, folder: &str) -> std::collections::BTreeMap<String, Resource> {
    let within = format!("{folder}/");
    let mut children = std::collections::BTreeMap::new();
    for skill in plugins.skills() {
        for file in &skill.files {
            let uri = skill.uri(&file.path);
            let Some(rest) = uri.strip_prefix(&within) else { continue };
            let (name, is_folder) = rest.split_once('/').map_or((rest, false), |(name, _)| (name, true));
            let child = format!("{within}{name}");
            let mime_type = if is_folder { FOLDER } else { file.mime_type.as_str() };
            let resource = Resource::new(child.clone(), name).with_mime_type(mime_type);
            children.insert(child, if is_folder { resource } else { resource.with_size(file.bytes.len() as u64) });
        }
    }
    children
}
