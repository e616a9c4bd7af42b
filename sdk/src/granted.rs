//! Picks one of the things that this plugin was granted.

use crate::{Error, Result};

/// What the operator grants by name.
pub(crate) trait Granted {
    /// What it is, in the middle of a sentence.
    const WHAT: &'static str;

    /// The name of the grant.
    fn name(&self) -> &str;
}

/// The only one. `not-found` if there is none; `invalid`, with their names, if there are several.
pub(crate) fn only<T: Granted>(mut granted: Vec<T>) -> Result<T> {
    match (granted.pop(), granted.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            granted.push(last);
            let message = format!("There is more than one {}: name one of {}.", T::WHAT, names(&granted));
            Err(Error::invalid(message))
        }
        (None, _) => Err(none::<T>()),
    }
}

/// The one of that name. `not-found`, with the names there are, otherwise.
pub(crate) fn named<T: Granted>(granted: Vec<T>, name: &str) -> Result<T> {
    if granted.is_empty() {
        return Err(none::<T>());
    }
    let there_are = names(&granted);
    let unknown = || Error::not_found(format!("There is no {} `{name}`: name one of {there_are}.", T::WHAT));
    granted.into_iter().find(|one| one.name() == name).ok_or_else(unknown)
}

fn none<T: Granted>() -> Error {
    let what = T::WHAT;
    Error::not_found(format!(
        "This plugin was granted no {what}: the operator grants one in `[plugins.<name>] grants`."
    ))
}

fn names<T: Granted>(granted: &[T]) -> String {
    let names: Vec<_> = granted.iter().map(|one| format!("`{}`", one.name())).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[derive(Debug)]
    struct Source(&'static str);

    impl Granted for Source {
        const WHAT: &'static str = "SQL source";

        fn name(&self) -> &str {
            self.0
        }
    }

    #[test]
    fn the_only_one_needs_no_name() {
        assert_eq!(only(vec![Source("crm")]).unwrap().0, "crm");
    }

    #[test]
    fn without_a_name_one_of_several_is_never_guessed() {
        let error = only(vec![Source("crm"), Source("shop")]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(error.message.contains("`crm`, `shop`"), "{}", error.message);
    }

    #[test]
    fn without_a_grant_there_is_none() {
        assert_eq!(only(Vec::<Source>::new()).unwrap_err().kind, ErrorKind::NotFound);
        assert_eq!(named(Vec::<Source>::new(), "crm").unwrap_err().kind, ErrorKind::NotFound);
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_ones() {
        assert_eq!(named(vec![Source("crm"), Source("shop")], "shop").unwrap().0, "shop");
        let error = named(vec![Source("crm"), Source("shop")], "cmr").unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert!(error.message.contains("`cmr`") && error.message.contains("`crm`, `shop`"));
    }
}
