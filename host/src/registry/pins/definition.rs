//! What a plugin says of what it offers, as text that people can compare: no two definitions that
//! differ have the same text, and nothing in it is hidden from the eye.

use serde_json::{Value, json};

use super::diff::visible;
use crate::call::{
    Annotations, Icon, JsonObject, PartAnnotations, Prompt, PromptArgument, Resource, Skill, TaskUse, Template, Tool,
};
use crate::config::{Definitions, Described};
use crate::runtime::Offers;

/// The definition of each thing that is offered.
pub(super) fn of(offers: &Offers) -> Definitions {
    let Offers { tools, resources, templates, prompts, skills } = offers;
    let tools = tools.iter().map(|loaded| (Described::Tool, loaded.tool.name.clone(), tool(&loaded.tool)));
    let resources = resources.iter().map(|one| (Described::Resource, one.uri.clone(), resource(one)));
    let templates = templates.iter().map(|loaded| &loaded.template);
    let templates = templates.map(|one| (Described::Template, one.uri_template.clone(), template(one)));
    let prompts = prompts.iter().map(|loaded| &loaded.prompt);
    let prompts = prompts.map(|one| (Described::Prompt, one.name.clone(), prompt(one)));
    let skills = skills.iter().map(|one| (Described::Skill, one.path.clone(), skill(one)));
    let all = tools.chain(resources).chain(templates).chain(prompts).chain(skills);
    all.map(|(kind, name, definition)| ((kind, name), definition)).collect()
}

fn tool(tool: &Tool) -> String {
    // Each field by name, so that a new one has to be decided on.
    let Tool {
        name: _,
        title,
        description,
        input_schema,
        // Follows from the schema.
        mirrors_arguments: _,
        output_schema,
        annotations: Annotations { read_only, destructive, idempotent, open_world },
        task_use,
        keywords,
        icons,
        meta,
    } = tool;
    let mut text = Text::default();
    text.words("title", title.as_deref()).words("description", Some(description));
    let hints = [
        ("read only", read_only),
        ("destructive", destructive),
        ("idempotent", idempotent),
        ("open world", open_world),
    ];
    for (hint, says) in hints {
        text.json(hint, says.map(Value::Bool));
    }
    let task = match task_use {
        TaskUse::WhenSlow => None,
        TaskUse::AtOnce => Some("at once"),
        TaskUse::Required => Some("required"),
    };
    text.words("task", task).list("keywords", keywords).icons(icons).object("meta", meta.as_ref());
    text.object("input schema", Some(input_schema)).object("output schema", output_schema.as_deref());
    text.0
}

fn resource(resource: &Resource) -> String {
    let Resource { uri: _, name, title, description, mime_type, size, annotations, icons, meta } = resource;
    let mut text = Text::default();
    text.words("name", Some(name)).words("title", title.as_deref()).words("description", description.as_deref());
    text.words("media type", mime_type.as_deref()).json("size", size.map(Value::from));
    text.annotations(annotations.as_ref()).icons(icons).object("meta", meta.as_ref());
    text.0
}

fn template(template: &Template) -> String {
    let Template { uri_template: _, name, title, description, mime_type, completes, annotations, icons, meta } =
        template;
    let mut text = Text::default();
    text.words("name", Some(name)).words("title", title.as_deref()).words("description", description.as_deref());
    text.words("media type", mime_type.as_deref()).list("completes", completes);
    text.annotations(annotations.as_ref()).icons(icons).object("meta", meta.as_ref());
    text.0
}

fn prompt(prompt: &Prompt) -> String {
    let Prompt { name: _, title, description, arguments, icons, meta } = prompt;
    let mut text = Text::default();
    text.words("title", title.as_deref()).words("description", description.as_deref());
    for PromptArgument { name, title, description, required, completes } in arguments {
        text.words("argument", Some(name)).words("its title", title.as_deref());
        text.words("its description", description.as_deref());
        text.json("required", Some((*required).into())).json("completes", Some((*completes).into()));
    }
    text.icons(icons).object("meta", meta.as_ref());
    text.0
}

fn skill(skill: &Skill) -> String {
    let Skill { path: _, frontmatter, files } = skill;
    let mut text = Text::default();
    text.object("frontmatter", Some(frontmatter));
    for file in files {
        let (path, digest) = (&file.path, &file.digest);
        text.words("file", Some(path)).words("media type", Some(&file.mime_type)).words("sha256", Some(digest));
    }
    text.0
}

/// A definition: a line for each thing that is said, and indented lines for what takes several.
#[derive(Default)]
struct Text(String);

impl Text {
    fn words(&mut self, key: &str, words: Option<&str>) -> &mut Self {
        let Some(words) = words else { return self };
        if words.contains('\n') {
            return self.block(key, words.split('\n').map(visible));
        }
        self.line(key, &visible(words))
    }

    /// What is short enough for a line.
    fn json(&mut self, key: &str, value: Option<Value>) -> &mut Self {
        let Some(value) = value else { return self };
        // JSON escapes its own backslashes already.
        self.line(key, &escaped(&value.to_string()))
    }

    fn list(&mut self, key: &str, words: &[String]) -> &mut Self {
        self.json(key, (!words.is_empty()).then(|| json!(words)))
    }

    fn object(&mut self, key: &str, object: Option<&JsonObject>) -> &mut Self {
        let Some(object) = object else { return self };
        let text = serde_json::to_string_pretty(&sorted(object)).unwrap_or_default();
        self.block(key, text.lines().map(escaped))
    }

    fn icons(&mut self, icons: &[Icon]) -> &mut Self {
        for Icon { src, mime_type, sizes } in icons {
            self.json("icon", Some(json!({ "src": src, "mimeType": mime_type, "sizes": sizes })));
        }
        self
    }

    fn annotations(&mut self, annotations: Option<&PartAnnotations>) -> &mut Self {
        let Some(PartAnnotations { for_user, for_assistant, priority, last_modified }) = annotations else {
            return self;
        };
        self.json("for user", Some((*for_user).into())).json("for assistant", Some((*for_assistant).into()));
        self.json("priority", priority.map(Value::from)).words("last modified", last_modified.as_deref())
    }

    fn line(&mut self, key: &str, words: &str) -> &mut Self {
        self.push(&format!("{key}: {words}"));
        self
    }

    fn block(&mut self, key: &str, lines: impl Iterator<Item = String>) -> &mut Self {
        self.push(&format!("{key}:"));
        for line in lines {
            self.push(&if line.is_empty() { line } else { format!("  {line}") });
        }
        self
    }

    /// One more line. A space at its end would be taken away by the next editor, and three quotes
    /// would end the string that it is kept in.
    fn push(&mut self, line: &str) {
        let line = match line.strip_suffix(' ') {
            Some(rest) => format!("{rest}\\u{{20}}"),
            None => line.to_owned(),
        };
        self.0 += &line.replace("'''", "''\\u{27}");
        self.0.push('\n');
    }
}

/// Text of JSON, with what cannot be seen escaped.
fn escaped(json: &str) -> String {
    // Backslashes stand for themselves here; all else is as in any text.
    json.split('\\').map(visible).collect::<Vec<_>>().join("\\")
}

/// The same with the keys of every object in order: JSON gives them none.
fn sorted(object: &JsonObject) -> Value {
    let mut entries: Vec<(&String, &Value)> = object.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    Value::Object(entries.into_iter().map(|(key, value)| (key.clone(), sorted_value(value))).collect())
}

fn sorted_value(value: &Value) -> Value {
    match value {
        Value::Object(object) => sorted(object),
        Value::Array(values) => Value::Array(values.iter().map(sorted_value).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;

    fn object(value: Value) -> JsonObject {
        value.as_object().cloned().unwrap_or_default()
    }

    fn find() -> Tool {
        Tool {
            name: "crm__find".to_owned(),
            title: None,
            description: "Finds a customer.".to_owned(),
            input_schema: Arc::new(object(json!({ "type": "object", "properties": { "b": {}, "a": {} } }))),
            mirrors_arguments: false,
            output_schema: None,
            annotations: Annotations::default(),
            task_use: TaskUse::default(),
            keywords: Vec::new(),
            icons: Vec::new(),
            meta: None,
        }
    }

    #[test]
    fn a_tool_reads_as_it_would_be_written() {
        let schema =
            "  {\n    \"properties\": {\n      \"a\": {},\n      \"b\": {}\n    },\n    \"type\": \"object\"\n  }\n";
        assert_eq!(tool(&find()), format!("description: Finds a customer.\ninput schema:\n{schema}"));
        let annotations = Annotations { read_only: Some(true), ..Annotations::default() };
        let two_lines = Tool { description: "One.\n\nTwo.".to_owned(), annotations, ..find() };
        let expected = format!("description:\n  One.\n\n  Two.\nread only: true\ninput schema:\n{schema}");
        assert_eq!(tool(&two_lines), expected);
    }

    #[test]
    fn whatever_differs_has_another_text() {
        let other = |change: fn(&mut Tool)| {
            let mut tool = find();
            change(&mut tool);
            tool
        };
        let tools = [
            find(),
            other(|tool| tool.title = Some("Find".to_owned())),
            other(|tool| tool.description = "Finds a customer.\n".to_owned()),
            other(|tool| tool.description = "Finds a customer. ".to_owned()),
            other(|tool| tool.description = "Finds a customer.\\u{20}".to_owned()),
            other(|tool| tool.description = "Finds a\u{200b} customer.".to_owned()),
            other(|tool| tool.description = "Finds a\\u{200b} customer.".to_owned()),
            other(|tool| tool.description = "Finds a customer.\nread only: true".to_owned()),
            other(|tool| tool.annotations.read_only = Some(true)),
            other(|tool| tool.annotations.destructive = Some(false)),
            other(|tool| tool.task_use = TaskUse::Required),
            other(|tool| tool.keywords = vec!["a, b".to_owned()]),
            other(|tool| tool.keywords = vec!["a".to_owned(), "b".to_owned()]),
            other(|tool| tool.meta = Some(object(json!({ "ui": { "resourceUri": "ui://x" } })))),
            other(|tool| tool.input_schema = Arc::new(object(json!({ "type": "object" })))),
            other(|tool| tool.output_schema = Some(Arc::new(object(json!({ "type": "object" }))))),
            other(|tool| tool.description = "'''".to_owned()),
            other(|tool| tool.description = "''\\u{27}".to_owned()),
        ];
        let texts: BTreeSet<String> = tools.iter().map(tool).collect();
        assert_eq!(texts.len(), tools.len(), "{texts:#?}");
        assert!(texts.iter().all(|text| !text.contains("'''") && !text.contains(" \n") && !text.contains('\u{200b}')));
    }

    #[test]
    fn the_order_of_keys_is_no_difference() {
        let schema = object(json!({ "properties": { "a": {}, "b": {} }, "type": "object" }));
        assert_eq!(tool(&Tool { input_schema: Arc::new(schema), ..find() }), tool(&find()));
    }
}
