//! `toolhost inspect`: what a plugin file is, has, and would need.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::start;
use super::terminal::{bold, say};
use crate::capability::{Entry, PluginGrants};
use crate::config::{Limits, Pins};
use crate::registry::signature::{self, Trust};
use crate::runtime::{Binary, Cache, Offers, Plugin, PluginSpec, Runtime};

/// Show what a plugin file offers, what it imports, and what it would need.
#[derive(Args)]
pub(super) struct Inspect {
    /// The plugin file.
    file: PathBuf,
}

impl Inspect {
    pub(super) async fn run(self, config: &Path) -> anyhow::Result<ExitCode> {
        let shown = self.file.display();
        let bytes = std::fs::read(&self.file).with_context(|| format!("cannot read {shown}"))?;
        let size = bytes.len();
        // Before anything reads what the bytes mean.
        let signed = self.signed(config, &bytes).with_context(|| format!("{shown} is refused"))?;
        let name = self.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let runtime = Runtime::new(1, Cache::none())?;
        let spec = PluginSpec {
            name: name.clone(),
            prefix: String::new(),
            grants: PluginGrants::default(),
            settings: Vec::new(),
            limits: Limits::default(),
            grants_required: false,
        };
        let plugin = Plugin::load(&runtime, spec, Binary::of(bytes)).await;
        let plugin = plugin.with_context(|| format!("{shown} is refused"))?;
        say!("{}  {size} bytes  sha256:{}", bold(&shown.to_string()), plugin.digest);
        say!("{signed}");
        show_offers(&plugin.offers);
        say!("\n{}", bold("Imports"));
        for capability in &plugin.needs.capabilities {
            say!("  toolhost:{capability}");
        }
        match plugin.needs.wasi.len() {
            0 => {}
            count => say!("  {count} interfaces of WASI, all empty: no files, sockets, environment or arguments"),
        }
        let wanted = plugin.needs.capabilities.iter().filter(|name| Entry::named(name).is_some_and(Entry::needs_grant));
        let wanted: Vec<String> = wanted.map(|name| format!("\"{name}.…\"")).collect();
        say!("\n{}", bold("To load it"));
        say!("  [plugins.{name}]");
        if !wanted.is_empty() {
            say!("  grants = [{}]", wanted.join(", "));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Who signed it, as far as the config knows their keys; an error if the signature is a bad one.
    fn signed(&self, config: &Path, bytes: &[u8]) -> anyhow::Result<String> {
        let pins = if config.exists() { start::read(config)?.pins } else { Pins::default() };
        // One that is not signed may be looked at.
        let pins = Pins { require_signature: false, ..pins };
        let signer = Trust::of(&pins, None).verify(&self.file, bytes).map_err(anyhow::Error::msg)?;
        Ok(match signer {
            Some(signer) => format!("signed by {}", signer.name),
            None if signature::file_of(&self.file).exists() => {
                format!("signed by nobody that {} knows: it has no [[pins.keys]]", config.display())
            }
            None => "not signed".to_owned(),
        })
    }
}

/// What a plugin offers: each kind that it has some of, by name and first line.
fn show_offers(offers: &Offers) {
    let kinds = [
        ("Tools", lines(&offers.tools, |loaded| (&loaded.tool.name, Some(&loaded.tool.description)))),
        ("Resources", lines(&offers.resources, |resource| (&resource.uri, resource.description.as_ref()))),
        (
            "Templates",
            lines(&offers.templates, |loaded| (&loaded.template.uri_template, loaded.template.description.as_ref())),
        ),
        ("Prompts", lines(&offers.prompts, |loaded| (&loaded.prompt.name, loaded.prompt.description.as_ref()))),
        ("Skills", lines(&offers.skills, |skill| (&skill.path, None))),
    ];
    for (kind, lines) in kinds.into_iter().filter(|(_, lines)| !lines.is_empty()) {
        say!("\n{}", bold(kind));
        lines.iter().for_each(|line| say!("  {line}"));
    }
}

fn lines<T>(offers: &[T], of: impl Fn(&T) -> (&String, Option<&String>)) -> Vec<String> {
    let line = |offer: &T| {
        let (name, description) = of(offer);
        let first = description.and_then(|text| text.lines().next()).unwrap_or_default();
        format!("{}  {first}", bold(name)).trim_end().to_owned()
    };
    offers.iter().map(line).collect()
}
