//! `toolhost inspect`: what a plugin file is, has, and would need.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::terminal::bold;
use crate::capability::{Entry, PluginGrants};
use crate::config::Limits;
use crate::runtime::{Cache, Plugin, PluginSpec, Runtime};

/// Show the tools of a plugin file, what it imports, and what it would need.
#[derive(Args)]
pub(super) struct Inspect {
    /// The plugin file.
    file: PathBuf,
}

impl Inspect {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let shown = self.file.display();
        let bytes = std::fs::read(&self.file).with_context(|| format!("cannot read {shown}"))?;
        let size = bytes.len();
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
        let plugin = Plugin::load(&runtime, spec, bytes).await.with_context(|| format!("{shown} is refused"))?;
        println!("{}  {size} bytes  sha256:{}", bold(&shown.to_string()), plugin.digest);
        println!("\n{}", bold("Tools"));
        for loaded in &plugin.tools {
            let first = loaded.tool.description.lines().next().unwrap_or_default();
            println!("  {}  {first}", bold(&loaded.tool.name));
        }
        println!("\n{}", bold("Imports"));
        for capability in &plugin.needs.capabilities {
            println!("  toolhost:{capability}");
        }
        match plugin.needs.wasi.len() {
            0 => {}
            count => println!("  {count} interfaces of WASI, all empty: no files, sockets, environment or arguments"),
        }
        let wanted = plugin.needs.capabilities.iter().filter(|name| Entry::named(name).is_some_and(Entry::needs_grant));
        let wanted: Vec<String> = wanted.map(|name| format!("\"{name}.…\"")).collect();
        println!("\n{}", bold("To load it"));
        println!("  [plugins.{name}]");
        if !wanted.is_empty() {
            println!("  grants = [{}]", wanted.join(", "));
        }
        Ok(ExitCode::SUCCESS)
    }
}
