//! What a store in a file promises beside what every store does.

use crate::capability::Probe;
use crate::capability::kv::tests::Bench;
use crate::wit::ErrorKind;

const FILE: &str = "sqlite = { path = \"kept.db\" }";

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_the_hosts_users_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new("", FILE);
    bench.call("a", "ann").put("k", b"v").await;
    let files = std::fs::read_dir(bench.folder()).expect("reads").map(|entry| entry.expect("reads").path());
    let modes: Vec<_> = files.map(|file| file.metadata().expect("reads").permissions().mode() & 0o777).collect();
    assert!(!modes.is_empty() && modes.iter().all(|mode| *mode == 0o600), "{modes:?}");
}

#[tokio::test]
async fn a_file_that_is_no_store_says_so_and_is_left_as_it_is() {
    for says in ["damaged", "made by something else"] {
        let bench = Bench::new("", FILE);
        bench.call("a", "ann").put("k", b"v").await;
        // Closed, and so written out from the log beside it.
        let bench = bench.restarted();
        let mut bytes = std::fs::read(bench.file()).expect("is there");
        match says {
            "damaged" => bytes[..16].copy_from_slice(b"no SQLite file!!"),
            // The application id of SQLite's file format, in its header.
            _ => bytes[68..72].copy_from_slice(&[0; 4]),
        }
        std::fs::write(bench.file(), bytes).expect("is written");
        let before = std::fs::read(bench.file()).expect("is there");
        let refused = bench.call("a", "ann").try_put("k", b"v", None).await.expect_err("is refused");
        assert_eq!(refused.kind, ErrorKind::Unavailable);
        assert!(refused.message.contains(says) && !refused.message.contains("kept.db"), "{}", refused.message);
        assert_eq!(std::fs::read(bench.file()).expect("is there"), before, "{says}");
        let (_, grant) = bench.grants.iter().next().expect("is open");
        assert!(grant.probe().await.is_err_and(|error| error.contains(says)));
        // Once the operator has moved it away, the next call finds a store.
        std::fs::remove_file(bench.file()).expect("is removed");
        bench.call("a", "ann").put("k", b"v").await;
    }
}

#[tokio::test]
async fn a_look_at_a_store_makes_no_file_and_finds_a_missing_folder() {
    let bench = Bench::new("", FILE);
    let (_, grant) = bench.grants.iter().next().expect("is open");
    assert_eq!(grant.probe().await, Ok(Probe::default()));
    assert!(!bench.file().exists());
    let bench = Bench::new("", "sqlite = { path = \"no/such/folder/kept.db\" }");
    let (_, grant) = bench.grants.iter().next().expect("is open");
    assert!(grant.probe().await.is_err_and(|error| error.contains("does not exist")));
    let refused = bench.call("a", "ann").try_put("k", b"v", None).await.expect_err("is refused");
    assert!(refused.kind == ErrorKind::Unavailable && refused.message.contains("`path`"), "{}", refused.message);
}
