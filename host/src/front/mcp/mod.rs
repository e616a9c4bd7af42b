//! MCP: rmcp's handler on one side, `Call` and `Outcome` on the other.
//!
//! rmcp speaks every revision of the protocol; what it leaves to a server is here: a call
//! that was taken back is dropped, an unknown tool is the protocol's own error, and every
//! result says which server it is from.

use std::sync::Arc;

use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CustomRequest, CustomResult, DiscoverResult, ErrorCode,
    ErrorData, Implementation, InitializeRequestParams, InitializeResult, ListToolsResult, MetaObject,
    PaginatedRequestParams, ProgressNotificationParam, ProgressToken, ProtocolVersion, ServerCapabilities,
    ServerConfig, Tool,
};
use rmcp::service::{Peer, RequestContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{answer, sampling};
use crate::call::{Call, Client, Outcome, Progress};
use crate::fault::{Error, Kind};
use crate::host::Host;

/// Progress reports on their way to a client.
const REPORTS_AHEAD: usize = 16;

/// How long a client may keep the list of tools before it asks again, in milliseconds.
const LIST_FRESH_MS: u64 = 10_000;

/// The key under which a result names its server.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// The door; rmcp makes one for each session or request.
#[derive(Clone)]
pub(super) struct Door {
    host: Arc<Host>,
    /// What every result says of its server.
    about: Arc<Value>,
}

impl Door {
    pub(super) fn new(host: Arc<Host>) -> Self {
        let about = serde_json::to_value(about()).unwrap_or_default();
        Self { host, about: Arc::new(about) }
    }

    /// What every result carries since revision 2026-07-28, and none before it.
    fn server_info(&self, context: &RequestContext<RoleServer>, meta: Option<MetaObject>) -> Option<MetaObject> {
        if context.protocol_version().is_none_or(|version| version < ProtocolVersion::V_2026_07_28) {
            return meta;
        }
        let mut meta = meta.unwrap_or_default();
        meta.0.insert(SERVER_INFO.to_owned(), Value::clone(&self.about));
        Some(meta)
    }
}

impl ServerHandler for Door {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build()).with_server_info(about())
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let instructions = self.host.instructions().await;
        Ok(self.negotiate_initialize(&request)?.with_instructions(&*instructions))
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let info = self.get_info().with_instructions(&*self.host.instructions().await);
        let versions = self.supported_protocol_versions().into_owned();
        let mut result = DiscoverResult::from_server_info(versions, info);
        (result.ttl_ms, result.cache_scope) = (LIST_FRESH_MS, CacheScope::Private);
        Ok(result)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut list = ListToolsResult::with_all_items(self.host.plugins().tools().map(answer::tool).collect());
        (list.ttl_ms, list.cache_scope) = (Some(LIST_FRESH_MS), Some(CacheScope::Private));
        list.meta = self.server_info(&context, None);
        Ok(list)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let plugins = self.host.plugins();
        // rmcp asks at each call, to hold the call's headers against the tool's schema.
        let (_, loaded) = plugins.tool(name).filter(|(_, loaded)| loaded.tool.mirrors_arguments)?;
        Some(answer::tool(&loaded.tool))
    }

    /// Where rmcp hands over what it did not recognise: a `tools/call` here is a malformed one.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        if request.method == "tools/call" {
            let message = "`params` must hold `name`, a string, and may hold `arguments`, a JSON object";
            return Err(ErrorData::new(ErrorCode::INVALID_PARAMS, message, None));
        }
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, request.method, None))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let mut call = Call::new(request.name, request.arguments.unwrap_or_default());
        let token = context.meta.get_progress_token();
        let (reports, incoming) = mpsc::channel(REPORTS_AHEAD);
        let (model, questions) = sampling::own_model(&context);
        call.client = Client { progress: token.is_some().then_some(reports), model };
        let relayed = relay(self.host.call(call), incoming, token.map(|token| (token, context.peer.clone())));
        // The call holds the other end of the questions: these end after it.
        let asked = sampling::serve(questions, context.peer.clone());
        let answer = tokio::select! {
            (answer, ()) = async { tokio::join!(relayed, asked) } => answer,
            // Leaving here drops the call, which stops the guest.
            () = context.ct.cancelled() => Err(Error::new(Kind::Cancelled, "The call was taken back.")),
        };
        if let Err(error) = &answer
            && error.kind == Kind::UnknownTool
        {
            return Err(ErrorData::new(ErrorCode::INVALID_PARAMS, error.sentence(), Some(answer::error_json(error))));
        }
        let mut result = answer::result(answer);
        result.meta = self.server_info(&context, result.meta);
        Ok(result.into())
    }
}

/// Which server this is.
fn about() -> Implementation {
    let mut about = Implementation::new("toolhost", env!("CARGO_PKG_VERSION"));
    about.title = Some("toolhost".to_owned());
    about
}

/// Waits for a call, and passes its reports on meanwhile, each before what comes after it.
async fn relay(
    call: impl Future<Output = Result<Outcome, Error>>,
    mut reports: mpsc::Receiver<Progress>,
    client: Option<(ProgressToken, Peer<RoleServer>)>,
) -> Result<Outcome, Error> {
    let Some((token, peer)) = client else { return call.await };
    let mut call = std::pin::pin!(call);
    let mut answer = None;
    loop {
        let report = tokio::select! {
            biased;
            report = reports.recv() => report,
            done = &mut call, if answer.is_none() => {
                answer = Some(done);
                continue;
            }
        };
        match (report, answer) {
            (None, Some(answer)) => return answer,
            (None, None) => return call.await,
            (Some(report), waiting) => {
                answer = waiting;
                let mut message = ProgressNotificationParam::new(token.clone(), report.done);
                (message.total, message.message) = (report.total, report.message);
                // A client that is gone misses it; that it is gone is found out elsewhere.
                let _ = peer.notify_progress(message).await;
            }
        }
    }
}
