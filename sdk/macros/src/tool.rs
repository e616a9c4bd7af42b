//! From a function to a tool: its options, and the `impl` beside it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::ParseStream;
use syn::spanned::Spanned as _;
use syn::{Error, Expr, Ident, ItemFn, LitStr, Path, Result};

use crate::function::{check_signature, function_description, optional, output, parameters, with_type};
use crate::options::{Face, Options, check_name, flag, list, set, value};
use crate::parameter::{Absence, Parameter, default_value};

/// The options of one tool; what is not given is `None`.
#[derive(Default)]
pub(crate) struct ToolOptions {
    face: Face,
    read_only: Option<Expr>,
    destructive: Option<Expr>,
    idempotent: Option<Expr>,
    open_world: Option<Expr>,
    task: Option<Ident>,
    keywords: Option<Vec<LitStr>>,
    schema: Option<Path>,
}

impl Options for ToolOptions {
    const WHAT: &'static str = "a tool";
    const KNOWN: &'static str = "`read_only`, `destructive`, `idempotent`, `open_world`, `task = ..`, \
        `keywords = [\"..\"]`, `schema = function`, ";

    fn face(&mut self) -> &mut Face {
        &mut self.face
    }

    fn set(&mut self, key: &Ident, input: ParseStream<'_>) -> Result<bool> {
        match key.to_string().as_str() {
            "read_only" => set(&mut self.read_only, key, flag(input)?)?,
            "destructive" => set(&mut self.destructive, key, flag(input)?)?,
            "idempotent" => set(&mut self.idempotent, key, flag(input)?)?,
            "open_world" => set(&mut self.open_world, key, flag(input)?)?,
            "task" => set(&mut self.task, key, value(input)?)?,
            "keywords" => set(&mut self.keywords, key, list(input)?)?,
            "schema" => set(&mut self.schema, key, value(input)?)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The function, and beside it the type that `plugin!` lists.
pub(crate) fn expand(options: ToolOptions, mut function: ItemFn) -> Result<TokenStream> {
    check_signature(&function, ToolOptions::WHAT)?;
    let description = options.face.description(&function_description(&function, "tool")?);
    let parameters = parameters(&mut function, ToolOptions::WHAT)?;
    for parameter in &parameters {
        let message = "the protocol completes the arguments of prompts and the variables of templates only";
        parameter.refuse("complete", parameter.complete.is_some(), message)?;
    }
    check_headers(&parameters)?;
    let ident = &function.sig.ident;
    let name = options.face.name(ident);
    check_name(&name, ToolOptions::WHAT, options.face.name_span(ident))?;

    let (title, icons, meta) = (options.face.title(), options.face.icons(), options.face.meta());
    let [read_only, destructive, idempotent, open_world] =
        [options.read_only, options.destructive, options.idempotent, options.open_world]
            .map(|flag| optional(flag.map(|flag| quote!(#flag))));
    let task_use = task_use(options.task)?;
    let keywords = options.keywords.unwrap_or_default();
    // Whoever writes the schema by hand says there what else may be given.
    let (input_schema, read) = match options.schema {
        Some(schema) => (quote!(::toolhost_sdk::__private::json(#schema)), quote!(read_some_into)),
        None => {
            let schemas = parameters.iter().map(schema).collect::<Result<Vec<_>>>()?;
            let schema = quote!(::toolhost_sdk::__private::Parameters::new()#(#schemas)*.finish().to_string());
            (schema, quote!(read_into))
        }
    };
    let call = call(ident, &parameters, &read);
    let output = output(&function);
    let with_type = with_type(&function);

    Ok(quote! {
        #with_type

        impl ::toolhost_sdk::raw::ToolFunction for #ident {
            const NAME: &'static str = #name;

            fn describe() -> ::toolhost_sdk::raw::Tool {
                ::toolhost_sdk::raw::Tool {
                    name: #name.into(),
                    title: #title,
                    description: #description,
                    input_schema: #input_schema,
                    output_schema: <#output as ::toolhost_sdk::IntoOutcome>::output_schema()
                        .map(|schema| schema.to_string()),
                    annotations: ::toolhost_sdk::raw::Annotations {
                        read_only: #read_only,
                        destructive: #destructive,
                        idempotent: #idempotent,
                        open_world: #open_world,
                    },
                    task_use: #task_use,
                    keywords: ::std::vec![#(#keywords.into()),*],
                    icons: #icons,
                    meta: #meta,
                }
            }

            #call
        }
    })
}

/// The method that reads the arguments and runs the function with them.
fn call(function: &Ident, parameters: &[Parameter], read: &TokenStream) -> TokenStream {
    // None of these names hides the function, whatever it is called.
    let variable = |name: &str| Ident::new(name, Span::mixed_site());
    let (given, list) = (variable("given"), variable("list"));
    let variables: Vec<Ident> = (0..parameters.len()).map(|place| variable(&format!("argument_{place}"))).collect();
    let (arguments, values): (Vec<_>, Vec<_>) =
        parameters.iter().zip(&variables).map(|(parameter, variable)| parameter.argument(variable)).unzip();
    let (arguments, variables) = (nested(arguments.iter()), nested(variables.iter()));
    quote! {
        #[allow(clippy::let_unit_value, clippy::unit_arg)]
        fn call(#given: ::toolhost_sdk::raw::Arguments<'_>) -> ::toolhost_sdk::Result<::toolhost_sdk::Outcome> {
            let mut #list = #arguments;
            #given.#read(&mut #list)?;
            let #variables = #list;
            ::toolhost_sdk::IntoOutcome::into_outcome(#function(#(#values),*))
        }
    }
}

/// A pair of the first and the rest, down to nothing.
fn nested(items: impl DoubleEndedIterator<Item: ToTokens>) -> TokenStream {
    items.rev().fold(quote!(()), |rest, first| quote!((#first, #rest)))
}

/// The step that adds a parameter to the schema.
fn schema(parameter: &Parameter) -> Result<TokenStream> {
    let (name, description) = (parameter.name(), parameter.description()?);
    let step = match &parameter.absence {
        Absence::Refused => {
            let kind = &parameter.kind;
            quote_spanned!(kind.span()=> .required::<#kind>(#name, #description))
        }
        Absence::None(inner) => quote_spanned!(inner.span()=> .optional::<#inner>(#name, #description)),
        Absence::Default(default) => {
            let (kind, default) = (&parameter.kind, default_value(default));
            quote_spanned!(kind.span()=> .default::<#kind>(#name, #description, #default))
        }
    };
    let header = parameter.header.iter();
    Ok(quote!(#step #(.header(#name, #header))*))
}

fn task_use(task: Option<Ident>) -> Result<TokenStream> {
    let variant = match &task {
        None => quote!(WhenSlow),
        Some(task) => match task.to_string().as_str() {
            "when_slow" => quote!(WhenSlow),
            "at_once" => quote!(AtOnce),
            "required" => quote!(Required),
            _ => return Err(Error::new(task.span(), "`task` is `when_slow`, `at_once` or `required`")),
        },
    };
    Ok(quote!(::toolhost_sdk::raw::TaskUse::#variant))
}

/// A client drops a tool whose headers are not right, so they are checked here.
fn check_headers(parameters: &[Parameter]) -> Result<()> {
    let mut seen: Vec<String> = Vec::new();
    for header in parameters.iter().filter_map(|parameter| parameter.header.as_ref()) {
        let name = header.value().to_ascii_lowercase();
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(is_allowed) {
            let message = "the name of a header is made of letters, digits and !#$%&'*+-.^_`|~";
            return Err(Error::new(header.span(), message));
        }
        if seen.contains(&name) {
            return Err(Error::new(header.span(), "two parameters have this header"));
        }
        seen.push(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use syn::parse::Parser as _;

    use super::*;
    use crate::options::read;

    fn refusal(function: &str) -> String {
        refusal_with("", function)
    }

    fn refusal_with(options: &str, function: &str) -> String {
        let expanded = (|input: ParseStream<'_>| read::<ToolOptions>(input))
            .parse_str(options)
            .and_then(|options| expand(options, syn::parse_str(function)?));
        match expanded {
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
        assert!(refusal("/** X. */ async fn x() {}").contains("a tool is not async"));
        assert!(refusal("/** X. */ unsafe fn x() {}").contains("not unsafe"));
        assert!(refusal("/** X. */ fn x<T>() {}").contains("no generics"));
        assert!(refusal("/** X. */ fn x(&self) {}").contains("no `self`"));
        assert!(refusal("/** X. */ fn x(/** A. */ a: &str) {}").contains("`String` for `&str`"));
        assert!(refusal("/** X. */ fn x(/** A. */ (a, b): (u8, u8)) {}").contains("a plain name"));
        assert!(refusal("/** X. */ fn x(/** A. */ #[default(1)] a: Option<u8>) {}").contains("no default"));
        assert!(refusal("/** X. */ fn x(/** A. */ #[complete(f)] a: String) {}").contains("prompts"));
    }

    #[test]
    fn a_header_is_a_word_and_stands_once() {
        let headers = |a: &str, b: &str| {
            format!("/** X. */ fn x(/** A. */ #[header({a:?})] a: String, /** B. */ #[header({b:?})] b: String) {{}}")
        };
        assert!(refusal(&headers("My Region", "B")).contains("letters, digits"));
        assert!(refusal(&headers("", "B")).contains("letters, digits"));
        assert!(refusal(&headers("Region", "region")).contains("two parameters"));
    }

    #[test]
    fn a_name_that_agents_cannot_call_is_refused() {
        assert!(refusal("/** X. */ fn größe() {}").contains("1 to 64"));
        let long = format!("/** X. */ fn {}() {{}}", "x".repeat(65));
        assert!(refusal(&long).contains("1 to 64"));
        for name in [r#"name = "best customers""#, r#"name = """#] {
            assert!(refusal_with(name, "/** X. */ fn x() {}").contains("the name of a tool is 1 to 64"));
        }
    }

    #[test]
    fn options_are_read_in_any_order() {
        let read = |input: ParseStream<'_>| read::<ToolOptions>(input);
        let options = read.parse_str(r#"idempotent, keywords = ["a", "b"], destructive = false, task = at_once,"#);
        let options = options.unwrap();
        assert_eq!(options.keywords.map(|words| words.len()), Some(2));
        let text = |flag: Option<Expr>| flag.map(|flag| quote!(#flag).to_string());
        assert_eq!(text(options.idempotent).as_deref(), Some("true"));
        assert_eq!(text(options.destructive).as_deref(), Some("false"));
        assert!(options.read_only.is_none());
    }

    #[test]
    fn wrong_options_are_refused() {
        let message = |options| refusal_with(options, "/** X. */ fn x() {}");
        assert!(message("readonly").contains("`read_only`"));
        assert!(message("readonly").contains("`title = \"..\"`"));
        assert!(message("read_only, read_only").contains("twice"));
        assert!(message("task = never").contains("`when_slow`"));
    }
}
