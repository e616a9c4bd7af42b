//! Skills: folders of instructions, made part of the plugin by `skill!`.

use crate::Result;
use crate::wit::skills::exports::toolhost::plugin::skills;

/// A folder of instructions that an agent reads when it needs them, as `skill!` makes it.
#[derive(Clone, Copy, Debug)]
pub struct Skill {
    /// Where it is among the skills.
    pub path: &'static str,
    files: &'static [(&'static str, &'static [u8])],
}

impl Skill {
    /// What `skill!` writes down.
    #[doc(hidden)]
    pub const fn new(path: &'static str, files: &'static [(&'static str, &'static [u8])]) -> Self {
        Self { path, files }
    }
}

/// Describes every skill of a list, in its order.
pub fn describe(skills: &[Skill]) -> Result<Vec<skills::Skill>> {
    let file = |(path, bytes): &(&str, &[u8])| skills::File {
        path: (*path).to_owned(),
        mime_type: None,
        bytes: bytes.to_vec(),
    };
    let skill =
        |skill: &Skill| skills::Skill { path: skill.path.to_owned(), files: skill.files.iter().map(file).collect() };
    Ok(skills.iter().map(skill).collect())
}
