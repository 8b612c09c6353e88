//! A gateway on a Unix socket: who is on this machine, and asks by whatever name.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as StdListener;
use std::path::Path;

use tokio::net::UnixStream;

use crate::support::{Client, Gateway, Scripted, call, only_through_weir, result};

const EMPTY: &str = r#"{"resultType":"complete","content":[]}"#;

async fn server() -> Scripted {
    Scripted::answering(|request| result(&request.id(), EMPTY)).await
}

async fn client(path: &Path, host: &str) -> Client {
    Client::over(UnixStream::connect(path).await.expect("somebody listens"), host)
}

#[tokio::test]
async fn calls_go_over_a_socket_in_the_file_system_that_is_gone_afterwards() {
    only_through_weir!();
    let (server, home) = (server().await, tempfile::tempdir().expect("a temporary directory can be made"));
    let path = home.path().join("weir.sock");
    let address = format!("unix:{}", path.display());
    // One that was left behind.
    drop(StdListener::bind(&path).expect("a socket can be bound"));
    let weir = Gateway::to(&server.url()).listen(&address).start().await;
    assert_eq!(std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o660);
    let mut client = client(&path, "anything.example").await;
    assert_eq!(client.ask(&call("1", "echo", "{}")).await.text(), result("1", EMPTY));
    let page = call("2", "echo", "{}").header("Origin", "https://evil.example");
    assert_eq!(client.ask(&page).await.status(), 403, "a page is asked, whoever lets it in");
    let (code, why) = Gateway::to(&server.url()).listen(&address).refused().await;
    assert!(code == Some(1) && why.contains(&address) && why.contains("in use"), "{code:?} {why}");
    assert!(path.exists(), "who was refused has not taken it away");
    let log = weir.log().await;
    assert!(log.contains("peer=unix") || log.contains("\"peer\":\"unix\""), "{log}");
    assert!(!path.exists());
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    only_through_weir!();
    let home = tempfile::tempdir().expect("a temporary directory can be made");
    let path = home.path().join("weir.sock");
    std::fs::write(&path, "a file").expect("it can be written");
    let builder = Gateway::to("http://127.0.0.1:9/mcp").listen(&format!("unix:{}", path.display()));
    let (code, why) = builder.refused().await;
    assert!(code == Some(1) && why.contains("something is there that is no socket"), "{code:?} {why}");
    assert_eq!(std::fs::read(&path).expect("it is there"), b"a file");
}

#[tokio::test]
async fn a_unix_socket_that_is_handed_over_outlives_the_process() {
    only_through_weir!();
    let (server, home) = (server().await, tempfile::tempdir().expect("a temporary directory can be made"));
    let path = home.path().join("weir.sock");
    let socket = StdListener::bind(&path).expect("a socket can be bound");
    for id in ["1", "2"] {
        let handed = socket.try_clone().expect("a socket can be cloned");
        let weir = Gateway::to(&server.url()).listen("fd:weir").hand_over("weir", handed).start().await;
        assert_eq!(client(&path, "x").await.ask(&call(id, "echo", "{}")).await.text(), result(id, EMPTY));
        weir.stop().await;
        assert!(path.exists());
    }
}
