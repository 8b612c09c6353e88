//! What Weir refuses, seen from every client: it reaches the caller as an error, at once, and the session lives on.

use super::{
    clients::{CLIENTS, Mode, Program, Run, ends},
    faults::Faults,
    transcript::Line,
};
use crate::support::{Gateway, NodeServer, only_through_weir};

/// What a client runs into in the middle of a session.
const REFUSALS: &[&str] = &[
    "too large",
    "unavailable",
    "reset",
    "no http",
    "html",
    "no json",
    "other id",
    "cut",
    "cut stream",
    "ended stream",
    "mismatch",
];

/// No refusal takes as long; what hangs takes longer. In milliseconds.
const HANG: u64 = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_reaches_every_client() {
    only_through_weir!();
    let server = NodeServer::reference(&["--era", "dual"]).await;
    let mut faults = Vec::new();
    let mut configuration = String::from("[http]\nbody = \"64KiB\"\n");
    let clients: Vec<_> =
        CLIENTS.iter().filter(|client| client.program != Program::Inspector && client.mode != Mode::Auto).collect();
    for client in &clients {
        let spoiler = Faults::before(server.url()).await;
        configuration.push_str(&format!(
            "[[servers]]\nname = \"{}\"\nendpoints = [\"{}\"]\n",
            client.name,
            spoiler.url()
        ));
        faults.push(spoiler);
    }
    let weir = Gateway::config(&configuration).start().await;
    let run = |(client, spoiler): (&&'static super::clients::Client, &Faults)| Run {
        client,
        name: client.name.into(),
        url: format!("http://{}/{}/mcp", weir.address(), client.name),
        refusals: Some((REFUSALS, spoiler.control())),
    };
    let told = ends(clients.iter().zip(&faults).map(run).collect()).await;
    let mut wrong = Vec::new();
    for client in &clients {
        wrong.extend(judged(client.name, told.of(client.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    weir.stop().await;
    for spoiler in faults {
        spoiler.stop().await;
    }
}

fn judged(client: &str, lines: &[Line]) -> Vec<String> {
    let mut wrong = Vec::new();
    for line in lines {
        println!("{client}: {} {} ms {:?}", line.step, line.took, line.end);
    }
    for refusal in REFUSALS {
        let told = |step: &str| lines.iter().find(|line| line.step == step);
        match told(refusal) {
            Some(Line { end: Err(_), took, .. }) if *took < HANG => {}
            other => wrong.push(format!("{client}: {refusal} should be an error at once: {other:?}")),
        }
        match told(&format!("after {refusal}")) {
            Some(Line { end: Ok(_), .. }) => {}
            other => wrong.push(format!("{client}: the session should live on after {refusal}: {other:?}")),
        }
    }
    wrong
}

/// Closes or opens the door, if `refusal` is about that.
pub(super) async fn steer(control: &str, refusal: &str, what: &str) {
    if refusal == "unavailable" {
        let address = control.trim_start_matches("http://").parse().expect("an address");
        let mut client = crate::support::Client::connect(address).await;
        client.bytes(format!("GET /{what} HTTP/1.1\r\nHost: control\r\n\r\n").as_bytes()).await;
        assert_eq!(client.answer().await.status(), 200);
    }
}
