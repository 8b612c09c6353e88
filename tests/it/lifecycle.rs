//! Start, health and end of the daemon.

use tokio::sync::watch;

use crate::support::{Client, Gateway, Scripted, call, only_through_weir, result, until};

#[tokio::test]
async fn sigterm_lets_calls_finish_and_takes_no_new_ones() {
    only_through_weir!();
    let (server, go) = held_server().await;
    let mut weir = Gateway::to(&server.url()).start().await;
    let mut idle = weir.client().await;
    let mut slow = weir.client().await;
    slow.post(&call("1", "echo", "{}")).await;
    server.request().await;
    idle.get("/nowhere", &[]).await;
    assert_eq!(idle.answer().await.status(), 404);
    weir.terminate();
    refuses_connections(&weir).await;
    idle.closed().await;
    go.send_replace(true);
    let answer = slow.answer().await;
    assert_eq!((answer.status(), answer.text()), (200, &*result("1", r#"{"resultType":"complete","content":[]}"#)));
    let status = weir.exit().await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a_second_sigterm_ends_at_once() {
    only_through_weir!();
    let (server, _go) = held_server().await;
    let config =
        format!("[drain]\ntimeout = \"1h\"\n[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n", server.url());
    let mut weir = Gateway::config(&config).start().await;
    let mut slow = weir.client().await;
    slow.post(&call("1", "echo", "{}")).await;
    server.request().await;
    weir.terminate();
    refuses_connections(&weir).await;
    weir.terminate();
    weir.exit().await;
    slow.closed().await;
}

#[tokio::test]
async fn a_drain_has_an_end() {
    only_through_weir!();
    let (server, _go) = held_server().await;
    let config =
        format!("[drain]\ntimeout = \"100ms\"\n[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n", server.url());
    let mut weir = Gateway::config(&config).start().await;
    let mut slow = weir.client().await;
    slow.post(&call("1", "echo", "{}")).await;
    server.request().await;
    weir.terminate();
    weir.exit().await;
}

#[tokio::test]
async fn it_says_where_it_listens_and_what_it_serves() {
    only_through_weir!();
    let (files, memory) = ("http://127.0.0.1:9/files", "http://127.0.0.1:9/memory");
    let weir = Gateway::to(&format!("files={files}")).and_to(&format!("memory={memory}")).start().await;
    // The federated endpoint does not exist yet, and says so.
    let answer = weir.client().await.ask(&call("1", "echo", "{}")).await;
    assert_eq!((answer.status(), answer.refusal().1.as_str()), (404, "route_not_found"), "{answer:?}");
    assert!(answer.text().contains("/NAME/mcp"), "{answer:?}");
    let answer = weir.client().await.ask(&call("1", "echo", "{}").path("/memory/mcp")).await;
    assert_eq!(answer.refusal().1, "upstream_unavailable");
    let mut lines = weir.routes().await;
    lines.sort_unstable();
    let served = [format!("/files/mcp -> files ({files})"), format!("/memory/mcp -> memory ({memory})")];
    assert_eq!([&lines[0], &lines[2]], served.each_ref());
    assert!(lines.len() == 3 && lines[1].starts_with("/mcp -> 404"), "{lines:?}");
}

#[tokio::test]
async fn it_tells_its_health() {
    only_through_weir!();
    let (server, _go) = held_server().await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut admin = weir.admin().await;
    for path in ["/healthz", "/readyz"] {
        admin.get(path, &[]).await;
        assert_eq!(admin.answer().await.status(), 200, "{path}");
    }
    admin.get("/mcp", &[]).await;
    assert_eq!(admin.answer().await.status(), 404, "the admin listener serves no MCP");
    let mut client = weir.client().await;
    client.get("/healthz", &[]).await;
    assert_eq!(client.answer().await.status(), 404, "the data listener tells nothing");
    // Being rebound to another name is refused on this side too.
    let mut admin = weir.admin().await;
    admin.bytes(b"GET /healthz HTTP/1.1\r\nHost: evil.example.com\r\n\r\n").await;
    let status = admin.answer().await.status();
    assert!(matches!(status, 403 | 421), "{status}");
}

#[tokio::test]
async fn it_does_not_open_to_the_world_without_credentials() {
    only_through_weir!();
    for address in ["0.0.0.0:0", "[::]:0"] {
        let (code, said) = Gateway::to("http://127.0.0.1:9/mcp").listen(address).refused().await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("loopback") && said.contains("auth"), "says what to do: {said}");
    }
}

#[tokio::test]
async fn a_wrong_command_line_is_refused_with_2() {
    only_through_weir!();
    for (arguments, word) in [
        (&["--wrong"][..], "--wrong"),
        (&["--to"], "--to"),
        (&["--to", "not a url"], "not a url"),
        (&["--to", "ftp://127.0.0.1/mcp"], "ftp"),
        (&["--to", "http://127.0.0.1:1/mcp", "--listen", "nowhere"], "nowhere"),
        (&["--config", "/does/not/exist.toml"], "/does/not/exist.toml"),
        (&[], "weir.toml"),
    ] {
        let (code, said) = Gateway::arguments(arguments).refused().await;
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(word), "{arguments:?} is not named: {said}");
    }
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_with_2_and_its_line() {
    only_through_weir!();
    let server = "[[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:9/mcp\"]\n";
    for (text, words) in [
        (format!("{server}[http]\nbodi = \"1MiB\"\n"), &["weir.toml:5", "bodi", "body"][..]),
        (format!("{server}[http]\nbody = 7\n"), &["weir.toml:5", "body"]),
        (format!("{server}era = \"ancient\"\n"), &["weir.toml:4", "ancient"]),
        (format!("{server}{server}"), &["files"]),
        ("[[servers]\n".into(), &["weir.toml:1"]),
        (String::new(), &["servers"]),
    ] {
        let (code, said) = Gateway::config(&text).refused().await;
        assert_eq!(code, Some(2), "{text}: {said}");
        assert!(words.iter().all(|word| said.contains(word)), "{words:?} are not all in: {said}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_no_silent_failure() {
    only_through_weir!();
    let taken = Scripted::answering(|_| String::new()).await;
    let (code, said) = Gateway::to("http://127.0.0.1:9/mcp").listen(&taken.address().to_string()).refused().await;
    assert!(matches!(code, Some(1..=3)), "{code:?}");
    assert!(said.contains(&taken.address().to_string()), "{said}");
}

/// A server that holds every answer back until it is told to go on.
async fn held_server() -> (Scripted, watch::Sender<bool>) {
    let (go, wait) = watch::channel(false);
    let server = Scripted::start(move |exchange| {
        let mut wait = wait.clone();
        async move {
            let text = result(&exchange.request.id(), r#"{"resultType":"complete","content":[]}"#);
            let _ = wait.wait_for(|go| *go).await;
            exchange.json(text).await
        }
    })
    .await;
    (server, go)
}

async fn refuses_connections(weir: &Gateway) {
    let address = weir.address();
    until("new connections are refused", async || Client::try_connect(address).await.is_none()).await;
}
