//! From a function to a resource, or to the template of many: its options, and the `impl` beside it.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::ParseStream;
use syn::spanned::Spanned as _;
use syn::{Error, Expr, Ident, ItemFn, LitStr, Result};

use crate::function::{check_signature, completion, function_description, optional, output, parameters, with_type};
use crate::options::{Face, Options, list, set, value};
use crate::parameter::Parameter;
use crate::template::Template;

/// The options of one resource; what is not given is `None`.
#[derive(Default)]
pub(crate) struct ResourceOptions {
    face: Face,
    uri: Option<LitStr>,
    mime_type: Option<LitStr>,
    size: Option<Expr>,
    audience: Option<Vec<Ident>>,
    priority: Option<Expr>,
    last_modified: Option<LitStr>,
}

impl Options for ResourceOptions {
    const WHAT: &'static str = "a resource";
    const KNOWN: &'static str = "`uri = \"..\"`, `mime_type = \"..\"`, `size = ..`, `audience = [..]`, \
        `priority = ..`, `last_modified = \"..\"`, ";

    fn face(&mut self) -> &mut Face {
        &mut self.face
    }

    fn set(&mut self, key: &Ident, input: ParseStream<'_>) -> Result<bool> {
        match key.to_string().as_str() {
            "uri" => set(&mut self.uri, key, value(input)?)?,
            "mime_type" => set(&mut self.mime_type, key, value(input)?)?,
            "size" => set(&mut self.size, key, value(input)?)?,
            "audience" => set(&mut self.audience, key, list(input)?)?,
            "priority" => set(&mut self.priority, key, value(input)?)?,
            "last_modified" => set(&mut self.last_modified, key, value(input)?)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The function, and beside it the type that `plugin!` lists.
pub(crate) fn expand(options: ResourceOptions, mut function: ItemFn) -> Result<TokenStream> {
    check_signature(&function, ResourceOptions::WHAT)?;
    let description = options.face.description(&function_description(&function, "resource")?);
    let parameters = parameters(&mut function, ResourceOptions::WHAT)?;
    let Some(uri) = &options.uri else {
        let message = "a resource has a URI: `#[resource(uri = \"tickets://open\")]`";
        return Err(Error::new(function.sig.ident.span(), message));
    };
    let template = Template::parse(uri)?;
    check_variables(&template, &parameters, uri.span())?;

    let mime_type = optional(options.mime_type.as_ref().map(|mime_type| quote!(#mime_type)));
    let description = describe(&options, &template, &parameters, &function, &description)?;
    let values = parameters.iter().map(|parameter| {
        let name = parameter.name();
        quote_spanned!(parameter.kind.span()=> variables.variable(#name)?)
    });
    let completion = completion(&parameters);
    let template = template.expression();
    let with_type = with_type(&function);
    let ident = &function.sig.ident;

    Ok(quote! {
        #with_type

        impl ::toolhost_sdk::raw::resources::Function for #ident {
            const URI: &'static str = #uri;

            fn describe(catalogue: &mut ::toolhost_sdk::raw::resources::Catalogue) {
                #description
            }

            #[allow(unused_mut, unused_variables)]
            fn read(
                uri: &str,
            ) -> ::core::option::Option<::toolhost_sdk::Result<::std::vec::Vec<::toolhost_sdk::Contents>>> {
                let mut variables = #template.variables(uri)?;
                ::core::option::Option::Some((move || {
                    ::toolhost_sdk::__private::contents(#ident(#(#values),*), uri, #mime_type)
                })())
            }

            #[allow(unused_variables)]
            fn complete(
                typed: &::toolhost_sdk::Typed,
            ) -> ::toolhost_sdk::Result<::toolhost_sdk::Suggestions> {
                #completion
            }
        }
    })
}

/// The statement that adds it to the catalogue.
fn describe(
    options: &ResourceOptions,
    template: &Template,
    parameters: &[Parameter],
    function: &ItemFn,
    description: &TokenStream,
) -> Result<TokenStream> {
    let (uri, name) = (&options.uri, options.face.name(&function.sig.ident));
    let (title, icons, meta) = (options.face.title(), options.face.icons(), options.face.meta());
    let annotations = annotations(options)?;
    let mime_type = optional(options.mime_type.as_ref().map(|mime_type| quote!(#mime_type)));
    let output = output(function);
    let mime_type = quote_spanned! {output.span()=>
        ::core::option::Option::or(#mime_type, <#output as ::toolhost_sdk::IntoContents>::MIME_TYPE)
            .map(::core::convert::Into::into)
    };
    let (list, kind, own) = match (template.variables().next(), &options.size) {
        (None, size) => {
            let size = optional(size.as_ref().map(|size| quote!(#size)));
            (quote!(resources), quote!(Resource), quote!(uri: #uri.into(), size: #size,))
        }
        (Some(_), None) => {
            let completes = parameters.iter().filter(|parameter| parameter.complete.is_some()).map(Parameter::name);
            let own = quote!(uri_template: #uri.into(), completes: ::std::vec![#(#completes.into()),*],);
            (quote!(templates), quote!(Template), own)
        }
        (Some(_), Some(size)) => {
            return Err(Error::new(size.span(), "a template has no size: each of its resources has its own"));
        }
    };
    Ok(quote! {
        catalogue.#list.push(::toolhost_sdk::raw::resources::#kind {
            #own
            name: #name.into(),
            title: #title,
            description: ::core::option::Option::Some(#description),
            mime_type: #mime_type,
            annotations: #annotations,
            icons: #icons,
            meta: #meta,
        });
    })
}

/// Every variable is a parameter, and every parameter a variable.
fn check_variables(template: &Template, parameters: &[Parameter], uri: Span) -> Result<()> {
    let variables: Vec<&str> = template.variables().collect();
    for parameter in parameters {
        let name = parameter.name();
        if !variables.contains(&name) {
            let message = format!("the URI has no variable `{{{name}}}` for this parameter");
            return Err(Error::new(parameter.span, message));
        }
        if !parameter.is_required() {
            let message = format!("`{{{name}}}` is always there: a variable is no `Option` and has no default");
            return Err(Error::new(parameter.span, message));
        }
        parameter.refuse("header", parameter.header.is_some(), "only the arguments of tools are sent as headers")?;
    }
    match variables.iter().find(|variable| !parameters.iter().any(|parameter| parameter.name() == **variable)) {
        Some(missing) => Err(Error::new(uri, format!("the function has no parameter `{missing}` for this variable"))),
        None => Ok(()),
    }
}

fn annotations(options: &ResourceOptions) -> Result<TokenStream> {
    if options.audience.is_none() && options.priority.is_none() && options.last_modified.is_none() {
        return Ok(optional(None));
    }
    let audience = options.audience.iter().flatten().map(|audience| match audience.to_string().as_str() {
        "user" => Ok(quote!(::toolhost_sdk::Audience::User)),
        "assistant" => Ok(quote!(::toolhost_sdk::Audience::Assistant)),
        _ => Err(Error::new(audience.span(), "an audience is `user` or `assistant`")),
    });
    let audience = audience.collect::<Result<Vec<_>>>()?;
    let priority = optional(options.priority.as_ref().map(|priority| quote!(#priority)));
    let last_modified = optional(options.last_modified.as_ref().map(|time| quote!(#time.into())));
    Ok(quote! {
        ::core::option::Option::Some(::toolhost_sdk::raw::PartAnnotations {
            audience: ::std::vec![#(#audience),*],
            priority: #priority,
            last_modified: #last_modified,
        })
    })
}

#[cfg(test)]
mod tests {
    use syn::parse::Parser as _;

    use super::*;
    use crate::options::read;

    fn refusal(options: &str, function: &str) -> String {
        let expanded = (|input: ParseStream<'_>| read::<ResourceOptions>(input))
            .parse_str(options)
            .and_then(|options| expand(options, syn::parse_str(function)?));
        match expanded {
            Ok(tokens) => panic!("accepted: {tokens}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_resource_says_what_it_is_called_and_what_it_is() {
        assert!(refusal("", "/** X. */ fn x() -> String {}").contains("has a URI"));
        assert!(refusal(r#"uri = "a:b""#, "fn x() -> String {}").contains("the resource `x` needs a doc comment"));
        assert!(refusal(r#"uri = "a:b", colour = 1"#, "/** X. */ fn x() {}").contains("no option `colour`"));
        assert!(refusal(r#"uri = "a:b", audience = [all]"#, "/** X. */ fn x() {}").contains("`user` or `assistant`"));
    }

    #[test]
    fn the_variables_are_the_parameters() {
        let refusal = |function| refusal(r#"uri = "a://{id}""#, function);
        assert!(refusal("/** X. */ fn x() -> String {}").contains("no parameter `id`"));
        assert!(refusal("/** X. */ fn x(id: u8, day: u8) -> String {}").contains("no variable `{day}`"));
        assert!(refusal("/** X. */ fn x(id: Option<u8>) -> String {}").contains("always there"));
        assert!(refusal(r#"/** X. */ fn x(#[header("A")] id: u8) -> String {}"#).contains("tools"));
    }

    #[test]
    fn a_template_has_no_size() {
        assert!(refusal(r#"uri = "a://{id}", size = 3"#, "/** X. */ fn x(id: u8) -> String {}").contains("no size"));
    }
}
