//! The harness of the behaviour tests: the real binary, real servers on Node, and servers and clients of raw bytes.
//!
//! ```text
//! Gateway     the real binary on free ports with a data directory of its own (or no gateway at all, see below)
//! NodeServer  the reference servers, on the Node that the tests bring along
//! Scripted    an MCP server in this process that answers with exactly the bytes it is told, when it is told
//! Client      an HTTP/1.1 client of raw bytes
//! Postgres    a real database server of the test's own
//! Exposition  a page of metrics, read strictly
//! ```
//!
//! `WEIR_IT_DIRECT=1` is the direct mode: `Gateway` hands out the server's own address and no binary is started. What
//! passes there and fails through Weir is Weir's fault. Tests about Weir itself return early (`only_through_weir!`).

mod client;
mod demo;
mod exposition;
mod gateway;
mod http;
mod messages;
mod node;
pub(crate) mod postgres;
mod process;
mod scripted;
mod sse;

use std::time::Duration;

pub(crate) use client::{Answer, Client};
pub(crate) use demo::Demo;
pub(crate) use exposition::Exposition;
pub(crate) use gateway::Gateway;
pub(crate) use messages::{Post, call, legacy, modern, notification, result};
pub(crate) use node::{NodeServer, node, node_lines, python};
pub(crate) use process::Process;
pub(crate) use scripted::{After, Exchange, Request, Scripted};
pub(crate) use sse::Event;

/// Ends a test that hangs, and says what it was waiting for. It decides nothing else: no test passes by being fast.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(90), future).await {
        Ok(value) => value,
        Err(_) => panic!("never happened: {what}"),
    }
}

/// Asks again until it is so: for what only another process can know.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    within(what, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// Whether the tests talk to the servers themselves, without Weir.
pub(crate) fn direct() -> bool {
    std::env::var_os("WEIR_IT_DIRECT").is_some()
}

/// Returns from a test about Weir itself when there is no Weir (direct mode).
macro_rules! only_through_weir {
    () => {
        if crate::support::direct() {
            eprintln!("direct mode: nothing to test without Weir");
            return;
        }
    };
}
pub(crate) use only_through_weir;

/// The full count in the long run (`WEIR_LONG=1`), a twentieth of it in the gate.
pub(crate) fn count(full: usize) -> usize {
    if std::env::var_os("WEIR_LONG").is_some() { full } else { full / 20 }
}

/// Numbers that look random and come again with the same `WEIR_SEED`, which a failing test's output names.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new() -> Self {
        let fresh = || u64::from(std::process::id()) ^ 0x9e37_79b9_7f4a_7c15;
        let seed = std::env::var("WEIR_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(fresh);
        eprintln!("WEIR_SEED={seed}");
        Self(seed | 1)
    }

    /// Other dice, which come again with the same seed as well.
    pub(crate) fn another(&mut self) -> Self {
        Self((self.below(1 << 30) as u64) << 20 | 1)
    }

    /// A number below `bound` (xorshift64*).
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}
