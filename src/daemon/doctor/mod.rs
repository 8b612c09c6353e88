//! What keeps Weir from serving here: the machine, its files, and the servers behind, each looked at and told in a line.
//!
//! ```text
//!  Settings --> keys, certificates, machine, ports     looked at at once          --> Finding
//!           --> store                                  asked once, nothing changed    --> Finding
//!           --> issuers                                each asked for its keys once    --> Finding
//!           --> endpoint --question--> era, report     32 at a time, each bounded --> Finding
//!                        their Date --> clock                                     --> Finding
//!           --> command --conversation--> era, report  4 at a time, each bounded  --> Finding
//! ```
//!
//! Nothing is changed: no file is made, an address is bound and given back, and a session that a server opened for the
//! question is ended. A command is started for the question and ended after it. A server is asked `server/discover` and `initialize` only, never a call of a client's.

mod certificates;
mod clock;
mod command;
mod conversation;
mod endpoint;
mod era;
mod finding;
mod http_date;
mod issuers;
mod keys;
mod machine;
mod ports;
mod question;
mod report;
mod shown;
mod store;

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Context;
use tokio::runtime::{Builder, Handle};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

use crate::config::{Server, Settings, Transport};
use crate::daemon::authorization::Around;
use crate::daemon::fetching;
use crate::net::grant::Runner;
use crate::net::process::Keeper;
use crate::net::upstream::Pool;

use endpoint::Examined;

pub use finding::{Finding, Verdict};

/// Endpoints that are asked at the same time.
const AT_ONCE: usize = 32;
/// Commands that run at the same time: what starts takes the machine's time, and is told how fast it was.
const COMMANDS_AT_ONCE: usize = 4;

/// Looks at everything that `weir run` with these settings would need. `progress` is called with how many of how many
/// endpoints have been asked, each time that changes.
///
/// # Errors
/// What kept it from looking at all.
pub fn examine(settings: &Settings, data: &Path, progress: impl Fn(usize, usize)) -> anyhow::Result<Vec<Finding>> {
    let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
    let local = LocalSet::new();
    let findings = local.block_on(&runtime, async {
        let mut findings = keys::examine(&settings.keys, &settings.admin, data);
        findings.extend(machine::examine(settings, data));
        findings.extend(ports::examine(settings, data).await);
        findings.extend(certificates::examine(settings));
        findings.extend(store::examine(&settings.store).await);
        findings.extend(issuers::examine(settings).await);
        let (servers, offsets) = servers(settings, progress).await;
        findings.extend(servers);
        findings.push(clock::examine(&offsets));
        findings
    });
    // A resolver that still waits for its answer is not waited for.
    runtime.shutdown_background();
    Ok(findings)
}

/// Every endpoint of every server and every command, in the order of the configuration, and how far their clocks are
/// from ours.
async fn servers(settings: &Settings, progress: impl Fn(usize, usize)) -> (Vec<Finding>, Vec<i64>) {
    let (pool, room) = (Rc::new(Pool::new(0, 0)), Arc::new(Semaphore::new(AT_ONCE)));
    // One that could not be started counts until it has been reaped, so the semaphore is what bounds them.
    let keeper = Keeper::new("/proc/self/exe", settings.servers.len().max(1) * 2, &Handle::current());
    let commands = Arc::new(Semaphore::new(COMMANDS_AT_ONCE));
    // It says no more than a token that is not given.
    let fetcher = if settings.servers.iter().any(Server::is_given_tokens) {
        fetching::fetcher(&settings.fetch).ok()
    } else {
        None
    };
    let (fetcher, runner) = (fetcher.map(Arc::new), Arc::new(Runner::default()));
    runner.run_here();
    let mut asking = JoinSet::new();
    // The questions are of streamable HTTP; a stream of 2024-11-05 is first opened for a client.
    for server in settings.servers.iter().filter(|server| server.transport == Transport::Http) {
        if server.command.is_some() {
            let (server, at) = (server.clone(), asking.len());
            let (keeper, room) = (keeper.clone(), Arc::clone(&commands));
            asking.spawn_local(async move {
                let _place = room.acquire_owned().await.expect("nobody closes the semaphore");
                let finding = command::examine(&keeper, &server).await;
                (at, finding.map(|finding| Examined { finding, offset: None }))
            });
        }
        for url in server.endpoints.iter().map(|endpoint| endpoint.url.clone()) {
            let (server, pool, room, at) = (server.clone(), Rc::clone(&pool), Arc::clone(&room), asking.len());
            let (fetcher, runner) = (fetcher.clone(), Arc::clone(&runner));
            asking.spawn_local(async move {
                let _place = room.acquire_owned().await.expect("nobody closes the semaphore");
                let around = Around { fetcher: fetcher.as_ref(), runner: &runner, before: None };
                (at, Some(endpoint::examine(&pool, &server, &url, &around).await))
            });
        }
    }
    let all = asking.len();
    let (mut done, mut examined): (usize, Vec<(usize, Examined)>) = (0, Vec::with_capacity(all));
    progress(done, all);
    while let Some(ended) = asking.join_next().await {
        let (at, found) = ended.expect("an examination neither panics nor is cancelled");
        examined.extend(found.map(|found| (at, found)));
        done += 1;
        progress(done, all);
    }
    examined.sort_by_key(|(at, _)| *at);
    let offsets = examined.iter().filter_map(|(_, examined)| examined.offset).collect();
    (examined.into_iter().map(|(_, examined)| examined.finding).collect(), offsets)
}
