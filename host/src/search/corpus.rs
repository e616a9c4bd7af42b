//! How well the search finds: questions as people ask them, over the tools of some imaginary
//! plugins that resemble one another on purpose.
//!
//! The tools and the questions were written before any weight was chosen, and no question was
//! changed afterwards. Every third question is `held_out`: nobody looked at it until the weights,
//! the common words and the synonyms stood. Who changes those compares the two parts: a gain on
//! the first alone is none. A question or a tool may be added; none is rewritten to be found.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Document, Index};

/// The first so many count.
const PLACES: usize = 5;

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tool {
    name: String,
    title: String,
    description: String,
    input_schema: Map<String, Value>,
    #[serde(default, rename = "_meta")]
    meta: Meta,
}

#[derive(Clone, Default, Deserialize)]
struct Meta {
    keywords: Vec<String>,
}

#[derive(Deserialize)]
struct Question {
    ask: String,
    /// The tools of which one must be found.
    right: Vec<String>,
    #[serde(default)]
    held_out: bool,
}

/// Of the questions, the share that was found, and those that were not.
fn measure<'a>(tools: &[Tool], questions: &[&'a Question]) -> (f64, Vec<(&'a str, Vec<String>)>) {
    let index = Index::new(tools.iter().map(|tool| Document {
        name: &tool.name,
        title: Some(&tool.title),
        description: &tool.description,
        input_schema: &tool.input_schema,
        keywords: &tool.meta.keywords,
    }));
    let answer = |question: &&'a Question| -> (&'a str, Vec<String>, bool) {
        let best = index.best(&question.ask, PLACES, |_| true);
        let names: Vec<String> = best.into_iter().map(|position| tools[position].name.clone()).collect();
        let found = names.iter().any(|name| question.right.contains(name));
        (&question.ask, names, found)
    };
    let missed = questions.iter().map(answer).filter(|(_, _, found)| !found);
    let missed: Vec<_> = missed.map(|(ask, names, _)| (ask, names)).collect();
    let (missed_count, count) = (u32::try_from(missed.len()).unwrap(), u32::try_from(questions.len()).unwrap());
    (1.0 - f64::from(missed_count) / f64::from(count), missed)
}

#[test]
fn nine_of_ten_questions_find_their_tool_among_the_first_five() {
    let tools: Vec<Tool> = serde_json::from_str(include_str!("tools.json")).unwrap();
    let questions: Vec<Question> = serde_json::from_str(include_str!("questions.json")).unwrap();
    assert!(tools.len() >= 150 && questions.len() >= 60);
    let known = |name: &String| tools.iter().any(|tool| tool.name == *name);
    assert!(questions.iter().all(|question| question.right.iter().all(known)), "a right answer that is no tool");

    let (held_out, seen): (Vec<&Question>, Vec<&Question>) = questions.iter().partition(|question| question.held_out);
    println!("seen {:.3}, held out {:.3}", measure(&tools, &seen).0, measure(&tools, &held_out).0);
    let mut bare = tools.clone();
    bare.iter_mut().for_each(|tool| tool.meta.keywords.clear());
    println!("without keywords: seen {:.3}, held out {:.3}", measure(&bare, &seen).0, measure(&bare, &held_out).0);
    let all: Vec<&Question> = questions.iter().collect();
    let (share, missed) = measure(&tools, &all);
    missed.iter().for_each(|(ask, names)| println!("missed: {ask}\n        {}", names.join(", ")));
    assert!(share >= 0.9, "{share:.3} of {} questions over {} tools", all.len(), tools.len());
}
