//! A statement that may be sent, in the words of the backend that it goes to.

use super::placeholder::{self, Unfit};
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

impl Statement {
    /// The statement as its author wrote it, but for its placeholders.
    pub(super) fn bind(text: &str, dialect: Dialect, style: Style, parameters: &[Parameter]) -> Result<Self, Unfit> {
        let names: Vec<Option<&str>> = parameters.iter().map(|parameter| parameter.name.as_deref()).collect();
        let binding = placeholder::scan(text, dialect)?.bind(&names)?;
        let value = |index: usize| parameters.get(index).map(|parameter| parameter.value.clone());
        Ok(match style {
            Style::Positional => {
                let (text, indexes) = binding.positional();
                Self { text, values: indexes.into_iter().filter_map(value).collect() }
            }
            Style::Named => {
                let (text, count) = binding.named();
                Self { text, values: (0..count).filter_map(value).collect() }
            }
        })
    }
}
