//! What one question to the policy costs, in microseconds: by how many policies are about it, and
//! beside how many that are about something else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use toolhost::call::{Caller, Facts, JsonObject};
use toolhost::policy::{Action, Member, Policy, Request, Source, Toolbox, Usage, World};

/// The allocator that toolhost has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many questions are timed, and how many go before them.
const QUESTIONS: usize = 20_000;
const WARM_UP: usize = 2_000;

/// What is weighed once is answered so many times as fast from then on.
const AGAIN_SHARE: u32 = 4;

/// With what tools are called.
static ARGUMENTS: LazyLock<JsonObject> = LazyLock::new(|| {
    let sql = json!("SELECT * FROM orders WHERE id = :id");
    [("sql".to_owned(), sql), ("limit".to_owned(), json!(100))].into_iter().collect()
});

/// Of what a grant is used.
static FACTS: LazyLock<Facts> =
    LazyLock::new(|| Facts { class: Some("read"), tables: vec!["orders".to_owned(), "crm.customers".to_owned()] });

/// The names of 1,000 tools.
static TOOLS: LazyLock<Vec<String>> = LazyLock::new(|| (0..1_000).map(|tool| format!("many__t{tool}")).collect());

/// What is allowed at the median, with 100 policies that are all about the question.
const MEDIAN_MAX: Duration = Duration::from_micros(100);

fn main() -> Result<()> {
    println!("{:<60} {:>9} {:>9}", "one question, in microseconds", "p50", "p99");
    let ann = [caller("ann")];
    for count in [1, 100, 1_000] {
        let times = times_of_call(&general(count), 10, &ann)?;
        report(&format!("a call, {count} policies about it"), &times)?;
        if count == 100 {
            ensure!(at(&times, 50)? < MEDIAN_MAX, "a question with 100 policies takes longer than {MEDIAN_MAX:?}");
        }
    }
    let mut policies = general(100);
    for tool in 0..1_000 {
        writeln!(
            policies,
            "permit (principal == Caller::\"c{tool}\", action == Action::\"many__t{tool}\", resource);"
        )?;
    }
    report("a call, 100 policies about it, 1,000 tools with one each", &times_of_call(&policies, 1_000, &ann)?)?;
    for count in [1, 100] {
        report(&format!("a use, {count} policies about it"), &times_of_use(count, &ann)?)?;
    }
    by_default()
}

/// What a question costs by the default policy, which looks at nothing but who asks for what.
fn by_default() -> Result<()> {
    let callers: Vec<Caller> = (0..WARM_UP + QUESTIONS).map(|at| caller(&format!("c{at}"))).collect();
    let source = Source::default();
    let first = times(&source, 10, &callers, call)?;
    report("a call by the default policy, the first of its caller", &first)?;
    let again = times(&source, 10, callers.get(..1).context("no caller")?, call)?;
    report("a call by the default policy, the same once more", &again)?;
    ensure!(at(&again, 50)? * AGAIN_SHARE < at(&first, 50)?, "what was answered before is weighed anew");
    let in_turn = times(&source, 10, callers.get(..1_000).context("no callers")?, call)?;
    report("a call by the default policy, 1,000 callers in turn", &in_turn)?;
    ensure!(at(&in_turn, 50)? * AGAIN_SHARE < at(&first, 50)?, "1,000 callers are not remembered");
    report("a use by the default policy, the first of its caller", &times(&source, 10, &callers, use_of)?)?;
    report("a use by the default policy, the same once more", &times(&source, 10, &callers[..1], use_of)?)?;
    let list = |policy: &Policy, caller: &Caller| {
        TOOLS.iter().filter(|tool| policy.may_see(caller, "many", Action::Call(tool))).count() == TOOLS.len()
    };
    let callers = callers.get(..200).context("no callers")?;
    report("1,000 tools by the default policy, seen for the first time", &times_of(200, &source, 1_000, callers, list)?)
}

/// Policies that are all weighed to their end for a question about a tool that reads.
fn general(count: usize) -> String {
    let mut text = String::from("permit (principal, action in Action::\"call\", resource);\n");
    for at in 1..count {
        let _ = writeln!(
            text,
            "forbid (principal in Group::\"support\", action in Action::\"read-only\", resource)\n\
             when {{ context.input has sql && context.input.sql like \"*table{at}*\" }};"
        );
    }
    text
}

fn times_of_call(policies: &str, tools: usize, callers: &[Caller]) -> Result<Vec<Duration>> {
    times(&Source::new("policy.cedar", policies), tools, callers, call)
}

fn times_of_use(count: usize, callers: &[Caller]) -> Result<Vec<Duration>> {
    let mut policies = String::from("permit (principal, action in Action::\"use\", resource);\n");
    for at in 1..count {
        writeln!(
            policies,
            "forbid (principal, action == Action::\"sql.query\", resource) when {{ context.tables.contains(\"t{at}\") }};"
        )?;
    }
    times(&Source::new("policy.cedar", &policies), 10, callers, use_of)
}

fn use_of(policy: &Policy, caller: &Caller) -> bool {
    let (plugin, tool) = ("many", Some("many__t0"));
    let (capability, grant, action, facts, now) = ("sql", "crm", "query", &*FACTS, SystemTime::now());
    policy.may_use(Usage { caller, plugin, tool, capability, grant, action, facts, now }).allowed
}

fn call(policy: &Policy, caller: &Caller) -> bool {
    let (plugin, action, now) = ("many", Action::Call("many__t0"), SystemTime::now());
    policy.may_call(Request { caller, plugin, action, arguments: Some(&ARGUMENTS), now }).allowed
}

/// A caller in some groups, one of which the plugin is for.
fn caller(name: &str) -> Caller {
    let groups = ["support", "staff", "emea"].map(str::to_owned);
    let attributes = BTreeMap::from([("unit".to_owned(), vec!["emea".to_owned()])]);
    Caller { groups: groups.into_iter().collect(), attributes, ..Caller::named(name) }
}

/// How long each question took, sorted. The callers ask in turn; each is answered with yes.
fn times(
    source: &Source,
    tools: usize,
    callers: &[Caller],
    ask: impl Fn(&Policy, &Caller) -> bool,
) -> Result<Vec<Duration>> {
    times_of(WARM_UP + QUESTIONS, source, tools, callers, ask)
}

/// The same of so many questions, of which the first do not count.
fn times_of(
    questions: usize,
    source: &Source,
    tools: usize,
    callers: &[Caller],
    ask: impl Fn(&Policy, &Caller) -> bool,
) -> Result<Vec<Duration>> {
    let policy = Policy::read(source, &world(tools))?;
    let mut times = Vec::with_capacity(questions);
    for (question, caller) in callers.iter().cycle().take(questions).enumerate() {
        let began = Instant::now();
        let allowed = ask(&policy, caller);
        let took = began.elapsed();
        ensure!(allowed, "the policy says no");
        if question >= questions * WARM_UP / (WARM_UP + QUESTIONS) {
            times.push(took);
        }
    }
    times.sort();
    Ok(times)
}

/// A plugin with so many tools, and a database.
fn world(tools: usize) -> Arc<World> {
    let schema = json!({
        "type": "object",
        "properties": { "sql": { "type": "string" }, "limit": { "type": "integer" } },
    });
    let input = Arc::new(schema.as_object().cloned().unwrap_or_default());
    let toolbox = |tool| (format!("many__t{tool}"), Toolbox { read_only: true, input: Arc::clone(&input) });
    let member = Member {
        groups: BTreeSet::from(["support".to_owned()]),
        prefix: "many".to_owned(),
        tools: Some((0..tools).map(toolbox).collect()),
    };
    Arc::new(World {
        plugins: BTreeMap::from([("many".to_owned(), member)]),
        grants: BTreeSet::from([("sql".to_owned(), "crm".to_owned())]),
        uses: vec![("sql", "query"), ("sql", "execute")],
    })
}

fn at(times: &[Duration], percent: usize) -> Result<Duration> {
    times.get(times.len() * percent / 100).copied().context("no times")
}

fn report(what: &str, times: &[Duration]) -> Result<()> {
    let micros = |percent| Ok::<_, anyhow::Error>(at(times, percent)?.as_nanos() as f64 / 1_000.0);
    println!("{what:<60} {:>9.1} {:>9.1}", micros(50)?, micros(99)?);
    Ok(())
}
