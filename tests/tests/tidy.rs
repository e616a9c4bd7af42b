//! The rules of the house that a compiler does not check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use toolhost_tests::repository;

/// No file is longer than this, in lines.
const LINES_MAX: usize = 400;

/// Vendors, and the only places that may name them.
const DOORS: &[(&str, &[&str])] = &[
    ("axum", &["front"]),
    ("rmcp", &["front"]),
    ("wasmtime", &["runtime", "capability", "wit.rs"]),
    ("wasmtime_wasi", &["runtime", "capability"]),
    ("wasmparser", &["runtime/needs.rs"]),
    ("wit_component", &["runtime/needs.rs"]),
    ("cedar_policy", &["policy"]),
    ("jsonschema", &["schema.rs"]),
    ("miette", &["policy"]),
    ("stacker", &["policy"]),
    ("rusqlite", &["capability/sql/sqlite", "capability/kv/sqlite", "tasks/sqlite", "wire/sqlite.rs"]),
    ("mysql_async", &["capability/sql/mysql"]),
    (
        "reqwest",
        &[
            "wire/egress",
            "capability/http",
            "capability/model/openai",
            "gate/identity/oauth",
            "gate/identity/aws/service.rs",
            "gate/traces/collector.rs",
        ],
    ),
    ("jsonwebtoken", &["gate/identity/oauth"]),
    ("governor", &["gate/rates.rs", "gate/traces"]),
    ("prometheus_client", &["gate/metrics"]),
    ("opentelemetry", &["call/span.rs", "call/trace.rs", "gate/traces"]),
    ("aws_config", &["wire/aws.rs"]),
    ("aws_credential_types", &["wire/aws.rs"]),
    ("aws_sigv4", &["gate/identity/aws/sigv4.rs"]),
    ("aws_sdk_athena", &["capability/query/athena"]),
    ("aws_sdk_bedrockruntime", &["capability/model/bedrock"]),
    ("aws_sdk_rdsdata", &["capability/sql/rds_data"]),
    ("regex", &["runtime/offers.rs"]),
    ("serde_saphyr", &["runtime/output/skill.rs"]),
    ("sqlparser", &["guard"]),
    ("toolhost_embedded", &["capability/query/embedded.rs"]),
    ("aws_lc_rs", &["registry/signature.rs", "gate/identity"]),
    ("similar", &["registry/pins"]),
    ("clap", &["cli"]),
    ("mimalloc", &["main.rs"]),
    ("std::env::var", &["config/secret.rs"]),
];

/// The Rust files below a folder of the repository, with their text.
fn sources(folder: &str) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    let mut folders = vec![repository().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path)?;
                found.push((path, text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no source below {folder}");
    Ok(found)
}

/// The lines of code: without comments, and without the tests at a file's end.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let lines =
        text.lines().take_while(|line| !line.starts_with("#[cfg(test)]") && !line.starts_with("#[cfg(all(test"));
    lines.filter(|line| !line.trim_start().starts_with("//"))
}

/// The table of `lib.rs`: each room, and the rooms that it may know.
fn directions() -> Result<BTreeMap<String, BTreeSet<String>>> {
    let map = std::fs::read_to_string(repository().join("host/src/lib.rs"))?;
    let table = map.split("```text").nth(1).context("lib.rs has no table")?.split("```").next().context("no end")?;
    let mut directions = BTreeMap::new();
    for line in table.lines().map(|line| line.trim_start_matches("//!").trim()).filter(|line| !line.is_empty()) {
        let (left, right) = line.split_once("->").with_context(|| format!("no arrow: {line}"))?;
        let words = |text: &str| -> BTreeSet<String> {
            text.split(',').filter_map(|word| Some(word.split_whitespace().next()?.to_owned())).collect()
        };
        let allowed = if right.contains("nothing of ours") { BTreeSet::new() } else { words(right) };
        // Two spaces part the names from what they are for.
        let names = left.split("  ").next().unwrap_or_default();
        for room in words(names) {
            directions.insert(room, allowed.clone());
        }
    }
    Ok(directions)
}

/// The room of a file of `host/src`.
fn room(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(repository().join("host/src")).ok()?;
    let first = inside.components().next()?.as_os_str().to_str()?;
    Some(first.trim_end_matches(".rs").to_owned())
}

/// A capability that has credentials plants marked ones, and looks for them in all that is said.
#[test]
fn every_capability_with_credentials_has_its_canary() -> Result<()> {
    let mut with_credentials = 0;
    for entry in toolhost::capability::ALL.iter().filter(|entry| entry.needs_grant()) {
        let sources = sources(&format!("host/src/capability/{}", entry.name))?;
        let has_credentials = sources.iter().any(|(_, text)| text.contains("SecretRef") || text.contains("wire::aws"));
        if !has_credentials {
            continue;
        }
        with_credentials += 1;
        let path = repository().join(format!("tests/tests/{}/secrets.rs", entry.name));
        let canary = std::fs::read_to_string(&path).with_context(|| format!("no canary: {}", path.display()))?;
        for needed in ["Said::by(", ".holds_none_of(", "no_secret_is_in_anything_that_the_host_answers_or_prints"] {
            assert!(canary.contains(needed), "the canary of `{}` lacks {needed}", entry.name);
        }
    }
    assert!(with_credentials > 0, "the rule finds no capability");
    Ok(())
}

#[test]
fn every_import_goes_in_a_direction_that_the_map_allows() -> Result<()> {
    let directions = directions()?;
    let mut used = BTreeSet::new();
    for (path, text) in sources("host/src")? {
        let Some(room) = room(&path).filter(|room| room != "lib" && room != "main") else { continue };
        let allowed = directions.get(&room).with_context(|| format!("{room} is not on the map"))?;
        for line in code(&text) {
            for piece in line.split("crate::").skip(1) {
                let names = piece.trim_start_matches('{').split(|c: char| !c.is_alphanumeric() && c != '_').next();
                let other = names.unwrap_or_default();
                let known = other == room || allowed.contains(other);
                assert!(known, "{}: {room} may not know {other}: {line}", path.display());
                used.insert((room.clone(), other.to_owned()));
            }
        }
    }
    for (room, allowed) in &directions {
        for other in allowed {
            let arrow = (room.clone(), other.clone());
            assert!(used.contains(&arrow), "the map allows {room} -> {other}, and nothing uses it");
        }
    }
    Ok(())
}

#[test]
fn every_vendor_has_its_door() -> Result<()> {
    for (path, text) in sources("host/src")? {
        let inside = path.strip_prefix(repository().join("host/src"))?.to_string_lossy().into_owned();
        for (vendor, doors) in DOORS {
            let names = format!("{vendor}::");
            let by_name = |line: &str| {
                line.match_indices(&names).any(|(at, _)| {
                    !line.get(..at).unwrap_or_default().ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
                }) || (!vendor.contains("::") && line.trim_start().starts_with(&format!("use {vendor}")))
            };
            let named =
                code(&text).any(by_name) || (vendor.contains("::") && code(&text).any(|line| line.contains(vendor)));
            let allowed = doors.iter().any(|door| inside.starts_with(door));
            assert!(!named || allowed, "{inside} names {vendor}; its door is {doors:?}");
        }
    }
    Ok(())
}

#[test]
fn a_capability_never_knows_another_one() -> Result<()> {
    let folder = repository().join("host/src/capability");
    let names: Vec<String> = std::fs::read_dir(&folder)?
        .filter_map(|entry| Some(entry.ok()?.path()).filter(|path| path.is_dir()))
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    for (path, text) in sources("host/src/capability")? {
        let inside = path.strip_prefix(&folder)?;
        let own = inside.components().next().and_then(|first| first.as_os_str().to_str()).unwrap_or_default();
        if !names.iter().any(|name| name == own) {
            continue;
        }
        for other in names.iter().filter(|name| *name != own) {
            let imports = [format!("capability::{other}::"), format!("super::super::{other}::")];
            let found = code(&text).find(|line| imports.iter().any(|import| line.contains(import)));
            assert_eq!(found, None, "{} knows the capability {other}", path.display());
        }
    }
    Ok(())
}

#[test]
fn a_capability_is_a_contract_a_folder_and_a_line_in_each_of_two_lists() -> Result<()> {
    let world = std::fs::read_to_string(repository().join("wit/world.wit"))?;
    for name in std::fs::read_dir(repository().join("wit/deps"))? {
        let file = name?.path();
        let name = file.file_stem().and_then(|stem| stem.to_str()).context("a name")?.to_owned();
        if name == "types" {
            continue;
        }
        assert!(world.contains(&format!("import toolhost:{name}/{name}@")), "wit/world.wit does not import {name}");
        let folder = repository().join("host/src/capability").join(&name);
        assert!(folder.join("mod.rs").exists(), "{} is missing", folder.display());
        assert!(toolhost::capability::Entry::named(&name).is_some(), "capability::ALL has no {name}");
    }
    let entries = toolhost::capability::ALL.iter().map(|entry| entry.name);
    for name in entries {
        assert!(repository().join(format!("wit/deps/{name}.wit")).exists(), "{name} has no contract");
    }
    Ok(())
}

#[test]
fn every_use_that_is_asked_about_is_one_that_policies_can_name() -> Result<()> {
    let mut asked = BTreeSet::new();
    for (path, text) in sources("host/src/capability")? {
        for call in text.split(".permit::<").skip(1) {
            let (capability, arguments) = call.split_once(">(").context("no arguments")?;
            let arguments = arguments.split('|').next().unwrap_or_default();
            // Where there is no literal, the caller passes one on.
            let Some(action) = arguments.split('"').nth(1) else { continue };
            let capability = capability.to_lowercase();
            let entry = toolhost::capability::Entry::named(&capability).with_context(|| capability.clone())?;
            let known = entry.deeds.iter().any(|deed| deed.action == action);
            assert!(known, "{}: `DEEDS` of {capability} has no `{action}`", path.display());
            asked.insert((capability, action.to_owned()));
        }
    }
    for entry in toolhost::capability::ALL {
        for deed in entry.deeds {
            let is_asked = asked.contains(&(entry.name.to_owned(), deed.action.to_owned()));
            assert!(is_asked, "nobody asks for `{}.{}`", entry.name, deed.action);
        }
    }
    Ok(())
}

#[test]
fn every_file_says_why_it_exists_and_is_short_enough_to_read() -> Result<()> {
    for folder in ["host/src", "sdk", "plugins", "tests"] {
        for (path, text) in sources(folder)? {
            assert!(text.starts_with("//!"), "{} does not open with //!", path.display());
            let lines = text.lines().count();
            assert!(lines <= LINES_MAX, "{} has {lines} lines", path.display());
        }
    }
    Ok(())
}

#[test]
fn nothing_of_the_host_can_panic_on_purpose() -> Result<()> {
    for (path, text) in sources("host/src")? {
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if name == "tests" || name.starts_with("corpus") {
            continue;
        }
        for line in code(&text) {
            for word in [".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!(", "unimplemented!("] {
                assert!(!line.contains(word), "{}: {line}", path.display());
            }
        }
    }
    Ok(())
}

#[test]
fn every_item_of_the_contract_has_a_sentence_and_a_version() -> Result<()> {
    let mut files = vec![repository().join("wit/world.wit")];
    files.extend(std::fs::read_dir(repository().join("wit/deps"))?.filter_map(|entry| Some(entry.ok()?.path())));
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (place, line) in lines.iter().enumerate() {
            let begins = ["interface ", "record ", "variant ", "enum ", "resource ", "world "];
            let is_item = begins.iter().any(|word| line.starts_with(word))
                || line.contains(": func(")
                || line.contains(": static func(");
            if !is_item {
                continue;
            }
            let before =
                |back: usize| place.checked_sub(back).and_then(|at| lines.get(at)).copied().unwrap_or_default();
            assert!(before(1).starts_with("@since("), "{}: no @since before: {line}", file.display());
            assert!(before(2).starts_with("///"), "{}: no sentence before: {line}", file.display());
        }
    }
    Ok(())
}

#[test]
fn there_is_one_tls_stack() -> Result<()> {
    let lock = std::fs::read_to_string(repository().join("Cargo.lock"))?;
    for rival in ["native-tls", "openssl", "openssl-sys", "boring", "s2n-tls"] {
        assert!(!lock.contains(&format!("name = \"{rival}\"\n")), "Cargo.lock holds {rival}");
    }
    Ok(())
}
