//! A host in this process, and callers of every role: what the tests of this folder share.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use toolhost::call::{Call, Caller};
use toolhost::capability::{Probe, grant_tables};
use toolhost::config::Config;
use toolhost::fault::{Error, Kind};
use toolhost::host::Host;
use toolhost::runtime::Cache;
use toolhost_tests::toolhost::Setup;

/// The filter of the table `case_summary` in each source.
pub(crate) const FILTER: &str = "where = \"business_unit in (:unit)\"\nall_for = [\"admins\"]\n";

/// How many of the nine cases each unit has.
pub(crate) const UNITS: [(&str, i64); 3] = [("emea", 3), ("apac", 2), ("amer", 4)];

/// A unit that nobody here belongs to but the admins.
pub(crate) const HIDDEN: &str = "amer";

/// A host, and the folder of its config.
pub(crate) struct House {
    host: Host,
    _dir: TempDir,
}

impl House {
    /// With this config and these components of the workspace as plugins, by their names.
    pub(crate) async fn start(config: String, plugins: &[&str]) -> Result<Self> {
        let config = format!("[policy]\nfile = \"policy.cedar\"\n{config}");
        let setup = Setup::new(config).beside("policy.cedar", "permit (principal, action, resource);\n");
        let setup = plugins.iter().try_fold(setup, |setup, name| setup.plugin(name, name))?;
        let dir = setup.write()?;
        let config = Config::read(&dir.path().join("toolhost.toml"), &grant_tables())?;
        let cache = config.serve.cache_dir.as_ref().context("a cache")?;
        let host = Host::start(&config, Cache::in_dir(&config.resolve(cache))?).await?;
        host.keep_trail(&config)?;
        let plugins = host.plugins();
        if let Some(failure) = plugins.grants().failures().first() {
            bail!("{}: {}", failure.path, failure.message);
        }
        if let Some(failure) = plugins.failures().first() {
            bail!("{}: {}", failure.plugin, failure.message);
        }
        Ok(Self { host, _dir: dir })
    }

    /// One call of a tool: its structured content, or its error.
    pub(crate) async fn call(&self, caller: &Caller, tool: &str, arguments: Value) -> Result<Result<Value, Error>> {
        let arguments = arguments.as_object().context("an object")?.clone();
        let call = Call { caller: Arc::new(caller.clone()), ..Call::new(tool, arguments) };
        Ok(match self.host.call(call).await {
            Ok(outcome) => Ok(outcome.done()?.structured.context("structured content")?.into_value()),
            Err(error) => Err(error),
        })
    }

    /// One call that must be answered.
    pub(crate) async fn answer(&self, caller: &Caller, tool: &str, arguments: Value) -> Result<Value> {
        match self.call(caller, tool, arguments.clone()).await? {
            Ok(answer) => Ok(answer),
            Err(error) => bail!("{tool} {arguments}: {}", error.sentence()),
        }
    }

    /// One call that must be denied: its message.
    pub(crate) async fn denied(&self, caller: &Caller, tool: &str, arguments: Value) -> Result<String> {
        match self.call(caller, tool, arguments.clone()).await? {
            Err(error) if error.kind == Kind::Denied => Ok(error.message),
            other => bail!("{tool} {arguments} was not denied: {other:?}"),
        }
    }

    /// What `toolhost check` finds when it asks the source at this table path.
    pub(crate) async fn probe(&self, path: &str) -> Result<Result<Probe, String>> {
        let plugins = self.host.plugins();
        let (_, grant) = plugins.grants().iter().find(|(name, _)| *name == path).context("a grant of this path")?;
        Ok(grant.probe().await)
    }

    /// What agents are told of every source.
    pub(crate) async fn introductions(&self) -> Result<String> {
        let (plugins, mut told) = (self.host.plugins(), String::new());
        for (path, grant) in plugins.grants().iter() {
            let name = path.split_once('.').map_or(path, |(_, name)| name);
            let introduction = grant.introduce(name).await.map_err(anyhow::Error::msg)?;
            told += &introduction.unwrap_or_default();
        }
        Ok(told)
    }
}

/// A caller of these units.
pub(crate) fn analyst(units: &[&str]) -> Caller {
    let mut caller = nobody();
    caller.attributes.insert("unit".to_owned(), units.iter().map(|&unit| unit.to_owned()).collect());
    caller
}

/// A caller that sees every row.
pub(crate) fn admin() -> Caller {
    Caller { groups: BTreeSet::from(["admins".to_owned()]), ..nobody() }
}

/// A caller of no unit. All of these have one name: only what is known of them tells them apart.
pub(crate) fn nobody() -> Caller {
    Caller::local()
}

/// The cases as statements that fill a table of this name.
pub(crate) fn statements(table: &str) -> String {
    let create = format!(
        "CREATE TABLE {table} (casenumber INT NOT NULL PRIMARY KEY, business_unit VARCHAR(20) NOT NULL, \
         secret VARCHAR(40) NOT NULL);"
    );
    let insert = |(number, unit): (i64, &str)| {
        format!("INSERT INTO {table} VALUES ({number}, '{unit}', 'secret of {unit} {number}');")
    };
    create + &cases().into_iter().map(insert).collect::<String>()
}

/// The cases as a file of a folder of tables, with the columns that the plugin `case-insights` asks for.
pub(crate) fn write(folder: &Path, table: &str) -> Result<()> {
    let line = |(number, unit): (i64, &str)| {
        let case = json!({
            "casenumber": number.to_string(), "accountnumber": "1", "servicecode": "EC2", "severitycode": "high",
            "rca_category": "code", "lifecycle_category": "closed", "timecreated": "2026-01-05T10:00:00Z",
            "summary": format!("secret of {unit} {number}"), "business_unit": unit,
        });
        format!("{case}\n")
    };
    Ok(std::fs::write(folder.join(format!("{table}.jsonl")), cases().into_iter().map(line).collect::<String>())?)
}

/// Each case: its number and its unit.
fn cases() -> Vec<(i64, &'static str)> {
    let units = UNITS.iter().flat_map(|(unit, count)| (0..*count).map(move |_| *unit));
    (1..).zip(units).collect()
}
