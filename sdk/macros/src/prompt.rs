//! From a function to a prompt: its options, and the `impl` beside it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::ParseStream;
use syn::{Ident, ItemFn, Result};

use crate::function::{check_signature, completion, function_description, parameters, with_type};
use crate::options::{Face, Options, check_name};
use crate::parameter::Parameter;

/// The options of one prompt.
#[derive(Default)]
pub(crate) struct PromptOptions {
    face: Face,
}

impl Options for PromptOptions {
    const WHAT: &'static str = "a prompt";
    const KNOWN: &'static str = "";

    fn face(&mut self) -> &mut Face {
        &mut self.face
    }

    fn set(&mut self, _: &Ident, _: ParseStream<'_>) -> Result<bool> {
        Ok(false)
    }
}

/// The function, and beside it the type that `plugin!` lists.
pub(crate) fn expand(options: PromptOptions, mut function: ItemFn) -> Result<TokenStream> {
    check_signature(&function, PromptOptions::WHAT)?;
    let description = options.face.description(&function_description(&function, "prompt")?);
    let parameters = parameters(&mut function, PromptOptions::WHAT)?;
    let ident = &function.sig.ident;
    let name = options.face.name(ident);
    check_name(&name, PromptOptions::WHAT, options.face.name_span(ident))?;

    let (title, icons, meta) = (options.face.title(), options.face.icons(), options.face.meta());
    let arguments = parameters.iter().map(argument).collect::<Result<Vec<_>>>()?;
    let values = parameters.iter().map(Parameter::value);
    let completion = completion(&parameters);
    let with_type = with_type(&function);

    Ok(quote! {
        #with_type

        impl ::toolhost_sdk::raw::prompts::Function for #ident {
            const NAME: &'static str = #name;

            fn describe() -> ::toolhost_sdk::raw::prompts::Prompt {
                ::toolhost_sdk::raw::prompts::Prompt {
                    name: #name.into(),
                    title: #title,
                    description: ::core::option::Option::Some(#description),
                    arguments: ::std::vec![#(#arguments),*],
                    icons: #icons,
                    meta: #meta,
                }
            }

            #[allow(unused_mut, unused_variables)]
            fn render(
                mut arguments: ::toolhost_sdk::__private::Words,
            ) -> ::toolhost_sdk::Result<::toolhost_sdk::Conversation> {
                ::toolhost_sdk::IntoConversation::into_conversation(#ident(#(#values),*))
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

/// What the prompt says of one parameter.
fn argument(parameter: &Parameter) -> Result<TokenStream> {
    parameter.refuse("header", parameter.header.is_some(), "only the arguments of tools are sent as headers")?;
    let (name, description) = (parameter.name(), parameter.description()?);
    let (required, completes) = (parameter.is_required(), parameter.complete.is_some());
    Ok(quote! {
        ::toolhost_sdk::raw::prompts::Argument {
            name: #name.into(),
            title: ::core::option::Option::None,
            description: ::core::option::Option::Some(#description.into()),
            required: #required,
            completes: #completes,
        }
    })
}

#[cfg(test)]
mod tests {
    use syn::parse::Parser as _;

    use super::*;
    use crate::options::read;

    fn refusal(options: &str, function: &str) -> String {
        let expanded = (|input: ParseStream<'_>| read::<PromptOptions>(input))
            .parse_str(options)
            .and_then(|options| expand(options, syn::parse_str(function)?));
        match expanded {
            Ok(tokens) => panic!("accepted: {tokens}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_a_person_needs_must_be_written() {
        assert!(refusal("", "fn x() -> String {}").contains("the prompt `x` needs a doc comment"));
        assert!(
            refusal("", "/** X. */ fn x(a: String) -> String {}").contains("the parameter `a` needs a doc comment")
        );
    }

    #[test]
    fn what_only_a_tool_has_is_refused() {
        assert!(refusal("read_only", "/** X. */ fn x() -> String {}").contains("a prompt has no option `read_only`"));
        let header = r#"/** X. */ fn x(/** A. */ #[header("A")] a: String) -> String {}"#;
        assert!(refusal("", header).contains("arguments of tools"));
        assert!(refusal(r#"name = "a b""#, "/** X. */ fn x() -> String {}").contains("the name of a prompt is"));
    }
}
