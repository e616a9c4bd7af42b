//! What stands in the brackets of the attributes: reading it, and what all of them may hold.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, Ident, LitStr, Path, Result, Token, bracketed, parse_quote};

use crate::function::optional;

/// The options of one attribute.
pub(crate) trait Options: Default {
    /// What the attribute makes of a function, with its article.
    const WHAT: &'static str;

    /// The options beside those of [`Face`], to be shown to whoever wrote another; each ends with `, `.
    const KNOWN: &'static str;

    /// The options that all attributes have.
    fn face(&mut self) -> &mut Face;

    /// Reads what follows a key; false if there is no such option.
    fn set(&mut self, key: &Ident, input: ParseStream<'_>) -> Result<bool>;
}

/// Reads all options, in any order.
pub(crate) fn read<O: Options>(input: ParseStream<'_>) -> Result<O> {
    let mut options = O::default();
    while !input.is_empty() {
        let key = input.call(Ident::parse_any)?;
        if !options.face().set(&key, input)? && !options.set(&key, input)? {
            let message = format!("{} has no option `{key}`: it has {}{}", O::WHAT, O::KNOWN, Face::KNOWN);
            return Err(Error::new(key.span(), message));
        }
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(options)
}

/// How a tool, a resource or a prompt presents itself; what is not given is `None`.
#[derive(Default)]
pub(crate) struct Face {
    pub(crate) name: Option<LitStr>,
    title: Option<LitStr>,
    details: Option<Path>,
    icon: Option<LitStr>,
    meta: Option<Path>,
}

impl Face {
    const KNOWN: &'static str =
        "`name = \"..\"`, `title = \"..\"`, `details = function`, `icon = \"..\"` and `meta = function`";

    fn set(&mut self, key: &Ident, input: ParseStream<'_>) -> Result<bool> {
        match key.to_string().as_str() {
            "name" => set(&mut self.name, key, value(input)?)?,
            "title" => set(&mut self.title, key, value(input)?)?,
            "details" => set(&mut self.details, key, value(input)?)?,
            "icon" => set(&mut self.icon, key, value(input)?)?,
            "meta" => set(&mut self.meta, key, value(input)?)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The name that was given, or that of the function.
    pub(crate) fn name(&self, function: &Ident) -> String {
        match &self.name {
            Some(name) => name.value(),
            None => function.unraw().to_string(),
        }
    }

    /// Where to point if the name is wrong.
    pub(crate) fn name_span(&self, function: &Ident) -> Span {
        self.name.as_ref().map_or(function.span(), LitStr::span)
    }

    /// The expression of the title.
    pub(crate) fn title(&self) -> TokenStream {
        optional(self.title.as_ref().map(|title| quote!(#title.into())))
    }

    /// The expression of the description: what stands over the function, and the details.
    pub(crate) fn description(&self, text: &str) -> TokenStream {
        match &self.details {
            Some(details) => quote!(::toolhost_sdk::__private::description(#text, #details)),
            None => quote!(::std::string::String::from(#text)),
        }
    }

    /// The expression of the pictures.
    pub(crate) fn icons(&self) -> TokenStream {
        let icon = self.icon.iter();
        quote!(::std::vec![#(::toolhost_sdk::__private::icon(#icon)),*])
    }

    /// The expression of the protocol's `_meta`.
    pub(crate) fn meta(&self) -> TokenStream {
        optional(self.meta.as_ref().map(|meta| quote!(::toolhost_sdk::__private::json(#meta))))
    }
}

/// Notes a value, and refuses a second.
pub(crate) fn set<T>(option: &mut Option<T>, key: &Ident, value: T) -> Result<()> {
    match option.replace(value) {
        Some(_) => Err(Error::new(key.span(), format!("`{key}` is given twice"))),
        None => Ok(()),
    }
}

/// What stands after `=`.
pub(crate) fn value<T: Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

/// `read_only` alone means true; after `=` stands any expression, for the host to ask anew
/// whenever the plugin's grants change.
pub(crate) fn flag(input: ParseStream<'_>) -> Result<Expr> {
    if input.peek(Token![=]) { value(input) } else { Ok(parse_quote!(true)) }
}

/// `= ["a", "b"]`.
pub(crate) fn list<T: Parse>(input: ParseStream<'_>) -> Result<Vec<T>> {
    input.parse::<Token![=]>()?;
    let items;
    bracketed!(items in input);
    Ok(Punctuated::<T, Token![,]>::parse_terminated(&items)?.into_iter().collect())
}

/// The names that every model API accepts.
pub(crate) fn check_name(name: &str, what: &str, span: Span) -> Result<()> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=64).contains(&name.len()) && name.chars().all(is_allowed) {
        return Ok(());
    }
    Err(Error::new(span, format!("the name of {what} is 1 to 64 of A-Z a-z 0-9 _ -")))
}
