//! The name that was probably meant.

/// The nearest of these names, if one is close: a letter off, and another for every three.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = names.map(|other| (strsim::damerau_levenshtein(name, other), other)).min()?;
    (near.0 <= name.len() / 3 + 1).then_some(near.1)
}
