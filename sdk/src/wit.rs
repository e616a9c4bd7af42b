//! The contract of `wit/` as Rust types: the only place of the plugin side with `generate!`.
//!
//! Everything here is reached through another module, which picks it by hand. What a
//! tool may answer with as it is, the catalogue of a database, is also given its JSON.
//!
//! Each world of one export has a `generate!` of its own, and so an `export!` of its own: a
//! plugin exports what it lists and nothing else. All of them share the types of the first.

#![allow(missing_docs, unsafe_code, reason = "generated: the documentation is in wit/")]

wit_bindgen::generate!({
    path: "../wit",
    world: "plugin",
    generate_all,
    pub_export_macro: true,
    additional_derives: [PartialEq],
    additional_type_attributes: {
        "toolhost:model/model@0.1.0/stop-reason": [#[derive(serde::Serialize, schemars::JsonSchema)] #[serde(rename_all = "snake_case")]],
        "toolhost:model/model@0.1.0/usage": [#[derive(serde::Serialize, schemars::JsonSchema)]],
        "toolhost:query/query@0.1.0/state": [#[derive(serde::Serialize, schemars::JsonSchema)] #[serde(rename_all = "snake_case")]],
        "toolhost:query/query@0.1.0/statistics": [#[derive(serde::Serialize, schemars::JsonSchema)]],
        "toolhost:sql/sql@0.1.0/access": [#[derive(serde::Serialize, schemars::JsonSchema)] #[serde(rename_all = "snake_case")]],
        "toolhost:sql/sql@0.1.0/source": [#[derive(serde::Serialize, schemars::JsonSchema)]],
        "toolhost:types/rows@0.1.0/column-kind": [#[derive(serde::Serialize, schemars::JsonSchema)] #[serde(rename_all = "snake_case")]],
        "toolhost:sql/sql@0.1.0/effect": [#[derive(serde::Serialize, schemars::JsonSchema)]],
        "toolhost:sql/sql@0.1.0/table-kind": [#[derive(serde::Serialize, schemars::JsonSchema)] #[serde(rename_all = "snake_case")]],
        "toolhost:sql/sql@0.1.0/table": [#[derive(serde::Serialize, schemars::JsonSchema)]],
        "toolhost:sql/sql@0.1.0/table-column": [#[derive(serde::Serialize, schemars::JsonSchema)]],
        "toolhost:sql/sql@0.1.0/index": [#[derive(serde::Serialize, schemars::JsonSchema)]],
        "toolhost:sql/sql@0.1.0/foreign-key": [#[derive(serde::Serialize, schemars::JsonSchema)]],
        "toolhost:sql/sql@0.1.0/table-description": [#[derive(serde::Serialize, schemars::JsonSchema)]],
    },
    additional_member_attributes: {
        "toolhost:sql/sql@0.1.0/source.notes": [#[serde(skip_serializing_if = "Option::is_none")]],
        "toolhost:sql/sql@0.1.0/effect.inserted-id": [#[serde(skip_serializing_if = "Option::is_none")]],
        "toolhost:sql/sql@0.1.0/table.comment": [#[serde(skip_serializing_if = "Option::is_none")]],
        "toolhost:sql/sql@0.1.0/table-column.default-value": [#[serde(skip_serializing_if = "Option::is_none")]],
        "toolhost:sql/sql@0.1.0/table-column.comment": [#[serde(skip_serializing_if = "Option::is_none")]],
        "toolhost:sql/sql@0.1.0/table-description.table": [#[serde(flatten)]],
    },
});

pub(crate) mod resources {
    wit_bindgen::generate!({
        path: "../wit",
        world: "offers-resources",
        pub_export_macro: true,
        additional_derives: [PartialEq],
        with: {
            "toolhost:types/types@0.1.0": crate::wit::toolhost::types::types,
            "toolhost:types/content@0.1.0": crate::wit::toolhost::types::content,
            "toolhost:types/completion@0.1.0": generate,
        },
    });
}

pub(crate) mod prompts {
    wit_bindgen::generate!({
        path: "../wit",
        world: "offers-prompts",
        pub_export_macro: true,
        additional_derives: [PartialEq],
        with: {
            "toolhost:types/types@0.1.0": crate::wit::toolhost::types::types,
            "toolhost:types/content@0.1.0": crate::wit::toolhost::types::content,
            "toolhost:types/completion@0.1.0": crate::wit::resources::toolhost::types::completion,
        },
    });
}

pub(crate) mod skills {
    wit_bindgen::generate!({
        path: "../wit",
        world: "offers-skills",
        pub_export_macro: true,
        additional_derives: [PartialEq],
        with: {
            "toolhost:types/types@0.1.0": crate::wit::toolhost::types::types,
        },
    });
}
