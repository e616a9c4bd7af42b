//! Questions to a Prometheus: queries, metrics and labels, targets, rules and alerts.
//!
//! PromQL only reads, so nothing here looks at what a query says; what it may cost is limited.

mod api;
mod series;
mod times;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toolhost_sdk::http::{self, NO_QUERY};
use toolhost_sdk::serde_json::Value;
use toolhost_sdk::{Error, Json, Result, kv, plugin, tool};

use crate::api::get;
use crate::series::{Answer, name};
use crate::times::{Moment, Range, Step, seconds};

/// The most series, names or rules that one answer holds, whatever `limit` is.
const ITEMS_MAX: usize = 2_000;

/// How long the names of metrics and what they measure are kept: they change seldom, and there
/// may be very many of them.
const KEPT: Duration = Duration::from_secs(60);

/// A part of a list.
#[derive(Serialize, JsonSchema)]
struct Listed<T> {
    /// What was asked for.
    items: Vec<T>,
    /// How many there were.
    total: usize,
    /// True if there were more than `items` has.
    truncated: bool,
}

/// Runs a PromQL query at one moment.
#[tool(read_only, idempotent, open_world = false)]
fn prometheus_query(
    /// PromQL.
    query: String,
    /// RFC 3339 or seconds since 1970; now if left out.
    time: Option<Moment>,
    /// How many series to return at most.
    #[default(100)]
    limit: usize,
) -> Result<(String, Json<Answer>)> {
    let time = time.map(|time| time.milliseconds("time")).transpose()?.map(seconds);
    let parameters = [("query", Some(query.as_str())), ("time", time.as_deref())];
    Ok(Answer::new(get(["query"], given(&parameters))?, limit)?.with_text(None))
}

/// Runs a PromQL query at every step from start to end.
#[tool(read_only, idempotent, open_world = false)]
fn prometheus_query_range(
    /// PromQL.
    query: String,
    /// RFC 3339 or seconds since 1970.
    start: Moment,
    /// RFC 3339 or seconds since 1970.
    end: Moment,
    /// The time between two points, such as `60s`, `5m` or seconds. A series has at most 11000 points.
    step: Step,
    /// How many series to return at most.
    #[default(100)]
    limit: usize,
) -> Result<(String, Json<Answer>)> {
    let range = Range::new(&start, &end, &step)?;
    let [start, end, step] = [range.start, range.end, range.step].map(seconds);
    let parameters = [("query", query.as_str()), ("start", &start), ("end", &end), ("step", &step)];
    Ok(Answer::new(get(["query_range"], parameters)?, limit)?.with_text(Some(&range)))
}

/// Lists the names of metrics.
#[tool(read_only, idempotent, open_world = false)]
fn prometheus_list_metrics(
    /// A piece of the names to list; all if left out. Capitals do not matter.
    filter: Option<String>,
    /// How many to return at most.
    #[default(100)]
    limit: usize,
    /// How many to leave out first, for the next page.
    #[default(0)]
    offset: usize,
) -> Result<(String, Json<Listed<String>>)> {
    let fetch = || get(["label", "__name__", "values"], NO_QUERY).map(|(names, _)| names);
    let mut names: Vec<String> = kv::cached("metrics", KEPT, fetch)?;
    let piece = filter.unwrap_or_default().to_lowercase();
    names.retain(|name| name.to_lowercase().contains(&piece));
    Ok(listed(names, offset, limit, String::clone))
}

/// What a metric measures.
#[derive(Debug, Serialize, JsonSchema)]
struct Metadata {
    metric: String,
    /// `counter`, `gauge`, `histogram`, `summary` or `unknown`.
    r#type: String,
    help: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    unit: String,
}

/// Tells type, help and unit of metrics.
#[tool(read_only, idempotent, open_world = false)]
fn prometheus_metric_metadata(
    /// The name of one metric; all if left out.
    metric: Option<String>,
    /// How many to return at most.
    #[default(100)]
    limit: usize,
) -> Result<(String, Json<Listed<Metadata>>)> {
    #[derive(Deserialize, Serialize)]
    struct Told {
        r#type: String,
        help: String,
        unit: String,
    }
    let parameters = [("metric", metric.as_deref())];
    let fetch = || get(["metadata"], given(&parameters)).map(|(told, _)| told);
    let told: BTreeMap<String, Vec<Told>> = match &metric {
        Some(_) => fetch()?,
        None => kv::cached("metadata", KEPT, fetch)?,
    };
    // Targets that do not agree on a metric each have their say.
    let each = told.into_iter().flat_map(|(metric, told)| told.into_iter().map(move |told| (metric.clone(), told)));
    let all = each.map(|(metric, told)| Metadata { metric, r#type: told.r#type, help: told.help, unit: told.unit });
    Ok(listed(all.collect(), 0, limit, |it| format!("{} ({}) {}", it.metric, it.r#type, it.help)))
}

/// Lists the names of labels.
#[tool(read_only, idempotent, open_world = false)]
fn prometheus_list_labels(
    /// How many to return at most.
    #[default(1000)]
    limit: usize,
) -> Result<(String, Json<Listed<String>>)> {
    Ok(listed(get(["labels"], NO_QUERY)?.0, 0, limit, String::clone))
}

/// Lists the values of one label.
#[tool(read_only, idempotent, open_world = false)]
fn prometheus_label_values(
    /// The name of the label.
    label: String,
    /// How many to return at most.
    #[default(100)]
    limit: usize,
) -> Result<(String, Json<Listed<String>>)> {
    Ok(listed(get(["label", &label, "values"], NO_QUERY)?.0, 0, limit, String::clone))
}

/// Lists the series that a selector matches.
#[tool(read_only, idempotent, open_world = false)]
fn prometheus_series(
    /// A selector such as `up` or `{job="api"}`.
    r#match: String,
    /// RFC 3339 or seconds since 1970; as far back as there is data if left out.
    start: Option<Moment>,
    /// RFC 3339 or seconds since 1970; now if left out.
    end: Option<Moment>,
    /// How many to return at most.
    #[default(100)]
    limit: usize,
) -> Result<(String, Json<Listed<Labels>>)> {
    let moment = |moment: Option<Moment>, name| moment.map(|moment| moment.milliseconds(name)).transpose();
    let (start, end) = (moment(start, "start")?.map(seconds), moment(end, "end")?.map(seconds));
    let parameters = [("match[]", Some(r#match.as_str())), ("start", start.as_deref()), ("end", end.as_deref())];
    Ok(listed(get(["series"], given(&parameters))?.0, 0, limit, name))
}

/// Which targets to list.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum TargetState {
    Active,
    Dropped,
    Any,
}

/// Lists what is scraped, and how that goes.
#[tool(read_only, idempotent, open_world = false)]
fn prometheus_targets(
    /// `active`, `dropped` or `any`; active if left out.
    state: Option<TargetState>,
    /// How many to return at most.
    #[default(100)]
    limit: usize,
) -> Result<(String, Json<Listed<Value>>)> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Targets {
        active_targets: Vec<Value>,
        dropped_targets: Vec<Value>,
    }
    let state = match state {
        None | Some(TargetState::Active) => "active",
        Some(TargetState::Dropped) => "dropped",
        Some(TargetState::Any) => "any",
    };
    let Targets { mut active_targets, dropped_targets } = get(["targets"], [("state", state)])?.0;
    active_targets.extend(dropped_targets);
    let line = |target: &Value| match target["health"].as_str() {
        Some(health) => format!("{health} {} {}", target["labels"], target["lastError"].as_str().unwrap_or_default()),
        None => format!("dropped {}", target["discoveredLabels"]),
    };
    Ok(listed(active_targets, 0, limit, line))
}

/// Lists the recording and alerting rules, each with its group.
#[tool(read_only, idempotent, open_world = false)]
fn prometheus_rules(
    /// How many to return at most.
    #[default(100)]
    limit: usize,
) -> Result<(String, Json<Listed<Value>>)> {
    #[derive(Deserialize)]
    struct Groups {
        groups: Vec<Group>,
    }
    #[derive(Deserialize)]
    struct Group {
        name: String,
        rules: Vec<Value>,
    }
    let Groups { groups } = get(["rules"], NO_QUERY)?.0;
    let of_group = |Group { name, rules }: Group| {
        rules.into_iter().map(move |mut rule| {
            if let Some(rule) = rule.as_object_mut() {
                rule.insert("group".to_owned(), name.as_str().into());
            }
            rule
        })
    };
    let line = |rule: &Value| {
        let word = |key: &str| rule[key].as_str().unwrap_or_default().to_owned();
        let words = ["type", "name", "health", "state"].map(word).into_iter().filter(|word| !word.is_empty());
        format!("{} ({}): {}", words.collect::<Vec<_>>().join(" "), word("group"), word("query"))
    };
    Ok(listed(groups.into_iter().flat_map(of_group).collect(), 0, limit, line))
}

/// Lists the alerts that are pending or firing.
#[tool(read_only, idempotent, open_world = false)]
fn prometheus_alerts(
    /// How many to return at most.
    #[default(100)]
    limit: usize,
) -> Result<(String, Json<Listed<Value>>)> {
    #[derive(Deserialize)]
    struct Alerts {
        alerts: Vec<Value>,
    }
    let Alerts { alerts } = get(["alerts"], NO_QUERY)?.0;
    let line = |alert: &Value| {
        let word = |key: &str| alert[key].as_str().unwrap_or_default().to_owned();
        format!(
            "{} {} since {} value {} {}",
            word("state"),
            alert["labels"],
            word("activeAt"),
            word("value"),
            alert["annotations"]
        )
    };
    Ok(listed(alerts, 0, limit, line))
}

/// How a Prometheus is.
#[derive(Serialize, JsonSchema)]
struct Health {
    /// Whether it answers queries.
    ready: bool,
    /// Its build: version, revision and so on.
    build: BTreeMap<String, String>,
}

/// Tells whether Prometheus is ready to answer, and its version.
#[tool(read_only, idempotent, open_world = false)]
fn prometheus_health() -> Result<(String, Json<Health>)> {
    let upstream = http::upstream()?;
    let asked = ["/-/ready", "/api/v1/status/buildinfo"].map(|path| upstream.request(path));
    let Ok([ready, build]) = <[_; 2]>::try_from(http::send_many(&asked)) else {
        return Err(Error::failed("The host did not answer each of two requests."));
    };
    let ready = ready?.status == 200;
    let (build, _) = api::read::<BTreeMap<String, String>>(&build?)?;
    let version = build.get("version").map_or("unknown", String::as_str);
    let text = format!("{}, version {version}", if ready { "ready" } else { "not ready" });
    Ok((text, Json(Health { ready, build })))
}

/// What tells one series from the others.
type Labels = BTreeMap<String, String>;

plugin! {
    tools: [
        prometheus_query,
        prometheus_query_range,
        prometheus_list_metrics,
        prometheus_metric_metadata,
        prometheus_list_labels,
        prometheus_label_values,
        prometheus_series,
        prometheus_targets,
        prometheus_rules,
        prometheus_alerts,
        prometheus_health,
    ]
}

/// The parameters that have a value.
fn given<'a>(parameters: &[(&'a str, Option<&'a str>)]) -> Vec<(&'a str, &'a str)> {
    parameters.iter().filter_map(|(name, value)| Some((*name, (*value)?))).collect()
}

/// One page of a list, and a line for each item.
fn listed<T>(all: Vec<T>, offset: usize, limit: usize, line: impl Fn(&T) -> String) -> (String, Json<Listed<T>>) {
    let total = all.len();
    let items: Vec<T> = all.into_iter().skip(offset).take(limit.min(ITEMS_MAX)).collect();
    let truncated = offset.saturating_add(items.len()) < total;
    let mut lines: Vec<String> = items.iter().map(|item| line(item).trim_end().to_owned()).collect();
    let shown = items.len();
    lines.push(match truncated {
        true if offset == 0 => format!("({shown} of {total}: ask more narrowly, or raise limit)"),
        true => format!("({shown} of {total}, after the first {offset})"),
        false if shown < total => format!("({shown} of {total}, the last of them)"),
        false => format!("({total} in all)"),
    });
    (lines.join("\n"), Json(Listed { items, total, truncated }))
}
