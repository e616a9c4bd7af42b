//! The promises of the room that need no engine: limits, seals, and that nothing runs on unheld.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use wasmtime::component::Resource;

use super::*;
use crate::call::{Call, Caller};
use crate::capability::Clock;
use crate::capability::Grants;
use crate::capability::state::Scope;
use crate::config;
use crate::seal::Seal;
use crate::wit::Failure;
use crate::wit::query::{Execution as WitExecution, Host, HostExecution, State};

const SCRIPT: &str = r#"
[query.cases]
queries_max = 2
time_max_ms = 600000
rows_max = 2

[query.cases.script]
database = "support"

[[query.cases.script.answer]]
statement = "SELECT n FROM t"
columns = [{ name = "n", kind = "integer" }]
rows = [[1], [2], [3]]
bytes_scanned = 77

[[query.cases.script.answer]]
statement = "SELECT m FROM t"
columns = ["m"]
rows = [["a"], ["b"], ["c"]]

[[query.cases.script.answer]]
statement = "SELECT slow FROM t"
columns = ["slow"]
runs_ms = 600000

[query.other.script]
database = "support"
"#;

fn parsed(text: &str) -> config::Config {
    config::Config::parse(text, Path::new("toolhost.toml"), &["query"]).expect("parses")
}

fn open(text: &str) -> Result<Query, String> {
    let grant = parsed(text).grants::<Config>("query").remove("cases").ok_or("no grant")?;
    let grant = grant.map_err(|error| error.to_string())?;
    Query::open(grant, Place { name: "cases", dir: Path::new("") }).map_err(|error| error.to_string())
}

/// What the calls of several callers and plugins have in common.
struct House {
    grants: Grants,
    seal: Seal,
}

impl House {
    fn new() -> Self {
        Self::open(SCRIPT)
    }

    fn open(config: &str) -> Self {
        Self { grants: Grants::open(&parsed(config)), seal: Seal::new().expect("random numbers") }
    }

    fn call(&self, caller: &str, plugin: &str) -> CallState {
        let paths = ["query.cases".to_owned(), "query.other".to_owned()];
        let scope = Scope {
            plugin: plugin.to_owned(),
            grants: self.grants.select(&paths).expect("granted"),
            settings: Vec::new(),
            limits: config::Limits::default(),
            seal: self.seal.clone(),
        };
        let call = Call { caller: Arc::new(Caller::named(caller)), ..Call::of(()) };
        CallState::new(
            call,
            Arc::new(scope),
            Arc::new(crate::policy::Policy::everything()),
            Clock::start(Duration::from_secs(30)),
        )
    }
}

async fn submit(call: &mut CallState, statement: &str) -> Resource<WitExecution> {
    Host::submit(call, "cases".to_owned(), statement.to_owned(), Vec::new()).await.expect("is taken")
}

/// The same thing in a guest's hand: what is borrowed for one function.
fn again(execution: &Resource<WitExecution>) -> Resource<WitExecution> {
    Resource::new_borrow(execution.rep())
}

fn told<T>(answer: Result<T, Failure>) -> Error {
    match answer {
        Err(Failure::Answer(error)) => error,
        Err(Failure::Trap(trap)) => panic!("{trap:?}"),
        Ok(_) => panic!("it was answered"),
    }
}

/// Waits until a statement of the grant may be submitted again.
async fn until_free(call: &mut CallState) {
    let begun = Instant::now();
    while let Err(failure) = Host::submit(call, "cases".into(), "SELECT n FROM t".into(), Vec::new()).await {
        assert!(begun.elapsed() < Duration::from_secs(20), "{failure:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// The config example at the top of the room.
fn example() -> String {
    let lines = include_str!("mod.rs").lines().skip_while(|line| *line != "//! ```toml").skip(1);
    lines
        .take_while(|line| *line != "//! ```")
        .map(|line| line.trim_start_matches("//!").trim_start().to_owned() + "\n")
        .collect()
}

#[test]
fn the_example_opens() {
    let summary = open(&example()).map(|query| query.summary());
    assert_eq!(summary.as_deref(), Ok("Amazon Athena, database support, workgroup agents in eu-central-1, read-only"));
}

#[test]
fn a_grant_without_a_backend_or_with_two_is_refused() {
    let error = open("[query.cases]\nrows_max = 5\n").err().expect("is refused");
    assert!(error.contains("[query.cases] needs exactly one of `athena`, `embedded`"), "{error}");
    let athena = "athena = { database = \"a\", region = \"eu-central-1\" }";
    assert!(open(&format!("[query.cases]\n{athena}\nscript = {{ database = \"a\" }}\n")).is_err());
}

#[test]
fn zero_and_absurd_limits_are_refused_where_they_stand() {
    for limit in
        ["rows_max = 1001", "rows_max = 0", "bytes_max = 1", "time_max_ms = 0", "queries_max = 0", "queries_max = 1001"]
    {
        let error =
            open(&format!("[query.cases]\n{limit}\nscript = {{ database = \"a\" }}\n")).err().expect("is refused");
        assert!(error.starts_with("toolhost.toml:2:") && error.contains("out of range"), "{limit}: {error}");
    }
}

#[cfg(not(feature = "embedded"))]
#[test]
fn a_build_without_an_engine_names_the_feature_that_it_lacks() {
    let error = open("[query.cases]\nembedded = { dir = \"data\", database = \"a\" }\n").err().expect("is refused");
    assert!(error.contains("the cargo feature `embedded`"), "{error}");
}

#[test]
fn what_does_more_than_read_is_refused_with_class_and_reason() {
    let query = open(SCRIPT).expect("opens");
    let refused = |text| query.check(&Caller::local(), text, Vec::new()).expect_err("is refused");
    let error = refused("INSERT INTO t VALUES (1)");
    assert!(error.kind == ErrorKind::Denied && error.message.contains("class write"), "{error:?}");
    assert_eq!(refused("UNLOAD (SELECT 1) TO 's3://b/p'").kind, ErrorKind::Denied);
    assert_eq!(refused("SELECT 1; SELECT 2").kind, ErrorKind::Invalid);
    assert_eq!(refused("SELECT ?").kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn pages_follow_each_other_and_a_cursor_opens_its_own_statement_alone() {
    let house = House::new();
    let mut ann = house.call("ann", "athena");
    let (one, other) = (submit(&mut ann, "SELECT n FROM t").await, submit(&mut ann, "SELECT m FROM t").await);
    for execution in [&one, &other] {
        let status = ann.wait(again(execution), 10_000).await.expect("answers");
        assert_eq!(status.state, State::Succeeded);
    }
    let first = HostExecution::fetch(&mut ann, again(&one), None, 100).await.expect("a page");
    assert_eq!((first.rows.len(), first.rows[1][0].clone()), (2, Value::Integer(2)));
    let cursor = first.cursor.expect("there is more");
    let second = HostExecution::fetch(&mut ann, again(&one), Some(cursor.clone()), 100).await.expect("a page");
    assert_eq!((second.rows.len(), second.cursor), (1, None));
    for wrong in [cursor.replace('2', "1"), format!("{cursor}A"), "2".to_owned(), String::new()] {
        let error = told(HostExecution::fetch(&mut ann, again(&one), Some(wrong), 100).await);
        assert!(error.kind == ErrorKind::Invalid && error.message.contains("cursor"), "{error:?}");
    }
    let error = told(HostExecution::fetch(&mut ann, again(&other), Some(cursor), 100).await);
    assert_eq!(error.kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn a_detached_statement_opens_to_its_own_caller_plugin_and_source_alone() {
    let house = House::new();
    let mut ann = house.call("ann", "athena");
    let execution = submit(&mut ann, "SELECT n FROM t").await;
    let id = HostExecution::detach(&mut ann, Resource::new_own(execution.rep())).await.expect("an id");
    drop(ann);

    // A later call of the same caller.
    let mut ann = house.call("ann", "athena");
    let cases = || "cases".to_owned();
    let begun = Instant::now();
    while ann.inspect(cases(), id.clone()).await.expect("is known").state != State::Succeeded {
        assert!(begun.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(5)).await;
    }
    let status = ann.inspect(cases(), id.clone()).await.expect("is known");
    assert_eq!(status.statistics.bytes_scanned, Some(77));
    assert!(id.starts_with(&status.engine_id), "{id}");
    let page = Host::fetch(&mut ann, cases(), id.clone(), None, 2).await.expect("a page");
    let cursor = page.cursor.expect("there is more");
    assert_eq!(
        Host::fetch(&mut ann, cases(), id.clone(), Some(cursor.clone()), 2).await.expect("a page").rows.len(),
        1
    );

    let mut bob = house.call("bob", "athena");
    let mut plugin = house.call("ann", "other");
    for (call, source) in [(&mut bob, "cases"), (&mut plugin, "cases"), (&mut ann, "other")] {
        let source = || source.to_owned();
        assert_eq!(told(call.inspect(source(), id.clone()).await).kind, ErrorKind::NotFound);
        assert_eq!(told(Host::stop(call, source(), id.clone()).await).kind, ErrorKind::NotFound);
        let error = told(Host::fetch(call, source(), id.clone(), Some(cursor.clone()), 2).await);
        assert_eq!(error.kind, ErrorKind::NotFound);
    }
    // The engine's own id opens nothing.
    assert_eq!(told(ann.inspect(cases(), status.engine_id).await).kind, ErrorKind::NotFound);
    // A cursor of one caller is none of another, though both have such a statement.
    let execution = submit(&mut bob, "SELECT n FROM t").await;
    bob.wait(again(&execution), 10_000).await.expect("answers");
    let error = told(HostExecution::fetch(&mut bob, again(&execution), Some(cursor), 2).await);
    assert_eq!(error.kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn what_nobody_holds_any_more_is_stopped_and_its_place_is_free() {
    let house = House::new();
    let mut call = house.call("ann", "athena");
    let slow = [submit(&mut call, "SELECT slow FROM t").await, submit(&mut call, "SELECT slow FROM t").await];
    let refused = told(Host::submit(&mut call, "cases".into(), "SELECT n FROM t".into(), Vec::new()).await);
    assert!(refused.kind == ErrorKind::Limited && refused.retry_after_ms.is_some(), "{refused:?}");
    assert!(refused.message.contains("`queries_max`"), "{refused:?}");
    // One is dropped by the guest, the other one with the call.
    HostExecution::drop(&mut call, Resource::new_own(slow[0].rep())).await.expect("is there");
    until_free(&mut call).await;
    drop(call);
    let mut next = house.call("ann", "athena");
    let _both = submit_twice(&mut next).await;
}

/// Waits until both places of the grant are free, and takes them.
async fn submit_twice(call: &mut CallState) -> [Resource<WitExecution>; 2] {
    let begun = Instant::now();
    loop {
        let one = Host::submit(call, "cases".into(), "SELECT slow FROM t".into(), Vec::new()).await;
        let other = Host::submit(call, "cases".into(), "SELECT slow FROM t".into(), Vec::new()).await;
        match (one, other) {
            (Ok(one), Ok(other)) => return [one, other],
            (one, other) => {
                for execution in [one, other].into_iter().flatten() {
                    HostExecution::drop(call, execution).await.expect("is there");
                }
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "no place was given back");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_statement_ends_by_its_time_whether_it_is_held_or_detached() {
    let house = House::open(&SCRIPT.replace("time_max_ms = 600000", "time_max_ms = 400"));
    let mut call = house.call("ann", "athena");
    let (held, detached) =
        (submit(&mut call, "SELECT slow FROM t").await, submit(&mut call, "SELECT slow FROM t").await);
    let id = HostExecution::detach(&mut call, Resource::new_own(detached.rep())).await.expect("an id");
    assert_eq!(call.wait(again(&held), 1).await.expect("answers").state, State::Queued);
    let error = told(HostExecution::fetch(&mut call, again(&held), None, 1).await);
    assert!(error.kind == ErrorKind::Invalid && error.message.contains("wait"), "{error:?}");
    let status = call.wait(again(&held), 20_000).await.expect("answers");
    let error = status.error.expect("says why");
    assert!(
        status.state == State::Cancelled && error.message.contains("400 ms, the grant's `time_max_ms`"),
        "{error:?}"
    );
    assert_eq!(told(HostExecution::fetch(&mut call, again(&held), None, 1).await), error);
    let begun = Instant::now();
    while call.inspect("cases".into(), id.clone()).await.expect("is known").state != State::Cancelled {
        assert!(begun.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_detached_statement_stops_when_its_caller_says_so() {
    let house = House::new();
    let mut call = house.call("ann", "athena");
    let execution = submit(&mut call, "SELECT slow FROM t").await;
    let id = HostExecution::detach(&mut call, Resource::new_own(execution.rep())).await.expect("an id");
    Host::stop(&mut call, "cases".into(), id.clone()).await.expect("is stopped");
    let status = call.inspect("cases".into(), id.clone()).await.expect("is known");
    assert!(status.error.is_some_and(|error| error.message.contains("on request")));
    assert_eq!(status.state, State::Cancelled);
    // Once more changes nothing, and neither does a stop of one that has succeeded.
    Host::stop(&mut call, "cases".into(), id).await.expect("is stopped");
    let execution = submit(&mut call, "SELECT n FROM t").await;
    call.wait(again(&execution), 10_000).await.expect("answers");
    let id = HostExecution::detach(&mut call, Resource::new_own(execution.rep())).await.expect("an id");
    Host::stop(&mut call, "cases".into(), id.clone()).await.expect("is stopped");
    assert_eq!(call.inspect("cases".into(), id).await.expect("is known").state, State::Succeeded);
}

#[tokio::test]
async fn a_call_holds_no_more_statements_than_it_may() {
    let house = House::new();
    let mut call = house.call("ann", "athena");
    let mut held = Vec::new();
    for _ in 0..16 {
        let execution = submit(&mut call, "SELECT n FROM t").await;
        call.wait(again(&execution), 10_000).await.expect("answers");
        held.push(execution);
        until_place(&house).await;
    }
    let refused = told(Host::submit(&mut call, "cases".into(), "SELECT n FROM t".into(), Vec::new()).await);
    assert!(refused.kind == ErrorKind::Limited && refused.message.contains("16 statements"), "{refused:?}");
}

/// A place is given back just after its statement is told to have ended.
async fn until_place(house: &House) {
    until_free(&mut house.call("somebody", "else")).await;
}
