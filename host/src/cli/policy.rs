//! `toolhost policy`: is the policy good, what does it say to a call, and what can it speak of?

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use super::start;
use super::terminal::{Mark, bold, mark, say};
use crate::call::{Caller, Facts, JsonObject};
use crate::capability::Entry;
use crate::config::{Config, Key};
use crate::policy::{self, Action, Decision, Request, Usage};
use crate::registry::Snapshot;
use crate::runtime::Plugin;

/// Check the policy, and ask it what it would say.
#[derive(Args)]
pub(super) struct Policy {
    #[command(subcommand)]
    question: Question,
}

#[derive(Subcommand)]
enum Question {
    Check(Check),
    Explain(Explain),
    Schema(Schema),
}

/// Hold the policy against the plugins that load and the grants of the config.
#[derive(Args)]
struct Check {}

/// Tell what the policy says to one call of a tool, and which policies say it. Nothing is called.
#[derive(Args)]
struct Explain {
    /// Who calls. Of a caller with an API key, groups and attributes are known.
    #[arg(long, default_value = Caller::LOCAL)]
    caller: String,
    /// A group that the caller is in; as many as there are.
    #[arg(long)]
    group: Vec<String>,
    /// An attribute of the caller, such as `unit=emea`; one with several values several times.
    #[arg(long, value_name = "KEY=VALUE")]
    attribute: Vec<String>,
    /// The tool's full name, such as `crm__run_query`.
    #[arg(long)]
    tool: String,
    /// The arguments, a JSON object.
    #[arg(default_value = "{}")]
    arguments: String,
}

/// Print all that policies can speak of, as a Cedar schema.
#[derive(Args)]
struct Schema {}

impl Policy {
    pub(super) async fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        let config = start::read(path)?;
        let host = start::start_anyway(&config).await?;
        let plugins = host.plugins();
        match self.question {
            Question::Check(Check {}) => Ok(check(&plugins)),
            Question::Explain(explain) => explain.run(&config, &plugins),
            Question::Schema(Schema {}) => {
                let schema = policy::Policy::schema(&plugins.world()).map_err(anyhow::Error::msg)?;
                say!("{}", schema.trim_end());
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

fn check(plugins: &Snapshot) -> ExitCode {
    if let Some(failure) = plugins.policy_failure() {
        say!("{} {}", mark(Mark::Bad), failure.message);
        return ExitCode::FAILURE;
    }
    let policy = plugins.policy();
    for warning in policy.warnings() {
        say!("{} {warning}", mark(Mark::Warning));
    }
    let (tools, grants) = (plugins.tools().count(), plugins.grants().iter().count());
    let (name, count, loaded) = (bold(policy.name()), policy.count(), plugins.plugins().len());
    let good = mark(Mark::Good);
    say!("{good} {name}: {count} policies fit {tools} tools of {loaded} plugins, and {grants} grants");
    for failure in plugins.failures() {
        say!("{} plugin {} is not loaded: {}", mark(Mark::Warning), bold(&failure.plugin), failure.message);
    }
    ExitCode::SUCCESS
}

impl Explain {
    fn run(self, config: &Config, plugins: &Snapshot) -> anyhow::Result<ExitCode> {
        if let Some(failure) = plugins.policy_failure() {
            bail!("{}", failure.message);
        }
        let arguments: JsonObject = serde_json::from_str(&self.arguments)
            .context("the arguments must be a JSON object, such as '{\"limit\": 5}'")?;
        let Some((plugin, _)) = plugins.tool(&self.tool) else {
            match plugins.nearest(&self.tool) {
                Some(near) => bail!("there is no tool `{}`; did you mean `{near}`?", self.tool),
                None => bail!("there is no tool `{}`; `toolhost check` lists them", self.tool),
            }
        };
        let (caller, tool) = (self.caller(config)?, self.tool.as_str());
        let (policy, action, now) = (plugins.policy(), Action::Call(tool), SystemTime::now());
        let request = Request { caller: &caller, plugin: &plugin.name, action, arguments: Some(&arguments), now };
        let decision = policy.may_call(request);
        tell(policy, &format!("`{}` calls {}", caller.name, bold(tool)), &decision);
        if !decision.allowed && !policy.may_see(&caller, &plugin.name, action) {
            say!("  no arguments would change that: the tool is not in its lists, and answers as if it did not exist");
        }
        say!("Within it, the plugin {} on its grants:", bold(&plugin.name));
        uses(policy, &caller, plugin, tool, now);
        Ok(if decision.allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The caller: what its keys say of it, if it has any, and what the command line says.
    fn caller(&self, config: &Config) -> anyhow::Result<Caller> {
        let mut attributes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut groups: BTreeSet<String> = self.group.iter().cloned().collect();
        let keys = config.callers.keys.as_deref().and_then(|file| config.beside(file));
        if let Some((path, text)) = keys.and_then(|keys| Some((keys.path(), keys.text()?))) {
            let keys = Key::read_all(path, text)?;
            // Requests are weighed by the key that they show; of several keys the first is taken here.
            if let Some(key) = keys.into_iter().find(|key| key.caller == self.caller && key.revoked.is_none()) {
                groups.extend(key.groups);
                attributes = key.attributes;
            }
        }
        for attribute in &self.attribute {
            let (key, value) = attribute.split_once('=').context("an attribute is written KEY=VALUE")?;
            attributes.entry(key.to_owned()).or_default().push(value.to_owned());
        }
        Ok(Caller { groups, attributes, ..Caller::named(self.caller.clone()) })
    }
}

/// What the policy says to each use of each grant, with no table known.
fn uses(policy: &policy::Policy, caller: &Caller, plugin: &Plugin, tool: &str, now: SystemTime) {
    for (path, itself) in plugin.grants().iter() {
        let (capability, grant) = path.split_once('.').unwrap_or_default();
        let deeds = Entry::named(capability).map(|entry| entry.deeds).unwrap_or_default();
        for (action, class) in deeds.iter().flat_map(|deed| deed.classes.iter().map(|class| (deed.action, *class))) {
            let (plugin, facts) = (plugin.name.as_str(), &Facts::of_class(class));
            let usage = Usage { caller, plugin, tool: Some(tool), capability, grant, action, facts, now };
            let what = format!("{capability}.{action} of class `{class}` on {}", bold(path));
            tell(policy, &what, &policy.may_use(usage));
        }
        say!("  whatever the policy allows, {path} is no more than: {}", itself.summary());
    }
}

fn tell(policy: &policy::Policy, what: &str, decision: &Decision) {
    let (sign, word) = if decision.allowed { (Mark::Good, "allowed") } else { (Mark::Bad, "denied") };
    say!("{} {what}: {word}", mark(sign));
    for id in &decision.policies {
        say!("  by `{id}`, {}", policy.place(id).unwrap_or_default());
    }
    for failure in &decision.failures {
        say!("  for a policy could not be weighed: {failure}");
    }
    if !decision.allowed && decision.policies.is_empty() && decision.failures.is_empty() {
        say!("  for no policy permits it");
    }
}
