//! Questions to the client, each of which knows the type of its answer.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::form::schema;
pub use crate::wit::toolhost::client::client::Turn;
use crate::wit::toolhost::client::client::{Answer, Form, Page, Question as Put, Root, ask as put};
use crate::{Error, Result};

/// What came of a question. Nobody must answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a question may be declined: `.given()?` stops the call then"]
pub enum Asked<T> {
    /// The answer.
    Given(T),
    /// The user, or the client, would not.
    Declined,
    /// The user went away without an answer.
    Cancelled,
}

impl<T> Asked<T> {
    /// The answer, or an error for the model to read: `denied` if it was declined,
    /// `unavailable` if it was cancelled.
    pub fn given(self) -> Result<T> {
        match self {
            Self::Given(answer) => Ok(answer),
            Self::Declined => Err(Error::denied("The user declined to answer; nothing was done.")),
            Self::Cancelled => Err(Error::unavailable("The user went away without an answer; nothing was done.")),
        }
    }

    /// The answer, if there is one.
    pub fn ok(self) -> Option<T> {
        match self {
            Self::Given(answer) => Some(answer),
            Self::Declined | Self::Cancelled => None,
        }
    }
}

/// Has the user fill in a form, whose fields are those of `T`.
///
/// `T` is a struct of texts, numbers, truths, and choices: enums without fields, and lists of
/// them. What may be left empty is an `Option`, or has `#[serde(default = "..")]`, which the
/// form shows filled in. Doc comments say what the fields are. It must not ask for a secret.
///
/// `key` is the question's own among those of the call. `unavailable` if the client shows no
/// forms; `denied` after the call has written something.
pub fn ask<T: DeserializeOwned + JsonSchema>(key: &str, message: impl Into<String>) -> Result<Asked<T>> {
    form(key, message).ask()
}

/// Asks several questions at once, of which the user may see one page: a tuple of up to six, or
/// a list of one kind. The answers come in the same order.
///
/// ```no_run
/// # fn main() -> toolhost_sdk::Result<()> {
/// use toolhost_sdk::client;
///
/// let (greeting, roots) =
///     client::ask_all((client::model("greeting", "Say hello in one word."), client::roots("roots")))?;
/// println!("{} to {} places", greeting.given()?, roots.ok().map_or(0, |roots| roots.len()));
/// # Ok(())
/// # }
/// ```
pub fn ask_all<Q: Questions>(questions: Q) -> Result<Q::Answers> {
    questions.ask()
}

/// The question of [`ask`], to be asked with others.
pub fn form<T: DeserializeOwned + JsonSchema>(key: &str, message: impl Into<String>) -> Question<T> {
    let form = Form { message: message.into(), schema: schema::<T>() };
    Question::new(key, Put::Form(form), given_form)
}

/// A form by a schema of one's own: an object whose properties are strings, numbers,
/// booleans, or choices from a list. The answer is an object that fits it.
pub fn form_of(key: &str, message: impl Into<String>, schema: &Value) -> Question<Value> {
    let form = Form { message: message.into(), schema: schema.to_string() };
    Question::new(key, Put::Form(form), given_form)
}

/// Has the user open a page, for what must not pass through the client: a secret, a payment.
/// `url` is an `https:` one that tells nothing of the user. Whether they are done there is not known.
pub fn page(key: &str, message: impl Into<String>, url: impl Into<String>) -> Question<()> {
    let page = Page { message: message.into(), url: url.into() };
    Question::new(key, Put::Page(page), |answer| match answer {
        Answer::Page => Some(Ok(())),
        _ => None,
    })
}

/// Asks the client's own model. The turn is a text, or a [`Turn`].
pub fn model(key: &str, turn: impl Into<Turn>) -> Question<String> {
    Question::new(key, Put::Model(turn.into()), |answer| match answer {
        Answer::Model(text) => Some(Ok(text)),
        _ => None,
    })
}

/// Asks for the places that the client works in.
pub fn roots(key: &str) -> Question<Vec<Root>> {
    Question::new(key, Put::Roots, |answer| match answer {
        Answer::Roots(roots) => Some(Ok(roots)),
        _ => None,
    })
}

/// Something said to the client's own model.
impl Turn {
    /// What the user says; the answer may have 1,024 tokens.
    pub fn new(text: impl Into<String>) -> Self {
        Self { system: None, text: text.into(), output_tokens_max: 1_024 }
    }

    /// What the model is to know or be before the conversation.
    pub fn system(mut self, system: impl Into<String>) -> Self {
        self.system = Some(system.into());
        self
    }

    /// How many tokens the answer may have.
    pub fn output_tokens_max(mut self, tokens: u32) -> Self {
        self.output_tokens_max = tokens;
        self
    }
}

impl From<&str> for Turn {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Turn {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// A question that was not asked yet.
#[must_use = "a question does nothing until it is asked"]
#[derive(Clone, Debug)]
pub struct Question<T> {
    key: String,
    put: Put,
    given: fn(Answer) -> Option<Result<T>>,
}

impl<T> Question<T> {
    /// Asks it, and waits for the answer.
    pub fn ask(self) -> Result<Asked<T>> {
        let answers = put(&[(self.key, self.put)])?;
        answer(self.given, answers.into_iter().next())
    }

    fn new(key: &str, put: Put, given: fn(Answer) -> Option<Result<T>>) -> Self {
        Self { key: key.to_owned(), put, given }
    }
}

/// Questions that are asked at once: a tuple of them, or a list.
pub trait Questions {
    /// What came of each.
    type Answers;

    /// Asks them, and waits for all answers.
    fn ask(self) -> Result<Self::Answers>;
}

impl<T> Questions for Vec<Question<T>> {
    type Answers = Vec<Asked<T>>;

    fn ask(self) -> Result<Self::Answers> {
        let given: Vec<_> = self.iter().map(|question| question.given).collect();
        let questions: Vec<_> = self.into_iter().map(|question| (question.key, question.put)).collect();
        let mut answers = put(&questions)?.into_iter();
        given.into_iter().map(|given| answer(given, answers.next())).collect()
    }
}

macro_rules! questions_of_a_tuple {
    ($($question:ident $kind:ident),+) => {
        impl<$($kind),+> Questions for ($(Question<$kind>,)+) {
            type Answers = ($(Asked<$kind>,)+);

            fn ask(self) -> Result<Self::Answers> {
                let ($($question,)+) = self;
                let mut answers = put(&[$(($question.key, $question.put)),+])?.into_iter();
                Ok(($(answer($question.given, answers.next())?,)+))
            }
        }
    };
}

questions_of_a_tuple!(a A, b B);
questions_of_a_tuple!(a A, b B, c C);
questions_of_a_tuple!(a A, b B, c C, d D);
questions_of_a_tuple!(a A, b B, c C, d D, e E);
questions_of_a_tuple!(a A, b B, c C, d D, e E, f F);

fn given_form<T: DeserializeOwned>(answer: Answer) -> Option<Result<T>> {
    let wrong = |error| Error::invalid(format!("The form was not filled in as it was asked for: {error}."));
    match answer {
        Answer::Form(text) => Some(serde_json::from_str(&text).map_err(wrong)),
        _ => None,
    }
}

fn answer<T>(given: fn(Answer) -> Option<Result<T>>, answer: Option<Answer>) -> Result<Asked<T>> {
    match answer {
        Some(Answer::Declined) => Ok(Asked::Declined),
        Some(Answer::Cancelled) => Ok(Asked::Cancelled),
        answer => match answer.and_then(given) {
            Some(given) => given.map(Asked::Given),
            None => Err(Error::failed("The host did not answer what it was asked.")),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ErrorKind;

    fn come<T>(question: &Question<T>, with: Answer) -> Result<Asked<T>> {
        answer(question.given, Some(with))
    }

    #[test]
    fn an_answer_has_the_type_of_its_question() {
        let form = form_of("a", "A?", &json!({}));
        assert_eq!(come(&form, Answer::Form(r#"{"a":1}"#.into())), Ok(Asked::Given(json!({ "a": 1 }))));
        assert_eq!(come(&model("b", "B?"), Answer::Model("b".into())), Ok(Asked::Given("b".into())));
        assert_eq!(come(&page("c", "C?", "https://example.com"), Answer::Page), Ok(Asked::Given(())));
        let root = Root { uri: "file:///a".into(), name: None };
        assert_eq!(come(&roots("d"), Answer::Roots(vec![root.clone()])), Ok(Asked::Given(vec![root])));
    }

    #[test]
    fn an_answer_to_something_else_is_an_error() {
        assert_eq!(come(&model("a", "A?"), Answer::Page).unwrap_err().kind, ErrorKind::Failed);
        let form = form_of("a", "A?", &json!({}));
        assert_eq!(come(&form, Answer::Form("{".into())).unwrap_err().kind, ErrorKind::Invalid);
    }

    #[test]
    fn whoever_does_not_answer_stops_the_call_unless_it_goes_on_without() {
        let declined = come(&model("a", "A?"), Answer::Declined).unwrap();
        assert_eq!((declined.clone().ok(), declined.given().unwrap_err().kind), (None, ErrorKind::Denied));
        let cancelled = come(&model("a", "A?"), Answer::Cancelled).unwrap();
        assert_eq!(cancelled.given().unwrap_err().kind, ErrorKind::Unavailable);
    }

    #[test]
    fn a_turn_is_a_text_or_more() {
        let turn = Turn::new("Why?").system("Be brief.").output_tokens_max(5);
        assert_eq!((turn.system.as_deref(), turn.output_tokens_max), (Some("Be brief."), 5));
        assert_eq!(Turn::from("Why?"), Turn::new("Why?".to_owned()));
    }
}
