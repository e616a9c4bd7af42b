//! What `plugin!` takes, and what `skill!` makes of a folder.

use toolhost_sdk::raw::skills::describe;
use toolhost_sdk::{prompt, resource, skill, tool};

/// Greets.
#[tool]
fn greet() -> String {
    "Hello!".to_owned()
}

/// The rules.
#[resource(uri = "rules://all")]
fn rules() -> String {
    "None.".to_owned()
}

/// Reviews.
#[prompt]
fn review() -> String {
    "Review this.".to_owned()
}

/// Each list may be left out.
mod lists {
    use toolhost_sdk::{plugin, skill};

    use super::{greet, review, rules};

    plugin! { tools: [greet] }
    plugin! { tools: [greet,], resources: [rules], }
    plugin! { resources: [rules], prompts: [review] }
    plugin! { prompts: [review], skills: [skill!("tests/skills/office/forms")] }
    plugin! { skills: [skill!("tests/skills/office/forms")] }
    plugin! { tools: [greet], resources: [rules], prompts: [review], skills: [skill!("tests/skills/office/forms")] }
}

/// A plugin without any of the macros of functions.
mod by_hand {
    use toolhost_sdk::raw::{Guest, Tool, skills};
    use toolhost_sdk::{Error, Outcome, Result, plugin};

    struct Plain;

    impl Guest for Plain {
        fn describe() -> Result<Vec<Tool>> {
            Ok(Vec::new())
        }

        fn call(_: String, _: String) -> Result<Outcome> {
            Err(Error::not_found("There is nothing here."))
        }
    }

    impl skills::Guest for Plain {
        fn describe() -> Result<Vec<skills::Skill>> {
            Ok(Vec::new())
        }
    }

    plugin! { raw: Plain }
    plugin! { raw: Plain, exports: [skills] }
}

#[test]
fn a_skill_has_the_path_of_its_folder_and_all_its_files() {
    let skills = describe(&[skill!("tests/skills/office/forms")]).unwrap();
    assert_eq!((skills.len(), skills[0].path.as_str()), (1, "office/forms"));
    let files: Vec<_> = skills[0].files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files, ["SKILL.md", "scripts/fill.py"]);
    assert!(skills[0].files[0].bytes.starts_with(b"---\nname: forms\n"));
}
