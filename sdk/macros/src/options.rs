//! What stands in the brackets of `#[tool(...)]`.

use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, Ident, LitStr, Path, Result, Token, parse_quote};

/// The options of one tool; what is not given is `None`.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<LitStr>,
    pub(crate) details: Option<Path>,
    pub(crate) read_only: Option<Expr>,
    pub(crate) destructive: Option<Expr>,
    pub(crate) idempotent: Option<Expr>,
    pub(crate) open_world: Option<Expr>,
}

const KNOWN: &str = "`read_only`, `destructive`, `idempotent`, `open_world`, `name = \"..\"`, `title = \"..\"` and `details = function`";

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            match key.to_string().as_str() {
                "name" => set(&mut options.name, &key, value(input)?),
                "title" => set(&mut options.title, &key, value(input)?),
                "details" => set(&mut options.details, &key, value(input)?),
                "read_only" => set(&mut options.read_only, &key, flag(input)?),
                "destructive" => set(&mut options.destructive, &key, flag(input)?),
                "idempotent" => set(&mut options.idempotent, &key, flag(input)?),
                "open_world" => set(&mut options.open_world, &key, flag(input)?),
                _ => Err(Error::new(key.span(), format!("a tool has no option `{key}`: it has {KNOWN}"))),
            }?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        if let Some(name) = &options.name {
            check_name(&name.value(), name.span())?;
        }
        Ok(options)
    }
}

fn set<T>(option: &mut Option<T>, key: &Ident, value: T) -> Result<()> {
    match option.replace(value) {
        Some(_) => Err(Error::new(key.span(), format!("`{key}` is given twice"))),
        None => Ok(()),
    }
}

fn value<T: Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

/// `read_only` alone means true; after `=` stands any expression, for the host to ask anew
/// whenever the plugin's grants change.
fn flag(input: ParseStream<'_>) -> Result<Expr> {
    if input.peek(Token![=]) { value(input) } else { Ok(parse_quote!(true)) }
}

/// The names that every model API accepts.
pub(crate) fn check_name(name: &str, span: proc_macro2::Span) -> Result<()> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=64).contains(&name.len()) && name.chars().all(is_allowed) {
        return Ok(());
    }
    let message = "the name of a tool is 1 to 64 of A-Z a-z 0-9 _ -";
    Err(Error::new(span, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_in_any_order() {
        let options: Options = syn::parse_str(r#"idempotent, title = "A", destructive = false,"#).unwrap();
        assert_eq!(options.title.map(|title| title.value()), Some("A".to_owned()));
        let text = |flag: Option<Expr>| flag.map(|flag| quote::quote!(#flag).to_string());
        assert_eq!(text(options.idempotent).as_deref(), Some("true"));
        assert_eq!(text(options.destructive).as_deref(), Some("false"));
        assert!(options.read_only.is_none());
    }

    #[test]
    fn wrong_options_are_refused() {
        let message = |text| match syn::parse_str::<Options>(text) {
            Ok(_) => panic!("accepted: {text}"),
            Err(error) => error.to_string(),
        };
        assert!(message("readonly").contains("`read_only`"));
        assert!(message("read_only, read_only").contains("twice"));
        assert!(message(r#"name = "best customers""#).contains("1 to 64"));
        assert!(message(r#"name = """#).contains("1 to 64"));
    }
}
