//! The attribute of `toolhost-sdk`: `#[tool]` writes down beside a function what it is as a tool.
//!
//! The function stays as it is. Beside it stands an empty type of the same name, which
//! is what `plugin!` lists, and whose `impl Tool` holds the description and the call.
//! All else is ordinary code in `toolhost-sdk`.

mod function;
mod options;
mod parameter;

use proc_macro::TokenStream;
use syn::{ItemFn, parse_macro_input};

use crate::options::Options;

/// Makes a function a tool. The documentation of `toolhost-sdk` lists its options.
#[proc_macro_attribute]
pub fn tool(options: TokenStream, function: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as Options);
    let function = parse_macro_input!(function as ItemFn);
    function::expand(options, function).unwrap_or_else(syn::Error::into_compile_error).into()
}
