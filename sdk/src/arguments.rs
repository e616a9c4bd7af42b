//! The arguments of one call, read in one go: each becomes what its parameter is while the text
//! is walked, so that neither a tree nor a copy of it is made on the way.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::Deserializer;

use crate::{Error, Result};

/// The arguments of one call: a JSON object as text.
///
/// ```
/// use toolhost_sdk::raw::{Argument, Arguments};
///
/// fn call(arguments: Arguments<'_>) -> toolhost_sdk::Result<u64> {
///     let mut list = (Argument::<u64>::new("a"), (Argument::<u64>::new("b"), ()));
///     arguments.read_into(&mut list)?;
///     let (a, (b, ())) = list;
///     Ok(a.required()? + b.or(1))
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a>(&'a str);

/// One of them: its name, and its value once it was read.
#[derive(Debug)]
pub struct Argument<T> {
    name: &'static str,
    value: Option<T>,
}

/// What they are read into: nothing, or a pair of an [`Argument`] and the rest of them.
pub trait ArgumentList {
    /// The names, in the order of the function.
    fn names(&self) -> Vec<&'static str>;

    /// Which one has that name.
    fn find(&self, name: &str) -> Option<usize>;

    /// Reads the value of one.
    fn read<'de, A: MapAccess<'de>>(&mut self, place: usize, values: &mut A) -> Result<(), A::Error>;
}

impl<'a> Arguments<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        Self(text)
    }

    /// Reads those of a list. `invalid`, naming the argument, if there is another one, or one does
    /// not become what the list has.
    pub fn read_into(self, list: &mut impl ArgumentList) -> Result<()> {
        self.read(list, false)
    }

    /// The same, whatever others there are.
    pub fn read_some_into(self, list: &mut impl ArgumentList) -> Result<()> {
        self.read(list, true)
    }

    fn read(self, list: &mut impl ArgumentList, others: bool) -> Result<()> {
        let mut reading = Reading { list, others, at: At::Object };
        let mut json = Deserializer::from_str(self.0);
        let read = json.deserialize_map(&mut reading).and_then(|()| json.end());
        let Err(error) = read else { return Ok(()) };
        Err(Error::invalid(match reading.at {
            At::Object => format!("The arguments are not a JSON object: {error}."),
            At::Value(place) => {
                let names = reading.list.names();
                format!("The argument `{}` is not right: {error}.", names.get(place).unwrap_or(&""))
            }
            At::Unknown(unknown) => match reading.list.names().join("`, `").as_str() {
                "" => format!("There is no argument `{unknown}`: this tool takes none."),
                names => format!("There is no argument `{unknown}`: this tool takes `{names}`."),
            },
        }))
    }
}

impl<T: DeserializeOwned> Argument<T> {
    /// An argument that was not read yet.
    pub const fn new(name: &'static str) -> Self {
        Self { name, value: None }
    }

    /// An argument that must be there.
    pub fn required(self) -> Result<T> {
        let missing = || Error::invalid(format!("The argument `{}` is missing.", self.name));
        self.value.ok_or_else(missing)
    }

    /// An argument that may be missing.
    pub fn optional(self) -> Option<T> {
        self.value
    }

    /// An argument that has a value when it is missing.
    pub fn or(self, default: T) -> T {
        self.value.unwrap_or(default)
    }
}

impl ArgumentList for () {
    fn names(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn find(&self, _: &str) -> Option<usize> {
        None
    }

    fn read<'de, A: MapAccess<'de>>(&mut self, _: usize, values: &mut A) -> Result<(), A::Error> {
        values.next_value::<IgnoredAny>().map(|_| ())
    }
}

impl<T: DeserializeOwned, Rest: ArgumentList> ArgumentList for (Argument<T>, Rest) {
    fn names(&self) -> Vec<&'static str> {
        let (first, rest) = self;
        [first.name].into_iter().chain(rest.names()).collect()
    }

    fn find(&self, name: &str) -> Option<usize> {
        let (first, rest) = self;
        if first.name == name { Some(0) } else { rest.find(name).map(|place| place + 1) }
    }

    fn read<'de, A: MapAccess<'de>>(&mut self, place: usize, values: &mut A) -> Result<(), A::Error> {
        let (first, rest) = self;
        match place.checked_sub(1) {
            None => first.value = Some(values.next_value()?),
            Some(place) => rest.read(place, values)?,
        }
        Ok(())
    }
}

/// The walk through the text.
struct Reading<'a, P> {
    list: &'a mut P,
    others: bool,
    at: At,
}

/// Where an error would be.
enum At {
    Object,
    Value(usize),
    Unknown(String),
}

impl<'de, P: ArgumentList> Visitor<'de> for &mut Reading<'_, P> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(place) = map.next_key_seed(Name(self))? {
            match place {
                Some(place) => {
                    self.at = At::Value(place);
                    self.list.read(place, &mut map)?;
                    self.at = At::Object;
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The name of an argument: which one it is; none for one that is passed over.
struct Name<'a, 'b, P>(&'a mut Reading<'b, P>);

impl<'de, P: ArgumentList> DeserializeSeed<'de> for Name<'_, '_, P> {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'de>>(self, name: D) -> Result<Option<usize>, D::Error> {
        name.deserialize_str(self)
    }
}

impl<P: ArgumentList> Visitor<'_> for Name<'_, '_, P> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an argument")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Option<usize>, E> {
        let Self(reading) = self;
        let place = reading.list.find(name);
        if place.is_none() && !reading.others {
            reading.at = At::Unknown(name.to_owned());
            return Err(E::custom("unknown argument"));
        }
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn read(text: &str) -> Result<(Option<u8>, Option<Vec<String>>)> {
        let mut list = (Argument::new("a"), (Argument::new("b"), ()));
        Arguments::of(text).read_into(&mut list)?;
        let (a, (b, ())) = list;
        Ok((a.optional(), b.optional()))
    }

    fn refusal(text: &str) -> String {
        let error = read(text).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        error.message
    }

    #[test]
    fn they_come_in_any_order_and_spelling() {
        let both = (Some(1), Some(vec!["x".to_owned()]));
        assert_eq!(read(r#"{"b":["x"],"\u0061":1}"#), Ok(both));
        assert_eq!(read(" { } "), Ok((None, None)));
    }

    #[test]
    fn the_one_that_is_not_right_is_named() {
        assert!(refusal(r#"{"a":1,"b":["x",2]}"#).starts_with("The argument `b` is not right: invalid type"));
        assert!(refusal(r#"{"a":256}"#).starts_with("The argument `a` is not right"));
        assert!(refusal(r#"{"a":null}"#).starts_with("The argument `a` is not right"));
        assert_eq!(refusal(r#"{"a":1,"c":{}}"#), "There is no argument `c`: this tool takes `a`, `b`.");
        assert!(refusal(r#"{"a":1} {}"#).starts_with("The arguments are not a JSON object"));
    }

    #[test]
    fn others_are_passed_over_where_that_is_asked_for() {
        let mut list = (Argument::<u8>::new("a"), ());
        Arguments::of(r#"{"c":{"a":[1,2]},"a":3,"d":null}"#).read_some_into(&mut list).unwrap();
        assert_eq!(list.0.required(), Ok(3));
    }

    #[test]
    fn one_that_is_left_out_is_missing_or_has_its_default() {
        assert_eq!(Argument::new("a").or(7), 7);
        assert_eq!(Argument::<u8>::new("a").required().unwrap_err().message, "The argument `a` is missing.");
    }
}
