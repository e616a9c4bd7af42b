//! URIs that are made alike: which of them are of a template, and what its variables hold.

use crate::words::Words;

/// A URI taken apart, as `#[resource]` writes it down.
#[derive(Clone, Copy, Debug)]
pub struct Template(pub &'static [Piece]);

/// One piece of a URI.
#[derive(Clone, Copy, Debug)]
pub enum Piece {
    /// What stands in every URI.
    Literal(&'static str),
    /// One or more characters other than `/`, percent-encoded.
    Variable(&'static str),
}

impl Template {
    /// What the variables hold in a URI; nothing if it is no URI of this template.
    pub fn variables(self, uri: &str) -> Option<Words> {
        let mut words = Vec::new();
        find(self.0, uri, &mut words).then_some(Words(words))
    }
}

/// Each variable takes as little as lets the rest fit.
fn find(pieces: &[Piece], uri: &str, words: &mut Vec<(String, String)>) -> bool {
    let Some((first, rest)) = pieces.split_first() else {
        return uri.is_empty();
    };
    match first {
        Piece::Literal(text) => uri.strip_prefix(text).is_some_and(|behind| find(rest, behind, words)),
        Piece::Variable(name) => {
            let ends = uri.char_indices().skip(1).map(|(end, _)| end).chain([uri.len()]);
            let ends = ends.take_while(|end| *end > 0 && !uri[..*end].contains('/'));
            for end in ends {
                let (word, behind) = uri.split_at(end);
                let before = words.len();
                if let Some(word) = decode(word) {
                    words.push(((*name).to_owned(), word));
                    if find(rest, behind, words) {
                        return true;
                    }
                    words.truncate(before);
                }
            }
            false
        }
    }
}

/// Text without its percent-encoding; nothing if it is broken, or no text.
fn decode(word: &str) -> Option<String> {
    let mut bytes = word.bytes();
    let mut decoded = Vec::with_capacity(word.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let [high, low] = [bytes.next()?, bytes.next()?].map(|digit| char::from(digit).to_digit(16));
                u8::try_from(high? * 16 + low?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKET: Template = Template(&[
        Piece::Literal("tickets://"),
        Piece::Variable("customer"),
        Piece::Literal("/"),
        Piece::Variable("id"),
        Piece::Literal(".json"),
    ]);

    fn found(uri: &str) -> Option<(String, String)> {
        let mut words = TICKET.variables(uri)?;
        Some((words.variable("customer").ok()?, words.variable("id").ok()?))
    }

    #[test]
    fn a_uri_of_a_template_tells_its_variables() {
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(found("tickets://ann/7.json"), pair("ann", "7"));
        assert_eq!(found("tickets://a%2Fb%20%C3%A4/7.json.json"), pair("a/b ä", "7.json"));
    }

    #[test]
    fn any_other_uri_is_of_another() {
        for uri in [
            "",
            "tickets://ann/7",
            "tickets:///7.json",
            "tickets://ann/.json",
            "tickets://ann/b/7.json",
            "tickets://%f/7.json",
            "tickets://%zz/7.json",
            "tickets://%ff/7.json",
            "tickets://ann/7.json/",
        ] {
            assert_eq!(found(uri), None, "{uri}");
        }
    }

    #[test]
    fn a_uri_without_variables_is_itself() {
        let open = Template(&[Piece::Literal("tickets://open")]);
        assert!(open.variables("tickets://open").is_some());
        assert!(open.variables("tickets://opened").is_none() && open.variables("tickets://").is_none());
    }
}
