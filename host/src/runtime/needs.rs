//! What a component imports and exports: read off its bytes before anything is compiled, and off the
//! compiled code of one that was read before.

use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};
use wasmtime::Engine;
use wasmtime::component::Component;
use wit_component::DecodedWasm;

use crate::capability::{ALL, Entry, PluginGrants};

/// What the names of its exports begin with.
const OFFERS: &str = "toolhost:plugin/";

/// What a plugin must export.
const TOOLS: &str = "toolhost:plugin/tools@0.1";

/// What a component asks for. A component cannot use what it does not import, so this
/// cannot lie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Names of capabilities, sorted.
    pub capabilities: Vec<String>,
    /// WASI interfaces, as imported; they are linked, and empty.
    pub wasi: Vec<String>,
    /// Interfaces that this host does not know.
    pub unknown: Vec<String>,
    /// What it offers, in the words of the contract: `tools`, `resources`, `prompts`, `skills`.
    pub offers: Vec<String>,
}

/// Why a file is no plugin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAPlugin {
    /// It does not begin as WebAssembly does.
    #[error("it is not WebAssembly")]
    NotWasm,
    /// It is a module of the core language.
    #[error("it is a core WebAssembly module, not a component; build it with `--target wasm32-wasip2`")]
    CoreModule,
    /// It ends early, or its structure is wrong.
    #[error("it is a damaged or truncated component: {0}")]
    Damaged(String),
    /// It is a component of another world.
    #[error("it is a component of another world: it exports {0}, and not `toolhost:plugin/tools@0.1.x`")]
    OtherWorld(String),
}

impl Needs {
    /// Reads the needs of a component, or says why it is no plugin.
    pub fn read(bytes: &[u8]) -> Result<Self, NotAPlugin> {
        match Parser::new(0).parse_all(bytes).next() {
            Some(Ok(Payload::Version { encoding: Encoding::Component, .. })) => {}
            Some(Ok(Payload::Version { encoding: Encoding::Module, .. })) => return Err(NotAPlugin::CoreModule),
            _ => return Err(NotAPlugin::NotWasm),
        }
        let damaged = |error: &dyn std::fmt::Display| NotAPlugin::Damaged(first_line(error));
        Validator::new_with_features(WasmFeatures::all()).validate_all(bytes).map_err(|error| damaged(&error))?;
        let (resolve, world) = match wit_component::decode(bytes) {
            Ok(DecodedWasm::Component(resolve, world)) => (resolve, world),
            Ok(DecodedWasm::WitPackage(..)) => return Err(NotAPlugin::OtherWorld("WIT types only".to_owned())),
            Err(error) => return Err(damaged(&error)),
        };
        let world = &resolve.worlds[world];
        let named = |key| resolve.name_world_key(key);
        Self::sort(world.imports.keys().map(named), world.exports.keys().map(named))
    }

    /// The same of a component that was read before it was compiled.
    pub(super) fn of(compiled: &Component, engine: &Engine) -> Result<Self, NotAPlugin> {
        let world = compiled.component_type();
        let (imports, exports) = (world.imports(engine), world.exports(engine));
        Self::sort(imports.map(|(name, _)| name.to_owned()), exports.map(|(name, _)| name.to_owned()))
    }

    /// Whether it offers what an interface of the contract says, such as `prompts`.
    pub fn offers(&self, interface: &str) -> bool {
        self.offers.iter().any(|offer| offer == interface)
    }

    fn sort(imports: impl Iterator<Item = String>, exports: impl Iterator<Item = String>) -> Result<Self, NotAPlugin> {
        let exports: Vec<String> = exports.collect();
        if !exports.iter().any(|export| export.starts_with(TOOLS)) {
            let list = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
            return Err(NotAPlugin::OtherWorld(list));
        }
        let offer = |export: &String| Some(export.strip_prefix(OFFERS)?.split_once("@0.1")?.0.to_owned());
        let mut needs = Self { offers: exports.iter().filter_map(offer).collect(), ..Self::default() };
        for import in imports {
            let package = import.split(['/', '@']).next().unwrap_or_default();
            match package.split_once(':') {
                Some(("wasi", _)) => needs.wasi.push(import),
                Some(("toolhost", "types")) => {}
                Some(("toolhost", name)) if Entry::named(name).is_some() => needs.capabilities.push(name.to_owned()),
                _ => needs.unknown.push(import),
            }
        }
        needs.capabilities.sort();
        Ok(needs)
    }

    /// What is imported and not granted, each in a sentence that tells how to grant it.
    pub fn unmet(&self, plugin: &str, grants: &PluginGrants) -> Vec<String> {
        let ungranted = ALL
            .iter()
            .filter(|entry| entry.needs_grant() && !grants.has(entry.name))
            .filter(|entry| self.capabilities.iter().any(|name| name == entry.name))
            .map(|entry| {
                let name = entry.name;
                format!(
                    "it imports `toolhost:{name}`, which it was not granted; to grant it: \
                     [plugins.{plugin}] grants = [\"{name}.<a table [{name}.…]>\"]"
                )
            });
        let unknown =
            self.unknown.iter().map(|import| format!("it imports `{import}`, which this host does not offer"));
        unknown.chain(ungranted).collect()
    }
}

/// Whether a component uses the async part of the component model, and needs wasmtime's `concurrency_support`.
/// The bytes are ones that [`Needs::read`] took.
pub(super) fn is_concurrent(bytes: &[u8]) -> bool {
    let mut features = WasmFeatures::all();
    features.remove(
        WasmFeatures::CM_ASYNC
            | WasmFeatures::CM_ASYNC_STACKFUL
            | WasmFeatures::CM_MORE_ASYNC_BUILTINS
            | WasmFeatures::CM_THREADING
            | WasmFeatures::CM_ERROR_CONTEXT,
    );
    Validator::new_with_features(features).validate_all(bytes).is_err()
}

fn first_line(error: &dyn std::fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(imports: &[&str]) -> Needs {
        let exports = ["toolhost:plugin/tools@0.1.0".to_owned()].into_iter();
        Needs::sort(imports.iter().map(|import| (*import).to_owned()), exports).expect("is a plugin")
    }

    #[test]
    fn files_that_are_no_plugins_are_told_apart() {
        let read = |bytes: &[u8]| Needs::read(bytes).expect_err("is refused");
        assert_eq!(read(b"#!/bin/sh\n"), NotAPlugin::NotWasm);
        assert_eq!(read(b""), NotAPlugin::NotWasm);
        assert_eq!(read(b"\0asm\x01\0\0\0"), NotAPlugin::CoreModule);
        assert_eq!(read(b"\0asm\x0d\0\x01\0"), NotAPlugin::OtherWorld("nothing".to_owned()));
        assert!(matches!(read(b"\0asm\x0d\0\x01\0\x07\x20\x01"), NotAPlugin::Damaged(_)));
    }

    #[test]
    fn a_component_that_is_concurrent_is_known_by_its_built_ins() {
        assert!(!is_concurrent(b"\0asm\x0d\0\x01\0"));
        // (component (canon context.get i32 0))
        assert!(is_concurrent(b"\0asm\x0d\0\x01\0\x08\x04\x01\x0a\x7f\x00"));
    }

    #[test]
    fn an_import_that_is_not_granted_is_named_with_the_line_that_would_grant_it() {
        let imports =
            ["toolhost:sql/sql@0.1.0", "toolhost:log/log@0.1.0", "toolhost:types/types@0.1.0", "wasi:io/poll@0.2.6"];
        let needs = sorted(&imports);
        assert_eq!(needs.capabilities, ["log", "sql"]);
        assert_eq!(needs.wasi, ["wasi:io/poll@0.2.6"]);
        let unmet = needs.unmet("crm", &PluginGrants::default());
        assert_eq!(unmet.len(), 1);
        assert!(
            unmet[0].contains("`toolhost:sql`") && unmet[0].contains("[plugins.crm] grants = [\"sql."),
            "{unmet:?}"
        );
    }

    #[test]
    fn an_interface_that_nobody_offers_is_named() {
        let needs = sorted(&["acme:db/raw@1.0.0"]);
        assert!(needs.unmet("x", &PluginGrants::default())[0].contains("acme:db/raw@1.0.0"));
    }
}
