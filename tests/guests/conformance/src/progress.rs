//! Tools that tell the client something beside their answer.

use std::thread::sleep;
use std::time::{Duration, SystemTime};

use toolhost_sdk::client::{self, Level, Offer};
use toolhost_sdk::tool;

const PAUSE: Duration = Duration::from_millis(50);

/// Writes three lines to the client's log.
#[tool(read_only)]
pub(crate) fn test_tool_with_logging() -> &'static str {
    client::note(Level::Info, "Tool execution started");
    sleep(PAUSE);
    client::note(Level::Info, "Tool processing data");
    sleep(PAUSE);
    client::note(Level::Info, "Tool execution completed");
    "Tool with logging executed successfully"
}

/// Writes a line to the client's log, for clients that ask for it.
#[tool(read_only)]
pub(crate) fn test_logging_tool() -> &'static str {
    client::note(Level::Info, "Logging tool executed");
    "Logging tool executed successfully"
}

/// Reports its progress in three steps.
#[tool(read_only)]
pub(crate) fn test_tool_with_progress() -> &'static str {
    for done in [0.0, 50.0, 100.0] {
        client::progress(done, Some(100.0), Some(&format!("Completed step {done} of 100")));
        sleep(PAUSE);
    }
    "Tool with progress executed successfully"
}

/// Takes long enough for a client to lose its connection and come back.
#[tool(read_only)]
pub(crate) fn test_reconnection() -> &'static str {
    sleep(Duration::from_millis(1_500));
    "Reconnection test completed successfully. If you received this, the client properly reconnected after stream closure."
}

/// Changes the description of this tool.
#[tool(details = now)]
pub(crate) fn test_trigger_tool_change() -> &'static str {
    client::changed(Offer::Tools);
    "Tool list changed"
}

/// Changes the description of a prompt.
#[tool]
pub(crate) fn test_trigger_prompt_change() -> &'static str {
    client::changed(Offer::Prompts);
    "Prompt list changed"
}

/// Says that a resource is not what it was.
#[tool]
pub(crate) fn test_trigger_resource_update() -> &'static str {
    client::updated("test://watched-resource");
    "Resource updated"
}

/// What makes a description another one each time the host asks for it.
pub(crate) fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("Described at {} ms.", since.as_millis())
}
