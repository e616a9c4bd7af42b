//! `toolhost approve`: what is served of the plugins, from now on, is what is shown here.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::Args;

use super::start;
use super::terminal::{Mark, bold, mark, say};
use crate::config::{Definitions, Lock, Pinned};
use crate::registry::Snapshot;
use crate::registry::pins::{diff, pinned, visible};

/// Show what is new or different of the plugins, and approve it: into the file `[pins] file`.
#[derive(Args)]
pub(super) struct Approve {
    /// The plugins' names; all that there are, if none is given.
    plugins: Vec<String>,
    /// Approve without asking.
    #[arg(long, short)]
    yes: bool,
}

/// What may be approved, by the plugin's name; nothing of one that is gone.
type Changes = BTreeMap<String, Option<Pinned>>;

impl Approve {
    pub(super) async fn run(self, path: &Path) -> anyhow::Result<ExitCode> {
        let config = start::read(path)?;
        let before = config.lock().map(|lock| lock.plugins().clone()).unwrap_or_default();
        let host = start::start_anyway(&config.without_lock()).await?;
        let plugins = host.plugins();
        let failed = report_failures(&plugins, &self.plugins)?;
        let changes = changes(&before, &plugins, &failed, &self.plugins)?;
        let code = if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        if changes.is_empty() {
            say!("There is nothing to approve: all that is served is as it was approved.");
            return Ok(code);
        }
        for (name, change) in &changes {
            show(name, before.get(name), change.as_ref());
        }
        if !self.yes && !confirmed()? {
            say!("Nothing is approved.");
            return Ok(ExitCode::FAILURE);
        }
        let mut approved = before;
        for (name, change) in changes {
            match change {
                Some(pinned) => approved.insert(name, pinned),
                None => approved.remove(&name),
            };
        }
        let file = config.resolve(&config.pins.file);
        let as_it_was = config.beside(&config.pins.file).and_then(|file| file.text());
        write(&file, &Lock::write(&approved), as_it_was)?;
        say!("{} approved: {}", mark(Mark::Good), bold(&file.display().to_string()));
        Ok(code)
    }
}

/// Prints what cannot be loaded, of the plugins that are asked for: their names.
fn report_failures(plugins: &Snapshot, asked: &[String]) -> anyhow::Result<BTreeSet<String>> {
    let mut failed = BTreeSet::new();
    for failure in plugins.failures() {
        // Who has no name stands for all: nobody knows which plugins there are.
        ensure!(failure.plugin != "*", "{}", failure.message);
        if asked.is_empty() || asked.contains(&failure.plugin) {
            say!("{} plugin {}: {}", mark(Mark::Bad), bold(&visible(&failure.plugin)), failure.message);
            failed.insert(failure.plugin.clone());
        }
    }
    Ok(failed)
}

/// What of the plugins that are asked for is not as it was approved. What cannot be loaded stays as it was.
fn changes(
    before: &BTreeMap<String, Pinned>,
    plugins: &Snapshot,
    failed: &BTreeSet<String>,
    asked: &[String],
) -> anyhow::Result<Changes> {
    let mut now: Changes = before.keys().map(|name| (name.clone(), None)).collect();
    now.extend(plugins.plugins().iter().map(|plugin| (plugin.name.clone(), Some(pinned(plugin)))));
    if let Some(unknown) = asked.iter().find(|name| !now.contains_key(*name) && !failed.contains(*name)) {
        let known: Vec<String> = now.keys().map(|name| visible(name)).collect();
        bail!("there is no plugin `{}`; there are: {}", visible(unknown), known.join(", "));
    }
    now.retain(|name, pinned| {
        let is_asked = asked.is_empty() || asked.contains(name);
        is_asked && !failed.contains(name) && before.get(name) != pinned.as_ref()
    });
    Ok(now)
}

fn show(name: &str, before: Option<&Pinned>, now: Option<&Pinned>) {
    let name = bold(&visible(name));
    let Some(now) = now else { return say!("plugin {name} is gone\n") };
    match before {
        None => say!("plugin {name} is new\n  component sha256:{}", now.digest),
        Some(before) if before.digest == now.digest => say!("plugin {name} differs; its component is the same"),
        Some(before) => {
            say!("plugin {name} differs\n- component sha256:{}\n+ component sha256:{}", before.digest, now.digest);
        }
    }
    let nothing = Definitions::new();
    match diff(before.map_or(&nothing, |before| &before.definitions), &now.definitions) {
        same if same.is_empty() => say!("its definitions are the same\n"),
        differences => say!("{differences}"),
    }
}

/// Asks whoever sits before the terminal.
fn confirmed() -> anyhow::Result<bool> {
    ensure!(
        std::io::stdin().is_terminal(),
        "nobody is there to be asked: read what is shown above, and approve it with --yes"
    );
    let mut out = std::io::stdout();
    let asked = write!(out, "Approve all this? [y/N] ").and_then(|()| out.flush());
    asked.context("nobody reads what would be approved; approve it with --yes")?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// Writes the file in one step, if it is still as it was read.
fn write(file: &Path, text: &str, as_it_was: Option<&str>) -> anyhow::Result<()> {
    let part = file.with_extension(format!("{}.part", std::process::id()));
    let mut written = std::fs::File::create_new(&part).with_context(|| format!("cannot write {}", part.display()))?;
    let mut put = || -> anyhow::Result<()> {
        written.write_all(text.as_bytes())?;
        written.sync_all()?;
        let now = match std::fs::read_to_string(file) {
            Ok(now) => Some(now),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        ensure!(now.as_deref() == as_it_was, "somebody else has written it meanwhile; approve again");
        Ok(std::fs::rename(&part, file)?)
    };
    put()
        .inspect_err(|_| {
            let _ = std::fs::remove_file(&part);
        })
        .with_context(|| format!("cannot write {}", file.display()))
}
