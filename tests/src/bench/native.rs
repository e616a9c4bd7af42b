//! The native server: the same tools as the documentation of rmcp builds them, without any sandbox.

use std::io::Write;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::serve::ListenerExt;
use rmcp::handler::server::common::schema_for_input;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::schemars::{self, JsonSchema};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde::Deserialize;
use serde_json::json;

use super::query::{Database, Query};

/// With this as its first argument a bench is the native server.
pub const ARGUMENT: &str = "native";

/// With this variable in its environment a test program is the native server.
pub(super) const ASKED: &str = "TOOLHOST_TESTS_NATIVE";

/// Is the native server, with `echo` alone, in a process that was started to be that.
pub fn run_if_asked() -> Result<()> {
    if std::env::var_os(ASKED).is_some() { run(&[]) } else { Ok(()) }
}

/// Serves the native tools until standard input ends, as it does when its parent does. Always
/// there is `echo`; further arguments, in pairs, ask for more:
///
/// | arguments | tools |
/// | --- | --- |
/// | `tools FILE` | those of a JSON array, each of which does what `echo` does |
/// | `sqlite FILE` | `run_query` at a SQLite file |
/// | `mysql URL` | `run_query` at a database of MySQL or MariaDB |
pub fn run(arguments: &[String]) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let config = StreamableHttpServerConfig::default().with_json_response(true);
        let native = Native { tools: Arc::new(tools(arguments)?) };
        let service =
            StreamableHttpService::new(move || Ok(native.clone()), Arc::new(LocalSessionManager::default()), config);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        std::io::stdout().flush()?;
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let parent_is_gone = tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin()));
        tokio::select! {
            served = axum::serve(listener, Router::new().route_service("/mcp", service)) => Ok(served?),
            _ = parent_is_gone => Ok(()),
        }
    })
}

#[derive(Clone)]
struct Native {
    tools: Arc<ToolRouter<Self>>,
}

/// The same arguments as the plugin's `echo` has.
#[derive(Deserialize, JsonSchema)]
struct Echo {
    /// The text of the answer.
    message: String,
    /// Any object, to be given back beside it.
    payload: Option<JsonObject>,
}

fn echo(Parameters(Echo { message, payload }): Parameters<Echo>) -> CallToolResult {
    let mut answer = json!({ "message": message });
    if let (Some(payload), Some(answer)) = (payload, answer.as_object_mut()) {
        answer.insert("payload".to_owned(), payload.into());
    }
    let mut result = CallToolResult::success(vec![ContentBlock::text(message)]);
    result.structured_content = Some(answer);
    result
}

fn tools(arguments: &[String]) -> Result<ToolRouter<Native>> {
    let schema = schema_for_input::<Echo>().unwrap_or_default();
    let mut tools = ToolRouter::new().with_route((Tool::new("echo", "Answers with what it was given.", schema), echo));
    for pair in arguments.chunks(2) {
        let [word, value] = pair else { anyhow::bail!("not a pair: {pair:?}") };
        let database = match word.as_str() {
            "sqlite" => Database::sqlite(value),
            "mysql" => Database::mysql(value)?,
            "tools" => {
                let listed: Vec<Tool> = serde_json::from_str(&std::fs::read_to_string(value)?)?;
                tools = listed.into_iter().fold(ToolRouter::new(), |tools, tool| tools.with_route((tool, echo)));
                continue;
            }
            _ => anyhow::bail!("there is no `{word}`"),
        };
        let schema = schema_for_input::<Query>().unwrap_or_default();
        let run_query = move |Parameters(query): Parameters<Query>| {
            let database = database.clone();
            async move { database.answer(query).await.map_err(|error| ErrorData::internal_error(error.to_string(), None)) }
        };
        tools = tools.with_route((Tool::new("run_query", "Answers with rows.", schema), run_query));
    }
    Ok(tools)
}

/// What rmcp's `#[tool_handler]` writes, with a router that is made once.
impl ServerHandler for Native {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools.list_all()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools.get(name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.tools.call(ToolCallContext::new(self, request, context)).await
    }
}
