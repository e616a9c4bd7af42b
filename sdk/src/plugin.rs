//! `plugin!`: the one list of what a plugin offers, and the exports of a component made of it.

/// Makes lists of functions that are marked `#[tool]`, `#[resource]` and `#[prompt]`, and of
/// skills, the plugin. Each list may be left out, and what is left out is not exported.
///
/// ```
/// # use toolhost_sdk::{plugin, prompt, resource, tool};
/// # /** Greets. */ #[tool] fn greet() -> String { "Hello.".into() }
/// # /** Rules. */ #[resource(uri = "rules://all")] fn rules() -> String { "None.".into() }
/// # /** Reviews. */ #[prompt] fn review() -> String { "Review this.".into() }
/// plugin! {
///     tools: [greet],
///     resources: [rules],
///     prompts: [review],
///     // skills: [skill!("skills/review")],
/// }
/// # fn main() {}
/// ```
///
/// `plugin! { raw: Type }` makes a plugin of a type that implements [`raw::Guest`](crate::raw::Guest)
/// by itself; `plugin! { raw: Type, exports: [resources, prompts] }` exports its other traits too.
///
/// A name may stand in a list once:
///
/// ```compile_fail
/// # use toolhost_sdk::{plugin, tool};
/// # /** Greets. */ #[tool] fn greet() -> String { "Hello.".into() }
/// plugin! { tools: [greet, greet] }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! plugin {
    () => {
        ::core::compile_error!("a plugin offers something: `plugin! { tools: [..] }`");
    };
    (raw: $plugin:ident $(, exports: [$($export:ident),* $(,)?])? $(,)?) => {
        $crate::__export!(tools $plugin);
        $($($crate::__export!($export $plugin);)*)?
    };
    (
        $(tools: [$($tool:path),* $(,)?] $(,)?)?
        $(resources: [$($resource:path),* $(,)?] $(,)?)?
        $(prompts: [$($prompt:path),* $(,)?] $(,)?)?
        $(skills: [$($skill:expr),* $(,)?] $(,)?)?
    ) => {
        const _: () = {
            struct Plugin;
            // The contract has every plugin export tools, be they none.
            $crate::__tools!(Plugin [$($($tool),*)?]);
            $($crate::__resources!(Plugin [$($resource),*]);)?
            $($crate::__prompts!(Plugin [$($prompt),*]);)?
            $($crate::__skills!(Plugin [$($skill),*]);)?
        };
    };
    ($($other:tt)*) => {
        ::core::compile_error!(
            "`plugin!` takes lists in this order: `tools: [..], resources: [..], prompts: [..], skills: [..]`"
        );
    };
}

/// One export of the component. The names of exports mean nothing to a native linker, and
/// some refuse them.
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    (tools $plugin:ident) => {
        const _: () = $crate::__private::assert_tools::<$plugin>();
        #[cfg(target_arch = "wasm32")]
        $crate::__private::export!($plugin with_types_in $crate::__private);
    };
    (resources $plugin:ident) => {
        const _: () = $crate::__private::assert_resources::<$plugin>();
        #[cfg(target_arch = "wasm32")]
        $crate::__private::resources::export!($plugin with_types_in $crate::__private::resources);
    };
    (prompts $plugin:ident) => {
        const _: () = $crate::__private::assert_prompts::<$plugin>();
        #[cfg(target_arch = "wasm32")]
        $crate::__private::prompts::export!($plugin with_types_in $crate::__private::prompts);
    };
    (skills $plugin:ident) => {
        const _: () = $crate::__private::assert_skills::<$plugin>();
        #[cfg(target_arch = "wasm32")]
        $crate::__private::skills::export!($plugin with_types_in $crate::__private::skills);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tools {
    ($plugin:ident [$($tool:path),*]) => {
        const TOOLS: &[$crate::raw::Entry] = &[$($crate::raw::Entry::of::<$tool>()),*];
        $crate::__private::assert_unique(
            &[$(<$tool as $crate::raw::ToolFunction>::NAME),*],
            "two tools of this plugin have the same name",
        );

        impl $crate::raw::Guest for $plugin {
            fn describe() -> $crate::Result<::std::vec::Vec<$crate::raw::Tool>> {
                $crate::raw::describe(TOOLS)
            }

            fn call(name: ::std::string::String, arguments: ::std::string::String) -> $crate::Result<$crate::Outcome> {
                $crate::raw::call(TOOLS, &name, &arguments)
            }
        }

        $crate::__export!(tools $plugin);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __resources {
    ($plugin:ident [$($resource:path),*]) => {
        const RESOURCES: &[$crate::raw::resources::Entry] = &[$($crate::raw::resources::Entry::of::<$resource>()),*];
        $crate::__private::assert_unique(
            &[$(<$resource as $crate::raw::resources::Function>::URI),*],
            "two resources of this plugin have the same URI",
        );

        impl $crate::raw::resources::Guest for $plugin {
            fn describe() -> $crate::Result<$crate::raw::resources::Catalogue> {
                $crate::raw::resources::describe(RESOURCES)
            }

            fn read(uri: ::std::string::String) -> $crate::Result<::std::vec::Vec<$crate::Contents>> {
                $crate::raw::resources::read(RESOURCES, &uri)
            }

            fn complete(
                uri_template: ::std::string::String,
                typed: $crate::Typed,
            ) -> $crate::Result<$crate::Suggestions> {
                $crate::raw::resources::complete(RESOURCES, &uri_template, &typed)
            }
        }

        $crate::__export!(resources $plugin);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __prompts {
    ($plugin:ident [$($prompt:path),*]) => {
        const PROMPTS: &[$crate::raw::prompts::Entry] = &[$($crate::raw::prompts::Entry::of::<$prompt>()),*];
        $crate::__private::assert_unique(
            &[$(<$prompt as $crate::raw::prompts::Function>::NAME),*],
            "two prompts of this plugin have the same name",
        );

        impl $crate::raw::prompts::Guest for $plugin {
            fn describe() -> $crate::Result<::std::vec::Vec<$crate::raw::prompts::Prompt>> {
                $crate::raw::prompts::describe(PROMPTS)
            }

            fn render(
                name: ::std::string::String,
                arguments: ::std::vec::Vec<(::std::string::String, ::std::string::String)>,
            ) -> $crate::Result<$crate::Conversation> {
                $crate::raw::prompts::render(PROMPTS, &name, arguments)
            }

            fn complete(name: ::std::string::String, typed: $crate::Typed) -> $crate::Result<$crate::Suggestions> {
                $crate::raw::prompts::complete(PROMPTS, &name, &typed)
            }
        }

        $crate::__export!(prompts $plugin);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __skills {
    ($plugin:ident [$($skill:expr),*]) => {
        const SKILLS: &[$crate::Skill] = &[$($skill),*];
        $crate::__private::assert_unique(&[$($skill.path),*], "two skills of this plugin have the same path");

        impl $crate::raw::skills::Guest for $plugin {
            fn describe() -> $crate::Result<::std::vec::Vec<$crate::raw::skills::Skill>> {
                $crate::raw::skills::describe(SKILLS)
            }
        }

        $crate::__export!(skills $plugin);
    };
}
