//! What `#[prompt]` makes of a function, as the host sees it.

use toolhost_sdk::raw::Content;
use toolhost_sdk::raw::prompts::{Entry, Role, complete, describe, render};
use toolhost_sdk::{Conversation, ErrorKind, Message, Part, Result, Suggestions, Typed, prompt};

/// Reviews a change.
#[prompt(name = "review-change", title = "Review")]
fn review(
    /// The change, as a diff.
    diff: String,
    /// How strict to be.
    #[complete(moods)]
    #[default("kind")]
    mood: String,
    /// How many remarks to make.
    remarks: Option<u8>,
) -> Conversation {
    let remarks = remarks.map_or(String::new(), |remarks| format!(" Make {remarks} remarks."));
    Conversation::new()
        .user(format!("Review this: {diff}"))
        .assistant(format!("I will be {mood}.{remarks}"))
        .description("A review")
}

fn moods(typed: &str) -> Vec<&'static str> {
    vec!["kind", "strict"].into_iter().filter(|mood| mood.starts_with(typed)).collect()
}

/// Says hello.
#[prompt]
fn hello() -> String {
    "Hello!".to_owned()
}

/// Shows a picture.
#[prompt]
fn show() -> Result<Vec<Message>> {
    Ok(vec![Message::user(Part::image(vec![1], "image/png")), Message::user("What is it?")])
}

const PROMPTS: &[Entry] = &[Entry::of::<review>(), Entry::of::<hello>(), Entry::of::<show>()];

fn given(arguments: &[(&str, &str)]) -> Vec<(String, String)> {
    arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn said(conversation: &Conversation) -> Vec<(Role, &str)> {
    let mut said = Vec::new();
    for message in &conversation.messages {
        match &message.part.content {
            Content::Text(text) => said.push((message.role, text.as_str())),
            other => panic!("not text: {other:?}"),
        }
    }
    said
}

#[test]
fn a_prompt_is_described_by_its_function() {
    let prompts = describe(PROMPTS).unwrap();
    let review = &prompts[0];
    assert_eq!((review.name.as_str(), review.title.as_deref()), ("review-change", Some("Review")));
    assert_eq!(review.description.as_deref(), Some("Reviews a change."));
    let arguments: Vec<_> = review
        .arguments
        .iter()
        .map(|argument| (argument.name.as_str(), argument.required, argument.completes))
        .collect();
    assert_eq!(arguments, [("diff", true, false), ("mood", false, true), ("remarks", false, false)]);
    assert_eq!(review.arguments[0].description.as_deref(), Some("The change, as a diff."));
    assert!(prompts[1].arguments.is_empty());
}

#[test]
fn arguments_become_parameters() {
    let conversation = render(PROMPTS, "review-change", given(&[("remarks", "3"), ("diff", "+a")])).unwrap();
    let words = [(Role::User, "Review this: +a"), (Role::Assistant, "I will be kind. Make 3 remarks.")];
    assert_eq!((said(&conversation), conversation.description.as_deref()), (words.to_vec(), Some("A review")));
    let hello = render(PROMPTS, "hello", Vec::new()).unwrap();
    assert_eq!(said(&hello), [(Role::User, "Hello!")]);
    assert_eq!(render(PROMPTS, "show", Vec::new()).unwrap().messages.len(), 2);
}

#[test]
fn wrong_arguments_are_refused_by_name() {
    let refused = |arguments: &[(&str, &str)]| render(PROMPTS, "review-change", given(arguments)).unwrap_err();
    assert!(refused(&[]).message.contains("`diff` is missing"));
    assert!(refused(&[("diff", "+a"), ("remarks", "many")]).message.contains("`remarks` is not right"));
    assert_eq!(refused(&[]).kind, ErrorKind::Invalid);
    assert_eq!(render(PROMPTS, "review", Vec::new()).unwrap_err().kind, ErrorKind::NotFound);
}

#[test]
fn arguments_are_completed() {
    let typed = |argument: &str| Typed { argument: argument.to_owned(), value: "s".to_owned(), others: Vec::new() };
    assert_eq!(complete(PROMPTS, "review-change", &typed("mood")).unwrap().values, ["strict"]);
    assert_eq!(complete(PROMPTS, "review-change", &typed("diff")), Ok(Suggestions::default()));
    assert_eq!(complete(PROMPTS, "review", &typed("diff")).unwrap_err().kind, ErrorKind::NotFound);
}
