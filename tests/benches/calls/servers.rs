//! The two that are compared, each a process of its own: toolhost as it is shipped, and a
//! server with the same tool as the documentation of rmcp builds one, without any sandbox.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
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
use toolhost_tests::process;
use toolhost_tests::toolhost::{Setup, Toolhost};

/// With this argument the program is the native server.
pub(crate) const NATIVE_ARGUMENT: &str = "native-echo";

/// One that is called. It ends when it is dropped.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    /// The name of its `echo`.
    pub(crate) tool: &'static str,
    process: Process,
}

enum Process {
    Native { child: Child, url: String },
    Toolhost(Toolhost),
}

impl Server {
    /// This program again, as the native server.
    pub(crate) fn native() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(NATIVE_ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        BufReader::new(child.stdout.take().context("a pipe")?).read_line(&mut url)?;
        let process = Process::Native { child, url: url.trim_end().to_owned() };
        Ok(Self { name: "native", tool: "echo", process })
    }

    /// The program `toolhost serve` with one plugin, a fresh instance for each call. All
    /// settings are the defaults; its log, a line for each call, goes to a file.
    pub(crate) async fn toolhost() -> Result<Self> {
        let host = Setup::new("").plugin("good", "good")?.start().await?;
        Ok(Self { name: "toolhost", tool: "good__echo", process: Process::Toolhost(host) })
    }

    pub(crate) fn url(&self) -> &str {
        match &self.process {
            Process::Native { url, .. } => url,
            Process::Toolhost(host) => host.url(),
        }
    }

    /// Processor time that it has used, in whole hundredths of a second.
    pub(crate) fn cpu_time(&self) -> Result<Duration> {
        process::cpu_time(self.pid())
    }

    /// Memory that it holds, in KiB.
    pub(crate) fn memory_kib(&self) -> Result<u64> {
        process::memory_kib(self.pid())
    }

    fn pid(&self) -> u32 {
        match &self.process {
            Process::Native { child, .. } => child.id(),
            Process::Toolhost(host) => host.pid(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Process::Native { child, .. } = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Serves the native tool until standard input ends, as it does when its parent does.
pub(crate) fn run_native() -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let config = StreamableHttpServerConfig::default().with_json_response(true);
        let native = Native::new();
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

impl Native {
    fn new() -> Self {
        let schema = schema_for_input::<Echo>().unwrap_or_default();
        let tool = Tool::new("echo", "Answers with what it was given.", schema);
        Self { tools: Arc::new(ToolRouter::new().with_route((tool, echo))) }
    }
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
