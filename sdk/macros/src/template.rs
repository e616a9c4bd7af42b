//! The URI of a resource, or the template of the URIs of many, taken apart while the plugin is built.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, LitStr, Result};

/// A URI with variables: RFC 6570, level 1.
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

enum Piece {
    Literal(String),
    Variable(String),
}

impl Template {
    /// Takes a URI apart.
    pub(crate) fn parse(uri: &LitStr) -> Result<Self> {
        let text = uri.value();
        let refuse = |message: String| Err(Error::new(uri.span(), message));
        let is_scheme = |scheme: &str| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        };
        if !text.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty()) {
            return refuse("a URI begins with a scheme: `tickets://open`".to_owned());
        }
        if let Some(wrong) = text.chars().find(|c| !c.is_ascii_graphic() || "\"<>\\^`|".contains(*c)) {
            return refuse(format!("a URI has no {wrong:?}: write it percent-encoded"));
        }
        let mut pieces = Vec::new();
        let mut rest = text.as_str();
        while let Some((literal, behind)) = rest.split_once('{') {
            let Some((name, behind)) = behind.split_once('}') else {
                return refuse(format!("there is no `}}` after `{{{behind}`"));
            };
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return refuse(format!("`{{{name}}}` is no variable: its name is that of a parameter"));
            }
            match pieces.last() {
                Some(Piece::Variable(before)) if literal.is_empty() => {
                    return refuse(format!(
                        "where does `{{{before}}}` end and `{{{name}}}` begin? Put something between"
                    ));
                }
                _ => {}
            }
            if pieces.iter().any(|piece| matches!(piece, Piece::Variable(other) if other == name)) {
                return refuse(format!("the variable `{{{name}}}` stands here twice"));
            }
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.to_owned()));
            }
            pieces.push(Piece::Variable(name.to_owned()));
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        if pieces.iter().any(|piece| matches!(piece, Piece::Literal(text) if text.contains('}'))) {
            return refuse("there is a `}` without a `{` before it".to_owned());
        }
        Ok(Self { pieces })
    }

    /// Its variables, in their order.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Variable(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }

    /// The expression that finds the variables of a URI.
    pub(crate) fn expression(&self) -> TokenStream {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => quote!(::toolhost_sdk::__private::Piece::Literal(#text)),
            Piece::Variable(name) => quote!(::toolhost_sdk::__private::Piece::Variable(#name)),
        });
        quote!(::toolhost_sdk::__private::Template(&[#(#pieces),*]))
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    fn parse(uri: &str) -> Result<Template> {
        Template::parse(&LitStr::new(uri, Span::call_site()))
    }

    #[test]
    fn variables_are_found_in_their_order() {
        let names = |uri| parse(uri).unwrap().variables().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(names("tickets://open"), [] as [&str; 0]);
        assert_eq!(names("tickets://{customer}/{id}.json"), ["customer", "id"]);
    }

    #[test]
    fn a_template_that_nobody_can_read_back_is_refused() {
        let refusal = |uri| match parse(uri) {
            Ok(_) => panic!("accepted: {uri}"),
            Err(error) => error.to_string(),
        };
        assert!(refusal("open").contains("scheme"));
        assert!(refusal("{scheme}://open").contains("scheme"));
        assert!(refusal("a://b c").contains("percent-encoded"));
        assert!(refusal("a://{b").contains("no `}`"));
        assert!(refusal("a://b}").contains("without a `{`"));
        assert!(refusal("a://{+b}").contains("no variable"));
        assert!(refusal("a://{b}{c}").contains("something between"));
        assert!(refusal("a://{b}/{b}").contains("twice"));
    }
}
