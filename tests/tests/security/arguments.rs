//! Arguments that do not fit: refused before the plugin runs, with the field and the rule.

use anyhow::Result;
use serde_json::json;
use toolhost_tests::mcp::{ERAS, Mcp};
use toolhost_tests::toolhost::{Setup, Toolhost};

use crate::{kind, message};

async fn good() -> Result<Toolhost> {
    Setup::new("").plugin("good", "good")?.start().await
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_refused_with_the_field_and_the_rule() -> Result<()> {
    let host = good().await?;
    let cases = [
        (json!({ "b": 1 }), ["\"a\"", "required"]),
        (json!({ "a": "many-8d2f", "b": 1 }), ["`a`", "integer"]),
        (json!({ "a": null, "b": 1 }), ["`a`", "integer"]),
        (json!({ "a": 1.5, "b": 1 }), ["`a`", "integer"]),
        (json!({ "a": 1, "b": 1, "c": 1 }), ["'c'", "Additional properties"]),
    ];
    for (arguments, names) in cases {
        let (status, by_rest) = host.call("good__add", arguments.clone()).await?;
        assert_eq!((status, kind(&by_rest)), (400, "invalid-arguments"), "{arguments}: {by_rest}");
        for name in names {
            assert!(message(&by_rest).contains(name), "{name}: {by_rest}");
        }
        assert!(!by_rest.to_string().contains("many-8d2f"), "the value is repeated: {by_rest}");
        assert!(by_rest["_meta"]["toolhost/error"]["next"].as_str().is_some_and(|next| next.contains("good__add")));
        for era in ERAS {
            let by_mcp = Mcp::connect(host.url(), era).await?.call("good__add", arguments.clone()).await?;
            assert_eq!(by_mcp["isError"], true, "{era:?}: {by_mcp}");
            assert_eq!(message(&by_mcp), message(&by_rest), "{era:?}");
        }
    }
    let (_, below_minimum) = host.call("good__sleep_ms", json!({ "milliseconds": -1 })).await?;
    assert!(
        message(&below_minimum).contains("`milliseconds`") && message(&below_minimum).contains('0'),
        "{below_minimum}"
    );
    Ok(())
}

#[tokio::test]
async fn the_plugin_does_not_run_when_its_arguments_do_not_fit() -> Result<()> {
    let host = good().await?;
    let (status, refused) = host.call("good__note", json!({ "message": "ran with too much", "more": 1 })).await?;
    assert_eq!((status, kind(&refused)), (400, "invalid-arguments"), "{refused}");
    let (status, _) = host.call("good__note", json!({ "message": "ran as it should" })).await?;
    assert_eq!(status, 200);
    crate::until("the log holds the note", || Ok(host.printed()?.contains("ran as it should"))).await?;
    assert!(!host.printed()?.contains("ran with too much"));
    Ok(())
}

#[tokio::test]
async fn arguments_that_are_no_object_are_refused_by_every_door() -> Result<()> {
    let host = good().await?;
    for arguments in [json!([1, 2]), json!("a"), json!(7), json!(null)] {
        let (status, answer) = host.call("good__add", arguments.clone()).await?;
        assert_eq!((status, kind(&answer)), (400, "invalid-arguments"), "{arguments}: {answer}");
    }
    for era in ERAS {
        for arguments in [json!([1, 2]), json!("a")] {
            let mut client = Mcp::connect(host.url(), era).await?;
            let response = client.send("tools/call", json!({ "name": "good__add", "arguments": arguments })).await?;
            let answer = response.json()?;
            assert_eq!(answer["error"]["code"], -32602, "{era:?} {arguments}: HTTP {} {answer}", response.status);
        }
    }
    Ok(())
}
