//! Skills: read once, and kept.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::call::{JsonObject, Skill, SkillFile};
use crate::runtime::cache::digest;
use crate::wit::skills;

/// The file that says what a skill is.
const ABOUT: &str = "SKILL.md";

/// The most files of one skill.
const FILES_MAX: usize = 512;

/// What the files of one skill may hold together, in bytes.
const BYTES_MAX: usize = 2 << 20;

/// What stands before a skill's description, in bytes.
const FRONTMATTER_BYTES_MAX: usize = 64 << 10;

/// A skill as the guest gave it, or what is wrong with it.
pub(in crate::runtime) fn skill(guest: skills::Skill) -> Result<Skill, String> {
    let skills::Skill { path, mut files } = guest;
    check_path(&path).map_err(|why| format!("its path {why}"))?;
    if files.len() > FILES_MAX {
        return Err(format!("it has more than {FILES_MAX} files"));
    }
    if files.iter().map(|file| file.bytes.len()).sum::<usize>() > BYTES_MAX {
        return Err(format!("its files hold more than {} MiB", BYTES_MAX >> 20));
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let mut seen = BTreeSet::new();
    for file in &files {
        check_path(&file.path).map_err(|why| format!("the path of its file `{}` {why}", file.path.escape_debug()))?;
        if !seen.insert(&file.path) {
            return Err(format!("it has two files `{}`", file.path));
        }
    }
    let about = files.iter().find(|file| file.path == ABOUT).ok_or_else(|| format!("it has no `{ABOUT}`"))?;
    let frontmatter = frontmatter(&about.bytes)?;
    let name = path.rsplit('/').next().unwrap_or_default();
    if frontmatter.get("name").and_then(Value::as_str) != Some(name) {
        return Err(format!("the `name` of its `{ABOUT}` is not `{name}`, the last part of its path"));
    }
    if frontmatter.get("description").and_then(Value::as_str).is_none_or(|text| text.trim().is_empty()) {
        return Err(format!("its `{ABOUT}` has no `description`"));
    }
    let files = files.into_iter().map(|file| SkillFile {
        mime_type: file.mime_type.unwrap_or_else(|| media_type(&file.path).to_owned()),
        digest: digest(&file.bytes),
        bytes: file.bytes.into(),
        path: file.path,
    });
    Ok(Skill { path, frontmatter, files: files.collect() })
}

/// The YAML between the first two lines of `---`.
fn frontmatter(about: &[u8]) -> Result<JsonObject, String> {
    let text = std::str::from_utf8(about).map_err(|_| format!("its `{ABOUT}` is not UTF-8"))?;
    let inside = text.strip_prefix("---").and_then(|rest| rest.trim_start_matches('\r').strip_prefix('\n'));
    let end = inside.and_then(|inside| Some((inside, inside.find("\n---")?)));
    let (inside, end) = end.ok_or_else(|| format!("its `{ABOUT}` does not begin with YAML between lines of `---`"))?;
    let yaml = inside.get(..end).filter(|yaml| yaml.len() <= FRONTMATTER_BYTES_MAX);
    let yaml = yaml.ok_or_else(|| format!("the YAML of its `{ABOUT}` is too long"))?;
    serde_saphyr::from_str(yaml).map_err(|error| format!("the YAML of its `{ABOUT}` is wrong: {error}"))
}

/// A path of plain segments, as a URI takes it.
fn check_path(path: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let good = |segment: &str| !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(plain);
    if path.len() <= 256 && path.split('/').all(good) {
        return Ok(());
    }
    Err("is not made of `A-Z a-z 0-9 - . _` between single slashes, 256 of them at most")
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("md") => "text/markdown",
        Some("txt") => "text/plain",
        Some("json") => "application/json",
        Some("yaml" | "yml") => "application/yaml",
        Some("html") => "text/html",
        Some("css") => "text/css",
        Some("csv") => "text/csv",
        Some("js" | "mjs") => "text/javascript",
        Some("py") => "text/x-python",
        Some("sh") => "text/x-shellscript",
        Some("sql") => "application/sql",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("pdf") => "application/pdf",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(path: &str, about: &str) -> Result<Skill, String> {
        let file = |path: &str, text: &str| skills::File {
            path: path.to_owned(),
            mime_type: None,
            bytes: text.as_bytes().to_vec(),
        };
        skill(skills::Skill { path: path.to_owned(), files: vec![file("more/a.py", "pass"), file(ABOUT, about)] })
    }

    #[test]
    fn a_skill_is_its_files_and_what_it_says_of_itself() {
        let about = "---\nname: forms\ndescription: Fills in forms.\nlicence: MIT\n---\n# Forms\n";
        let skill = told("office/forms", about).expect("is right");
        assert_eq!(
            Value::Object(skill.frontmatter.clone()),
            json!({ "name": "forms", "description": "Fills in forms.", "licence": "MIT" })
        );
        let paths: Vec<_> = skill.files.iter().map(|file| (file.path.as_str(), file.mime_type.as_str())).collect();
        assert_eq!(paths, [("SKILL.md", "text/markdown"), ("more/a.py", "text/x-python")]);
        assert_eq!(skill.uri(ABOUT), "skill://office/forms/SKILL.md");
    }

    #[test]
    fn a_skill_that_is_wrong_is_refused_with_what_is() {
        let about = "---\nname: forms\ndescription: Fills in forms.\n---\n";
        for (path, about, why) in [
            ("office", about, "last part of its path"),
            ("../forms", about, "its path"),
            ("forms", "# Forms", "does not begin with YAML"),
            ("forms", "---\nname: [\n---\n", "YAML"),
            ("forms", "---\nname: forms\n---\n", "no `description`"),
        ] {
            let said = told(path, about).expect_err("is refused");
            assert!(said.contains(why), "{said}");
        }
    }
}
