//! The code of a plugin: its component, compiled here or kept from before, and linked with what it imports and
//! nothing else.

use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};

use super::cache::Binary;
use super::needs::is_concurrent;
use super::{LoadError, Needs, PluginSpec, Runtime};
use crate::capability::{CallState, Entry};

/// What instances are made from.
#[derive(Clone)]
pub(super) struct Code {
    /// SHA-256 of the component, in hexadecimal.
    pub(super) digest: String,
    pub(super) needs: Needs,
    pub(super) pre: InstancePre<CallState>,
}

impl Code {
    /// Of a component that has every grant that it needs. Takes a thread for as long as it lasts.
    pub(super) fn of(runtime: &Runtime, spec: &PluginSpec, binary: Binary) -> Result<Self, LoadError> {
        let (cache, linker) = (&runtime.cache, runtime.linker());
        // What is compiled already was read as a whole before that, and says the same of itself.
        let kept = cache.kept(linker.engine(), &binary.digest);
        let needs = match &kept {
            Some(component) => Needs::of(component, linker.engine())?,
            None => Needs::read(&binary.bytes)?,
        };
        check_granted(&needs, spec)?;
        let pre = match kept {
            Some(component) => link(linker, &needs, &component),
            None => {
                let linker = if is_concurrent(&binary.bytes) { runtime.concurrent_linker()? } else { linker };
                let component = cache.kept_or_compiled(linker.engine(), &binary);
                component.and_then(|component| link(linker, &needs, &component))
            }
        };
        let pre = pre.map_err(|error| LoadError::unrunnable(&error))?;
        Ok(Self { digest: binary.digest, needs, pre })
    }

    /// The same, taken from the cache once more; none without a cache. Takes a thread for as long as it lasts.
    pub(super) fn again(&self, runtime: &Runtime) -> Option<Self> {
        let component = runtime.cache.kept(self.pre.engine(), &self.digest)?;
        let plain = runtime.linker();
        let is_plain = Engine::same(plain.engine(), self.pre.engine());
        let linker = if is_plain { plain } else { runtime.concurrent_linker().ok()? };
        let pre = link(linker, &self.needs, &component).ok()?;
        Some(Self { pre, ..self.clone() })
    }
}

fn link(linker: &Linker<CallState>, needs: &Needs, component: &Component) -> wasmtime::Result<InstancePre<CallState>> {
    let mut linker = linker.clone();
    for capability in needs.capabilities.iter().filter_map(|name| Entry::named(name)) {
        (capability.link)(&mut linker)?;
    }
    linker.instantiate_pre(component)
}

/// Whether it was granted all that it imports.
pub(super) fn check_granted(needs: &Needs, spec: &PluginSpec) -> Result<(), LoadError> {
    let mut unmet = needs.unmet(&spec.name, &spec.grants);
    unmet.retain(|_| spec.grants_required || !needs.unknown.is_empty());
    if unmet.is_empty() { Ok(()) } else { Err(LoadError::Ungranted(unmet.join("; "))) }
}
