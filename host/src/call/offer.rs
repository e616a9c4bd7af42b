//! What plugins offer: tools, resources, prompts and skills, as agents see them. The words
//! are those of MCP; see `wit/`.

use std::sync::Arc;

use super::{Contents, JsonObject, PartAnnotations, ResourceBody};

/// One tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// The full name: the plugin's prefix, two underscores, the tool's own name.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What the model reads.
    pub description: String,
    /// JSON Schema (2020-12) of the arguments.
    pub input_schema: Arc<JsonObject>,
    /// Whether clients must mirror some argument in a header: `x-mcp-header` in the input schema.
    pub mirrors_arguments: bool,
    /// JSON Schema (2020-12) of the structured outcome.
    pub output_schema: Option<Arc<JsonObject>>,
    /// Hints for clients.
    pub annotations: Annotations,
    /// Whether a call may become a task.
    pub task_use: TaskUse,
    /// Words by which agents may look for it.
    pub keywords: Vec<String>,
    /// Pictures for clients.
    pub icons: Vec<Icon>,
    /// The protocol's `_meta`.
    pub meta: Option<JsonObject>,
}

/// What a tool does to the world; hints, on which nothing here relies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Annotations {
    /// It changes nothing.
    pub read_only: Option<bool>,
    /// What it changes may be lost.
    pub destructive: Option<bool>,
    /// A second call changes nothing more.
    pub idempotent: Option<bool>,
    /// It reaches beyond the host's sources.
    pub open_world: Option<bool>,
}

/// A picture for a client to show.
#[derive(Debug, Clone, PartialEq)]
pub struct Icon {
    /// An `https:` or `data:` URL.
    pub src: String,
    /// Its media type.
    pub mime_type: Option<String>,
    /// Such as `48x48` or `any`.
    pub sizes: Vec<String>,
}

/// Whether a call of a tool may become a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TaskUse {
    /// Once it outlasts the host's threshold.
    #[default]
    WhenSlow,
    /// At once, for clients that can.
    AtOnce,
    /// At once, and no other client may call it.
    Required,
}

/// One thing to read.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// What it is called.
    pub uri: String,
    /// Its name.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What the model reads.
    pub description: Option<String>,
    /// Its media type.
    pub mime_type: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Hints about it.
    pub annotations: Option<PartAnnotations>,
    /// Pictures for clients.
    pub icons: Vec<Icon>,
    /// The protocol's `_meta`.
    pub meta: Option<JsonObject>,
}

/// Many things to read, whose URIs are made alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// An RFC 6570 template of level 1.
    pub uri_template: String,
    /// Its name.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What the model reads.
    pub description: Option<String>,
    /// The media type that all of them have.
    pub mime_type: Option<String>,
    /// The variables that can be completed.
    pub completes: Vec<String>,
    /// Hints about them.
    pub annotations: Option<PartAnnotations>,
    /// Pictures for clients.
    pub icons: Vec<Icon>,
    /// The protocol's `_meta`.
    pub meta: Option<JsonObject>,
}

/// One prompt: a conversation that a person may begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// The full name: the plugin's prefix, two underscores, the prompt's own name.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What it must be told.
    pub arguments: Vec<PromptArgument>,
    /// Pictures for clients.
    pub icons: Vec<Icon>,
    /// The protocol's `_meta`.
    pub meta: Option<JsonObject>,
}

/// One argument of a prompt; its value is text.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptArgument {
    /// Its name.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it can be completed.
    pub completes: bool,
}

/// One skill (SEP-2640): a folder of instructions, which the host keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct Skill {
    /// Where it is among the skills, such as `office/forms`.
    pub path: String,
    /// What its `SKILL.md` begins with: `name` and `description` are there, and text.
    pub frontmatter: JsonObject,
    /// Its files, by path.
    pub files: Vec<SkillFile>,
}

/// One file of a skill.
#[derive(Debug, Clone, PartialEq)]
pub struct SkillFile {
    /// Where it is within the skill.
    pub path: String,
    /// Its media type.
    pub mime_type: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
    /// The bytes.
    pub bytes: Arc<[u8]>,
}

impl Skill {
    /// The URI of a file of it, or of the folder itself if the path is empty.
    pub fn uri(&self, file: &str) -> String {
        let path = &self.path;
        if file.is_empty() { format!("skill://{path}") } else { format!("skill://{path}/{file}") }
    }
}

impl SkillFile {
    /// What a client reads of it, under this URI.
    pub fn contents(&self, uri: &str) -> Contents {
        let body = match std::str::from_utf8(&self.bytes) {
            Ok(text) => ResourceBody::Text(text.to_owned()),
            Err(_) => ResourceBody::Blob(self.bytes.to_vec()),
        };
        Contents { uri: uri.to_owned(), mime_type: Some(self.mime_type.clone()), body, meta: None }
    }
}
