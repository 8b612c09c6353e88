//! What Weir refuses, seen from every client: it reaches the caller as an error, at once, and the session lives on.
//!
//! One of the SDKs cannot do that where a refusal has the status that belongs to it: `DIES_OF_A_STATUS`.

use serde_json::Value;

use super::{
    clients::{CLIENTS, Client, Mode, Place, Program, Run, Story, ends},
    faults::Faults,
    steps::scenario,
    transcript::{Line, Transcripts},
};
use crate::support::{Client as Connection, Gateway, NodeServer, Scripted, only_through_weir};

/// What every client runs into in the middle of a session.
const REFUSALS: &[&str] =
    &["unavailable", "reset", "no http", "html", "no json", "other id", "cut", "cut stream", "ended stream", TOO_LARGE];
const TOO_LARGE: &str = "too large";
/// Further ones, where the client can be made to. Of a notification nobody hears, so a call follows it.
const MISMATCH: &str = "mismatch";
const NOTIFICATION: &str = "notification";

/// Clients that lose their session with any status but 2xx and 404: Python's SDK 1.x, and what stands on it.
const DIES_OF_A_STATUS: Program = Program::PythonBefore;

/// In milliseconds: no refusal takes as long, what hangs takes longer.
const HANG: u64 = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_reaches_every_client_and_the_session_lives_on() {
    only_through_weir!();
    let clients = CLIENTS.iter().filter(|client| client.program != Program::Inspector && client.mode != Mode::Auto);
    let runs: Vec<_> = clients.map(|client| (client, refusals(client))).collect();
    let (told, log) = Stage::with("", &runs).await;
    let mut wrong = Vec::new();
    for (client, refusals) in &runs {
        for refusal in refusals {
            wrong.extend(at_once(client, told.of(client.name), refusal));
            wrong.extend(lives_on(client, told.of(client.name), refusal));
        }
        if refusals.contains(&NOTIFICATION) {
            wrong.extend(was_lost(client, &log));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_status_ends_the_session_of_python_1() {
    only_through_weir!();
    let clients: Vec<_> = CLIENTS.iter().filter(|client| client.program == DIES_OF_A_STATUS).collect();
    for refusal in ["html", TOO_LARGE, NOTIFICATION] {
        let runs: Vec<_> = clients.iter().map(|&client| (client, vec![refusal])).collect();
        let (told, _) = Stage::with("legacy_status = \"table\"\n", &runs).await;
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
            let story = Story::Steps(scenario().into());
            runs.push(Run { client, name, place: Place::Url(url), story });
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
    if refusal == "unavailable" || refusal == NOTIFICATION {
        let address = control.trim_start_matches("http://").parse().expect("an address");
        let mut client = Connection::connect(address).await;
        client.bytes(format!("GET /{what} HTTP/1.1\r\nHost: control\r\n\r\n").as_bytes()).await;
        assert_eq!(client.answer().await.status(), 200);
    }
}

fn refusals(client: &Client) -> Vec<&'static str> {
    let mut refusals = REFUSALS.to_vec();
    if client.mode == Mode::Legacy {
        refusals.push(NOTIFICATION);
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

/// That a notification of the client was refused with a status that it takes for acceptance, and that operators know.
fn was_lost(client: &Client, log: &str) -> Option<String> {
    let route = format!("/{}/mcp", client.name);
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut told = lines.filter(|line| line["route"] == route && line["method"] == "notifications/progress");
    match told.next() {
        Some(line) if line["status"] == 202 && line["reason"] == "upstream_unavailable" => None,
        other => Some(format!("{}: its notification should have been refused with 202: {other:?}", client.name)),
    }
}

/// One server, and for each client a way to it of its own that can be spoiled.
struct Stage;

impl Stage {
    /// Plays it, with these lines under `[http]`; gives what the clients told, and Weir's log.
    async fn with(http: &str, runs: &[(&'static Client, Vec<&'static str>)]) -> (Transcripts, String) {
        let server = NodeServer::reference(&["--era", "dual"]).await;
        let log = "[telemetry]\nlog = { format = \"json\" }\n";
        let mut configuration = format!("{log}[http]\nbody = \"64KiB\"\n{http}");
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
            place: Place::Url(format!("http://{}/{}/mcp", weir.address(), client.name)),
            story: Story::Refusals(refusals.clone(), way.control()),
        };
        let told = ends(runs.iter().zip(&faults).map(run).collect()).await;
        let log = weir.log().await;
        for way in faults {
            way.stop().await;
        }
        (told, log)
    }
}
