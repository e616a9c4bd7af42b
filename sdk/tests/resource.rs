//! What `#[resource]` makes of a function, as the host sees it.

use serde_json::{Value, json};
use toolhost_sdk::raw::resources::{Contents, Entry, complete, describe, read};
use toolhost_sdk::raw::{Icon, ResourceBody};
use toolhost_sdk::{
    Audience, Contents as Made, Error, ErrorKind, Json, Result, Suggestions, Typed, json as object, resource,
};

/// The rules of the house.
#[resource(
    uri = "rules://all",
    name = "house-rules",
    title = "Rules",
    size = 6,
    audience = [assistant],
    priority = 0.5,
    last_modified = "2026-01-31T12:00:00Z",
    icon = "https://example.com/rules.svg",
    meta = framed,
    details = today
)]
fn rules() -> &'static str {
    "Be on time."
}

fn framed() -> Value {
    object!({ "ui": { "prefersBorder": true } })
}

fn today() -> String {
    "They hold today.".to_owned()
}

/// A picture.
#[resource(uri = "pictures://logo", mime_type = "image/png")]
fn logo() -> Vec<u8> {
    vec![1, 2]
}

/// A page in two parts.
#[resource(uri = "pages://two")]
fn two() -> Vec<Made> {
    vec![
        Made::text("<p>").mime_type("text/html").meta([("a/b", json!(1))]),
        Made::blob([7]).uri("pages://two/2").mime_type("application/pdf"),
    ]
}

/// A ticket of a customer.
#[resource(uri = "tickets://{customer}/{id}", title = "Ticket")]
fn ticket(#[complete(customers)] customer: String, #[complete(ids)] id: u32) -> Result<Json<Vec<String>>> {
    match id {
        0 => Err(Error::not_found("There is no ticket 0.")),
        id => Ok(Json(vec![customer, id.to_string()])),
    }
}

/// The ticket that everybody asks for.
#[resource(uri = "tickets://ann/1")]
fn first_ticket() -> String {
    "first".to_owned()
}

fn customers(typed: &str) -> Vec<String> {
    vec![format!("{typed}n")]
}

fn ids(typed: &Typed) -> Result<Suggestions> {
    let customer = typed.other("customer").ok_or_else(|| Error::invalid("Whose?"))?;
    Ok(Suggestions { values: vec![format!("{customer}-{}", typed.value)], total: Some(9) })
}

const RESOURCES: &[Entry] = &[
    Entry::of::<rules>(),
    Entry::of::<logo>(),
    Entry::of::<two>(),
    Entry::of::<ticket>(),
    Entry::of::<first_ticket>(),
];

fn only(uri: &str) -> Contents {
    let mut contents = read(RESOURCES, uri).unwrap();
    assert_eq!(contents.len(), 1);
    contents.remove(0)
}

fn typed(argument: &str, value: &str, others: &[(&str, &str)]) -> Typed {
    let others = others.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Typed { argument: argument.to_owned(), value: value.to_owned(), others }
}

#[test]
fn a_resource_is_described_by_its_function() {
    let catalogue = describe(RESOURCES).unwrap();
    let rules = &catalogue.resources[0];
    assert_eq!((rules.uri.as_str(), rules.name.as_str()), ("rules://all", "house-rules"));
    assert_eq!(rules.title.as_deref(), Some("Rules"));
    assert_eq!(rules.description.as_deref(), Some("The rules of the house.\n\nThey hold today."));
    assert_eq!((rules.mime_type.as_deref(), rules.size), (Some("text/plain"), Some(6)));
    let hints = rules.annotations.as_ref().unwrap();
    assert_eq!((hints.audience.as_slice(), hints.priority), ([Audience::Assistant].as_slice(), Some(0.5)));
    assert_eq!(hints.last_modified.as_deref(), Some("2026-01-31T12:00:00Z"));
    let icon = Icon { src: "https://example.com/rules.svg".to_owned(), mime_type: None, sizes: Vec::new() };
    assert_eq!(rules.icons, [icon]);
    assert_eq!(rules.meta.as_deref(), Some(r#"{"ui":{"prefersBorder":true}}"#));
    let logo = &catalogue.resources[1];
    assert_eq!((logo.name.as_str(), logo.mime_type.as_deref()), ("logo", Some("image/png")));
    assert!(logo.annotations.is_none() && logo.meta.is_none() && logo.icons.is_empty());
}

#[test]
fn a_uri_with_variables_is_a_template() {
    let catalogue = describe(RESOURCES).unwrap();
    assert_eq!(catalogue.resources.len(), 4);
    let template = &catalogue.templates[0];
    assert_eq!(template.uri_template, "tickets://{customer}/{id}");
    assert_eq!((template.name.as_str(), template.title.as_deref()), ("ticket", Some("Ticket")));
    assert_eq!(template.mime_type.as_deref(), Some("application/json"));
    assert_eq!(template.completes, ["customer", "id"]);
}

#[test]
fn contents_have_the_uri_and_the_type_that_were_asked_for() {
    let rules = only("rules://all");
    assert_eq!((rules.uri.as_str(), rules.mime_type.as_deref()), ("rules://all", Some("text/plain")));
    assert_eq!(rules.body, ResourceBody::Text("Be on time.".to_owned()));
    let logo = only("pictures://logo");
    assert_eq!((logo.mime_type.as_deref(), logo.body), (Some("image/png"), ResourceBody::Blob(vec![1, 2])));
    let two = read(RESOURCES, "pages://two").unwrap();
    assert_eq!((two[0].uri.as_str(), two[1].uri.as_str()), ("pages://two", "pages://two/2"));
    assert_eq!((two[0].mime_type.as_deref(), two[0].meta.as_deref()), (Some("text/html"), Some(r#"{"a/b":1}"#)));
}

#[test]
fn variables_become_parameters() {
    assert_eq!(only("tickets://b%C3%B6b/7").body, ResourceBody::Text(r#"["böb","7"]"#.to_owned()));
    assert_eq!(only("tickets://ann/1").body, ResourceBody::Text("first".to_owned()), "its own URI goes first");
}

#[test]
fn what_is_not_there_is_not_found() {
    for uri in ["tickets://ann/0", "tickets://ann/x", "tickets://ann/", "tickets://ann/1/2", "rules://none", ""] {
        assert_eq!(read(RESOURCES, uri).unwrap_err().kind, ErrorKind::NotFound, "{uri}");
    }
}

#[test]
fn variables_are_completed() {
    let template = "tickets://{customer}/{id}";
    let suggested = |typed| complete(RESOURCES, template, &typed);
    assert_eq!(suggested(typed("customer", "an", &[])).unwrap().values, ["ann"]);
    let ids = suggested(typed("id", "1", &[("customer", "ann")])).unwrap();
    assert_eq!((ids.values, ids.total), (vec!["ann-1".to_owned()], Some(9)));
    assert_eq!(suggested(typed("id", "1", &[])).unwrap_err().kind, ErrorKind::Invalid);
    assert_eq!(suggested(typed("other", "1", &[])), Ok(Suggestions::default()));
    let unknown = complete(RESOURCES, "rules://{all}", &typed("all", "", &[]));
    assert_eq!(unknown.unwrap_err().kind, ErrorKind::NotFound);
}
