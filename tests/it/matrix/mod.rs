//! The whole matrix: every official SDK, in its present generation and the one before, against servers on each.
//!
//! ```text
//! servers     the servers, each started once: legacy, modern, both
//! clients     the clients, and the programs that run them; `sdk_rust` and `inspector` run in or from this process
//! steps       what a client does with a server, one list for the clients of all languages
//! transcript  what a client saw, step by step, and how two of them are compared
//! commands    the same with public servers that Weir starts, against the same client with the server on a pipe of its own
//! pipe        a server on a pipe, for the clients that run in this process
//! faults      what stands between Weir and a server and spoils some answers
//! refusals    what Weir refuses, seen from every client
//! ```
//!
//! Each pair runs twice, directly and through Weir. What the client's SDK hands to its caller has to be the same, to the
//! wording of errors: also where the eras do not meet and the pair fails. The gate runs every client with every server;
//! `WEIR_LONG=1` adds the Inspector's further methods.

mod clients;
mod commands;
mod faults;
mod inspector;
mod pipe;
mod refusals;
mod sdk_rust;
mod server_rust;
mod servers;
mod steps;
mod transcript;

use clients::{CLIENTS, Client, Place, Program, Run, Story, ends};
use servers::{Server, Servers};
pub(crate) use steps::{scenario, told};
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
                let (place, story) = (Place::Url(url), Story::Steps(scenario().into()));
                runs.push(Run { client, name: name(client, server, way), place, story });
            }
        }
    }
    let told = ends(runs).await;
    let faults: Vec<String> = pairs(&servers, &told).iter().flat_map(Pair::faults).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    weir.stop().await;
}

fn pairs<'a>(servers: &Servers, told: &'a Transcripts) -> Vec<Pair<'a>> {
    let all = CLIENTS.iter().flat_map(|client| servers.all().iter().map(move |server| (client, server)));
    all.map(|(client, server)| Pair {
        name: format!("{} -> {}", client.name, server.name),
        meets: client.meets(server.era),
        steps: if client.program == Program::Inspector { inspector::steps() } else { scenario() },
        shares: false,
        direct: told.of(&name(client, server, "direct")),
        weir: told.of(&name(client, server, "weir")),
    })
    .collect()
}

fn name(client: &Client, server: &Server, way: &str) -> String {
    format!("{} -> {} ({way})", client.name, server.name)
}
