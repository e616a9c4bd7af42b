//! The trail on a disk: what is found when it was touched, and what is left when its writer was
//! stopped in the middle.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::segment::{read_head, segments};
use super::*;

/// A trail's directory of a test's own.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("toolhost-audit-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self(std::env::temp_dir().join(name))
    }

    fn open(&self, config: &str) -> Audit {
        let config = toml::from_str(&format!("sync_ms = 10\n{config}")).expect("is a config");
        Audit::open(&config, &self.0).expect("opens")
    }

    fn segment(&self, number: u64) -> PathBuf {
        segment::path(&self.0.join("1"), number)
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(self.segment(1)).expect("is there").lines().map(str::to_owned).collect()
    }

    fn put(&self, lines: &[String]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(self.segment(1), text).expect("is written");
    }

    fn verified(&self) -> Vec<Verified> {
        verify(&self.0, &[]).expect("is read").chains
    }

    /// What is wrong with the first chain, and in which line of which segment.
    fn problem(&self) -> (String, String) {
        let problem = self.verified().remove(0).problem.expect("something is wrong");
        let segment = problem.at.path.file_stem().expect("has a name").to_string_lossy().into_owned();
        (format!("{segment}:{}", problem.at.line), problem.what)
    }

    /// A trail of this many calls, which nobody writes any more.
    fn of(calls: usize) -> Self {
        let dir = Self::new();
        let audit = dir.open("");
        (0..calls).for_each(|at| call(&audit, &format!("call-{at}")).expect("is written"));
        dir
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn call(audit: &Audit, id: &str) -> Result<(), Error> {
    write(audit, &json!({ "time": now(), "id": id, "method": "tools/call", "outcome": "answered" }))
}

fn write(audit: &Audit, line: &serde_json::Value) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(audit.write(line))
}

/// Fills a segment of 1 MiB.
fn fill(audit: &Audit) {
    let long = "x".repeat(600_000);
    for id in ["long-1", "long-2"] {
        write(audit, &json!({ "time": now(), "id": id, "name": long })).expect("is written");
    }
}

fn until(what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(30), "it was never so: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_trail_that_nobody_touched_holds_and_names_its_first_and_last_call() {
    let dir = Dir::of(3);
    let [chain] = &dir.verified()[..] else { panic!("one chain") };
    assert_eq!((&chain.problem, chain.lines, chain.segments, chain.begins), (&None, 4, 1, 1));
    let ids = [&chain.first, &chain.last].map(|call| call.as_ref().map(|call| call.id.clone()));
    assert_eq!(ids, [Some("call-0".to_owned()), Some("call-2".to_owned())]);
    let hash = chain.end.clone().expect("has an end").1;
    let absent = |hash: &str| verify(&dir.0, &[hash.to_owned()]).expect("is read").absent;
    assert!(absent(&hash).is_empty());
    assert_eq!(absent("feed"), ["feed"]);
}

#[test]
fn a_changed_a_removed_and_a_reordered_line_are_each_found_where_they_are() {
    let dir = Dir::of(5);
    let lines = dir.lines();
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut changed = lines.clone();
        change(&mut changed);
        dir.put(&changed);
        dir.problem()
    };
    let (at, what) = with(&|lines| lines[2] = lines[2].replace("call-1", "call-9"));
    assert_eq!((at.as_str(), what.starts_with("changed: ")), ("000001:3", true), "{what}");
    let (at, what) = with(&|lines| lines[5] = "nonsense".to_owned());
    assert_eq!((at.as_str(), what.starts_with("changed: ")), ("000001:6", true), "{what}");
    for (first, count, expected) in [(0, 1, "line 1 is"), (2, 1, "line 3 is"), (2, 3, "lines 3 to 5 are")] {
        let (at, what) = with(&|lines| drop(lines.drain(first..first + count)));
        assert_eq!((at, what), (format!("000001:{}", first + 1), format!("removed: {expected} missing")));
    }
    let (_, what) = with(&|lines| lines.truncate(4));
    assert_eq!(what, "removed: lines 5 to 6 are missing, which had been here at the end");
    let (at, what) = with(&|lines| lines.swap(2, 4));
    assert_eq!((at.as_str(), what.as_str()), ("000001:3", "re-ordered: line 5 stands before line 3"));
    let (at, what) = with(&|lines| lines.insert(4, lines[1].clone()));
    assert_eq!((at.as_str(), what.as_str()), ("000001:5", "re-ordered: line 2 stands after line 4"));
    dir.put(&lines);
    assert_eq!(dir.verified()[0].problem, None);
}

#[test]
fn a_chain_that_somebody_wrote_anew_does_not_fit_what_was_noted() {
    let (dir, other) = (Dir::of(3), Dir::of(3));
    dir.put(&other.lines());
    assert!(dir.problem().1.starts_with("changed: "));
}

#[test]
fn an_incomplete_last_line_is_cut_off_and_the_chain_goes_on() {
    let dir = Dir::of(2);
    let mut text = fs::read(dir.segment(1)).expect("is there");
    text.extend_from_slice(b"{\"seq\":4,\"time\":\"20");
    fs::write(dir.segment(1), &text).expect("is written");
    let before = dir.verified().remove(0);
    assert_eq!((before.problem, before.incomplete_bytes, before.lines), (None, 19, 3));
    call(&dir.open(""), "call-2").expect("is written");
    let after = dir.verified().remove(0);
    assert_eq!((after.problem, after.incomplete_bytes, after.lines), (None, 0, 5));
    assert!(dir.lines()[3].contains("\"mark\":\"started\"") && dir.lines()[3].contains("\"recovered_bytes\":19"));
}

#[test]
fn lines_that_are_missing_when_a_host_starts_stay_missing_for_verify() {
    let dir = Dir::of(4);
    dir.put(&dir.lines()[..3]);
    call(&dir.open(""), "later").expect("is written");
    let (at, what) = dir.problem();
    assert_eq!(at, "000001:4");
    assert!(what.starts_with("removed: lines 4 to 5 were missing when the host started"), "{what}");
}

#[test]
fn hosts_that_run_at_the_same_time_write_a_chain_each_and_the_next_goes_on_with_the_first() {
    let dir = Dir::new();
    let (one, other) = (dir.open(""), dir.open(""));
    for audit in [&one, &other, &one] {
        call(audit, "x").expect("is written");
    }
    let lines = |dir: &Dir| dir.verified().iter().map(|chain| chain.lines).collect::<Vec<_>>();
    assert_eq!(lines(&dir), [3, 2]);
    drop(one);
    call(&dir.open(""), "y").expect("is written");
    assert_eq!(lines(&dir), [5, 2]);
    drop(other);
    assert!(dir.verified().iter().all(|chain| chain.problem.is_none()));
}

#[test]
fn a_full_segment_is_followed_by_the_next_and_a_removed_one_is_missed() {
    let dir = Dir::new();
    let audit = dir.open("rotate_mib = 1");
    (0..3).for_each(|_| fill(&audit));
    drop(audit);
    let chain = dir.verified().remove(0);
    assert_eq!((chain.problem, chain.segments, chain.lines), (None, 3, 9));
    let parked = dir.0.join("parked");
    for number in 1..=3 {
        fs::rename(dir.segment(number), &parked).expect("is moved");
        let (_, what) = dir.problem();
        assert!(what.starts_with("removed: "), "{number}: {what}");
        fs::rename(&parked, dir.segment(number)).expect("is moved");
    }
    // Nor does a host that starts take it for gone.
    fs::rename(dir.segment(1), &parked).expect("is moved");
    fill(&dir.open("rotate_mib = 1"));
    assert!(dir.problem().1.contains("segment 000001.jsonl is missing"));
}

#[test]
fn what_is_taken_away_under_a_host_is_missed_and_lines_go_where_they_are_found() {
    let dir = Dir::new();
    let audit = dir.open("");
    let parked = dir.0.join("parked");
    fs::rename(dir.segment(1), &parked).expect("is moved");
    until("a new segment", || {
        call(&audit, "later").expect("is written");
        dir.segment(2).exists()
    });
    assert!(dir.problem().1.contains("segment 000001.jsonl is missing"));
    fs::rename(&parked, dir.segment(1)).expect("is moved");
    assert_eq!(dir.verified()[0].problem, None, "nothing is lost that was not removed");
    // Without its directory, which is locked as well, nothing can be written.
    fs::rename(dir.0.join("1"), &parked).expect("is moved");
    until("a refusal", || call(&audit, "nowhere").is_err() && audit.ready().is_err());
    fs::create_dir(dir.0.join("1")).expect("is made");
    assert!(audit.admit().is_err(), "another host could write there");
    fs::remove_dir(dir.0.join("1")).expect("is removed");
    fs::rename(&parked, dir.0.join("1")).expect("is moved");
    assert!(audit.admit().is_ok());
    call(&audit, "again").expect("is written");
    drop(audit);
    assert_eq!(dir.verified()[0].problem, None);
}

#[test]
fn as_many_segments_are_kept_as_the_config_says_and_the_chain_says_where_it_begins() {
    let dir = Dir::new();
    let audit = dir.open("rotate_mib = 1\nkeep_segments = 2");
    (0..4).for_each(|_| fill(&audit));
    drop(audit);
    let chain = dir.verified().remove(0);
    assert_eq!((chain.problem, chain.segments, chain.begins), (None, 2, 3));
    let numbers: Vec<u64> =
        segments(&dir.0.join("1")).expect("are listed").into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, [3, 4]);
    fs::remove_file(dir.segment(3)).expect("is removed");
    assert!(dir.problem().1.contains("segment 000003.jsonl is missing"));
}

#[test]
fn no_call_is_made_or_answered_while_lines_cannot_be_written_and_none_is_lost() {
    let dir = Dir::new();
    let audit = dir.open("rotate_mib = 1");
    fill(&audit);
    // The next segment cannot be made.
    let obstacle = dir.segment(2);
    fs::create_dir(&obstacle).expect("is made");
    assert!(audit.ready().is_ok(), "nothing failed yet");
    let withheld = call(&audit, "withheld").expect_err("cannot be written");
    assert!(withheld.sentence().contains("its answer is withheld") && withheld.sentence().contains("[audit] dir"));
    for _ in 0..2 {
        let refused = audit.admit().expect_err("cannot be written");
        assert!(refused.message.contains("makes no call"), "{refused}");
    }
    fs::remove_dir(&obstacle).expect("is removed");
    assert!(audit.admit().is_ok(), "it tries again");
    call(&audit, "later").expect("is written");
    drop(audit);
    assert_eq!(dir.verified()[0].problem, None);
    let text = fs::read_to_string(&obstacle).expect("is there");
    let lines: Vec<&str> = text.lines().collect();
    let [mark, withheld, later] = lines[..] else { panic!("three lines: {text}") };
    assert!(mark.contains("\"mark\":\"rotated\"") && mark.contains("\"refused\":2"), "{mark}");
    assert!(withheld.contains("\"id\":\"withheld\"") && withheld.contains("\"withheld\":true"), "{withheld}");
    assert!(later.contains("\"id\":\"later\"") && !later.contains("\"withheld\""), "{later}");
}

#[test]
fn calls_go_on_without_lines_where_the_operator_wants_it_so_and_the_trail_says_how_many() {
    let dir = Dir::new();
    let audit = dir.open("rotate_mib = 1\non_full = \"go-on\"");
    fill(&audit);
    fs::create_dir(dir.segment(2)).expect("is made");
    for id in ["lost-1", "lost-2"] {
        assert!(audit.admit().is_ok());
        call(&audit, id).expect("goes on");
    }
    fs::remove_dir(dir.segment(2)).expect("is removed");
    call(&audit, "kept").expect("is written");
    drop(audit);
    let text = fs::read_to_string(dir.segment(2)).expect("is there");
    assert!(text.contains("\"lost\":2") && text.contains("\"kept\"") && !text.contains("lost-1"), "{text}");
    assert_eq!(dir.verified()[0].problem, None);
}

#[test]
fn with_sync_always_a_line_is_noted_as_on_the_disk_before_its_call_is_answered() {
    let dir = Dir::new();
    let audit = dir.open("sync = \"always\"");
    for id in 0..20 {
        call(&audit, &id.to_string()).expect("is written");
        let noted = read_head(&dir.0.join("1")).expect("is read").expect("is noted");
        assert_eq!(noted.seq, id + 2);
    }
}

#[test]
fn what_is_written_is_noted_soon_without_another_call() {
    let dir = Dir::new();
    let audit = dir.open("sync = \"never\"");
    call(&audit, "x").expect("is written");
    until("noted", || read_head(&dir.0.join("1")).is_ok_and(|noted| noted.is_some_and(|noted| noted.seq == 2)));
}

#[test]
fn a_trail_is_read_from_its_end_and_on_from_there_in_the_order_of_time() {
    let dir = Dir::new();
    let (one, other) = (dir.open(""), dir.open(""));
    let at = |audit: &Audit, second: usize| {
        let time = format!("2099-01-31T12:00:{second:02}.000Z");
        write(audit, &json!({ "time": time, "id": second.to_string() })).expect("is written");
    };
    [(&one, 1), (&other, 2), (&one, 3), (&other, 4)].into_iter().for_each(|(audit, second)| at(audit, second));
    let ids = |entries: Vec<Entry>| entries.into_iter().filter(|entry| entry.mark.is_none()).map(|entry| entry.id);
    let ids = |entries: Vec<Entry>| ids(entries).collect::<Vec<_>>();
    assert_eq!(ids(entries(&dir.0).expect("is read").collect()), ["1", "2", "3", "4"]);
    assert_eq!(ids(last(&dir.0, 6).expect("is read")), ["1", "2", "3", "4"]);
    let mut follow = Follow::end(&dir.0).expect("is read");
    assert_eq!(ids(follow.news().expect("is read")), [""; 0]);
    at(&other, 6);
    at(&one, 5);
    assert_eq!(ids(follow.news().expect("is read")), ["5", "6"]);
    assert_eq!(ids(follow.news().expect("is read")), [""; 0]);
}

#[cfg(unix)]
#[test]
fn nobody_else_reads_the_trail() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = Dir::of(1);
    let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    let chain = dir.0.join("1");
    assert_eq!([mode(&dir.0), mode(&chain)], [0o700; 2]);
    assert_eq!([mode(&dir.0.join("key")), mode(&chain.join("head")), mode(&dir.segment(1))], [0o600; 3]);
}

#[test]
fn a_directory_that_cannot_be_used_is_named_with_the_line_to_write() {
    let file = std::env::temp_dir().join(format!("toolhost-audit-file-{}", std::process::id()));
    fs::write(&file, "").expect("is written");
    let refusal = Audit::open(&config::Audit::default(), &file.join("audit")).err().expect("is refused").to_string();
    assert!(refusal.contains("set another place: [audit] dir"), "{refusal}");
    fs::remove_file(&file).expect("is removed");
}
