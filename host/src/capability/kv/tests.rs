//! What a store promises, in memory and in a file: the same test bodies, run on both.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::*;
use crate::call::{Call, Caller};
use crate::capability::Clock;
use crate::capability::Grants;
use crate::capability::state::Scope as PluginScope;
use crate::config::Config as HostConfig;
use crate::seal::Seal;

/// Both backends.
pub(super) const BACKENDS: [&str; 2] = ["memory = {}", "sqlite = { path = \"kept.db\" }"];

/// A host's grant `kv.cache`, and calls that use it.
pub(super) struct Bench {
    config: HostConfig,
    pub(super) grants: Grants,
    dir: tempdir::Dir,
}

/// A folder of a test's own.
mod tempdir {
    use std::path::PathBuf;

    pub(super) struct Dir(pub(super) PathBuf);

    impl Dir {
        pub(super) fn new() -> Self {
            let dir = std::env::temp_dir().join(format!("toolhost-kv-{}", uuid::Uuid::now_v7()));
            std::fs::create_dir(&dir).expect("makes a folder");
            Self(dir)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

impl Bench {
    pub(super) fn new(keys: &str, backend: &str) -> Self {
        Self::try_new(keys, backend).expect("opens")
    }

    fn try_new(keys: &str, backend: &str) -> Result<Self, String> {
        let dir = tempdir::Dir::new();
        let text = format!("[kv.cache]\n{keys}\n{backend}\n");
        let config = HostConfig::parse(&text, &dir.0.join("toolhost.toml"), &["kv"]).map_err(|e| e.to_string())?;
        let grants = Grants::open(&config);
        match grants.failures().first() {
            Some(failure) => Err(failure.message.clone()),
            None => Ok(Self { config, grants, dir }),
        }
    }

    /// The same config, opened by a host that starts anew.
    pub(super) fn restarted(self) -> Self {
        let grants = Grants::open(&self.config);
        Self { grants, ..self }
    }

    /// A call of a plugin by a caller.
    pub(super) fn call(&self, plugin: &str, caller: &str) -> CallState {
        let grants = self.grants.select(&["kv.cache".to_owned()]).expect("is granted");
        let seal = Seal::new().expect("random numbers");
        let limits = self.config.limits.clone();
        let scope = PluginScope { plugin: plugin.to_owned(), grants, settings: Vec::new(), limits, seal };
        let call = Call { caller: Arc::new(Caller::named(caller)), ..Call::of(()) };
        CallState::new(
            call,
            Arc::new(scope),
            Arc::new(crate::policy::Policy::everything()),
            Clock::start(Duration::from_secs(30)),
        )
    }

    /// The folder of the config.
    pub(super) fn folder(&self) -> &Path {
        &self.dir.0
    }

    /// Where a store of `sqlite` is.
    pub(super) fn file(&self) -> std::path::PathBuf {
        self.folder().join("kept.db")
    }
}

/// The host functions as plugins call them, with the store's name filled in.
impl CallState {
    pub(super) async fn put(&mut self, key: &str, value: &[u8]) -> u64 {
        self.try_put(key, value, None).await.expect("is kept")
    }

    pub(super) async fn try_put(
        &mut self,
        key: &str,
        value: &[u8],
        time_to_live_ms: Option<u64>,
    ) -> Result<u64, Error> {
        let set = Host::set(self, "cache".to_owned(), key.to_owned(), value.to_vec(), time_to_live_ms).await;
        set.map_err(|failure| failure.into_answer().expect("no trap"))
    }

    async fn swap(&mut self, key: &str, expected: Option<u64>, value: &[u8]) -> Option<u64> {
        let (store, key, value) = ("cache".to_owned(), key.to_owned(), value.to_vec());
        self.compare_and_set(store, key, expected, value, None).await.expect("is compared")
    }

    async fn entry(&mut self, key: &str) -> Option<Entry> {
        Host::lookup(self, "cache".to_owned(), key.to_owned()).await.expect("is looked up")
    }

    async fn value(&mut self, key: &str) -> Option<Vec<u8>> {
        self.entry(key).await.map(|entry| entry.value)
    }

    async fn forget(&mut self, key: &str) -> bool {
        Host::delete(self, "cache".to_owned(), key.to_owned()).await.expect("is deleted")
    }

    async fn listed(&mut self, prefix: &str, after: Option<&str>, keys_max: u32) -> Vec<String> {
        let after = after.map(str::to_owned);
        Host::keys(self, "cache".to_owned(), prefix.to_owned(), after, keys_max).await.expect("are listed")
    }
}

#[tokio::test]
async fn what_is_kept_is_found_as_it_was_whatever_its_bytes() {
    for backend in BACKENDS {
        let bench = Bench::new("", backend);
        let mut call = bench.call("a", "ann");
        assert_eq!(call.entry("k").await, None);
        for (key, value) in [("k", &b"\xff\x00\xfe"[..]), ("", b"x"), ("é\0/%_'", b""), ("k", b"again")] {
            if key.is_empty() {
                let refused = call.try_put(key, value, None).await.expect_err("is refused");
                assert_eq!(refused.kind, ErrorKind::Invalid);
                continue;
            }
            let version = call.put(key, value).await;
            let expected = Entry { value: value.to_vec(), version, expires_in_ms: None };
            assert_eq!(bench.call("a", "bob").entry(key).await, Some(expected), "{backend}");
        }
        assert!(call.forget("k").await && !call.forget("k").await);
        assert_eq!(call.entry("k").await, None);
    }
}

#[tokio::test]
async fn no_plugin_sees_the_keys_of_another() {
    for backend in BACKENDS {
        let bench = Bench::new("", backend);
        let (mut one, mut other) = (bench.call("a", "ann"), bench.call("b", "ann"));
        one.put("k", b"of a").await;
        assert_eq!(other.value("k").await, None);
        assert_eq!(other.listed("", None, 10).await, Vec::<String>::new());
        assert!(!other.forget("k").await);
        assert!(other.swap("k", None, b"of b").await.is_some());
        assert_eq!(one.value("k").await, Some(b"of a".to_vec()));
    }
}

#[tokio::test]
async fn a_store_for_each_caller_keeps_callers_apart() {
    for backend in BACKENDS {
        let bench = Bench::new("scope = \"caller\"", backend);
        let (mut ann, mut bob) = (bench.call("a", "ann"), bench.call("a", "bob"));
        // A name that looks like the end of another one's space.
        let mut eve = bench.call("a\",\"ann", "");
        ann.put("k", b"of ann").await;
        for stranger in [&mut bob, &mut eve] {
            assert_eq!(stranger.value("k").await, None, "{backend}");
            stranger.put("k", b"of another").await;
        }
        assert_eq!(bench.call("a", "ann").value("k").await, Some(b"of ann".to_vec()));
        assert_eq!(Host::list(&mut ann).await.expect("lists")[0].scope, Scope::Caller);
    }
}

#[tokio::test]
async fn versions_grow_and_never_come_back() {
    for backend in BACKENDS {
        let bench = Bench::new("", backend);
        let mut call = bench.call("a", "ann");
        let mut last = 0;
        for round in 0..3 {
            for key in ["x", "y"] {
                let version = call.put(key, b"v").await;
                assert!(version > last, "{backend}: round {round}: {version} after {last}");
                last = version;
            }
            assert!(call.forget("x").await);
        }
        let mut bench = bench.restarted();
        for _ in 0..2 {
            let version = bench.call("a", "ann").put("x", b"v").await;
            assert!(version > last, "{backend}: {version} after {last}, and a restart");
            last = version;
            bench = bench.restarted();
        }
    }
}

#[tokio::test]
async fn compare_and_set_changes_what_it_expected_and_nothing_else() {
    for backend in BACKENDS {
        let bench = Bench::new("", backend);
        let mut call = bench.call("a", "ann");
        assert_eq!(call.swap("k", Some(1), b"x").await, None);
        let first = call.swap("k", None, b"one").await.expect("there was none");
        assert_eq!(call.swap("k", None, b"two").await, None);
        let second = call.swap("k", Some(first), b"two").await.expect("nobody else was there");
        assert_eq!(call.swap("k", Some(first), b"three").await, None);
        assert_eq!(call.value("k").await, Some(b"two".to_vec()));
        call.forget("k").await;
        assert_eq!(call.swap("k", Some(second), b"three").await, None);
        assert!(call.swap("k", None, b"three").await.is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_swap_at_once_one_succeeds() {
    for backend in BACKENDS {
        let bench = Bench::new("", backend);
        let mut expected = None;
        for round in 0..5 {
            let calls = (0..16_u8).map(|number| {
                let mut call = bench.call("a", "ann");
                tokio::spawn(async move { call.swap("k", expected, &[number]).await })
            });
            let swapped = join_all(calls).await.into_iter().map(|swapped| swapped.expect("ends"));
            let winners: Vec<u64> = swapped.flatten().collect();
            assert_eq!(winners.len(), 1, "{backend}: round {round}");
            expected = Some(winners[0]);
        }
    }
}

#[tokio::test]
async fn keys_come_sorted_by_their_bytes_page_by_page() {
    for backend in BACKENDS {
        let bench = Bench::new("", backend);
        let mut call = bench.call("a", "ann");
        for key in ["b:10", "a", "b:é", "b:", "b:2", "b%", "c", "b:1"] {
            call.put(key, b"").await;
        }
        assert_eq!(call.listed("b:", None, 10).await, ["b:", "b:1", "b:10", "b:2", "b:é"]);
        assert_eq!(call.listed("b:", Some("b:1"), 2).await, ["b:10", "b:2"]);
        assert_eq!(call.listed("b:", Some("a"), 1).await, ["b:"]);
        assert_eq!(call.listed("b:", Some("b:é"), 10).await, Vec::<String>::new());
        assert_eq!(call.listed("", None, u32::MAX).await.len(), 8);
        assert_eq!(call.listed("", None, 0).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_has_expired_is_never_seen_and_makes_room() {
    for backend in BACKENDS {
        let bench = Bench::new("keys_max = 2", backend);
        let mut call = bench.call("a", "ann");
        call.try_put("short", b"x", Some(40)).await.expect("is kept");
        let version = call.try_put("long", b"y", Some(60_000)).await.expect("is kept");
        let left = call.entry("long").await.and_then(|entry| entry.expires_in_ms).expect("expires");
        assert!((50_000..=60_000).contains(&left), "{left}");
        let deadline = Instant::now() + Duration::from_secs(10);
        while call.entry("short").await.is_some() {
            assert!(Instant::now() < deadline, "{backend}: it does not expire");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(call.listed("", None, 10).await, ["long"]);
        assert!(!call.forget("short").await);
        assert!(call.swap("new", None, b"z").await.is_some(), "it makes room");
        // Set again without a time, it stays.
        assert!(call.swap("long", Some(version), b"y").await.is_some());
        assert_eq!(call.entry("long").await.expect("is there").expires_in_ms, None);
        let refused = call.try_put("new", b"", Some(0)).await.expect_err("is refused");
        assert_eq!(refused.kind, ErrorKind::Invalid);
    }
}

#[tokio::test]
async fn nothing_is_kept_for_longer_than_the_operator_allows() {
    for backend in BACKENDS {
        let bench = Bench::new("time_to_live_max_ms = 5000", backend);
        let mut call = bench.call("a", "ann");
        for (asked, most) in [(None, 5_000), (Some(u64::MAX), 5_000), (Some(2_000), 2_000)] {
            call.try_put("k", b"v", asked).await.expect("is kept");
            let left = call.entry("k").await.and_then(|entry| entry.expires_in_ms).expect("expires");
            assert!(left <= most, "{backend}: {left} ms, asked for {asked:?}");
        }
    }
}

#[tokio::test]
async fn every_limit_of_a_space_refuses_with_its_name_and_changes_nothing() {
    let limits = "key_bytes_max = 4\nvalue_bytes_max = 800\nkeys_max = 3\nbytes_max = 1200";
    for backend in BACKENDS {
        let bench = Bench::new(limits, backend);
        let mut call = bench.call("a", "ann");
        call.put("k", b"kept").await;
        for (key, bytes, limit) in
            [("abcde", 1, "key_bytes_max"), ("éé!", 1, "key_bytes_max"), ("a", 801, "value_bytes_max")]
        {
            let refused = call.try_put(key, &vec![0; bytes], None).await.expect_err("is refused");
            assert_eq!(refused.kind, ErrorKind::Limited);
            assert!(refused.message.contains(limit), "{}", refused.message);
        }
        call.put("l", &[0; 800]).await;
        let refused = call.try_put("m", &[0; 100], None).await.expect_err("is refused");
        assert!(refused.kind == ErrorKind::Limited && refused.message.contains("bytes_max"), "{}", refused.message);
        let refused = call.try_put("k", &[0; 250], None).await.expect_err("is refused");
        assert!(refused.message.contains("bytes_max"), "{}", refused.message);
        assert_eq!(call.value("k").await, Some(b"kept".to_vec()));
        call.put("l", b"").await;
        call.put("m", b"").await;
        let refused = call.try_put("n", b"", None).await.expect_err("is refused");
        assert!(refused.kind == ErrorKind::Limited && refused.message.contains("keys_max"), "{}", refused.message);
        assert_eq!(call.listed("", None, 10).await, ["k", "l", "m"]);
        assert!(call.forget("l").await);
        call.put("n", b"").await;
    }
}

#[tokio::test]
async fn a_full_store_empties_the_space_that_was_used_least_recently() {
    // Room for two spaces of one key each, and not for three.
    let limits =
        "scope = \"caller\"\nkey_bytes_max = 4\nvalue_bytes_max = 800\nbytes_max = 1024\ntotal_bytes_max = 2048";
    for backend in BACKENDS {
        let bench = Bench::new(limits, backend);
        let call = |caller: &str| bench.call("a", caller);
        call("ann").put("k", &[1; 800]).await;
        call("bob").put("k", &[2; 800]).await;
        assert!(call("ann").entry("k").await.is_some(), "and so used after bob's");
        call("eve").put("k", &[3; 800]).await;
        assert_eq!(call("bob").value("k").await, None, "{backend}");
        assert_eq!(call("ann").value("k").await, Some(vec![1; 800]));
        assert_eq!(call("eve").value("k").await, Some(vec![3; 800]));
        for number in 0..50 {
            call(&number.to_string()).put("k", &[4; 800]).await;
        }
        let mut left = 0;
        for number in 0..50 {
            left += usize::from(call(&number.to_string()).entry("k").await.is_some());
        }
        assert_eq!(left, 2, "{backend}");
    }
}

#[tokio::test]
async fn a_file_is_kept_over_a_restart_and_memory_is_not() {
    for (backend, kept) in BACKENDS.into_iter().zip([None, Some(b"v".to_vec())]) {
        let bench = Bench::new("", backend);
        bench.call("a", "ann").put("k", b"v").await;
        let bench = bench.restarted();
        assert_eq!(bench.call("a", "ann").value("k").await, kept, "{backend}");
    }
}

#[test]
fn a_table_that_contradicts_itself_is_refused() {
    for (keys, backend, says) in [
        ("", "", "exactly one of `memory`, `sqlite`"),
        ("sqlite = { path = \"a\" }", "memory = {}", "exactly one of `memory`, `sqlite`"),
        ("bytes_max = 2000", "memory = {}", "`bytes_max` is 2000, less than one key with its value may have: 65892"),
        ("total_bytes_max = 1000000", "memory = {}", "`total_bytes_max` is 1000000, less than one space"),
        ("keys_max = 0", "memory = {}", "0 is out of range: from 1 to 100000"),
        ("value_bytes_max = 9999999", "memory = {}", "9999999 is out of range"),
        ("time_to_live_max_ms = 0", "memory = {}", "0 is out of range"),
        ("scope = \"everybody\"", "memory = {}", "unknown variant `everybody`"),
        ("", "memory = { keys = 1 }", "unknown key `keys`"),
    ] {
        let error = Bench::try_new(keys, backend).err().expect("is refused");
        assert!(error.contains(says), "{keys}: {error}");
    }
}

#[test]
fn the_example_at_the_top_of_the_room_opens() {
    let lines = include_str!("mod.rs").lines().skip_while(|line| *line != "//! ```toml").skip(1);
    let example: Vec<_> =
        lines.take_while(|line| *line != "//! ```").map(|line| line.trim_start_matches("//!")).collect();
    let config = HostConfig::parse(&example.join("\n"), Path::new("toolhost.toml"), &["kv"]).expect("parses");
    let grants = Grants::open(&config);
    assert_eq!(grants.failures(), []);
    let (path, grant) = grants.iter().next().expect("is open");
    assert_eq!((path, grant.summary().as_str()), ("kv.cache", "SQLite file cache.db, a space for each plugin"));
}
