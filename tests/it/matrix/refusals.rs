//! What Weir refuses, seen from every client: it reaches the caller as an error, at once, and the session lives on.
//!
//! Two of the SDKs cannot do that for a body that is too large, whoever refuses it with the status that belongs to it;
//! what they do instead stands in `DIES_OF_A_STATUS` and `WAITS_FOR_AN_ID`.

use super::{
    clients::{CLIENTS, Client, Mode, Program, Run, ends},
    faults::Faults,
    transcript::{Line, Transcripts},
};
use crate::support::{Client as Connection, Gateway, NodeServer, Scripted, only_through_weir};

/// What every client runs into in the middle of a session.
const REFUSALS: &[&str] =
    &["unavailable", "reset", "no http", "html", "no json", "other id", "cut", "cut stream", "ended stream"];
/// Further ones, where the client can be made to or can take it.
const TOO_LARGE: &str = "too large";
const MISMATCH: &str = "mismatch";

/// Clients that lose their session with any status but 2xx and 404: Python's SDK 1.x, and what stands on it.
const DIES_OF_A_STATUS: Program = Program::PythonBefore;
/// Clients that take an error without an id for nobody's, and wait on: a body that is too large is refused before its id
/// was read.
const WAITS_FOR_AN_ID: Program = Program::Rust;

/// In milliseconds: no refusal takes as long, what hangs takes longer.
const HANG: u64 = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_reaches_every_client_and_the_session_lives_on() {
    only_through_weir!();
    let clients = CLIENTS.iter().filter(|client| client.program != Program::Inspector && client.mode != Mode::Auto);
    let runs: Vec<_> = clients.map(|client| (client, refusals(client))).collect();
    let told = Stage::with("", &runs).await;
    let mut wrong = Vec::new();
    for (client, refusals) in &runs {
        for refusal in refusals {
            wrong.extend(at_once(client, told.of(client.name), refusal));
            wrong.extend(lives_on(client, told.of(client.name), refusal));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_ends_the_session_of_python_1() {
    only_through_weir!();
    let clients: Vec<_> = CLIENTS.iter().filter(|client| client.program == DIES_OF_A_STATUS).collect();
    for (how, refusal) in [("legacy_status = \"table\"\n", "html"), ("", TOO_LARGE)] {
        let runs: Vec<_> = clients.iter().map(|&client| (client, vec![refusal])).collect();
        let told = Stage::with(how, &runs).await;
        for (client, _) in &runs {
            // The transport dies, and with it, cancelled, whoever waits for an answer: the error comes out of either.
            let lines = told.of(client.name);
            assert!(lines.iter().any(|line| line.end.is_err()), "{}: no error: {lines:?}", client.name);
            assert!(lines.iter().all(|line| line.took < HANG), "{}: {lines:?}", client.name);
            // If this fails, the SDK has learned it: take it out of `DIES_OF_A_STATUS`.
            assert!(lives_on(client, lines, refusal).is_some(), "{} lives on", client.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_there_is_no_route_or_no_server_every_client_is_told_at_once() {
    only_through_weir!();
    let configuration = format!("[[servers]]\nname = \"down\"\nendpoints = [\"{}\"]\n", Scripted::nobody().await);
    let weir = Gateway::config(&configuration).start().await;
    let mut runs = Vec::new();
    for client in CLIENTS.iter().filter(|client| client.mode != Mode::Auto) {
        for path in ["down", "nowhere"] {
            let (name, url) = (format!("{} {path}", client.name), format!("http://{}/{path}/mcp", weir.address()));
            runs.push(Run { client, name, url, refusals: None });
        }
    }
    let told = ends(runs.clone()).await;
    for run in &runs {
        let lines = told.of(&run.name);
        // A client that asks for nothing when it connects, or says nothing when it ends, has not been refused yet.
        let met = lines.iter().find(|line| line.end.is_ok() && line.step != "connect" && line.step != "end");
        assert!(met.is_none() && lines.iter().any(|line| line.end.is_err()), "{}: {lines:?}", run.name);
        assert!(lines.iter().all(|line| line.took < HANG), "{}: {lines:?}", run.name);
    }
    weir.stop().await;
}

/// Closes or opens the door in front of the server, if `refusal` is about that.
pub(super) async fn steer(control: &str, refusal: &str, what: &str) {
    if refusal == "unavailable" {
        let address = control.trim_start_matches("http://").parse().expect("an address");
        let mut client = Connection::connect(address).await;
        client.bytes(format!("GET /{what} HTTP/1.1\r\nHost: control\r\n\r\n").as_bytes()).await;
        assert_eq!(client.answer().await.status(), 200);
    }
}

fn refusals(client: &Client) -> Vec<&'static str> {
    let mut refusals = REFUSALS.to_vec();
    if client.program != DIES_OF_A_STATUS && client.program != WAITS_FOR_AN_ID {
        refusals.push(TOO_LARGE);
    }
    // Headers are held against the body in the present era only; the Rust client's cannot be changed on their way.
    if client.mode == Mode::Modern && client.program != Program::Rust {
        refusals.push(MISMATCH);
    }
    refusals
}

fn at_once(client: &Client, lines: &[Line], refusal: &str) -> Option<String> {
    match lines.iter().find(|line| line.step == refusal) {
        Some(Line { end: Err(error), took, .. }) if *took < HANG => {
            println!("{}: {refusal} after {took} ms: {error}", client.name);
            None
        }
        Some(other) => Some(format!("{}: {refusal} should be an error at once: {other:?}", client.name)),
        None => Some(format!("{}: it did not come to {refusal}: {lines:?}", client.name)),
    }
}

fn lives_on(client: &Client, lines: &[Line], refusal: &str) -> Option<String> {
    match lines.iter().find(|line| line.step == format!("after {refusal}")) {
        Some(Line { end: Ok(result), .. }) if result.to_string().contains("grüße") => None,
        other => Some(format!("{}: the session should live on after {refusal}: {other:?}", client.name)),
    }
}

/// One server, and for each client a way to it of its own that can be spoiled.
struct Stage;

impl Stage {
    /// Plays it, with these lines under `[http]`.
    async fn with(http: &str, runs: &[(&'static Client, Vec<&'static str>)]) -> Transcripts {
        let server = NodeServer::reference(&["--era", "dual"]).await;
        let mut configuration = format!("[http]\nbody = \"64KiB\"\n{http}");
        let mut faults = Vec::new();
        for (client, _) in runs {
            let way = Faults::before(server.url()).await;
            let entry = format!("[[servers]]\nname = \"{}\"\nendpoints = [\"{}\"]\n", client.name, way.url());
            configuration.push_str(&entry);
            faults.push(way);
        }
        let weir = Gateway::config(&configuration).start().await;
        let run = |((client, refusals), way): (&(&'static Client, Vec<&'static str>), &Faults)| Run {
            client,
            name: client.name.into(),
            url: format!("http://{}/{}/mcp", weir.address(), client.name),
            refusals: Some((refusals.clone(), way.control())),
        };
        let told = ends(runs.iter().zip(&faults).map(run).collect()).await;
        weir.stop().await;
        for way in faults {
            way.stop().await;
        }
        told
    }
}
