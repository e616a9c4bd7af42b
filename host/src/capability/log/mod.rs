//! Lines for the operator's log, within a quota a call. Every plugin has it.

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker};

use super::CallState;
use super::state::Scope;
use crate::call::CallId;
use crate::wit::log::{self, Field, Level};

/// What a call may write, in bytes.
const BYTES_MAX: usize = 64 << 10;

/// Hands the interface to a linker.
pub(super) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    log::add_to_linker::<_, HasSelf<_>>(linker, |state| state)
}

impl log::Host for CallState {
    async fn write(&mut self, level: Level, message: String, fields: Vec<Field>) -> wasmtime::Result<()> {
        self.count_host_call()?;
        self.log.write(level, &message, &fields);
        Ok(())
    }
}

/// Where the lines of one call go, and how much they have come to.
pub(super) struct CallLog {
    id: CallId,
    scope: Arc<Scope>,
    bytes: usize,
    bytes_dropped: usize,
}

impl CallLog {
    pub(super) fn new(id: CallId, scope: Arc<Scope>) -> Self {
        Self { id, scope, bytes: 0, bytes_dropped: 0 }
    }

    fn write(&mut self, level: Level, message: &str, fields: &[Field]) {
        let bytes = fields.iter().fold(message.len(), |sum, field| sum + field.name.len() + field.value.len());
        if self.bytes + bytes > BYTES_MAX {
            self.bytes_dropped += bytes;
            return;
        }
        self.bytes += bytes;
        // Escaped, so that no plugin can forge a line or move the operator's cursor.
        let mut text = message.escape_debug().to_string();
        for field in fields {
            text.push_str(&format!(" {}={:?}", field.name.escape_debug(), field.value));
        }
        let (id, plugin) = (&self.id, &self.scope.plugin);
        match level {
            Level::Debug => tracing::debug!(target: "plugin", { call.id = %id, plugin.name = plugin }, "{text}"),
            Level::Info => tracing::info!(target: "plugin", { call.id = %id, plugin.name = plugin }, "{text}"),
            Level::Warn => tracing::warn!(target: "plugin", { call.id = %id, plugin.name = plugin }, "{text}"),
            Level::Error => tracing::error!(target: "plugin", { call.id = %id, plugin.name = plugin }, "{text}"),
        }
    }
}

impl Drop for CallLog {
    fn drop(&mut self) {
        if self.bytes_dropped > 0 {
            tracing::warn!(
                target: "plugin",
                {
                    call.id = %self.id,
                    plugin.name = self.scope.plugin,
                    log.bytes_max = BYTES_MAX,
                    log.bytes_dropped = self.bytes_dropped
                },
                "the plugin logged more than a call may; the rest was dropped",
            );
        }
    }
}
