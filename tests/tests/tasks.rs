//! Tasks (SEP-2663): calls that go on after their request, for clients that poll for them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use toolhost_tests::Toolhost;
use toolhost_tests::http::request;
use toolhost_tests::mcp::{ERAS, Era, Mcp};
use toolhost_tests::toolhost::Setup;

/// No task of these tests takes longer, on however slow a machine.
const TIME_MAX: Duration = Duration::from_secs(30);

/// A host with the plugins `good` and `conformance`; these lines are the rest of its config.
async fn host(config: &str) -> Result<Toolhost> {
    let config =
        format!("{config}[plugins.good]\n[plugins.conformance]\nprefix = \"\"\n[limits]\ndeadline_ms = 600000\n");
    Setup::new(config).plugin("good", "good")?.plugin("conformance", "conformance")?.start().await
}

/// A client that polls for tasks, and shows forms.
async fn polling(host: &Toolhost) -> Result<Mcp> {
    let extensions = json!({ "io.modelcontextprotocol/tasks": {} });
    let capabilities = json!({ "elicitation": {}, "extensions": extensions });
    Ok(Mcp::connect(host.url(), Era::Modern).await?.capable_of(capabilities))
}

/// Begins a task: its id.
async fn begin(client: &mut Mcp, tool: &str, arguments: Value) -> Result<String> {
    let begun = client.call(tool, arguments).await?;
    ensure!(begun["resultType"] == "task", "no task: {begun}");
    for absent in ["task", "result", "error", "inputRequests", "requestState", "content"] {
        ensure!(begun.get(absent).is_none(), "{absent}: {begun}");
    }
    Ok(begun["taskId"].as_str().context("no id")?.to_owned())
}

async fn get(client: &mut Mcp, id: &str) -> Result<Value> {
    client.request("tasks/get", json!({ "taskId": id })).await
}

/// Polls for a task until it is so.
async fn until(client: &mut Mcp, id: &str, so: impl Fn(&Value) -> bool) -> Result<Value> {
    let began = Instant::now();
    loop {
        let task = get(client, id).await?;
        if so(&task) {
            return Ok(task);
        }
        if began.elapsed() > TIME_MAX {
            bail!("it never was: {task}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Polls for a task until it has ended.
async fn ended(client: &mut Mcp, id: &str) -> Result<Value> {
    until(client, id, |task| !matches!(task["status"].as_str(), Some("working" | "input_required"))).await
}

async fn update(client: &mut Mcp, id: &str, replies: Value) -> Result<()> {
    acknowledged(client, "tasks/update", json!({ "taskId": id, "inputResponses": replies })).await
}

async fn cancel(client: &mut Mcp, id: &str) -> Result<()> {
    acknowledged(client, "tasks/cancel", json!({ "taskId": id })).await
}

async fn acknowledged(client: &mut Mcp, method: &str, params: Value) -> Result<()> {
    let acknowledged = client.request(method, params).await?;
    ensure!(acknowledged["resultType"] == "complete", "{acknowledged}");
    ensure!(acknowledged.get("taskId").is_none() && acknowledged.get("status").is_none(), "{acknowledged}");
    Ok(())
}

/// The error of a request.
async fn error(client: &mut Mcp, method: &str, params: Value) -> Result<Value> {
    Ok(client.send(method, params).await?.json()?["error"].clone())
}

fn accept(content: Value) -> Value {
    json!({ "action": "accept", "content": content })
}

#[tokio::test]
async fn a_slow_call_goes_on_as_a_task_and_a_fast_one_is_answered() -> Result<()> {
    let host = host("[serve.tasks]\nafter_ms = 200\npoll_ms = 300\nkeep_ms = 60000\n").await?;
    let mut client = polling(&host).await?;
    let fast = client.call("good__add", json!({ "a": 1, "b": 2 })).await?;
    assert_eq!(
        (&fast["resultType"], &fast["structuredContent"]),
        (&json!("complete"), &json!({ "result": 3 })),
        "{fast}"
    );
    let id = begin(&mut client, "good__sleep_ms", json!({ "milliseconds": 1_500 })).await?;
    let task = get(&mut client, &id).await?;
    assert_eq!((&task["taskId"], &task["status"]), (&json!(id), &json!("working")), "{task}");
    assert_eq!((&task["ttlMs"], &task["pollIntervalMs"]), (&json!(60_000), &json!(300)), "{task}");
    assert_eq!(task["resultType"], "complete", "{task}");
    assert_eq!(task["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "toolhost", "{task}");
    for time in ["createdAt", "lastUpdatedAt"] {
        let time = task[time].as_str().unwrap_or_default();
        assert!(time.len() == 24 && time.starts_with("20") && time.ends_with('Z'), "{task}");
    }
    // As often as it is asked for, and from another connection too.
    for client in [&mut client.beside().await?, &mut client] {
        let task = ended(client, &id).await?;
        assert_eq!(task["status"], "completed", "{task}");
        assert_eq!(task["result"]["content"][0]["text"], "slept 1500 ms", "{task}");
    }
    let printed = host.printed()?;
    assert_eq!(printed.matches("good__sleep_ms").count(), 2, "listed once, called once: {printed}");
    Ok(())
}

#[tokio::test]
async fn a_client_that_does_not_poll_waits() -> Result<()> {
    let host = host("[serve.tasks]\nafter_ms = 100\n").await?;
    for era in ERAS {
        let mut client = Mcp::connect(host.url(), era).await?;
        let slow = client.call("good__sleep_ms", json!({ "milliseconds": 600 })).await?;
        assert_eq!(slow["content"][0]["text"], "slept 600 ms", "{era:?}: {slow}");
        let at_once = client.call("slow_compute", json!({ "seconds": 0.1 })).await?;
        assert!(at_once["content"][0]["text"].is_string() && at_once.get("taskId").is_none(), "{era:?}: {at_once}");
    }
    Ok(())
}

#[tokio::test]
async fn the_extension_is_declared_in_the_revision_that_has_extensions() -> Result<()> {
    let host = host("").await?;
    let met = polling(&host).await?.request("server/discover", json!({})).await?;
    assert!(met["capabilities"]["extensions"]["io.modelcontextprotocol/tasks"].is_object(), "{met}");
    assert!(met["capabilities"].get("tasks").is_none(), "{met}");
    let about = json!({ "name": "tests", "version": "1" });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": about });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params }).to_string();
    let headers = [("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
    let met = request("POST", &format!("{}/mcp", host.url()), &headers, body.into_bytes()).await?.json()?;
    assert!(met["result"]["capabilities"]["tools"].is_object(), "{met}");
    assert!(met["result"]["capabilities"].get("extensions").is_none(), "{met}");
    Ok(())
}

#[tokio::test]
async fn progress_is_the_message_of_a_task() -> Result<()> {
    let host = host("[serve.tasks]\nafter_ms = 100\n").await?;
    let mut client = polling(&host).await?;
    let id = begin(&mut client, "good__steps", json!({ "count": 10_000, "pause_ms": 20 })).await?;
    let told = |task: &Value| task["statusMessage"].as_str().is_some_and(|message| message.starts_with("step "));
    let task = until(&mut client, &id, told).await?;
    assert_eq!(task["status"], "working", "{task}");
    cancel(&mut client, &id).await
}

#[tokio::test]
async fn a_task_that_is_cancelled_stops_its_guest() -> Result<()> {
    let host = host("[serve]\ncalls = 1\n[serve.tasks]\nafter_ms = 100\n").await?;
    let mut client = polling(&host).await?;
    let id = begin(&mut client, "good__sleep_ms", json!({ "milliseconds": 500_000 })).await?;
    for _ in 0..2 {
        cancel(&mut client, &id).await?;
        assert_eq!(get(&mut client, &id).await?["status"], "cancelled");
    }
    // It had the only place that there is.
    let next = client.call("good__add", json!({ "a": 1, "b": 2 })).await?;
    assert_eq!(next["structuredContent"]["result"], 3, "{next}");
    Ok(())
}

#[tokio::test]
async fn a_task_asks_and_goes_on_with_the_reply() -> Result<()> {
    let host = host("").await?;
    let mut client = polling(&host).await?;
    let id = begin(&mut client, "confirm_delete", json!({ "filename": "a.txt" })).await?;
    let asks = |task: &Value| task["status"] == "input_required";
    let task = until(&mut client, &id, asks).await?;
    assert_eq!(task["inputRequests"]["confirm"]["method"], "elicitation/create", "{task}");
    // None of these is a reply to what was asked.
    for strange in [json!({ "other": { "ignored": true } }), json!({ "confirm": 1 }), json!({})] {
        update(&mut client, &id, strange).await?;
        assert_eq!(get(&mut client, &id).await?["status"], "input_required");
    }
    update(&mut client, &id, json!({ "confirm": accept(json!({ "confirm": true })) })).await?;
    let task = ended(&mut client, &id).await?;
    assert_eq!(task["result"]["content"][0]["text"], "Deleted a.txt", "{task}");
    update(&mut client, &id, json!({ "confirm": accept(json!({ "confirm": false })) })).await?;
    assert_eq!(ended(&mut client, &id).await?["result"], task["result"]);

    let id = begin(&mut client, "multi_input", json!({})).await?;
    let task = until(&mut client, &id, asks).await?;
    assert_eq!(task["inputRequests"].as_object().map(serde_json::Map::len), Some(2), "{task}");
    // With more in it than was asked for.
    update(&mut client, &id, json!({ "name": accept(json!({ "name": "Ann", "confirm": 7 })) })).await?;
    let task = get(&mut client, &id).await?;
    assert_eq!(task["status"], "input_required", "{task}");
    let open: Vec<_> = task["inputRequests"].as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    assert_eq!(open, ["confirm"], "{task}");
    update(&mut client, &id, json!({ "confirm": accept(json!({ "confirm": false })) })).await?;
    let task = ended(&mut client, &id).await?;
    assert_eq!(task["result"]["content"][0]["text"], "Ann said no", "{task}");
    Ok(())
}

#[tokio::test]
async fn a_call_that_asks_before_it_is_slow_asks_in_its_result() -> Result<()> {
    let host = host("[serve.tasks]\nafter_ms = 1000\n").await?;
    let mut client = polling(&host).await?;
    let asked = client.call("test_tool_with_task", json!({})).await?;
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    assert!(asked.get("taskId").is_none(), "{asked}");
    let params = json!({
        "name": "test_tool_with_task",
        "arguments": {},
        "inputResponses": { "user_name": accept(json!({ "name": "Alice" })) },
        "requestState": asked["requestState"],
    });
    let begun = client.request("tools/call", params).await?;
    assert_eq!(begun["resultType"], "task", "{begun}");
    let task = ended(&mut client, begun["taskId"].as_str().unwrap_or_default()).await?;
    assert_eq!(task["result"]["content"][0]["text"], "Hello, Alice! The task is done.", "{task}");
    Ok(())
}

#[tokio::test]
async fn an_error_of_the_tool_is_a_result_and_a_broken_call_has_failed() -> Result<()> {
    let host = host("").await?;
    let mut client = polling(&host).await?;
    let id = begin(&mut client, "failing_job", json!({})).await?;
    let task = ended(&mut client, &id).await?;
    assert_eq!((&task["status"], &task["result"]["isError"]), (&json!("completed"), &json!(true)), "{task}");
    let id = begin(&mut client, "protocol_error_job", json!({})).await?;
    let task = ended(&mut client, &id).await?;
    assert_eq!((&task["status"], &task["error"]["code"]), (&json!("failed"), &json!(-32603)), "{task}");
    assert_eq!(task["error"]["data"]["kind"], "crashed", "{task}");
    assert!(task["error"]["message"].is_string() && task.get("result").is_none(), "{task}");
    Ok(())
}

#[tokio::test]
async fn a_client_that_does_not_poll_is_told_that_it_must() -> Result<()> {
    let host = host("").await?;
    let mut client = Mcp::connect(host.url(), Era::Modern).await?;
    let get = json!({ "taskId": "gate-test" });
    let update = json!({ "taskId": "gate-test", "inputResponses": {} });
    let call = json!({ "name": "failing_job", "arguments": {} });
    let requests = [("tasks/get", get.clone()), ("tasks/update", update), ("tasks/cancel", get), ("tools/call", call)];
    for (method, params) in requests {
        let error = error(&mut client, method, params).await?;
        assert_eq!(error["code"], -32021, "{method}: {error}");
        let required = &error["data"]["requiredCapabilities"]["extensions"];
        assert!(required["io.modelcontextprotocol/tasks"].is_object(), "{method}: {error}");
    }
    let legacy = Mcp::connect(host.url(), Era::Legacy).await?.call("failing_job", json!({})).await?;
    assert_eq!(legacy["isError"], true, "{legacy}");
    let said = legacy["content"][0]["text"].as_str().unwrap_or_default();
    assert!(said.starts_with("client-lacks: ") && said.contains("io.modelcontextprotocol/tasks"), "{legacy}");
    Ok(())
}

#[tokio::test]
async fn an_unknown_task_is_a_wrong_parameter() -> Result<()> {
    let host = host("").await?;
    let mut client = polling(&host).await?;
    for id in ["gate-test", "00000000-0000-4000-8000-000000000000"] {
        for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
            let error = error(&mut client, method, json!({ "taskId": id, "inputResponses": {} })).await?;
            assert_eq!(error["code"], -32602, "{method} {id}: {error}");
            assert!(!error.to_string().contains(id), "{method}: {error}");
        }
    }
    let malformed = error(&mut client, "tasks/get", json!({})).await?;
    assert_eq!(malformed["code"], -32602, "{malformed}");
    for gone in ["tasks/list", "tasks/result"] {
        assert_eq!(error(&mut client, gone, json!({})).await?["code"], -32601, "{gone}");
    }
    Ok(())
}

#[tokio::test]
async fn with_no_room_for_a_task_the_client_waits_or_is_refused() -> Result<()> {
    let host = host("[serve.tasks]\nafter_ms = 100\nrunning_max = 1\n").await?;
    let mut client = polling(&host).await?;
    let first = begin(&mut client, "slow_compute", json!({ "seconds": 500 })).await?;
    let at_once = client.call("slow_compute", json!({ "seconds": 0.1 })).await?;
    assert!(at_once["content"][0]["text"].is_string(), "{at_once}");
    let slow = client.call("good__sleep_ms", json!({ "milliseconds": 400 })).await?;
    assert_eq!(slow["content"][0]["text"], "slept 400 ms", "{slow}");
    let required = client.call("failing_job", json!({})).await?;
    let said = required["content"][0]["text"].as_str().unwrap_or_default();
    assert!(required["isError"] == true && said.starts_with("limited: "), "{required}");
    cancel(&mut client, &first).await?;
    let next = begin(&mut client, "slow_compute", json!({ "seconds": 0.1 })).await?;
    assert_eq!(ended(&mut client, &next).await?["status"], "completed");
    Ok(())
}

#[tokio::test]
async fn a_task_is_forgotten_when_its_time_is_over() -> Result<()> {
    let host = host("[serve.tasks]\nkeep_ms = 1500\n").await?;
    let mut client = polling(&host).await?;
    let running = begin(&mut client, "slow_compute", json!({ "seconds": 500 })).await?;
    let done = begin(&mut client, "slow_compute", json!({ "seconds": 0 })).await?;
    assert_eq!(ended(&mut client, &done).await?["status"], "completed");
    let began = Instant::now();
    for id in [running, done] {
        while error(&mut client, "tasks/get", json!({ "taskId": id })).await?["code"] != -32602 {
            ensure!(began.elapsed() < TIME_MAX, "it is still there");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_a_file_keeps_is_there_after_a_restart_and_what_ran_has_failed() -> Result<()> {
    let folder = TempDir::with_prefix("toolhost-tasks-")?;
    let config = format!("[serve]\nstop_ms = 300\n[serve.tasks]\nstore = {:?}\n", folder.path().join("tasks.db"));
    let mut kept = Vec::new();
    for (stops, why) in [(true, "stopped"), (false, "restarted")] {
        let first = host(&config).await?;
        let mut client = polling(&first).await?;
        let done = begin(&mut client, "slow_compute", json!({ "seconds": 0 })).await?;
        let result = ended(&mut client, &done).await?["result"].clone();
        let running = begin(&mut client, "slow_compute", json!({ "seconds": 500 })).await?;
        let asking = begin(&mut client, "confirm_delete", json!({ "filename": "a.txt" })).await?;
        until(&mut client, &asking, |task| task["status"] == "input_required").await?;
        if stops {
            let (status, printed) = first.stop().await?;
            assert_eq!(status.code(), Some(0), "{printed}");
            assert!(printed.contains("cut off"), "{printed}");
        } else {
            // Killed, like by a crash or a loss of power.
            drop(first);
        }
        kept.push((done, [running, asking], result, why));
        let second = host(&config).await?;
        let mut client = polling(&second).await?;
        for (done, running, result, why) in &kept {
            assert_eq!(&ended(&mut client, done).await?["result"], result);
            for id in running {
                let task = get(&mut client, id).await?;
                assert_eq!((&task["status"], &task["error"]["code"]), (&json!("failed"), &json!(-32603)), "{task}");
                let message = task["error"]["message"].as_str().unwrap_or_default();
                assert!(message.contains(&format!("The host was {why} while the call ran.")), "{task}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_task_that_ends_before_the_host_must_is_kept() -> Result<()> {
    let folder = TempDir::with_prefix("toolhost-tasks-")?;
    let config = format!("[serve.tasks]\nstore = {:?}\n", folder.path().join("tasks.db"));
    let first = host(&config).await?;
    let mut client = polling(&first).await?;
    let id = begin(&mut client, "slow_compute", json!({ "seconds": 1.5 })).await?;
    let (status, printed) = first.stop().await?;
    assert_eq!(status.code(), Some(0), "{printed}");
    let task = get(&mut polling(&host(&config).await?).await?, &id).await?;
    assert_eq!(task["status"], "completed", "{task}");
    Ok(())
}
