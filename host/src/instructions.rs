//! What agents are told before their first call: the sources that the plugins were
//! granted, in the words of the capabilities that hold them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Mutex;
use tokio::time::timeout;

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
    until: Instant,
}

impl Instructions {
    /// The text for these plugins. A source that does not answer is named all the same.
    pub(crate) async fn of(&self, plugins: &Snapshot) -> Arc<str> {
        let mut kept = self.0.lock().await;
        if let Some(Kept { text, until }) = &*kept
            && Instant::now() < *until
        {
            return Arc::clone(text);
        }
        let (text, complete) = write(plugins).await;
        let text: Arc<str> = text.into();
        let until = Instant::now() + if complete { FRESH } else { FRESH_INCOMPLETE };
        *kept = Some(Kept { text: Arc::clone(&text), until });
        text
    }
}

/// The text, and whether every source had its say.
async fn write(plugins: &Snapshot) -> (String, bool) {
    let mut sources = BTreeMap::new();
    for plugin in plugins.plugins() {
        for (path, grant) in plugin.grants().iter() {
            sources
                .entry(path.to_owned())
                .or_insert_with(|| (Arc::clone(grant), Vec::new()))
                .1
                .push(plugin.name.clone());
        }
    }
    let asked = sources.iter().map(async |(path, (grant, users))| {
        let name = path.split_once('.').map_or(path.as_str(), |(_, name)| name);
        let said = timeout(SOURCE_TIME, grant.introduce(name)).await;
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
