//! What agents are told before their first call: the sources that their tools reach, in the
//! words of the capabilities that hold them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::call::Caller;
use crate::capability::grants::Grant;
use crate::registry::Snapshot;

/// How long a source's words are good for: catalogues change seldom.
const FRESH: Duration = Duration::from_secs(300);

/// The same, while a source could not be asked.
const FRESH_INCOMPLETE: Duration = Duration::from_secs(10);

/// How long a source may take to tell about itself.
const SOURCE_TIME: Duration = Duration::from_secs(3);

/// What each source said of itself, by path, kept for a while.
#[derive(Default)]
pub(crate) struct Instructions(Mutex<BTreeMap<String, Kept>>);

/// What a grant said. It is held weakly: what is kept here keeps no grant open.
struct Kept {
    grant: Weak<dyn Grant>,
    said: Said,
    until: Instant,
}

/// What there is to say of a source.
#[derive(Clone)]
enum Said {
    /// These words.
    Words(Arc<str>),
    /// Nothing.
    Nothing,
    /// That it did not answer.
    Silence,
}

/// A grant that plugins use.
struct Source<'a> {
    path: &'a str,
    grant: &'a Arc<dyn Grant>,
    /// The plugins, by name.
    users: Vec<&'a str>,
}

impl Instructions {
    /// The text for a caller of these plugins. A source that does not answer is named all the same.
    pub(crate) async fn of(&self, plugins: &Snapshot, caller: &Arc<Caller>) -> String {
        let seen = plugins.seen_by(caller);
        let mut sources = BTreeMap::new();
        for plugin in seen.plugins() {
            for (path, grant) in plugin.grants().iter() {
                let source = sources.entry(path).or_insert_with(|| Source { path, grant, users: Vec::new() });
                source.users.push(&plugin.name);
            }
        }
        let mut kept = self.0.lock().await;
        let asked =
            sources.values().filter(|source| !kept.get(source.path).is_some_and(|kept| kept.is_of(source.grant)));
        let told: Vec<_> = join_all(asked.map(async |source| (source.path.to_owned(), ask(source).await))).await;
        kept.extend(told);
        // A grant that is gone has nothing to say.
        kept.retain(|_, kept| kept.grant.strong_count() > 0);
        write(sources.values().filter_map(|source| Some((source, kept.get(source.path)?.said.clone()))))
    }
}

impl Kept {
    fn is_of(&self, grant: &Arc<dyn Grant>) -> bool {
        Instant::now() < self.until && Weak::ptr_eq(&self.grant, &Arc::downgrade(grant))
    }
}

async fn ask(source: &Source<'_>) -> Kept {
    let Source { path, grant, .. } = source;
    let name = path.split_once('.').map_or(*path, |(_, name)| name);
    let (said, fresh) = match timeout(SOURCE_TIME, grant.introduce(name)).await {
        Ok(Ok(Some(words))) => (Said::Words(words.into()), FRESH),
        Ok(Ok(None)) => (Said::Nothing, FRESH),
        Ok(Err(words)) => (Said::Words(words.into()), FRESH_INCOMPLETE),
        Err(_) => (Said::Silence, FRESH_INCOMPLETE),
    };
    Kept { grant: Arc::downgrade(grant), said, until: Instant::now() + fresh }
}

fn write<'a>(sources: impl Iterator<Item = (&'a Source<'a>, Said)>) -> String {
    let mut text = String::from("Tools on data sources. Credentials stay with the host; tools take none.\n");
    for (Source { path, users, .. }, said) in sources {
        let users = users.join(", ");
        match said {
            Said::Words(words) => writeln!(text, "\n{words}\nReached by the tools of: {users}."),
            Said::Nothing => Ok(()),
            Said::Silence => writeln!(text, "\n`{path}` did not answer just now. Reached by the tools of: {users}."),
        }
        // Writing to a string cannot fail.
        .unwrap_or_default();
    }
    text
}
