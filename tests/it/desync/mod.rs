//! Requests that two readers could read differently: nobody before or behind Weir ever reads another one than Weir does.
//!
//! ```text
//! twists    the ways to twist a request, and how a strict reader reads each
//! shapes    a twisted request with a probe behind it, on a connection of its own
//! backends  servers on Node, hyper, uvicorn and Go that tell what they saw
//! fronts    nginx, HAProxy and Envoy before Weir
//! behind    the same shapes sent to those
//! corpus    the requests of aws/http-desync-guardian, through Weir to the same servers
//! answers   what servers may send that two readers could read differently
//! ```
//!
//! Every call has an id of its own. A probe that is a request of its own is answered and seen once; one that is not is
//! never seen by anybody.

mod answers;
mod backends;
mod behind;
mod corpus;
mod fronts;
mod shapes;
mod twists;

use std::{collections::BTreeMap, sync::Arc};

use tokio::task::JoinSet;

use self::{
    backends::{Backend, Seen, Stack},
    shapes::shapes,
};
use crate::support::{Exposition, Gateway, only_through_weir, until};

/// Connections at a time.
const AT_ONCE: usize = 8;

#[tokio::test]
async fn node_sees_what_weir_reads() {
    alone(Stack::Node).await;
}

#[tokio::test]
async fn hyper_sees_what_weir_reads() {
    alone(Stack::Hyper).await;
}

#[tokio::test]
async fn uvicorn_sees_what_weir_reads() {
    alone(Stack::Uvicorn).await;
}

#[tokio::test]
async fn go_sees_what_weir_reads() {
    alone(Stack::Go).await;
}

async fn alone(stack: Stack) {
    only_through_weir!();
    let server = Backend::start(stack).await;
    let weir = Gateway::to(&server.url()).start().await;
    let address = weir.address();
    let shapes = Arc::new(shapes(&address.to_string()));
    let mut tasks = JoinSet::new();
    for lane in 0..AT_ONCE {
        let shapes = Arc::clone(&shapes);
        tasks.spawn(async move {
            let mut held = Vec::new();
            for shape in shapes.iter().skip(lane).step_by(AT_ONCE) {
                held.push(shape.hold(address).await);
            }
            held
        });
    }
    let (answered, faults): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().flatten().partition(Result::is_ok);
    let faults: Vec<_> = faults.into_iter().filter_map(Result::err).collect();
    assert!(faults.is_empty(), "{} of {} shapes:\n{}", faults.len(), shapes.len(), faults.join("\n"));
    let answered: BTreeMap<_, _> = answered.into_iter().flatten().flatten().collect();
    forwarded(&weir, answered.len()).await;
    weir.stop().await;
    are_just(server.seen().await, &answered);
}

/// Waits until Weir says that it has passed on exactly so many requests.
async fn forwarded(weir: &Gateway, wanted: usize) {
    until(&format!("{wanted} requests passed on"), async || {
        page(weir).await.sum("weir_server_duration_seconds_count", &[]) >= wanted as f64
    })
    .await;
    assert_eq!(page(weir).await.sum("weir_server_duration_seconds_count", &[]), wanted as f64);
}

async fn page(weir: &Gateway) -> Exposition {
    let mut admin = weir.admin().await;
    admin.get("/metrics", &[]).await;
    Exposition::parse(admin.answer().await.text())
}

/// Each of the calls was seen once, as it was sent, and nothing else.
fn are_just(seen: Vec<Seen>, calls: &BTreeMap<String, String>) {
    let mut missing = calls.clone();
    for seen in seen {
        assert!(seen.is_plain(), "{seen:?}");
        let sent = missing.remove(&seen.nonce()).unwrap_or_else(|| panic!("nobody asked that, or not again: {seen:?}"));
        assert_eq!(String::from_utf8_lossy(&seen.body), sent);
    }
    assert!(missing.is_empty(), "never seen: {missing:?}");
}
