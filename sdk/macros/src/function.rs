//! From a function to a tool: checks the signature, writes the `impl` beside it.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, Expr, ExprLit, ItemFn, Lit, Meta, Result, ReturnType};

use crate::options::{Options, check_name};
use crate::parameter::Parameter;

/// The function, and beside it the type that `plugin!` lists.
pub(crate) fn expand(options: Options, mut function: ItemFn) -> Result<TokenStream> {
    check_signature(&function)?;
    let ident = function.sig.ident.clone();
    let description = description(&function.attrs).ok_or_else(|| {
        let message = format!("the tool `{ident}` needs a doc comment: it is the description that the model reads");
        Error::new(ident.span(), message)
    })?;
    let parameters = function.sig.inputs.iter_mut().map(Parameter::read).collect::<Result<Vec<_>>>()?;

    let name = match &options.name {
        Some(name) => name.value(),
        None => ident.unraw().to_string(),
    };
    check_name(&name, ident.span())?;
    let title = optional(options.title.map(|title| quote!(#title.into())));
    let [read_only, destructive, idempotent, open_world] =
        [options.read_only, options.destructive, options.idempotent, options.open_world]
            .map(|flag| optional(flag.map(|flag| quote!(#flag))));
    let description = match options.details {
        Some(details) => quote!(::toolhost_sdk::__private::description(#description, #details)),
        None => quote!(#description.into()),
    };
    let names = parameters.iter().map(Parameter::name);
    let schemas = parameters.iter().map(Parameter::schema);
    let values = parameters.iter().map(Parameter::value);
    let output = match &function.sig.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, kind) => quote!(#kind),
    };
    let visibility = &function.vis;

    Ok(quote! {
        #function

        #[doc(hidden)]
        #[allow(non_camel_case_types)]
        #visibility enum #ident {}

        impl ::toolhost_sdk::raw::ToolFunction for #ident {
            const NAME: &'static str = #name;

            fn describe() -> ::toolhost_sdk::raw::Tool {
                ::toolhost_sdk::raw::Tool {
                    name: #name.into(),
                    title: #title,
                    description: #description,
                    input_schema: ::toolhost_sdk::__private::Parameters::new()#(#schemas)*.finish().to_string(),
                    output_schema: <#output as ::toolhost_sdk::IntoOutcome>::output_schema()
                        .map(|schema| schema.to_string()),
                    annotations: ::toolhost_sdk::raw::Annotations {
                        read_only: #read_only,
                        destructive: #destructive,
                        idempotent: #idempotent,
                        open_world: #open_world,
                    },
                    task_use: ::toolhost_sdk::raw::TaskUse::WhenSlow,
                    keywords: ::std::vec::Vec::new(),
                    icons: ::std::vec::Vec::new(),
                    meta: ::core::option::Option::None,
                }
            }

            #[allow(unused_mut, unused_variables, clippy::unit_arg)]
            fn call(arguments: ::toolhost_sdk::raw::Arguments) -> ::toolhost_sdk::Result<::toolhost_sdk::Outcome> {
                let mut arguments = arguments.known(&[#(#names),*])?;
                ::toolhost_sdk::IntoOutcome::into_outcome(#ident(#(#values),*))
            }
        }
    })
}

fn check_signature(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    let refuse = |span: Span, message| Err(Error::new(span, message));
    if let Some(asyncness) = &signature.asyncness {
        return refuse(asyncness.span(), "a tool is not async: a call to the host waits by itself");
    }
    if let Some(unsafety) = &signature.unsafety {
        return refuse(unsafety.span(), "a tool is not unsafe: anybody may call it");
    }
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        return refuse(signature.generics.span(), "a tool has no generics: its arguments have one schema");
    }
    Ok(())
}

/// The text of the doc comment; none if there is none, or it is empty.
pub(crate) fn description(attributes: &[Attribute]) -> Option<String> {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(doc) if doc.path.is_ident("doc") => match &doc.value {
            Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => Some(line.value()),
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<String> = lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned()).collect();
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn optional(tokens: Option<TokenStream>) -> TokenStream {
    match tokens {
        Some(tokens) => quote!(::core::option::Option::Some(#tokens)),
        None => quote!(::core::option::Option::None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(function: &str) -> String {
        match expand(Options::default(), syn::parse_str(function).unwrap()) {
            Ok(tokens) => panic!("accepted: {tokens}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_the_model_needs_must_be_written() {
        assert!(refusal("fn add() {}").contains("the tool `add` needs a doc comment"));
        assert!(refusal("/** */ fn add() {}").contains("the tool `add` needs a doc comment"));
        assert!(refusal("/** Adds. */ fn add(a: u8) {}").contains("the parameter `a` needs a doc comment"));
    }

    #[test]
    fn a_function_that_cannot_be_a_tool_is_refused_with_the_reason() {
        assert!(refusal("/** X. */ async fn x() {}").contains("not async"));
        assert!(refusal("/** X. */ unsafe fn x() {}").contains("not unsafe"));
        assert!(refusal("/** X. */ fn x<T>() {}").contains("no generics"));
        assert!(refusal("/** X. */ fn x(&self) {}").contains("no `self`"));
        assert!(refusal("/** X. */ fn x(/** A. */ a: &str) {}").contains("`String` for `&str`"));
        assert!(refusal("/** X. */ fn x(/** A. */ (a, b): (u8, u8)) {}").contains("a plain name"));
        assert!(refusal("/** X. */ fn x(/** A. */ #[default(1)] a: Option<u8>) {}").contains("no default"));
    }

    #[test]
    fn a_name_that_agents_cannot_call_is_refused() {
        assert!(refusal("/** X. */ fn größe() {}").contains("1 to 64"));
        let long = format!("/** X. */ fn {}() {{}}", "x".repeat(65));
        assert!(refusal(&long).contains("1 to 64"));
    }
}
