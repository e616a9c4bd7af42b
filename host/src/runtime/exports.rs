//! What a plugin exports: the host's way into an instance of it, looked up once.

use wasmtime::component::{Instance, InstancePre};
use wasmtime::{AsContextMut, Store};

use super::Needs;
use crate::capability::CallState;
use crate::wit::{prompts, resources, skills, tools};

/// The exports of one plugin.
pub(super) struct Exports {
    tools: tools::GuestIndices,
    resources: Option<resources::GuestIndices>,
    prompts: Option<prompts::GuestIndices>,
    skills: Option<skills::GuestIndices>,
}

/// An instance, and the exports that it has.
pub(super) struct Visited<'a> {
    exports: &'a Exports,
    instance: Instance,
}

impl Exports {
    /// Looks up what the component said it exports. The error is that of one whose
    /// exports are not those of the contract.
    pub(super) fn of(pre: &InstancePre<CallState>, needs: &Needs) -> wasmtime::Result<Self> {
        let has = |interface| needs.offers(interface);
        Ok(Self {
            tools: tools::GuestIndices::new(pre)?,
            resources: has("resources").then(|| resources::GuestIndices::new(pre)).transpose()?,
            prompts: has("prompts").then(|| prompts::GuestIndices::new(pre)).transpose()?,
            skills: has("skills").then(|| skills::GuestIndices::new(pre)).transpose()?,
        })
    }

    pub(super) fn has_resources(&self) -> bool {
        self.resources.is_some()
    }

    pub(super) fn has_prompts(&self) -> bool {
        self.prompts.is_some()
    }

    pub(super) fn has_skills(&self) -> bool {
        self.skills.is_some()
    }

    /// Those of an instance.
    pub(super) fn within(&self, instance: Instance) -> Visited<'_> {
        Visited { exports: self, instance }
    }
}

impl Visited<'_> {
    pub(super) fn tools(&self, store: impl AsContextMut) -> wasmtime::Result<tools::Guest> {
        self.exports.tools.load(store, &self.instance)
    }

    /// None if the plugin has no resources.
    pub(super) fn resources(&self, store: &mut Store<CallState>) -> wasmtime::Result<Option<resources::Guest>> {
        self.exports.resources.as_ref().map(|exports| exports.load(store, &self.instance)).transpose()
    }

    /// None if the plugin has no prompts.
    pub(super) fn prompts(&self, store: &mut Store<CallState>) -> wasmtime::Result<Option<prompts::Guest>> {
        self.exports.prompts.as_ref().map(|exports| exports.load(store, &self.instance)).transpose()
    }

    /// None if the plugin has no skills.
    pub(super) fn skills(&self, store: &mut Store<CallState>) -> wasmtime::Result<Option<skills::Guest>> {
        self.exports.skills.as_ref().map(|exports| exports.load(store, &self.instance)).transpose()
    }
}
