//! `toolhost new`: a plugin to start from.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::Args;

use super::terminal::say;

/// Make a new plugin: a folder with one small file, and its tests as data.
#[derive(Args)]
pub(super) struct New {
    /// The plugin's name; letters, digits, `-` and `_`.
    name: String,
    /// Where to make the folder.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// The folder of the crate `toolhost-sdk`, if it is not to come from the registry.
    #[arg(long)]
    sdk: Option<PathBuf>,
}

/// The files of a new plugin: where they stand, and what is in them.
const FILES: [(&str, &str); 5] = [
    (".cargo/config.toml", include_str!("config.toml.in")),
    ("Cargo.toml", include_str!("Cargo.toml.in")),
    ("src/lib.rs", include_str!("lib.rs.in")),
    ("calls.toml", include_str!("calls.toml.in")),
    (".gitignore", "/target\n"),
];

impl New {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self { name, dir, sdk } = self;
        let first_is_letter = name.starts_with(|first: char| first.is_ascii_lowercase());
        let fits = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte));
        ensure!(
            first_is_letter && fits && name.len() <= 32,
            "a plugin's name is 1 to 32 of a-z 0-9 - _ and begins with a letter"
        );
        let folder = dir.join(&name);
        ensure!(!folder.exists(), "{} is there already", folder.display());
        let dependency = match sdk.or_else(checkout_sdk) {
            Some(path) => format!("{{ path = {:?} }}", absolute(&path)?),
            None => format!("{:?}", env!("CARGO_PKG_VERSION")),
        };
        for (file, text) in FILES {
            let file = folder.join(file);
            if let Some(parent) = file.parent() {
                std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
            }
            let text =
                text.replace("@NAME@", &name).replace("@LIB@", &name.replace('-', "_")).replace("@SDK@", &dependency);
            std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        let folder = folder.display();
        say!("Made {folder}. Next:");
        say!("  rustup target add wasm32-wasip2   # once");
        say!("  toolhost test {folder}");
        say!("  cp {folder}/target/wasm32-wasip2/release/{}.wasm <your plugin directory>", name.replace('-', "_"));
        Ok(ExitCode::SUCCESS)
    }
}

/// The SDK of the checkout that this host was built from, if it is still there.
fn checkout_sdk() -> Option<PathBuf> {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk");
    sdk.join("Cargo.toml").exists().then_some(sdk)
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    path.canonicalize().with_context(|| format!("{} is not there", path.display()))
}
