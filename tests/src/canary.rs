//! The canary: marked secrets, which may stand in nothing that a host says, wherever it says it.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::toolhost::Toolhost;

/// All that a host has said, by where it said it.
pub struct Said(Vec<(&'static str, String)>);

impl Said {
    /// What it answered, and beside that what it logged, what it keeps as the trail of its calls,
    /// and what it measures.
    pub async fn by(host: &Toolhost, answers: String) -> Result<Self> {
        let metrics = host.get("/metrics").await?;
        ensure!(metrics.status == 200, "/metrics: {}", metrics.text());
        let trail = trail(&host.dir().join("audit"))?;
        Ok(Self(vec![("answers", answers), ("log", host.printed()?), ("trail", trail), ("metrics", metrics.text())]))
    }

    /// The same, and what a command printed.
    #[must_use]
    pub fn and(mut self, what: &'static str, printed: String) -> Self {
        self.0.push((what, printed));
        self
    }

    /// Panics if a mark stands in it, as it is or within JSON within JSON; or if it said nothing at all.
    pub fn holds_none_of<'a>(&self, marks: impl IntoIterator<Item = &'a str>) {
        for (what, text) in &self.0 {
            assert!(!text.is_empty(), "{what}");
        }
        for mark in marks {
            for (what, text) in &self.0 {
                let plain = text.replace("\\\\", "\\").replace("\\\"", "\"");
                for text in [text, &plain] {
                    let at = text.find(mark).map(|at| text.get(at.saturating_sub(300)..at + 60).unwrap_or_default());
                    assert_eq!(at, None, "{what}: {mark}");
                }
            }
        }
    }
}

/// Every line of a trail, all chains together.
pub fn trail(dir: &Path) -> Result<String> {
    let (mut text, mut folders) = (String::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "jsonl") {
                text += &std::fs::read_to_string(&path)?;
            }
        }
    }
    Ok(text)
}
