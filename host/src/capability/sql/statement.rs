//! A statement that may be sent, in the words of the backend that it goes to.

use super::placeholder::{self, Placeholders, Unfit};
use crate::guard::Dialect;
use crate::wit::rows::Value;
use crate::wit::sql::Parameter;

/// A statement that the guard let through, with placeholders in the style of its
/// backend and one value for each, in their order.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
}

/// How a backend writes placeholders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `?` for each.
    Positional,
    /// `:p1`, `:p2` and so on.
    Named,
}

/// A statement whose placeholders are known: ready for any number of sets of values.
pub(super) struct Template<'a> {
    placeholders: Placeholders<'a>,
    style: Style,
}

impl<'a> Template<'a> {
    /// Finds the placeholders of a statement.
    pub(super) fn read(text: &'a str, dialect: Dialect, style: Style) -> Result<Self, Unfit> {
        Ok(Self { placeholders: placeholder::scan(text, dialect)?, style })
    }

    /// The statement as its author wrote it but for its placeholders, and its values. The
    /// text is the same for every set of values.
    pub(super) fn bind(&self, parameters: &[Parameter]) -> Result<Statement, Unfit> {
        let names: Vec<Option<&str>> = parameters.iter().map(|parameter| parameter.name.as_deref()).collect();
        let binding = self.placeholders.bind(&names)?;
        let (text, indexes) = match self.style {
            Style::Positional => binding.positional(),
            Style::Named => binding.named(),
        };
        let value = |index: usize| parameters.get(index).map(|parameter| parameter.value.clone());
        Ok(Statement { text, values: indexes.into_iter().filter_map(value).collect() })
    }
}
