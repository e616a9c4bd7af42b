//! One parameter of a function: what it is as an argument, and what becomes of it when it is left out.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::parse::Parse;
use syn::spanned::Spanned as _;
use syn::{
    Error, Expr, ExprLit, FnArg, GenericArgument, Ident, Lit, LitStr, Pat, PatType, Path, PathArguments, Result, Type,
};

use crate::function::description;

/// One parameter, as an argument.
pub(crate) struct Parameter {
    name: String,
    pub(crate) span: Span,
    pub(crate) description: Option<String>,
    pub(crate) kind: Type,
    pub(crate) absence: Absence,
    /// Of `#[complete(..)]`.
    pub(crate) complete: Option<Path>,
    /// Of `#[header(..)]`.
    pub(crate) header: Option<LitStr>,
}

/// What becomes of an argument that the caller leaves out.
pub(crate) enum Absence {
    Refused,
    None(Type),
    Default(Expr),
}

/// The attributes that only the macros understand.
const OURS: [&str; 4] = ["doc", "default", "complete", "header"];

impl Parameter {
    /// Reads one parameter, and takes away the attributes that only the macros understand.
    pub(crate) fn read(argument: &mut FnArg, what: &str) -> Result<Self> {
        let argument = match argument {
            FnArg::Typed(argument) => argument,
            FnArg::Receiver(receiver) => {
                let message = format!("{what} has no `self`: each call is a new instance");
                return Err(Error::new(receiver.span(), message));
            }
        };
        let span = argument.pat.span();
        let name = match argument.pat.as_ref() {
            Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
                pattern.ident.unraw().to_string()
            }
            _ => return Err(Error::new(span, format!("a parameter of {what} has a plain name"))),
        };
        if let Type::Reference(reference) = argument.ty.as_ref() {
            let message = format!("a parameter of {what} owns its value: `String` for `&str`, `Vec<T>` for `&[T]`");
            return Err(Error::new(reference.span(), message));
        }
        let absence = match (attribute::<Expr>(argument, "default")?, option_of(&argument.ty)) {
            (Some(default), Some(_)) => {
                return Err(Error::new(default.span(), "an `Option` has no default: it is `None` when it is left out"));
            }
            (Some(default), None) => Absence::Default(default),
            (None, Some(inner)) => Absence::None(inner),
            (None, None) => Absence::Refused,
        };
        let parameter = Self {
            name,
            span,
            description: description(&argument.attrs),
            kind: argument.ty.as_ref().clone(),
            absence,
            complete: attribute(argument, "complete")?,
            header: attribute(argument, "header")?,
        };
        argument.attrs.retain(|attribute| !OURS.iter().any(|ours| attribute.path().is_ident(ours)));
        Ok(parameter)
    }

    /// Its name, as callers write it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its doc comment, which must be there.
    pub(crate) fn description(&self) -> Result<&str> {
        self.description.as_deref().ok_or_else(|| {
            let message = format!("the parameter `{}` needs a doc comment: it tells the model what to give", self.name);
            Error::new(self.span, message)
        })
    }

    /// Whether it must be given.
    pub(crate) fn is_required(&self) -> bool {
        matches!(self.absence, Absence::Refused)
    }

    /// The expression that takes it out of `arguments` that are words.
    pub(crate) fn value(&self) -> TokenStream {
        let (name, kind) = (&self.name, &self.kind);
        match &self.absence {
            Absence::Refused => quote_spanned!(kind.span()=> arguments.required(#name)?),
            Absence::None(_) => quote_spanned!(kind.span()=> arguments.optional(#name)?),
            Absence::Default(default) => {
                let default = default_value(default);
                quote_spanned!(kind.span()=> arguments.or::<#kind>(#name, #default)?)
            }
        }
    }

    /// The `Argument` that it is read into, and the expression that takes it out of it.
    pub(crate) fn argument(&self, variable: &Ident) -> (TokenStream, TokenStream) {
        let (name, kind) = (&self.name, &self.kind);
        let (kind, value) = match &self.absence {
            Absence::Refused => (kind, quote_spanned!(kind.span()=> #variable.required()?)),
            Absence::None(inner) => (inner, quote_spanned!(kind.span()=> #variable.optional())),
            Absence::Default(default) => {
                let default = default_value(default);
                (kind, quote_spanned!(kind.span()=> #variable.or(#default)))
            }
        };
        (quote_spanned!(kind.span()=> ::toolhost_sdk::raw::Argument::<#kind>::new(#name)), value)
    }

    /// Refuses the attribute of another macro.
    pub(crate) fn refuse(&self, attribute: &str, is_there: bool, message: &str) -> Result<()> {
        match is_there {
            true => Err(Error::new(self.span, format!("`#[{attribute}]` stands at `{}`: {message}", self.name))),
            false => Ok(()),
        }
    }
}

/// What stands in the brackets of one of the parameter's attributes.
fn attribute<T: Parse>(argument: &PatType, name: &str) -> Result<Option<T>> {
    let attribute = argument.attrs.iter().find(|attribute| attribute.path().is_ident(name));
    attribute.map(|attribute| attribute.parse_args()).transpose()
}

/// A string literal is a default for a `String` too.
pub(crate) fn default_value(default: &Expr) -> TokenStream {
    match default {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => quote!(#text.into()),
        other => quote!(#other),
    }
}

/// The `T` of an `Option<T>`.
fn option_of(kind: &Type) -> Option<Type> {
    let Type::Path(path) = kind else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first()? {
        GenericArgument::Type(inner) => Some(inner.clone()),
        _ => None,
    }
}
