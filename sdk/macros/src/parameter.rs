//! One parameter of a tool: what it is as an argument, and what becomes of it when it is left out.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Error, Expr, ExprLit, FnArg, GenericArgument, Lit, Pat, PathArguments, Result, Type};

use crate::function::description;

/// One parameter, as an argument of the tool.
pub(crate) struct Parameter {
    name: String,
    description: String,
    kind: Type,
    absence: Absence,
}

/// What becomes of an argument that the caller leaves out.
enum Absence {
    Refused,
    None(Type),
    Default(Expr),
}

impl Parameter {
    /// Reads one parameter, and takes away the attributes that only this macro understands.
    pub(crate) fn read(argument: &mut FnArg) -> Result<Self> {
        let argument = match argument {
            FnArg::Typed(argument) => argument,
            FnArg::Receiver(receiver) => {
                return Err(Error::new(receiver.span(), "a tool has no `self`: each call is a new instance"));
            }
        };
        let name = match argument.pat.as_ref() {
            Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
                pattern.ident.unraw().to_string()
            }
            other => return Err(Error::new(other.span(), "a parameter of a tool has a plain name")),
        };
        if let Type::Reference(reference) = argument.ty.as_ref() {
            let message = "a parameter of a tool owns its value: `String` for `&str`, `Vec<T>` for `&[T]`";
            return Err(Error::new(reference.span(), message));
        }
        let description = description(&argument.attrs).ok_or_else(|| {
            let message = format!("the parameter `{name}` needs a doc comment: it tells the model what to give");
            Error::new(argument.pat.span(), message)
        })?;
        let default = argument.attrs.iter().find(|attribute| attribute.path().is_ident("default"));
        let default = default.map(|attribute| attribute.parse_args::<Expr>()).transpose()?;
        let absence = match (default, option_of(&argument.ty)) {
            (Some(default), Some(_)) => {
                return Err(Error::new(default.span(), "an `Option` has no default: it is `None` when it is left out"));
            }
            (Some(default), None) => Absence::Default(default),
            (None, Some(inner)) => Absence::None(inner),
            (None, None) => Absence::Refused,
        };
        argument.attrs.retain(|attribute| !attribute.path().is_ident("doc") && !attribute.path().is_ident("default"));
        Ok(Self { name, description, kind: argument.ty.as_ref().clone(), absence })
    }

    /// Its name, as callers write it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The step that adds it to the schema.
    pub(crate) fn schema(&self) -> TokenStream {
        let (name, description) = (&self.name, &self.description);
        match &self.absence {
            Absence::Refused => {
                let kind = &self.kind;
                quote_spanned!(kind.span()=> .required::<#kind>(#name, #description))
            }
            Absence::None(inner) => quote_spanned!(inner.span()=> .optional::<#inner>(#name, #description)),
            Absence::Default(default) => {
                let (kind, default) = (&self.kind, default_value(default));
                quote_spanned!(kind.span()=> .default::<#kind>(#name, #description, #default))
            }
        }
    }

    /// The expression that takes it out of `arguments`.
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
}

/// A string literal is a default for a `String` too.
fn default_value(default: &Expr) -> TokenStream {
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
