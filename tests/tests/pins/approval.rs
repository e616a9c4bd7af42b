//! The first approval, and those after it: what they show, whom they ask, what they write.

use anyhow::{Result, ensure};
use toolhost_tests::toolhost::{Setup, bytes, marked, run};

use crate::{approve, check_fails};

#[test]
fn what_is_approved_is_shown_asked_for_and_written_down() -> Result<()> {
    let dir = Setup::new("").plugin("good", "good")?.plugin("turncoat", "turncoat")?.write()?;
    let dir = dir.path();
    let lock = || std::fs::read_to_string(dir.join("toolhost.lock"));
    let (status, printed) = run(dir, &["check"])?;
    ensure!(status.success() && printed.contains("the plugins are not pinned"), "{printed}");

    // Nobody is there to say yes.
    let (status, printed) = run(dir, &["approve"])?;
    ensure!(!status.success() && printed.contains("approve it with --yes"), "{printed}");
    for shown in
        ["plugin turncoat is new", "component sha256:", "tool turncoat__look is new:", "+description: Looks around."]
    {
        ensure!(printed.contains(shown), "{shown}: {printed}");
    }
    ensure!(lock().is_err(), "what nobody approved is written");

    approve(dir, &[])?;
    let written = lock()?;
    for line in
        ["[plugins.good.tool.good__echo]", "[plugins.turncoat.tool.turncoat__look]", "description: Looks around."]
    {
        ensure!(written.lines().any(|written| written == line), "{line}: {written}");
    }
    let (status, printed) = run(dir, &["check"])?;
    ensure!(status.success() && !printed.contains("not pinned"), "{printed}");
    let (status, printed) = run(dir, &["approve"])?;
    ensure!(status.success() && printed.contains("There is nothing to approve"), "{printed}");
    assert_eq!(lock()?, written);
    Ok(())
}

#[test]
fn plugins_are_approved_one_by_one() -> Result<()> {
    let dir = Setup::new("").plugin("good", "good")?.plugin("other", "good")?.write()?;
    let dir = dir.path();
    approve(dir, &["good"])?;
    check_fails(dir, &["ok: plugin good", "failed: plugin other: ", "it is not approved", "`toolhost approve other`"])?;
    let (status, printed) = run(dir, &["approve", "--yes", "nobody"])?;
    ensure!(!status.success() && printed.contains("there is no plugin `nobody`; there are: good, other"), "{printed}");
    approve(dir, &["other"])?;
    // One of the two changes; the other one is not touched by its approval.
    for name in ["good", "other"] {
        std::fs::write(dir.join(format!("plugins/{name}.wasm")), marked(&bytes("good")?))?;
    }
    let printed = approve(dir, &["other"])?;
    ensure!(printed.contains("its definitions are the same") && !printed.contains("plugin good"), "{printed}");
    check_fails(dir, &["ok: plugin other", "failed: plugin good: ", "it is not what was approved"])?;
    Ok(())
}

#[test]
fn what_is_gone_is_taken_out_and_what_is_broken_stays_as_it_was() -> Result<()> {
    let dir = Setup::new("").plugin("good", "good")?.plugin("liar", "liar")?.plugin("turncoat", "turncoat")?.write()?;
    let dir = dir.path();
    approve(dir, &[])?;
    std::fs::remove_file(dir.join("plugins/good.wasm"))?;
    std::fs::write(dir.join("plugins/liar.wasm"), "words")?;
    let (status, printed) = run(dir, &["approve", "--yes"])?;
    ensure!(!status.success(), "it is silent about what cannot be loaded: {printed}");
    ensure!(printed.contains("plugin good is gone") && printed.contains("it is not WebAssembly"), "{printed}");
    let lock = std::fs::read_to_string(dir.join("toolhost.lock"))?;
    ensure!(!lock.contains("[plugins.good]") && lock.contains("[plugins.liar]"), "{lock}");
    ensure!(lock.contains("[plugins.turncoat]"), "{lock}");
    Ok(())
}

#[test]
fn where_it_has_to_be_approved_nothing_is_loaded_before() -> Result<()> {
    let config = "[pins]\nrequired = true\nfile = \"approved.lock\"\n";
    // Nor is it looked into: it would be refused for something else.
    let dir = Setup::new(config).plugin("good", "good")?.file("words", "words").write()?;
    let printed =
        check_fails(dir.path(), &["good: plugins/good.wasm: nothing is approved yet", "`toolhost approve good`"])?;
    ensure!(!printed.contains("WebAssembly"), "{printed}");
    let (_, printed) = run(dir.path(), &["approve", "--yes", "good"])?;
    ensure!(printed.contains("approved: approved.lock"), "{printed}");
    check_fails(
        dir.path(),
        &["ok: plugin good", "approved.lock does not hold it; look at it, and run `toolhost approve words`"],
    )?;
    Ok(())
}
