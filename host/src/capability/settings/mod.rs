//! What the operator wrote under `[plugins.<name>.settings]`. Every plugin has its own.

use wasmtime::component::{HasSelf, Linker};

use super::CallState;
use crate::wit::settings::{self, Setting};

/// Hands the interface to a linker.
pub(super) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    settings::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

impl settings::Host for CallState {
    async fn lookup(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        self.count_host_call()?;
        let setting = self.scope.settings.iter().find(|(name, _)| *name == key);
        Ok(setting.map(|(_, value)| value.clone()))
    }

    async fn list(&mut self) -> wasmtime::Result<Vec<Setting>> {
        self.count_host_call()?;
        let settings = self.scope.settings.iter().cloned();
        Ok(settings.map(|(key, value)| Setting { key, value }).collect())
    }
}
