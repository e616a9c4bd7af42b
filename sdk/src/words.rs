//! Arguments that are text: what a prompt is told, and what a template's URI says.

use std::fmt::Display;
use std::str::FromStr;

use crate::{Error, Result};

/// Named texts, taken out one by one as what the function makes of them.
#[derive(Debug)]
pub struct Words(pub(crate) Vec<(String, String)>);

impl Words {
    /// An argument that must be there.
    pub fn required<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<T> {
        let missing = || Error::invalid(format!("The argument `{name}` is missing."));
        self.optional(name)?.ok_or_else(missing)
    }

    /// An argument that may be missing.
    pub fn optional<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<Option<T>> {
        let wrong = |error| Error::invalid(format!("The argument `{name}` is not right: {error}."));
        self.take(name).map(|word| word.parse().map_err(wrong)).transpose()
    }

    /// An argument that has a value when it is missing.
    pub fn or<T: FromStr<Err: Display>>(&mut self, name: &str, default: T) -> Result<T> {
        Ok(self.optional(name)?.unwrap_or(default))
    }

    /// A variable of a URI. One that is not right is in the URI of nothing: `not-found`.
    pub fn variable<T: FromStr<Err: Display>>(&mut self, name: &str) -> Result<T> {
        let wrong = |error| Error::not_found(format!("There is no such resource: `{name}` is not right: {error}."));
        self.take(name).unwrap_or_default().parse().map_err(wrong)
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.swap_remove(place).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn words() -> Words {
        Words(vec![("a".to_owned(), "7".to_owned()), ("b".to_owned(), "x".to_owned())])
    }

    #[test]
    fn words_become_what_the_function_takes() {
        let mut words = words();
        assert_eq!(words.required("a"), Ok(7_u8));
        assert_eq!(words.optional("b"), Ok(Some("x".to_owned())));
        assert_eq!((words.optional::<u8>("c"), words.or("c", 3_u8)), (Ok(None), Ok(3)));
    }

    #[test]
    fn a_word_that_is_not_right_is_named() {
        let wrong = words().required::<u8>("b").unwrap_err();
        assert!(wrong.kind == ErrorKind::Invalid && wrong.message.contains("`b` is not right"), "{wrong:?}");
        assert!(words().required::<u8>("c").unwrap_err().message.contains("`c` is missing"));
        assert_eq!(words().variable::<u8>("b").unwrap_err().kind, ErrorKind::NotFound);
    }
}
