//! A plugin in another language than Rust, with the whole of its interpreter inside, is a plugin.

use anyhow::{Result, ensure};
use serde_json::json;
use toolhost_tests::toolhost::{Setup, run};

#[tokio::test]
async fn a_plugin_in_python_answers_as_the_one_in_rust_does() -> Result<()> {
    let setup = Setup::new("").plugin("good", "good")?.plugin("python", "python_echo")?;
    // It is compiled here, where nobody waits for the host to listen.
    let (checked, said) = run(setup.write()?.path(), &["check", "--offline"])?;
    ensure!(checked.success(), "{said}");
    let host = setup.start().await?;
    // Nothing was granted: it imports what its own world says, and not all that a plugin may.
    assert_eq!(host.get("/ready").await?.json()?["plugins"], json!(["good", "python"]), "{}", host.printed()?);
    let payload =
        json!({ "text": "\u{fc}\n\"", "numbers": [0, -1, 1.5, 1e100], "nested": { "null": null, "is": true } });
    for arguments in [json!({ "message": "hello" }), json!({ "message": "", "payload": payload })] {
        let by_rust = host.call("good__echo", arguments.clone()).await?;
        let by_python = host.call("python__echo", arguments.clone()).await?;
        assert_eq!((by_rust.0, &by_rust), (200, &by_python), "{arguments}");
    }
    let (status, refused) = host.call("python__echo", json!({ "message": 1 })).await?;
    assert_eq!(status, 400, "{refused}");
    Ok(())
}
