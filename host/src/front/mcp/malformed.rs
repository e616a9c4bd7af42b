//! What the parameters of each method must hold, for a client that sent others: the protocol
//! library takes such a request for one of a method that it does not know.

/// The methods that have parameters which may not fit, and what must be in them. A list's may
/// be left out, and the library leaves them out where they do not fit.
const BOTH_ERAS: &[(&str, &str)] = &[
    ("tools/call", "`params` must hold `name`, a string, and may hold `arguments`, a JSON object"),
    ("resources/read", "`params` must hold `uri`, a string"),
    ("prompts/get", "`params` must hold `name`, a string, and may hold `arguments`, an object of strings"),
    ("completion/complete", "`params` must hold `ref` and `argument`"),
];

/// Those of revisions before 2026-07-28 alone.
const LEGACY: &[(&str, &str)] = &[
    ("initialize", INITIALIZE),
    ("logging/setLevel", "`params` must hold `level`, such as `info`"),
    ("resources/subscribe", "`params` must hold `uri`, a string"),
    ("resources/unsubscribe", "`params` must hold `uri`, a string"),
    ("ping", "`params` must be an object, if there are any"),
];

/// Those of revision 2026-07-28 alone.
const MODERN: &[(&str, &str)] = &[
    ("subscriptions/listen", "`params` must hold `notifications`, an object that says what to hear of"),
    ("skills/get", "`params` must hold `uri`, a string"),
    ("resources/directory/read", "`params` must hold `uri`, a string, and may hold `cursor`, one that a list gave"),
    ("tasks/get", TASK),
    ("tasks/cancel", TASK),
    ("tasks/update", "`params` must hold `taskId`, a string, and `inputResponses`, an object"),
];

/// Said by whoever finds a broken `initialize` first.
pub(in crate::front) const INITIALIZE: &str =
    "`params` must hold `protocolVersion`, `capabilities`, and `clientInfo` with `name` and `version`";

const TASK: &str = "`params` must hold `taskId`, a string";

/// What the parameters of a method must hold; none of a method that there is not.
pub(super) fn parameters(method: &str, modern: bool) -> Option<&'static str> {
    let of_era = if modern { MODERN } else { LEGACY };
    BOTH_ERAS.iter().chain(of_era).find(|(name, _)| *name == method).map(|(_, must)| *must)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_of_the_other_era_is_none() {
        assert!(parameters("tools/call", true).is_some() && parameters("tools/call", false).is_some());
        assert!(parameters("logging/setLevel", false).is_some() && parameters("logging/setLevel", true).is_none());
        assert!(parameters("tasks/get", true).is_some() && parameters("tasks/get", false).is_none());
        assert!(parameters("tasks/result", true).is_none() && parameters("", false).is_none());
    }
}
