//! What agents are told before their first call: the sources that the plugins were
//! granted, in the words of the capabilities that hold them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::capability::grants::Grant;
use crate::registry::Snapshot;

/// How long the text is good for: catalogues change seldom.
const FRESH: Duration = Duration::from_secs(300);

/// The same, while a source could not be asked.
const FRESH_INCOMPLETE: Duration = Duration::from_secs(10);

/// How long a source may take to tell about itself.
const SOURCE_TIME: Duration = Duration::from_secs(3);

/// The text, kept for a while.
#[derive(Default)]
pub(crate) struct Instructions(Mutex<Option<Kept>>);

struct Kept {
    text: Arc<str>,
    of: Vec<Source>,
    until: Instant,
}

/// A grant that plugins use. It is held weakly: what is kept here keeps no grant open.
struct Source {
    path: String,
    grant: Weak<dyn Grant>,
    /// The plugins, by name.
    users: Vec<String>,
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.users == other.users && Weak::ptr_eq(&self.grant, &other.grant)
    }
}

impl Instructions {
    /// The text for these plugins. A source that does not answer is named all the same.
    pub(crate) async fn of(&self, plugins: &Snapshot) -> Arc<str> {
        let of = sources(plugins);
        let mut kept = self.0.lock().await;
        if let Some(kept) = &*kept
            && kept.of == of
            && Instant::now() < kept.until
        {
            return Arc::clone(&kept.text);
        }
        let (text, complete) = write(&of).await;
        let text: Arc<str> = text.into();
        let until = Instant::now() + if complete { FRESH } else { FRESH_INCOMPLETE };
        *kept = Some(Kept { text: Arc::clone(&text), of, until });
        text
    }
}

/// What the plugins were granted, by path.
fn sources(plugins: &Snapshot) -> Vec<Source> {
    let mut sources = BTreeMap::new();
    for plugin in plugins.plugins() {
        for (path, grant) in plugin.grants().iter() {
            sources
                .entry(path.to_owned())
                .or_insert_with(|| (Arc::downgrade(grant), Vec::new()))
                .1
                .push(plugin.name.clone());
        }
    }
    sources.into_iter().map(|(path, (grant, users))| Source { path, grant, users }).collect()
}

/// The text, and whether every source had its say.
async fn write(sources: &[Source]) -> (String, bool) {
    let asked = sources.iter().map(async |Source { path, grant, users }| {
        let name = path.split_once('.').map_or(path.as_str(), |(_, name)| name);
        let said = match grant.upgrade() {
            Some(grant) => timeout(SOURCE_TIME, grant.introduce(name)).await,
            // It was taken away since.
            None => Ok(Ok(None)),
        };
        (path, users, said)
    });
    let mut text = String::from("Tools on data sources. Credentials stay with the host; tools take none.\n");
    let mut complete = true;
    for (path, users, said) in join_all(asked).await {
        let users = users.join(", ");
        match said {
            Ok(Ok(Some(said))) => writeln!(text, "\n{said}\nReached by the tools of: {users}."),
            Ok(Ok(None)) => Ok(()),
            Ok(Err(said)) => {
                complete = false;
                writeln!(text, "\n{said}\nReached by the tools of: {users}.")
            }
            Err(_) => {
                complete = false;
                writeln!(text, "\n`{path}` did not answer just now. Reached by the tools of: {users}.")
            }
        }
        // Writing to a string cannot fail.
        .unwrap_or_default();
    }
    (text, complete)
}
