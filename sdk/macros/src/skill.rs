//! From a folder to a skill: reads it while the plugin is built, and refuses what clients would.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, LitStr, Result};

/// As the contract has it.
const FILES_MAX: usize = 512;
const BYTES_MAX: u64 = 2 * 1024 * 1024;

/// The skill as a constant that includes the bytes of all files, so that cargo builds the
/// plugin anew when one of them changes.
pub(crate) fn expand(folder: &LitStr) -> Result<TokenStream> {
    #[allow(clippy::disallowed_methods, reason = "cargo tells a macro in no other way whom it is expanded for")]
    let root = env::var("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let skill = root.map_err(|_| "cargo did not say where the plugin is".to_owned());
    let skill = skill.and_then(|root| Skill::read(&root, &folder.value()));
    let Skill { path, files } = skill.map_err(|message| Error::new(folder.span(), message))?;
    let names = files.iter().map(|(name, _)| name);
    let places = files.iter().map(|(_, place)| place);
    Ok(quote! {
        ::toolhost_sdk::Skill::new(#path, &[#((#names, ::core::include_bytes!(#places) as &[u8])),*])
    })
}

/// What a folder holds.
#[derive(Debug)]
struct Skill {
    path: String,
    /// The name of each file within the folder, and its place.
    files: Vec<(String, String)>,
}

impl Skill {
    fn read(root: &Path, folder: &str) -> std::result::Result<Self, String> {
        let folder = folder.trim_end_matches('/');
        let segments: Vec<&str> = folder.split('/').collect();
        if segments.iter().any(|segment| ["", ".", ".."].contains(segment)) {
            return Err(format!("`{folder}` is no folder of the plugin: write `skills/review`"));
        }
        let skills = segments.iter().position(|segment| *segment == "skills").map_or(0, |place| place + 1);
        let path = segments.get(skills..).unwrap_or_default().join("/");
        if path.is_empty() {
            return Err(format!("`{folder}` is the folder of all skills: name one of them"));
        }
        let mut files = Vec::new();
        let bytes = collect(&root.join(folder), "", &mut files)?;
        if files.len() > FILES_MAX || bytes > BYTES_MAX {
            let found = files.len();
            return Err(format!("`{folder}` has {found} files of {bytes} bytes: 512 of 2 MiB may be in a skill"));
        }
        let Some((_, place)) = files.iter().find(|(name, _)| name == "SKILL.md") else {
            return Err(format!("`{folder}` has no SKILL.md: that is where a skill begins"));
        };
        if let Some((nested, _)) = files.iter().find(|(name, _)| name.ends_with("/SKILL.md")) {
            return Err(format!("`{folder}` has a second skill in it: `{nested}`"));
        }
        let text = fs::read_to_string(place).map_err(|error| format!("`{folder}/SKILL.md`: {error}"))?;
        check(&text, segments.last().unwrap_or(&"")).map_err(|wrong| format!("`{folder}/SKILL.md` {wrong}"))?;
        files.sort();
        Ok(Self { path, files })
    }
}

/// Notes all files below a folder, and answers with how large they are. Hidden ones stay out.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, String)>) -> std::result::Result<u64, String> {
    let wrong = |error| format!("cannot read `{}`: {error}", folder.display());
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let name = entry.file_name();
        let kind = entry.file_type().map_err(wrong)?;
        let (Some(name), Some(place)) = (name.to_str(), entry.path().to_str().map(str::to_owned)) else {
            return Err(format!("the name of {} is not UTF-8", entry.path().display()));
        };
        let path = format!("{prefix}{name}");
        match () {
            () if name.starts_with('.') => {}
            () if kind.is_dir() => bytes += collect(&entry.path(), &format!("{path}/"), files)?,
            () if kind.is_file() => {
                bytes += entry.metadata().map_err(wrong)?.len();
                files.push((path, place));
            }
            () => return Err(format!("`{place}` is neither a file nor a folder")),
        }
    }
    Ok(bytes)
}

/// What SEP-2640 asks of a `SKILL.md`; no more of its YAML is understood here.
fn check(text: &str, folder: &str) -> std::result::Result<(), String> {
    let mut lines = text.lines();
    if lines.next() != Some("---") {
        return Err("does not begin with a line of `---`, after which its name and description stand".to_owned());
    }
    let head: Vec<&str> = lines.by_ref().take_while(|line| *line != "---").collect();
    let field = |key: &str| {
        let values = head.iter().filter_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        values.map(|value| value.trim().trim_matches(['"', '\''])).find(|value| !value.is_empty())
    };
    if field("description").is_none() {
        return Err("has no `description:` at its head".to_owned());
    }
    let name = field("name").ok_or("has no `name:` at its head")?;
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_name = (1..=64).contains(&name.len())
        && name.chars().all(is_allowed)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--");
    match is_name {
        false => Err(format!("has the name `{name}`, and a name is made of a-z, 0-9 and single -")),
        true if name != folder => {
            Err(format!("has the name `{name}`, and its folder is `{folder}`: they are the same"))
        }
        true => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "---\nname: review\ndescription: Reviews.\n---\n";

    /// A plugin with the files of `skills/review`, which goes away with the value.
    struct Plugin(PathBuf);

    impl Plugin {
        fn new(test: &str, files: &[(&str, &str)]) -> Self {
            let root = env::temp_dir().join(format!("toolhost-skill-{test}-{}", std::process::id()));
            for (name, text) in files {
                let place = root.join("skills/review").join(name);
                fs::create_dir_all(place.parent().unwrap()).unwrap();
                fs::write(place, text).unwrap();
            }
            Self(root)
        }
    }

    impl Drop for Plugin {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    #[test]
    fn a_folder_is_a_skill_with_all_its_files() {
        let files = [("SKILL.md", HEAD), ("scripts/run.py", "x"), (".hidden", "x"), ("b.txt", "x")];
        let plugin = Plugin::new("whole", &files);
        let skill = Skill::read(&plugin.0, "skills/review").unwrap();
        let names: Vec<_> = skill.files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((skill.path.as_str(), names), ("review", vec!["SKILL.md", "b.txt", "scripts/run.py"]));
    }

    #[test]
    fn a_folder_that_is_no_skill_is_refused() {
        let plugin = Plugin::new("none", &[("README.md", "x")]);
        assert!(Skill::read(&plugin.0, "skills/review").unwrap_err().contains("no SKILL.md"));
        assert!(Skill::read(&plugin.0, "skills/other").unwrap_err().contains("cannot read"));
        assert!(Skill::read(&plugin.0, "skills/").unwrap_err().contains("all skills"));
        assert!(Skill::read(&plugin.0, "../review").unwrap_err().contains("no folder of the plugin"));
        let nested = Plugin::new("nested", &[("SKILL.md", HEAD), ("more/SKILL.md", HEAD)]);
        assert!(Skill::read(&nested.0, "skills/review").unwrap_err().contains("second skill"));
    }

    #[test]
    fn the_head_of_a_skill_says_its_name_and_what_it_is() {
        assert_eq!(check(HEAD, "review"), Ok(()));
        let refusal = |text, folder| check(text, folder).unwrap_err();
        assert!(refusal("# Review", "review").contains("`---`"));
        assert!(refusal("---\nname: review\n---\n", "review").contains("no `description:`"));
        assert!(refusal("---\ndescription: x\n---\n", "review").contains("no `name:`"));
        assert!(refusal(HEAD, "other").contains("they are the same"));
        assert!(refusal("---\nname: A b\ndescription: x\n---\n", "A b").contains("a-z"));
    }
}
