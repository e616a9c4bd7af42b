//! `[serve]`: where and how the host serves.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::{Bounded, Tasks};

/// The table `[serve]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Serve {
    /// The address to listen on. Anything but loopback is refused while callers are not identified.
    pub listen: SocketAddr,
    /// The directory of `.wasm` files, relative to this file. Each is loaded; those
    /// that no `[plugins.<name>]` table names get no grants.
    pub plugin_dir: PathBuf,
    /// Where compiled plugins are kept; a private directory in the user's cache if not set.
    pub cache_dir: Option<PathBuf>,
    /// The names that a request's `Host` may hold, beside those of loopback; for a proxy in front.
    pub hosts: Vec<String>,
    /// The origins that web pages may call from, such as `https://console.example.com`, beside those of loopback.
    pub origins: Vec<String>,
    /// The largest request body, in KiB.
    pub request_kib: Bounded<1, 65_536, 4_096>,
    /// How many calls run at once; one more waits up to a second for a place.
    pub calls: Bounded<1, 2_000, 256>,
    /// How long calls under way may go on when the host is told to stop, in milliseconds.
    pub stop_ms: Bounded<1, 600_000, 10_000>,
    /// Whether a change of this file or of a plugin's is taken in while the host serves. SIGHUP makes
    /// it look at once, and is the only thing that does if this is false.
    pub reload: bool,
    /// Whether agents get the tool `search_tools`, by which they find the right one of many. If
    /// nothing is written they do when there are over 40 tools.
    pub search: Option<bool>,
    /// Calls that go on after their request.
    pub tasks: Tasks,
    /// Where clients reach this host, such as `https://tools.example.com`, for its server card, and what OAuth tokens
    /// must be for; if not set, the card has `http://` and the `Host` of the request.
    pub url: Option<String>,
    /// How many sessions of the older revisions are open at once; for one more, the one that nobody has used for the
    /// longest ends.
    pub sessions: Bounded<1, 100_000, 1_000>,
    /// How long a session stays open without a request under way or a stream that is read, in milliseconds.
    pub session_idle_ms: Bounded<100, 86_400_000, 300_000>,
    /// What all sessions together keep for clients whose connection broke off, in MiB; one has at most an eighth.
    pub replay_mib: Bounded<1, 65_536, 64>,
    /// Whether everybody may read `/metrics`; if not, those whom `[callers]` knows. They tell the names of
    /// callers, tools and grants, and no values.
    pub open_metrics: bool,
}

impl Serve {
    /// The keys that differ, and that hold from one start to the next.
    pub fn kept_until_restart(&self, other: &Self) -> Vec<&'static str> {
        // Each by name, so that a new key has to be decided on.
        let Self {
            listen,
            plugin_dir: _,
            cache_dir,
            hosts,
            origins,
            request_kib,
            calls,
            stop_ms,
            reload,
            search: _,
            tasks,
            url,
            sessions,
            session_idle_ms,
            replay_mib,
            open_metrics,
        } = self;
        let keys = [
            ("listen", *listen != other.listen),
            ("cache_dir", *cache_dir != other.cache_dir),
            ("hosts", *hosts != other.hosts),
            ("origins", *origins != other.origins),
            ("request_kib", *request_kib != other.request_kib),
            ("calls", *calls != other.calls),
            ("stop_ms", *stop_ms != other.stop_ms),
            ("reload", *reload != other.reload),
            ("tasks", *tasks != other.tasks),
            ("url", *url != other.url),
            ("sessions", *sessions != other.sessions),
            ("session_idle_ms", *session_idle_ms != other.session_idle_ms),
            ("replay_mib", *replay_mib != other.replay_mib),
            ("open_metrics", *open_metrics != other.open_metrics),
        ];
        keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }
}

impl Default for Serve {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            plugin_dir: PathBuf::from("plugins"),
            cache_dir: None,
            hosts: Vec::new(),
            origins: Vec::new(),
            request_kib: Bounded::default(),
            calls: Bounded::default(),
            stop_ms: Bounded::default(),
            reload: true,
            search: None,
            tasks: Tasks::default(),
            url: None,
            sessions: Bounded::default(),
            session_idle_ms: Bounded::default(),
            replay_mib: Bounded::default(),
            open_metrics: false,
        }
    }
}
