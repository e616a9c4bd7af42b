//! What the attributes ask of every function.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, Expr, ExprLit, Ident, ItemFn, Lit, Meta, Result, ReturnType};

use crate::parameter::Parameter;

/// Refuses a function that cannot be called with the arguments of an agent.
pub(crate) fn check_signature(function: &ItemFn, what: &str) -> Result<()> {
    let signature = &function.sig;
    let refuse = |span: Span, message: &str| Err(Error::new(span, format!("{what} {message}")));
    if let Some(asyncness) = &signature.asyncness {
        return refuse(asyncness.span(), "is not async: a call to the host waits by itself");
    }
    if let Some(unsafety) = &signature.unsafety {
        return refuse(unsafety.span(), "is not unsafe: anybody may call it");
    }
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        return refuse(signature.generics.span(), "has no generics: its arguments have one type each");
    }
    Ok(())
}

/// The doc comment of the function, which must be there.
pub(crate) fn function_description(function: &ItemFn, kind: &str) -> Result<String> {
    let ident = &function.sig.ident;
    description(&function.attrs).ok_or_else(|| {
        let message = format!("the {kind} `{ident}` needs a doc comment: it is the description that the model reads");
        Error::new(ident.span(), message)
    })
}

/// The parameters of the function; the attributes that only a macro understands are taken away.
pub(crate) fn parameters(function: &mut ItemFn, what: &str) -> Result<Vec<Parameter>> {
    function.sig.inputs.iter_mut().map(|argument| Parameter::read(argument, what)).collect()
}

/// What the function returns.
pub(crate) fn output(function: &ItemFn) -> TokenStream {
    match &function.sig.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, kind) => quote!(#kind),
    }
}

/// The function, and beside it the type that `plugin!` lists.
pub(crate) fn with_type(function: &ItemFn) -> TokenStream {
    let (visibility, ident): (_, &Ident) = (&function.vis, &function.sig.ident);
    quote! {
        #function

        #[doc(hidden)]
        #[allow(non_camel_case_types)]
        #visibility enum #ident {}
    }
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

/// `Some` of an expression, or `None`.
pub(crate) fn optional(tokens: Option<TokenStream>) -> TokenStream {
    match tokens {
        Some(tokens) => quote!(::core::option::Option::Some(#tokens)),
        None => quote!(::core::option::Option::None),
    }
}

/// The expression that suggests values for the parameter named in `typed`.
pub(crate) fn completion(parameters: &[Parameter]) -> TokenStream {
    let arms = parameters.iter().filter_map(|parameter| {
        let (name, function) = (parameter.name(), parameter.complete.as_ref()?);
        Some(quote!(#name => ::toolhost_sdk::__private::suggest(#function, typed),))
    });
    quote! {
        match typed.argument.as_str() {
            #(#arms)*
            _ => ::core::result::Result::Ok(::core::default::Default::default()),
        }
    }
}
