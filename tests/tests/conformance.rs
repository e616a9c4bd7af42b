//! The conformance suite of the protocol, against a host whose plugin has all that it asks for.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Mutex;
use toolhost_tests::Toolhost;
use toolhost_tests::toolhost::Setup;

#[path = "clients/program.rs"]
mod program;

/// A set takes some twenty seconds, and no scenario more than thirty.
const TIME_MAX: Duration = Duration::from_secs(300);

/// The suite waits half a second for some answers, so no two sets share the processors.
static ONE_SET_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// It is skipped whatever a server does: the suite has yet to learn where these notifications come.
const ALWAYS_SKIPPED: &str = "tasks-status-notifications";

/// The scenarios that are in no set.
const SKILLS: [&str; 3] = ["sep-2640-skills-enumeration", "sep-2640-skills-manifest", "sep-2640-skills-directory"];

/// What became of a set: the checks of each scenario, and what the suite printed.
struct Outcome {
    scenarios: BTreeMap<String, Vec<Value>>,
    printed: String,
}

async fn host() -> Result<Toolhost> {
    Setup::new("[plugins.conformance]\nprefix = \"\"\n").plugin("conformance", "conformance")?.start().await
}

/// Runs the suite with these arguments; it writes what it finds into this folder.
async fn run(host: &Toolhost, arguments: &[&str], folder: &Path) -> Result<String> {
    let mut command = program::of_package("conformance")?;
    command.args(["server", "--url"]).arg(format!("{}/mcp", host.url())).args(arguments).arg("-o").arg(folder);
    let output = program::run(command, "", TIME_MAX).await?;
    Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// What the suite wrote into a folder.
fn written(folder: &Path) -> Result<BTreeMap<String, Vec<Value>>> {
    let mut scenarios = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let scenario = scenario(&name).with_context(|| format!("{name} names no scenario"))?;
        let checks =
            std::fs::read(entry.path().join("checks.json")).with_context(|| format!("{scenario} was not run"))?;
        scenarios.insert(scenario.to_owned(), serde_json::from_slice(&checks)?);
    }
    Ok(scenarios)
}

/// The scenario of a folder `server-<scenario>-<time>`; a time is always as long as this one.
fn scenario(folder: &str) -> Option<&str> {
    let rest = folder.strip_prefix("server-")?;
    rest.get(..rest.len().checked_sub("-2026-07-28T00-00-00-000Z".len())?)
}

/// The checks of a scenario that did not go well. A warning is a SHOULD of the specification that does not hold, and
/// what was skipped proves nothing.
fn troubles(scenario: &str, checks: &[Value]) -> Vec<String> {
    let mut troubles = Vec::new();
    for check in checks {
        let [id, status, said] = ["id", "status", "errorMessage"].map(|key| check[key].as_str().unwrap_or_default());
        if !matches!(status, "SUCCESS" | "INFO") && id != ALWAYS_SKIPPED {
            troubles.push(format!("{scenario}: {status} {id}: {said}"));
        }
    }
    troubles
}

impl Outcome {
    /// How many checks have this status.
    fn count(&self, status: &str) -> usize {
        self.scenarios.values().flatten().filter(|check| check["status"] == status).count()
    }

    /// Prints the totals, and fails if so many scenarios have not all gone well.
    fn passes(&self, set: &str, wanted: usize) {
        let troubles: Vec<Vec<String>> = self.scenarios.iter().map(|(name, checks)| troubles(name, checks)).collect();
        let passed = troubles.iter().filter(|troubles| troubles.is_empty()).count();
        let (good, bad) = (self.count("SUCCESS"), self.count("FAILURE"));
        println!("{set}: {passed} of {wanted} scenarios, {good} of {} checks", good + bad);
        let troubles = troubles.concat();
        assert!(troubles.is_empty(), "{set}: {passed} of {wanted} scenarios passed\n{}", troubles.join("\n"));
        assert_eq!((self.scenarios.len(), passed), (wanted, wanted), "{set}: {}", self.printed);
    }
}

/// Runs the scenarios that a revision requires, and those that it knows besides.
async fn requirements(revision: &str) -> Result<Outcome> {
    let _alone = ONE_SET_AT_A_TIME.lock().await;
    let (host, folder) = (host().await?, TempDir::with_prefix("toolhost-conformance-")?);
    let printed = run(&host, &["--requirements", revision], folder.path()).await?;
    let outcome = Outcome { scenarios: written(folder.path())?, printed };
    let total = format!("Total: {} passed, {} failed", outcome.count("SUCCESS"), outcome.count("FAILURE"));
    assert!(outcome.printed.contains(&total), "it does not say {total}: {}", outcome.printed);
    Ok(outcome)
}

#[tokio::test]
async fn revision_2025_11_25_is_kept_in_all_33_scenarios() -> Result<()> {
    requirements("2025-11-25").await?.passes("2025-11-25", 33);
    Ok(())
}

#[tokio::test]
async fn revision_2026_07_28_is_kept_in_all_50_scenarios() -> Result<()> {
    requirements("2026-07-28").await?.passes("2026-07-28", 50);
    Ok(())
}

#[tokio::test]
async fn skills_are_served_as_their_extension_says() -> Result<()> {
    let _alone = ONE_SET_AT_A_TIME.lock().await;
    let (host, folder) = (host().await?, TempDir::with_prefix("toolhost-conformance-")?);
    let mut printed = String::new();
    for scenario in SKILLS {
        printed += &run(&host, &["--scenario", scenario], folder.path()).await?;
    }
    Outcome { scenarios: written(folder.path())?, printed }.passes("skills", SKILLS.len());
    Ok(())
}
