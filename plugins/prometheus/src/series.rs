//! The series that a query answers: for programs whole, for the model in a line each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toolhost_sdk::serde_json::{self, Value};
use toolhost_sdk::{Json, Result};

use crate::ITEMS_MAX;
use crate::times::{Range, written};

/// The most values that one answer holds, of all its series together.
const VALUES_MAX: usize = 50_000;

/// Longer series are summed up in the text; the structured answer has each value.
const VALUES_SHOWN: usize = 60;

/// What a query answers.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// `vector`, `matrix`, `scalar` or `string`.
    result_type: String,
    /// The series; a scalar or a string is one without labels.
    result: Vec<Series>,
    /// How many series there were.
    total: usize,
    /// True if `result` has fewer of them.
    truncated: bool,
    /// What Prometheus warns of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// One value: when it was, in seconds since 1970, and what it was.
type Sample = (f64, String);

/// One series of an answer.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
struct Series {
    /// Its labels; `__name__` is the metric.
    #[serde(default)]
    metric: BTreeMap<String, String>,
    /// Its value at one moment: seconds since 1970, and the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Sample>,
    /// Its values over time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<Sample>,
    /// The same as a native histogram.
    #[serde(skip_serializing_if = "Option::is_none")]
    histogram: Option<Value>,
    /// The same over time.
    #[serde(skip_serializing_if = "Option::is_none")]
    histograms: Option<Value>,
}

/// What Prometheus answers to a query.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Data {
    result_type: String,
    result: Value,
}

impl Answer {
    /// As many series as may be returned, and no more values than anybody reads.
    pub(crate) fn new((data, warnings): (Data, Vec<String>), limit: usize) -> Result<Self> {
        let Data { result_type, result } = data;
        let mut result: Vec<Series> = match result_type.as_str() {
            "vector" | "matrix" => serde_json::from_value(result)?,
            _ => vec![Series { value: Some(serde_json::from_value(result)?), ..Series::default() }],
        };
        let total = result.len();
        let mut values = 0;
        let fit = result.iter().take_while(|series| {
            values += series.values.len();
            values <= VALUES_MAX
        });
        let fit = fit.count();
        result.truncate(fit.min(limit).min(ITEMS_MAX));
        Ok(Self { truncated: result.len() < total, result_type, result, total, warnings })
    }

    /// With a line for each series: its value, or its values within a range.
    pub(crate) fn with_text(self, range: Option<&Range>) -> (String, Json<Self>) {
        let mut text = range.map(Range::heading).unwrap_or_default();
        for series in &self.result {
            let line = match range {
                Some(range) => series.over_time(range),
                None => series.at_once(),
            };
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{line}");
        }
        let (shown, total) = (self.result.len(), self.total);
        let _ = match self.truncated {
            true => write!(text, "({shown} of {total} series: ask more narrowly, or raise limit)"),
            false => write!(text, "({total} series)"),
        };
        for warning in &self.warnings {
            let _ = write!(text, "\nwarning: {warning}");
        }
        (text, Json(self))
    }
}

impl Range {
    fn heading(&self) -> String {
        let seconds = self.step as f64 / 1_000.0;
        format!("from {} to {}, step {seconds} s\n", written(self.start), written(self.end))
    }
}

impl Series {
    /// Its value; of several, all of them.
    fn at_once(&self) -> String {
        let values: Vec<&str> = self.value.iter().chain(&self.values).map(|(_, value)| value.as_str()).collect();
        let value = if values.is_empty() { "(histogram)".to_owned() } else { values.join(" ") };
        format!("{} {value}", name(&self.metric))
    }

    /// A value for each step, `-` where there is none; or a summary, if that would be too many.
    fn over_time(&self, range: &Range) -> String {
        let (name, values) = (name(&self.metric), &self.values);
        let (Some((_, first)), Some((_, last))) = (values.first(), values.last()) else {
            return format!("{name}: (histogram)");
        };
        let steps = usize::try_from((range.end - range.start) / range.step).unwrap_or(usize::MAX).saturating_add(1);
        if steps <= VALUES_SHOWN {
            let mut shown = vec!["-"; steps];
            for (moment, value) in values {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is within the range")]
                let step = ((moment * 1_000.0 - range.start as f64) / range.step as f64).round() as usize;
                if let Some(shown) = shown.get_mut(step) {
                    *shown = value;
                }
            }
            return format!("{name}: {}", shown.join(" "));
        }
        let numbers = values.iter().filter_map(|(_, value)| value.parse::<f64>().ok()).filter(|value| !value.is_nan());
        let (least, most) = numbers
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)));
        format!("{name}: {} values, first {first}, last {last}, least {least}, most {most}", values.len())
    }
}

/// Labels as PromQL writes them: `up{job="api"}`.
pub(crate) fn name(labels: &BTreeMap<String, String>) -> String {
    let mut text = labels.get("__name__").cloned().unwrap_or_default();
    let mut sign = '{';
    for (label, value) in labels.iter().filter(|(label, _)| *label != "__name__") {
        let _ = write!(text, "{sign}{label}={value:?}");
        sign = ',';
    }
    match sign {
        ',' => text + "}",
        _ if text.is_empty() => "{}".to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use toolhost_sdk::json;

    use super::*;

    fn answer(result: Vec<Value>, limit: usize) -> Answer {
        let data = Data { result_type: "matrix".to_owned(), result: result.into() };
        Answer::new((data, Vec::new()), limit).expect("is an answer")
    }

    #[test]
    fn no_answer_has_more_series_or_values_than_anybody_reads() {
        let short = answer(vec![json!({ "metric": {}, "values": [[1, "1"]] }); 3_000], usize::MAX);
        assert_eq!((short.result.len(), short.total, short.truncated), (ITEMS_MAX, 3_000, true));
        let values: Vec<Value> = (0..10_000).map(|second| json!([second, "1"])).collect();
        let long = answer(vec![json!({ "metric": {}, "values": values }); 6], usize::MAX);
        assert_eq!((long.result.len(), long.total, long.truncated), (5, 6, true));
    }

    #[test]
    fn a_long_series_is_summed_up_and_a_short_one_is_shown() {
        let range = |end: i64| Range { start: 0, end: end * 1_000, step: 1_000 };
        let values = json!([[0, "3"], [1, "NaN"], [2, "-1"], [100, "7"]]);
        let series = answer(vec![json!({ "metric": { "__name__": "a", "b": "\"c\"" }, "values": values })], 1);
        let text = |end| series.result.first().map(|series| series.over_time(&range(end))).unwrap_or_default();
        assert_eq!(text(3), "a{b=\"\\\"c\\\"\"}: 3 NaN -1 -");
        assert_eq!(text(100), "a{b=\"\\\"c\\\"\"}: 4 values, first 3, last 7, least -1, most 7");
    }
}
