//! The whole matrix: every official SDK, in its present generation and the one before, against servers on each.
//!
//! ```text
//! servers     the servers, each started once: legacy, modern, both
//! clients     the clients, and the programs that run them; `sdk_rust` and `inspector` run in or from this process
//! transcript  what a client saw, step by step, and how two of them are compared
//! faults      what stands between Weir and a server and spoils some answers
//! refusals    what Weir refuses, seen from every client
//! ```
//!
//! Each pair runs twice, directly and through Weir. What the client's SDK hands to its caller has to be the same, to the
//! wording of errors: also where the eras do not meet and the pair fails. The gate runs every client with every server;
//! `WEIR_LONG=1` adds the Inspector's further methods.

mod clients;
mod faults;
mod inspector;
mod refusals;
mod sdk_rust;
mod server_rust;
mod servers;
mod transcript;

use clients::{CLIENTS, Client, Run, ends};
use servers::{Server, Servers};
use transcript::{Pair, Transcripts};

use crate::support::{Gateway, only_through_weir};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_sees_every_server_as_it_is() {
    only_through_weir!();
    let servers = Servers::start().await;
    let weir = Gateway::config(&servers.configuration()).start().await;
    let address = weir.address();
    let mut runs = Vec::new();
    for client in CLIENTS {
        for server in servers.all() {
            for (way, url) in [("direct", server.url.clone()), ("weir", server.through(address))] {
                runs.push(Run { client, name: name(client, server, way), url, refusals: None });
            }
        }
    }
    let told = ends(runs).await;
    let faults: Vec<String> = pairs(&servers, &told).iter().flat_map(Pair::faults).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    weir.stop().await;
}

fn pairs<'a>(servers: &'a Servers, told: &'a Transcripts) -> Vec<Pair<'a>> {
    let all = CLIENTS.iter().flat_map(|client| servers.all().iter().map(move |server| (client, server)));
    all.map(|(client, server)| Pair {
        client,
        server,
        direct: told.of(&name(client, server, "direct")),
        weir: told.of(&name(client, server, "weir")),
    })
    .collect()
}

fn name(client: &Client, server: &Server, way: &str) -> String {
    format!("{} -> {} ({way})", client.name, server.name)
}
