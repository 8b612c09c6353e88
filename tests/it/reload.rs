//! A configuration that changes while the daemon runs.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use serde_json::Value;
use tokio::sync::watch;

use crate::support::{
    Answer, Client, Gateway, Post, Request, Scripted, call, count, legacy, modern, only_through_weir, result, until,
};

/// A server that says its name.
async fn named(name: &'static str) -> Scripted {
    Scripted::answering(move |request: &Request| {
        result(&request.id(), &format!(r#"{{"resultType":"complete","content":[],"name":"{name}"}}"#))
    })
    .await
}

fn config(more: &str, servers: &[(&str, &str)]) -> String {
    let mut text = format!("{more}\n");
    for (name, url) in servers {
        text += &format!("[[servers]]\nname = {name:?}\nendpoints = [{url:?}]\n");
    }
    text
}

fn one(url: &str) -> String {
    config("", &[("files", url)])
}

/// Files do not reload by themselves: each test says when.
const BY_HAND: &str = "[reload]\nwatch = false";

async fn who(client: &mut Client) -> String {
    let answer = client.ask(&call("1", "echo", "{}")).await;
    answer.json()["result"]["name"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

pub(crate) async fn reload(weir: &Gateway) -> Answer {
    let mut admin = weir.admin().await;
    admin.bytes(&weir.order("POST", "/api/v1/reload", "")).await;
    admin.answer().await
}

async fn status(weir: &Gateway) -> Value {
    let mut admin = weir.admin().await;
    admin.bytes(&weir.order("GET", "/api/v1/status", "")).await;
    admin.answer().await.json()
}

async fn generation(weir: &Gateway) -> u64 {
    status(weir).await["generation"]["number"].as_u64().expect("there is one in force")
}

pub(crate) async fn reached(weir: &Gateway, wanted: u64) {
    until("the next generation is in force", async || generation(weir).await == wanted).await;
}

#[tokio::test]
async fn by_sighup_by_the_api_and_by_itself_where_the_file_changes() {
    only_through_weir!();
    let (one_server, other) = (named("one").await, named("other").await);
    let weir = Gateway::config(&format!("{BY_HAND}\n{}", one(&one_server.url()))).start().await;
    let mut client = weir.client().await;
    assert_eq!((who(&mut client).await.as_str(), generation(&weir).await), ("one", 1));

    weir.write(&format!("{BY_HAND}\n{}", one(&other.url())));
    weir.hang_up();
    reached(&weir, 2).await;
    assert_eq!(who(&mut client).await, "other", "a kept connection sees it as well");

    weir.write(&one(&one_server.url()));
    let answer = reload(&weir).await;
    assert_eq!((answer.status(), answer.json()["generation"]["number"].as_u64()), (200, Some(3)), "{answer:?}");
    assert_eq!(who(&mut client).await, "one");

    weir.write(&one(&other.url()));
    reached(&weir, 4).await;
    assert_eq!(who(&mut client).await, "other");
    let status = status(&weir).await;
    assert_eq!((&status["reload"]["ok"], &status["ready"]), (&true.into(), &true.into()), "{status}");
}

#[tokio::test]
async fn a_broken_file_changes_nothing_and_says_why() {
    only_through_weir!();
    let server = named("one").await;
    let weir = Gateway::config(&format!("{BY_HAND}\n{}", one(&server.url()))).start().await;
    let mut client = weir.client().await;
    for (text, word) in [
        ("[[servers]\n".to_owned(), "weir.toml:1"),
        (format!("{}[http]\nbodi = \"1MiB\"\n", one(&server.url())), "bodi"),
        (config("", &[("files", "https://127.0.0.1:1/mcp")]) + "tls = { ca = \"/does/not/exist.pem\" }\n", "exist.pem"),
        (config("[keys]\nring = { file = \"/does/not/exist.ring\" }", &[("files", &server.url())]), "exist.ring"),
        (config("[listen]\ncores = 0", &[("files", &server.url())]), "cores"),
        (config("[admin]\naddress = \"192.0.2.1:1\"", &[("files", &server.url())]), "192.0.2.1"),
    ] {
        weir.write(&text);
        let answer = reload(&weir).await;
        let error = answer.json()["error"].clone();
        let said = error["message"].as_str().unwrap_or("").to_owned();
        // `--admin` goes before the file: that one is right for this process.
        if word == "192.0.2.1" {
            assert_eq!(answer.status(), 200, "{answer:?}");
            continue;
        }
        assert_eq!((answer.status(), error["code"].as_str()), (422, Some("not_reloaded")), "{answer:?}");
        assert!(said.contains(word), "{word} is not in: {said}");
        let status = status(&weir).await;
        assert_eq!(status["generation"]["number"], 1, "{status}");
        assert!(status["reload"]["refused"].as_str().is_some_and(|why| why.contains(word)), "{status}");
        until("the log says it", async || weir.said().contains(word)).await;
        assert_eq!(who(&mut client).await, "one");
    }
}

#[tokio::test]
async fn an_included_file_that_was_refused_and_is_mended_in_place_is_seen() {
    only_through_weir!();
    let (server, directory) = (named("one").await, tempfile::tempdir().expect("a temporary directory"));
    let include = format!("include = [\"{}/*.toml\"]", directory.path().display());
    let weir = Gateway::config(&config(&include, &[("files", &server.url())])).start().await;
    let more = directory.path().join("more.toml");
    std::fs::write(&more, "[http]\nbodi = 1\n").expect("the directory can be written");
    until("it is refused", async || status(&weir).await["reload"]["ok"] == false).await;
    std::fs::write(&more, "[http]\nbody = \"1MiB\"\n").expect("the directory can be written");
    reached(&weir, 2).await;
}

#[tokio::test]
async fn what_runs_keeps_what_it_began_with() {
    only_through_weir!();
    let (go, wait) = watch::channel(false);
    let server = Scripted::start(move |exchange| {
        let mut wait = wait.clone();
        async move {
            let id = exchange.request.id();
            let mut stream = exchange.stream().await;
            stream.event(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}"#).await;
            let _ = wait.wait_for(|go| *go).await;
            stream.event(&result(&id, r#"{"resultType":"complete","content":[]}"#)).await;
            stream.end().await
        }
    })
    .await;
    let other = named("other").await;
    let weir = Gateway::config(&config("", &[("old", &server.url()), ("kept", &other.url())])).start().await;
    let mut client = weir.client().await;
    client.post(&call("1", "slow", "{}").path("/old/mcp")).await;
    client.head().await;
    assert!(client.message().await.is_some());

    weir.write(&one(&other.url()));
    assert_eq!(reload(&weir).await.status(), 200);
    let gone = weir.client().await.ask(&call("1", "slow", "{}").path("/old/mcp")).await;
    assert_eq!(gone.refusal().1, "route_not_found");
    go.send_replace(true);
    assert!(client.message().await.is_some_and(|text| text.contains("complete")), "the stream came to its end");
    assert!(client.body().await.is_ok());
    // Its connection is not kept for a server that is gone.
    server.open(0).await;
}

#[tokio::test]
async fn what_did_not_change_does_not_start_anew() {
    only_through_weir!();
    let list = r#"{"resultType":"complete","tools":[{"name":"sql","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}}],"ttlMs":0,"cacheScope":"private"}"#;
    let server = Scripted::start(move |exchange| async move {
        let id = exchange.request.id();
        match exchange.request.method().as_str() {
            "initialize" => {
                let text = result(&id, r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{}}"#);
                exchange.answer("200 OK", "Content-Type: application/json\r\nMcp-Session-Id: s-1\r\n", text).await
            }
            "tools/list" => exchange.json(result(&id, list)).await,
            _ => exchange.json(result(&id, r#"{"resultType":"complete","content":[]}"#)).await,
        }
    })
    .await;
    let weir = Gateway::config(&config("[listen]\ncores = 1", &[("files", &server.url())])).start().await;
    let mut client = weir.client().await;
    let session = client.ask(&legacy("1", "initialize", r#"{"protocolVersion":"2025-11-25"}"#)).await;
    let session = session.head.header("mcp-session-id").expect("a session").to_owned();
    let wrong = call("2", "sql", r#"{"region":"basel"}"#).header("Mcp-Param-Region", "bern");
    until("the tool is learnt", async || {
        client.ask(&modern("2", "tools/list", "")).await;
        client.ask(&wrong).await.status() == 400
    })
    .await;
    server.open(1).await;

    let another = named("another").await;
    weir.write(&config(
        "[http]\nbody = \"1MiB\"\n[listen]\ncores = 1",
        &[("another", &another.url()), ("files", &server.url())],
    ));
    assert_eq!(reload(&weir).await.status(), 200);
    server.open(1).await;
    let on = |post: Post| post.path("/files/mcp");
    assert_eq!(client.ask(&on(wrong)).await.status(), 400, "what was learnt is not forgotten");
    let listed = legacy("3", "tools/list", "{}").session(&session);
    // The session belongs to its path, which is another one now.
    assert_eq!(client.ask(&on(listed.clone())).await.status(), 404);
    weir.write(&config("[listen]\ncores = 1", &[("files", &server.url())]));
    assert_eq!(reload(&weir).await.status(), 200);
    assert_eq!(client.ask(&listed).await.status(), 200, "the session lives on");
    server.open(1).await;
    assert_eq!(generation(&weir).await, 3);
}

#[tokio::test]
async fn a_listener_that_moves_loses_nobody() {
    only_through_weir!();
    let server = named("one").await;
    let (free, next) = (free_address(), free_address());
    let at =
        |address: &str| config(&format!("[listen]\naddress = {address:?}\ncores = 2"), &[("files", &server.url())]);
    let weir = Gateway::config(&at(&free)).listening_by_file().start().await;
    let mut before = weir.client().await;
    assert_eq!(who(&mut before).await, "one");
    weir.write(&at(&next));
    assert_eq!(reload(&weir).await.status(), 200);
    assert!(Client::try_connect(free.parse().expect("an address")).await.is_none(), "the old one is closed");
    let mut after = Client::connect(next.parse().expect("an address")).await;
    assert_eq!(who(&mut after).await, "one");
    assert_eq!(who(&mut before).await, "one", "who was in stays in");
}

#[tokio::test]
async fn without_a_file_sighup_ends_it_as_a_terminal_that_closes_should() {
    only_through_weir!();
    let mut weir = Gateway::to("http://127.0.0.1:9/mcp").start().await;
    let answer = reload(&weir).await;
    assert_eq!(answer.status(), 422, "{answer:?}");
    weir.hang_up();
    assert_eq!(weir.exit().await.code(), Some(0));
}

#[tokio::test]
async fn reloads_under_load_fail_no_request() {
    only_through_weir!();
    let (one_server, other) = (named("one").await, named("other").await);
    let both = |first: &str| {
        let body = if first == one_server.url() { "4MiB" } else { "3MiB" };
        format!("{BY_HAND}\n{}", config(&format!("[http]\nbody = \"{body}\""), &[("files", first)]))
    };
    let weir = Gateway::config(&both(&one_server.url())).start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut loads = tokio::task::JoinSet::new();
    for client in 0..8 {
        let (address, stop) = (weir.address(), Arc::clone(&stop));
        loads.spawn(async move {
            let (mut asked, mut connection) = (0, Client::connect(address).await);
            while !stop.load(Ordering::Relaxed) {
                // Half of them come anew each time.
                if client % 2 == 0 {
                    connection = Client::connect(address).await;
                }
                let nonce = format!("\"{client}-{asked}\"");
                let answer = connection.ask(&call(&nonce, "echo", "{}")).await;
                assert_eq!((answer.status(), answer.json()["id"].to_string()), (200, nonce), "{answer:?}");
                asked += 1;
            }
            asked
        });
    }
    let reloads = count(100);
    for round in 0..reloads {
        let url = if round % 2 == 0 { other.url() } else { one_server.url() };
        weir.write("[[servers]\n");
        assert_eq!(reload(&weir).await.status(), 422);
        weir.write(&both(&url));
        let answer = reload(&weir).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        let wanted = if round % 2 == 0 { "other" } else { "one" };
        assert_eq!(who(&mut weir.client().await).await, wanted);
    }
    stop.store(true, Ordering::Relaxed);
    let asked: u32 = loads.join_all().await.into_iter().sum();
    assert_eq!(generation(&weir).await, reloads as u64 + 1);
    eprintln!("{reloads} reloads and as many broken files under {asked} requests");
    weir.stop().await;
}

/// A server that holds every answer back until it is told to go on.
async fn held() -> (Scripted, watch::Sender<bool>) {
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

#[tokio::test]
async fn a_read_that_hangs_holds_up_neither_commands_nor_the_end() {
    only_through_weir!();
    let (server, go) = held().await;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (ring, pipe) = (directory.path().join("keys/ring"), directory.path().join("pipe"));
    let configuration = config("", &[("files", &server.url())]);
    let mut weir = Gateway::config(&configuration).data(directory.path()).start().await;
    let mut client = weir.client().await;
    client.post(&call("1", "echo", "{}")).await;
    server.request().await;

    mknodat(CWD, &pipe, FileType::Fifo, 0o600.into(), 0).expect("a pipe can be made");
    std::fs::rename(&pipe, &ring).expect("the directory can be written");
    let mut asking = weir.admin().await;
    asking.bytes(&weir.order("POST", "/api/v1/reload", "")).await;
    // A pipe lets nobody write before somebody reads. As long as it is open the reading does not end.
    let mut writer = None;
    until("the pipe is read", async || {
        writer = open(&ring, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()).ok();
        writer.is_some()
    })
    .await;
    let mut admin = weir.admin().await;
    let body = r#"{"level":"debug"}"#;
    admin.bytes(&weir.order("PUT", "/api/v1/log", body)).await;
    assert_eq!(admin.answer().await.status(), 200, "another command is not held up");
    weir.terminate();
    let answer = asking.answer().await;
    assert_eq!((answer.status(), answer.json()["error"]["code"].as_str()), (503, Some("draining")), "{answer:?}");
    go.send_replace(true);
    assert_eq!(client.answer().await.status(), 200);
    assert_eq!(weir.exit().await.code(), Some(0));
    drop(writer);
}

#[tokio::test]
async fn a_read_that_hangs_is_given_up_and_done_again_when_it_can_be() {
    only_through_weir!();
    let server = named("one").await;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (ring, pipe) = (directory.path().join("keys/ring"), directory.path().join("pipe"));
    let configuration = config("", &[("files", &server.url())]);
    let weir = Gateway::config(&configuration).data(directory.path()).start().await;
    let kept = std::fs::read(&ring).expect("a ring was made");
    mknodat(CWD, &pipe, FileType::Fifo, 0o600.into(), 0).expect("a pipe can be made");
    std::fs::rename(&pipe, &ring).expect("the directory can be written");
    let answer = reload(&weir).await;
    let said = answer.json()["error"]["message"].as_str().unwrap_or("").to_owned();
    assert!(answer.status() == 422 && said.contains("has not ended within"), "{answer:?}");
    assert_eq!(who(&mut weir.client().await).await, "one");
    // Whoever reads the pipe comes to its end, and it is read again by itself: that hangs once more.
    let attempt = async || status(&weir).await["reload"]["at"].as_u64();
    let before = attempt().await;
    let writer = open(&ring, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty()).expect("somebody reads it");
    drop(writer);
    until("it is tried again", async || attempt().await > before).await;
    // A file in the place of the pipe is read, whatever still reads the pipe.
    let next = directory.path().join("next");
    std::fs::write(&next, kept).and_then(|()| std::fs::set_permissions(&next, Permissions::from_mode(0o600))).unwrap();
    std::fs::rename(&next, &ring).expect("the directory can be written");
    assert_eq!(reload(&weir).await.status(), 200);
    assert_eq!(who(&mut weir.client().await).await, "one");
}

#[tokio::test]
async fn cores_that_nothing_was_said_of_stay_as_many_as_they_were() {
    only_through_weir!();
    let server = named("one").await;
    let weir = Gateway::config(&format!("{BY_HAND}\n{}", one(&server.url()))).start().await;
    // One core less, or as many where there is but one.
    let narrowed = Command::new("taskset").args(["-apc", "0", &weir.id().to_string()]).output();
    let narrowed = narrowed.expect("taskset (util-linux) runs");
    assert!(narrowed.status.success(), "{narrowed:?}");
    assert_eq!(reload(&weir).await.status(), 200);
    let cores = std::fs::read_dir(format!("/proc/{}/task", weir.id())).expect("it runs").flatten();
    let names = cores.filter_map(|core| std::fs::read_to_string(core.path().join("comm")).ok());
    let given = std::thread::available_parallelism().expect("the machine tells").get();
    assert_eq!(names.filter(|name| name.starts_with("weir-core-")).count(), given);
}

/// An address on loopback where nobody listens now.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
    listener.local_addr().expect("a bound socket has an address").to_string()
}
