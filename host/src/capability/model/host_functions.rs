//! The host functions of `wit/deps/model.wit`: each begins with `permit`.

use std::sync::Arc;

use super::{CallState, Model, turn};
use crate::call::Facts;
use crate::wit::Failure;
use crate::wit::model::{Answer, Host, Request, Source};

impl Host for CallState {
    async fn list(&mut self) -> wasmtime::Result<Vec<Source>> {
        let granted = self.granted::<Model>()?.into_iter();
        let source = |(name, grant): (String, Arc<Model>)| Source {
            name,
            model: grant.backend.model().map(str::to_owned),
            input_tokens_max: grant.limits.input_tokens_max,
            output_tokens_max: grant.limits.output_tokens_max,
            notes: grant.notes.clone(),
        };
        Ok(granted.map(source).collect())
    }

    async fn converse(&mut self, source: String, request: Request) -> Result<Answer, Failure> {
        let grant = self.permit::<Model>(&source, "converse", |_| Facts::default())?;
        let time_left = self.time_left();
        grant.converse(Some(self), time_left, request).await
    }

    async fn estimate(&mut self, source: String, text: String) -> Result<u32, Failure> {
        let _permit = self.permit::<Model>(&source, "estimate", |_| Facts::default())?;
        Ok(turn::tokens(&text))
    }
}
