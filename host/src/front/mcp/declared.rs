//! What this server says of itself: its name, and what the plugins that are there let it do.

#![allow(deprecated, reason = "the newest revision drops logging; clients have it still")]

use rmcp::model::{
    ExtensionCapabilities, Implementation, JsonObject, LoggingLevel, PromptsCapability, ResourcesCapability,
    ServerCapabilities, TASKS_EXTENSION_ID, ToolsCapability,
};
use serde_json::json;

use crate::call::{Level, Offer};
use crate::registry::Snapshot;

/// The extension of skills (SEP-2640).
const SKILLS: &str = "io.modelcontextprotocol/skills";

/// Which server this is.
pub(super) fn about() -> Implementation {
    let mut about = Implementation::new("toolhost", env!("CARGO_PKG_VERSION"));
    about.title = Some("toolhost".to_owned());
    about
}

/// What the plugins that are there let this server do.
pub(super) fn capabilities(plugins: &Snapshot) -> ServerCapabilities {
    let mut declared = ServerCapabilities::default();
    let mut tools = ToolsCapability::default();
    tools.list_changed = Some(true);
    declared.tools = Some(tools);
    declared.logging = Some(JsonObject::new());
    if plugins.offers(Offer::Prompts) {
        let mut prompts = PromptsCapability::default();
        prompts.list_changed = Some(true);
        declared.prompts = Some(prompts);
    }
    if plugins.offers(Offer::Resources) || plugins.offers(Offer::Skills) {
        let mut resources = ResourcesCapability::default();
        (resources.subscribe, resources.list_changed) = (Some(true), Some(true));
        declared.resources = Some(resources);
    }
    if plugins.completes() {
        declared.completions = Some(JsonObject::new());
    }
    let mut extensions = ExtensionCapabilities::new();
    extensions.insert(TASKS_EXTENSION_ID.to_owned(), JsonObject::new());
    if plugins.offers(Offer::Skills) {
        let settings = json!({ "directoryRead": true });
        extensions.insert(SKILLS.to_owned(), settings.as_object().cloned().unwrap_or_default());
    }
    declared.extensions = Some(extensions);
    declared
}

/// A level in the shared words.
pub(super) fn level(level: LoggingLevel) -> Level {
    match level {
        LoggingLevel::Debug => Level::Debug,
        LoggingLevel::Info => Level::Info,
        LoggingLevel::Notice => Level::Notice,
        LoggingLevel::Warning => Level::Warning,
        LoggingLevel::Error => Level::Error,
        LoggingLevel::Critical => Level::Critical,
        LoggingLevel::Alert => Level::Alert,
        LoggingLevel::Emergency => Level::Emergency,
    }
}

/// A level in the protocol's words.
pub(super) fn protocol_level(level: Level) -> LoggingLevel {
    match level {
        Level::Debug => LoggingLevel::Debug,
        Level::Info => LoggingLevel::Info,
        Level::Notice => LoggingLevel::Notice,
        Level::Warning => LoggingLevel::Warning,
        Level::Error => LoggingLevel::Error,
        Level::Critical => LoggingLevel::Critical,
        Level::Alert => LoggingLevel::Alert,
        Level::Emergency => LoggingLevel::Emergency,
    }
}
