//! The macros of `toolhost-sdk`: each attribute writes down beside a function what it is
//! for an agent, and `skill!` makes a skill of a folder.
//!
//! The function stays as it is. Beside it stands an empty type of the same name, which
//! is what `plugin!` lists, and whose `impl` holds the description and the call.
//! All else is ordinary code in `toolhost-sdk`.

mod function;
mod options;
mod parameter;
mod prompt;
mod resource;
mod skill;
mod template;
mod tool;

use proc_macro::TokenStream;
use syn::{Error, ItemFn, LitStr, parse_macro_input};

use crate::options::read;

/// Makes a function a tool. The documentation of `toolhost-sdk` lists its options.
#[proc_macro_attribute]
pub fn tool(options: TokenStream, function: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options with read);
    let function = parse_macro_input!(function as ItemFn);
    tool::expand(options, function).unwrap_or_else(Error::into_compile_error).into()
}

/// Makes a function a resource, or the template of many. The documentation of
/// `toolhost-sdk` lists its options.
#[proc_macro_attribute]
pub fn resource(options: TokenStream, function: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options with read);
    let function = parse_macro_input!(function as ItemFn);
    resource::expand(options, function).unwrap_or_else(Error::into_compile_error).into()
}

/// Makes a function a prompt. The documentation of `toolhost-sdk` lists its options.
#[proc_macro_attribute]
pub fn prompt(options: TokenStream, function: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options with read);
    let function = parse_macro_input!(function as ItemFn);
    prompt::expand(options, function).unwrap_or_else(Error::into_compile_error).into()
}

/// Makes a folder of the plugin a skill: `skill!("skills/review")`.
///
/// The folder is named from that of `Cargo.toml`, and every file in it goes into the
/// plugin. The skill's path is that of the folder, below the folder `skills` if there is one.
/// What stands in `SKILL.md` is checked while the plugin is built.
#[proc_macro]
pub fn skill(folder: TokenStream) -> TokenStream {
    let folder = parse_macro_input!(folder as LitStr);
    skill::expand(&folder).unwrap_or_else(Error::into_compile_error).into()
}
