//! What the store of tasks promises, whoever runs them.

use std::future::pending;

use serde_json::json;
use tokio::sync::oneshot;

use super::*;
use crate::call::{Asked, NoReply};

/// A file that goes when the test has ended.
struct File(PathBuf);

impl File {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("toolhost-tasks-{}.db", uuid::Uuid::now_v7())))
    }

    fn tasks(&self, limits: &str) -> Tasks {
        tasks_in(Some(self.0.clone()), limits)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        for beside in ["", "-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(format!("{}{beside}", self.0.display()));
        }
    }
}

fn tasks_in(path: Option<PathBuf>, limits: &str) -> Tasks {
    Tasks::new(toml::from_str(limits).expect("limits"), path)
}

fn tasks(limits: &str) -> Tasks {
    tasks_in(None, limits)
}

fn caller(name: &str) -> Caller {
    Caller::named(name)
}

fn completed(text: &str) -> End {
    End::Completed(json!({ "said": text }).as_object().cloned().expect("an object"))
}

/// A task of Ann's that runs until somebody stops it.
async fn endless(tasks: &Tasks) -> Task {
    tasks.begin(&caller("ann")).await.expect("has room").run(|_| pending())
}

/// A task of Ann's that has ended.
async fn over(tasks: &Tasks, text: &'static str) -> Task {
    let begun = tasks.begin(&caller("ann")).await.expect("has room");
    let ended = begun.under_way.ended.clone();
    let task = begun.run(async move |_| completed(text));
    ended.cancelled().await;
    task
}

async fn status(tasks: &Tasks, id: &str) -> Status {
    tasks.find(&caller("ann"), id).await.expect("is there").status
}

#[tokio::test]
async fn a_task_is_its_owners_alone() {
    let tasks = tasks("");
    let (running, ended) = (endless(&tasks).await, over(&tasks, "hi").await);
    let bob = caller("bob");
    let unknown = tasks.find(&bob, "no such id").await.expect_err("is refused");
    for id in [&running.id, &ended.id] {
        assert_eq!(tasks.find(&bob, id).await.expect_err("is refused"), unknown);
        assert_eq!(tasks.cancel(&bob, id).await.expect_err("is refused"), unknown);
        assert_eq!(tasks.reply(&bob, id, |_, _| None).await.expect_err("is refused"), unknown);
    }
    assert_eq!(status(&tasks, &running.id).await, Status::Working);
    assert_eq!(status(&tasks, &ended.id).await, Status::Ended(completed("hi")));
    assert_ne!(running.id, ended.id);
}

#[tokio::test]
async fn no_more_tasks_run_and_are_kept_than_may() {
    let running_max = tasks("running_max = 1");
    let first = endless(&running_max).await;
    let refused = running_max.begin(&caller("bob")).await.err().expect("is refused");
    assert_eq!(refused.kind, Kind::Limited);
    running_max.cancel(&caller("ann"), &first.id).await.expect("is there");
    endless(&running_max).await;

    let kept_max = tasks("kept_max = 1");
    over(&kept_max, "hi").await;
    let refused = kept_max.begin(&caller("ann")).await.err().expect("is refused");
    assert_eq!(refused.kind, Kind::Limited);
    // What one caller keeps takes no place of another's.
    let begun = kept_max.begin(&caller("bob")).await;
    assert!(begun.is_ok());
}

#[tokio::test]
async fn results_that_are_large_together_leave_no_room() {
    let tasks = tasks("kept_mib = 1");
    let begun = tasks.begin(&caller("ann")).await.expect("has room");
    let ended = begun.under_way.ended.clone();
    begun.run(async |_| completed(&"x".repeat(1 << 20)));
    ended.cancelled().await;
    assert_eq!(tasks.begin(&caller("bob")).await.err().expect("is refused").kind, Kind::Limited);
}

#[tokio::test]
async fn what_was_cancelled_is_dropped_and_stays_so() {
    let tasks = tasks("");
    let (held, gone) = oneshot::channel::<()>();
    let begun = tasks.begin(&caller("ann")).await.expect("has room");
    let task = begun.run(|_| async move {
        let _held = held;
        pending().await
    });
    for _ in 0..2 {
        tasks.cancel(&caller("ann"), &task.id).await.expect("is there");
        assert_eq!(status(&tasks, &task.id).await, Status::Ended(End::Cancelled));
    }
    assert!(gone.await.is_err(), "the work goes on");
    let ended = over(&tasks, "hi").await;
    tasks.cancel(&caller("ann"), &ended.id).await.expect("is there");
    assert_eq!(status(&tasks, &ended.id).await, Status::Ended(completed("hi")));
}

#[tokio::test]
async fn replies_come_one_by_one_and_the_call_goes_on_with_all_of_them() {
    let tasks = tasks("");
    let begun = tasks.begin(&caller("ann")).await.expect("has room");
    let under_way = Arc::clone(&begun.under_way);
    let task = begun.run(|_| pending());
    let ask = |keys: &[&str]| {
        let (replies, replied) = oneshot::channel();
        let questions = keys.iter().map(|key| ((*key).to_owned(), Question::Roots)).collect();
        under_way.asked(Asked { questions, replies });
        replied
    };
    let asked = async || match status(&tasks, &task.id).await {
        Status::Asking(questions) => questions.into_iter().map(|(key, _)| key).collect(),
        _ => Vec::new(),
    };
    let answer = async |known: &str, reply: Reply| {
        let read = |key: &str, _: &Question| (key == known).then(|| reply.clone());
        tasks.reply(&caller("ann"), &task.id, read).await.expect("is there");
    };
    let replied = ask(&["a", "b"]);
    assert_eq!(asked().await, ["a", "b"]);
    answer("nobody asked", Reply::Declined).await;
    assert_eq!(asked().await, ["a", "b"]);
    answer("b", Reply::Cancelled).await;
    assert_eq!(asked().await, ["a"]);
    answer("b", Reply::Declined).await;
    answer("a", Reply::Roots(Vec::new())).await;
    assert_eq!(replied.await, Ok(Ok::<_, NoReply>(vec![Reply::Roots(Vec::new()), Reply::Cancelled])));
    assert_eq!(status(&tasks, &task.id).await, Status::Working);

    // A client may take a key that it has seen for one that it has replied to.
    let again = ask(&["a"]);
    assert_eq!(asked().await, ["a/2"]);
    drop(again);
    assert_eq!(status(&tasks, &task.id).await, Status::Working);
}

#[tokio::test]
async fn what_a_call_tells_is_there_while_it_runs() {
    let tasks = tasks("");
    let begun = tasks.begin(&caller("ann")).await.expect("has room");
    let under_way = Arc::clone(&begun.under_way);
    let task = begun.run(|_| pending());
    under_way.told("half-way".to_owned());
    let told = tasks.find(&caller("ann"), &task.id).await.expect("is there");
    assert_eq!((told.message.as_deref(), task.message), (Some("half-way"), None));
    assert!(told.updated_ms >= task.created_ms);
}

#[tokio::test]
async fn a_panic_is_an_end_too() {
    let tasks = tasks("");
    let begun = tasks.begin(&caller("ann")).await.expect("has room");
    let ended = begun.under_way.ended.clone();
    let task = begun.run(async |_| panic!("as it was meant to"));
    ended.cancelled().await;
    assert_eq!(status(&tasks, &task.id).await, Status::Ended(End::Lost(BROKEN.to_owned())));
}

#[tokio::test]
async fn a_task_that_is_too_old_is_stopped_and_forgotten() {
    let tasks = tasks("keep_ms = 1000");
    let (running, ended) = (endless(&tasks).await, over(&tasks, "hi").await);
    let kept = &tasks.0.kept;
    let owner = caller("ann");
    let later = ended.created_ms + 1_000;
    assert!(kept.find(&owner, &ended.id, later - 1).await.is_ok_and(|found| found.is_some()));
    assert!(kept.find(&owner, &ended.id, later).await.is_ok_and(|found| found.is_none()));
    kept.sweep(later).await.expect("sweeps");
    assert!(kept.find(&owner, &ended.id, 0).await.is_ok_and(|found| found.is_none()));
    tasks.ended().await;
    assert_eq!(tasks.find(&owner, &running.id).await.expect_err("is forgotten").kind, Kind::NotFound);
}

#[tokio::test]
async fn a_file_outlasts_the_host() {
    let file = File::new();
    let tasks = file.tasks("");
    let ended = over(&tasks, "hi").await;
    // What a host leaves behind that was killed: a task that nobody ended.
    let begun = tasks.begin(&caller("ann")).await.expect("has room");
    let running = begun.under_way.id.clone();
    drop((begun, tasks));
    for _ in 0..2 {
        let tasks = file.tasks("");
        assert_eq!(status(&tasks, &ended.id).await, Status::Ended(completed("hi")));
        assert_eq!(status(&tasks, &running).await, Status::Ended(End::Lost(RESTARTED.to_owned())));
    }
}

#[tokio::test]
async fn what_is_cut_off_says_so_after_the_restart() {
    let file = File::new();
    let tasks = file.tasks("");
    let running = endless(&tasks).await;
    tasks.cut_off().await;
    drop(tasks);
    assert_eq!(status(&file.tasks(""), &running.id).await, Status::Ended(End::Lost(STOPPED.to_owned())));
}

#[tokio::test]
async fn a_file_is_one_hosts_at_a_time() {
    let file = File::new();
    let (first, second) = (file.tasks(""), file.tasks(""));
    let running = endless(&first).await;
    assert_eq!(second.begin(&caller("ann")).await.err().expect("is refused").kind, Kind::Internal);
    assert_eq!(status(&first, &running.id).await, Status::Working);
    first.cut_off().await;
    drop(first);
    endless(&second).await;
}

#[tokio::test]
async fn a_file_of_something_else_is_left_as_it_is() {
    let file = File::new();
    std::fs::write(&file.0, "no SQLite file, and longer than the header of one: ".repeat(20)).expect("is written");
    let before = std::fs::read(&file.0).expect("is there");
    assert_eq!(file.tasks("").begin(&caller("ann")).await.err().expect("is refused").kind, Kind::Internal);
    assert_eq!(std::fs::read(&file.0).expect("is there"), before);
}
