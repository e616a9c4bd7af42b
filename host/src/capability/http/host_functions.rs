//! The host functions of `wit/deps/http.wit`: each begins with `permit`.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{CallState, Http, facts};
use crate::wit::http::{Host, Outgoing, Request, Response, Upstream};
use crate::wit::{Error, ErrorKind, Failure};

/// How many requests `send-many` takes.
const MANY_MAX: usize = 16;

impl Host for CallState {
    async fn list(&mut self) -> wasmtime::Result<Vec<Upstream>> {
        let granted = self.granted::<Http>()?.into_iter();
        let upstream = |(name, grant): (String, Arc<Http>)| Upstream {
            name,
            methods: grant.rules.methods.iter().cloned().collect(),
            paths: grant.rules.paths.iter().map(ToString::to_string).collect(),
            notes: grant.notes.clone(),
        };
        Ok(granted.map(upstream).collect())
    }

    async fn send(&mut self, upstream: String, request: Request) -> Result<Response, Failure> {
        let grant = self.permit::<Http>(&upstream, "send", |_| facts(&request.method))?;
        self.note_write(&request);
        Ok(grant.send(request, grant.trace().or(self.trace.as_ref())).await?)
    }

    async fn send_many(&mut self, requests: Vec<Outgoing>) -> wasmtime::Result<Vec<Result<Response, Error>>> {
        let too_many = requests.len() > MANY_MAX;
        let mut permitted = Vec::with_capacity(requests.len());
        for Outgoing { upstream, request } in requests {
            let grant = match self.permit::<Http>(&upstream, "send", |_| facts(&request.method)) {
                Ok(_) if too_many => {
                    Err(Error::new(ErrorKind::Limited, format!("`send-many` takes at most {MANY_MAX} requests")))
                }
                Ok(grant) => {
                    self.note_write(&request);
                    Ok(grant)
                }
                Err(failure) => Err(failure.into_answer()?),
            };
            permitted.push((grant, request));
        }
        let trace = self.trace.as_ref();
        let sent = permitted.into_iter().map(async |(grant, request)| {
            let grant = grant?;
            grant.send(request, grant.trace().or(trace)).await
        });
        Ok(join_all(sent).await)
    }
}

impl CallState {
    /// A request of any method but these may change something.
    fn note_write(&mut self, request: &Request) {
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            self.wrote();
        }
    }
}
