//! Commands that misbehave: a clear error for the calls in flight, and no harm to anybody else.

use serde_json::json;

use super::{Caller, INITIALIZE, gateway, messages, reason, said};
use crate::support::{Exposition, Gateway, call, legacy, modern, only_through_weir, until, within};

#[tokio::test]
async fn a_process_that_dies_fails_its_calls_and_no_others() {
    only_through_weir!();
    let weir = gateway(&[], "").await;
    let (mut one, mut other) = (Caller::open(&weir).await, Caller::open(&weir).await);
    // One that waits while another one kills the process.
    let waits = one.call("7", "echo", &json!({ "nonce": "n", "ms": 600_000 }));
    one.client.post(&waits).await;
    let mut killer = Caller { client: weir.client().await, session: one.session.clone() };
    let died = killer.ask("die", json!({ "status": 3 })).await;
    assert_eq!(reason(&died), "upstream_reset");
    let message = died["error"]["message"].as_str().unwrap();
    assert!(message.contains("exited with status 3"), "{message}");
    assert_eq!(
        (&died["error"]["data"]["accepted"], &died["error"]["data"]["retryable"]),
        (&json!("unknown"), &json!(false))
    );
    let waited = within("the other call", messages(&mut one.client)).await.pop().unwrap();
    assert_eq!((&waited["id"], reason(&waited)), (&json!(7), "upstream_reset"));
    // Its session is over: the client starts anew, and gets a new process.
    let lost = one.client.ask(&one.call("1", "echo", &json!({}))).await;
    assert_eq!(lost.status(), 404, "{lost:?}");
    assert_eq!(said(&other.ask("echo", json!({ "nonce": "still" })).await)["nonce"], "still");
    let mut again = Caller::open(&weir).await;
    assert_eq!(said(&again.ask("echo", json!({ "nonce": "again" })).await)["nonce"], "again");
    weir.stop().await;
}

#[tokio::test]
async fn a_shared_process_that_dies_is_started_again_and_its_sessions_go_on() {
    only_through_weir!();
    let weir = gateway(&[], "processes = { per = \"shared\" }").await;
    let (mut one, mut other) = (Caller::open(&weir).await, Caller::open(&weir).await);
    let before = said(&other.ask("echo", json!({})).await)["pid"].clone();
    assert_eq!(reason(&one.ask("die", json!({})).await), "upstream_reset");
    let after = said(&other.ask("echo", json!({ "nonce": "on" })).await);
    assert_eq!(after["nonce"], "on");
    assert_ne!(after["pid"], before);
    assert_eq!(said(&one.ask("echo", json!({ "nonce": "too" })).await)["nonce"], "too");
    weir.stop().await;
}

#[tokio::test]
async fn lines_that_are_no_messages_are_dropped_and_told() {
    only_through_weir!();
    let weir = gateway(&[], "").await;
    let mut caller = Caller::open(&weir).await;
    for line in ["Server started!", "\u{1b}[31mred", "", "null", "12"] {
        let answer = caller.ask("junk", json!({ "line": line, "nonce": "n" })).await;
        assert_eq!(said(&answer)["nonce"], "n", "{line:?}");
    }
    // What begins as a message may have been the answer: nobody waits for it in vain.
    let broken = caller.ask("junk", json!({ "line": "{\"jsonrpc\":\"2.0\",\"id\":", "nonce": "n" })).await;
    assert_eq!(reason(&broken), "upstream_bad_response");
    assert_eq!(said(&caller.ask("echo", json!({ "nonce": "on" })).await)["nonce"], "on");
    let log = weir.log().await;
    assert!(log.contains("wrote a line that is no message"), "{log}");
    assert!(!log.contains('\u{1b}'), "nothing of it reaches a terminal");
}

#[tokio::test]
async fn a_line_beyond_the_bound_ends_its_process_in_bounded_memory() {
    only_through_weir!();
    let weir = gateway(&[], "").await;
    let (mut one, mut other) = (Caller::open(&weir).await, Caller::open(&weir).await);
    let before = weir.resident();
    let long = one.ask("long", json!({ "bytes": 100 * 1024 * 1024 })).await;
    assert_eq!(reason(&long), "upstream_bad_response");
    assert!(weir.resident() < before + 64 * 1024, "{} KiB before, {} after", before, weir.resident());
    assert_eq!(said(&other.ask("echo", json!({ "nonce": "still" })).await)["nonce"], "still");
    weir.stop().await;
}

#[tokio::test]
async fn a_flood_waits_for_its_client_and_for_nobody_else() {
    only_through_weir!();
    let weir = gateway(&[], "").await;
    let (mut flooded, mut other) = (Caller::open(&weir).await, Caller::open(&weir).await);
    let flood = flooded.call("1", "flood", &json!({}));
    flooded.client.post(&flood).await;
    assert_eq!(within("the head of a flood", flooded.client.head()).await.status(), 200);
    // It is read for a while, then no more.
    for _ in 0..100 {
        assert!(flooded.client.message().await.expect("one of many").contains("xxx"));
    }
    for round in 0..50 {
        assert_eq!(said(&other.ask("echo", json!({ "nonce": round })).await)["nonce"], round);
    }
    let before = weir.resident();
    for round in 0..50 {
        assert_eq!(said(&other.ask("echo", json!({ "nonce": round })).await)["nonce"], round);
    }
    assert!(weir.resident() < before + 16 * 1024, "{} KiB before, {} after", before, weir.resident());
    drop(flooded.client);
    weir.stop().await;
}

#[tokio::test]
async fn a_process_that_does_not_start_is_told_and_neither_is_it_tried_without_end() {
    only_through_weir!();
    let weir = gateway(&["--die-at-start"], "").await;
    let answer = Caller::try_open(&weir).await;
    assert_eq!((answer.status(), answer.refusal().1.as_str()), (502, "upstream_reset"), "{answer:?}");
    assert!(answer.text().contains("exited with status 7"), "{answer:?}");
    let answer = Caller::try_open(&weir).await;
    assert_eq!((answer.status(), answer.refusal().1.as_str()), (503, "upstream_unavailable"), "{answer:?}");
    assert!(answer.head.header("retry-after").is_some());
    let log = weir.log().await;
    assert!(log.contains("this server never works"), "its standard error is in the log: {log}");
}

#[tokio::test]
async fn a_command_that_is_not_there_is_told_by_name() {
    only_through_weir!();
    let weir =
        Gateway::config("[[servers]]\nname = \"server\"\ncommand = [\"no-such-program-of-weir\"]\n").start().await;
    let answer = Caller::try_open(&weir).await;
    assert_eq!((answer.status(), answer.refusal().1.as_str()), (503, "upstream_unavailable"), "{answer:?}");
    let log = weir.log().await;
    assert!(log.contains("no-such-program-of-weir") && log.contains("PATH"), "{log}");
}

#[tokio::test]
async fn a_server_that_hangs_at_its_start_is_given_up() {
    only_through_weir!();
    let weir = gateway(&["--never-start"], "processes = { start = \"200ms\" }").await;
    let answer = Caller::try_open(&weir).await;
    assert_eq!(answer.refusal().1, "upstream_reset", "{answer:?}");
    assert!(answer.text().contains("initialize"), "{answer:?}");
    weir.stop().await;
}

/// Answers `initialize` once there is a file `go`.
const WAITS: &str = r#"read -r line; id=${line#*\"id\":}; id=${id%%,*}; : > begun; until [ -e go ]; do sleep 0.02; done
echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{}}}"; cat > /dev/null"#;

#[tokio::test]
async fn a_session_that_its_client_has_not_waited_for_ends_with_its_process() {
    only_through_weir!();
    let place = tempfile::tempdir().expect("a temporary directory can be made");
    let mut server = std::process::Command::new("sh");
    server.args(["-c", WAITS]).current_dir(place.path());
    let weir = Gateway::command(&server, "processes = { idle = \"1h\" }").start().await;
    let mut client = weir.client().await;
    client.post(&legacy("0", "initialize", INITIALIZE)).await;
    until("it starts", async || place.path().join("begun").exists()).await;
    drop(client);
    until("Weir knows that it left", async || weir.said().contains("method=initialize")).await;
    // What takes long to start, as what has to be fetched first, starts for the client that comes after this one.
    until("it still starts", async || processes(&weir).await == [1.0, 0.0]).await;
    std::fs::write(place.path().join("go"), "").expect("the directory can be written");
    until("nobody knows of it, and it ends", async || processes(&weir).await == [1.0, 1.0]).await;
    weir.stop().await;
}

/// How many were started, and how many have ended.
async fn processes(weir: &Gateway) -> [f64; 2] {
    let mut admin = weir.admin().await;
    admin.get("/metrics", &[]).await;
    let page = Exposition::parse(admin.answer().await.text());
    ["started", "ended"].map(|what| page.sum(&format!("weir_server_processes_{what}_total"), &[("server", "server")]))
}

#[tokio::test]
async fn more_callers_than_processes_wait_and_are_told() {
    only_through_weir!();
    let weir = gateway(&[], "processes = { limit = 2, wait = \"300ms\" }").await;
    let (one, two) = (Caller::open(&weir).await, Caller::open(&weir).await);
    let answer = Caller::try_open(&weir).await;
    assert_eq!((answer.status(), answer.refusal().1.as_str()), (503, "overloaded"), "{answer:?}");
    assert!(answer.text().contains("processes.limit"), "{answer:?}");
    // One that waits gets the place of one that leaves.
    let (third, left) = tokio::join!(Caller::try_open(&weir), async {
        let mut client = weir.client().await;
        client.without_body("DELETE", "/mcp", &[&format!("Mcp-Session-Id: {}", one.session)]).await;
        client.answer().await.status()
    });
    assert_eq!((third.status(), left), (200, 200), "{third:?}");
    drop(two);
    weir.stop().await;
}

#[tokio::test]
async fn a_session_that_nobody_uses_ends_with_its_process() {
    only_through_weir!();
    let weir = gateway(&[], "processes = { idle = \"1s\" }").await;
    let mut caller = Caller::open(&weir).await;
    let pid = said(&caller.ask("echo", json!({})).await)["pid"].as_u64().unwrap();
    let gone = || !std::path::Path::new(&format!("/proc/{pid}")).exists();
    until("the process has ended", async || gone()).await;
    let lost = caller.client.ask(&caller.call("1", "echo", &json!({}))).await;
    assert_eq!(lost.status(), 404, "{lost:?}");
    weir.stop().await;
}

#[tokio::test]
async fn whichever_way_it_ends_nothing_of_a_command_is_left() {
    only_through_weir!();
    for end in ["stop", "session", "death", "kill -9"] {
        let mut weir = gateway(&[], "").await;
        let mut caller = Caller::open(&weir).await;
        let forked = said(&caller.ask("fork", json!({})).await);
        let pids = [&forked["pid"], &forked["left"]].map(|pid| pid.as_u64().expect("a number"));
        let left = || pids.iter().filter(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists()).count();
        assert_eq!(left(), 2, "{forked}");
        match end {
            "stop" => {
                weir.terminate();
                assert!(weir.exit().await.success());
                assert_eq!(left(), 0, "they are gone before Weir is");
            }
            "session" => {
                let session = format!("Mcp-Session-Id: {}", caller.session);
                caller.client.without_body("DELETE", "/mcp", &[&session]).await;
                assert_eq!(caller.client.answer().await.status(), 200);
            }
            "death" => assert_eq!(reason(&caller.ask("die", json!({})).await), "upstream_reset"),
            _ => weir.kill().await,
        }
        until(&format!("nothing is left after {end}"), async || left() == 0).await;
    }
}

#[tokio::test]
async fn what_the_era_does_not_have_is_refused() {
    only_through_weir!();
    let weir = gateway(&[], "").await;
    let mut client = weir.client().await;
    let answer = client.ask(&legacy("1", "tools/list", "{}")).await;
    assert_eq!((answer.status(), answer.refusal().1.as_str()), (400, "session_required"), "{answer:?}");
    client.get("/mcp", &["Accept: text/event-stream"]).await;
    assert_eq!(client.answer().await.status(), 400);
    let answer = client.ask(&modern("\"a\"", "fail", "")).await;
    assert_eq!((answer.status(), answer.json()["id"].as_str()), (404, Some("a")), "{answer:?}");
    let answer = client.ask(&call("1", "echo", r#"{"nonce":"m"}"#)).await;
    assert_eq!(said(&answer.json())["nonce"], "m");
    let foreign = legacy("1", "tools/list", "{}").session("0000000000000001");
    assert_eq!(client.ask(&foreign).await.status(), 404);
    let again = legacy("2", "initialize", INITIALIZE);
    assert_eq!(client.ask(&again).await.status(), 200);
    weir.stop().await;
}
