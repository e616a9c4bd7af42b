//! Arguments that say by their type what they may be.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use toolhost_sdk::serde_json::Value as Json;

/// A whole number from `MIN` to `MAX`; the host refuses any other before the plugin runs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Within<const MIN: u32, const MAX: u32>(pub(crate) u32);

impl<const MIN: u32, const MAX: u32> JsonSchema for Within<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("From{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

/// How urgent a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    Low,
    Normal,
    High,
    Urgent,
    Critical,
}

impl Severity {
    /// All of them, the most urgent first: the order in which cases are read.
    pub(crate) const BY_URGENCY: [Self; 5] = [Self::Critical, Self::Urgent, Self::High, Self::Normal, Self::Low];

    /// The word that the table has for it.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Urgent => "urgent",
            Self::Critical => "critical",
        }
    }
}

/// JSON, CSV or any other text to look at.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Material(Json);

impl Material {
    /// As text; what came as JSON stays JSON.
    pub(crate) fn into_text(self) -> String {
        match self.0 {
            Json::String(text) => text,
            json => json.to_string(),
        }
    }
}

impl JsonSchema for Material {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Material".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "array", "object"] })
    }
}

/// A filter that an agent left empty is none.
pub(crate) fn given(filter: Option<String>) -> Option<String> {
    filter.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
