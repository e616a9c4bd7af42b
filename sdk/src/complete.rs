//! Suggestions while a person fills in a prompt or a template.

pub use crate::wit::resources::toolhost::types::completion::{Suggestions, Typed};
use crate::{Error, Result};

impl Typed {
    /// What another argument, or variable, has been filled in with.
    pub fn other(&self, name: &str) -> Option<&str> {
        self.others.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// No suggestions.
impl Default for Suggestions {
    fn default() -> Self {
        Self { values: Vec::new(), total: None }
    }
}

/// What a function of `#[complete(..)]` may return.
///
/// Implemented for a `Vec` of text, [`Suggestions`], and a `Result` of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no list of suggestions",
    note = "return `Vec<String>`, `Suggestions`, or a `Result` of one of them"
)]
pub trait IntoSuggestions {
    /// Becomes the suggestions.
    fn into_suggestions(self) -> Result<Suggestions>;
}

impl<T: Into<String>> IntoSuggestions for Vec<T> {
    fn into_suggestions(self) -> Result<Suggestions> {
        let values: Vec<String> = self.into_iter().map(Into::into).collect();
        Ok(Suggestions { values, total: None })
    }
}

impl IntoSuggestions for Suggestions {
    fn into_suggestions(self) -> Result<Suggestions> {
        Ok(self)
    }
}

impl<T: IntoSuggestions, E: Into<Error>> IntoSuggestions for Result<T, E> {
    fn into_suggestions(self) -> Result<Suggestions> {
        self.map_err(Into::into)?.into_suggestions()
    }
}

/// A function that suggests: of what has been typed, or of all that has been filled in.
/// `Shape` tells the two apart.
#[diagnostic::on_unimplemented(
    message = "this function cannot suggest values",
    note = "`#[complete(function)]` takes a `fn(&str) -> Vec<String>`, or a `fn(&Typed) -> Vec<String>` \
            that sees the other arguments too"
)]
pub trait Completer<Shape> {
    /// The suggestions.
    fn suggest(&self, typed: &Typed) -> Result<Suggestions>;
}

impl<F: Fn(&str) -> R, R: IntoSuggestions> Completer<fn(&str) -> R> for F {
    fn suggest(&self, typed: &Typed) -> Result<Suggestions> {
        self(&typed.value).into_suggestions()
    }
}

impl<F: Fn(&Typed) -> R, R: IntoSuggestions> Completer<fn(&Typed) -> R> for F {
    fn suggest(&self, typed: &Typed) -> Result<Suggestions> {
        self(typed).into_suggestions()
    }
}

/// What `#[complete(..)]` writes down.
pub fn suggest<Shape>(completer: impl Completer<Shape>, typed: &Typed) -> Result<Suggestions> {
    completer.suggest(typed)
}
