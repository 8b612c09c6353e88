//! Weir behind a proxy: both see the same requests, and no answer of one client reaches another.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::task::JoinSet;

use super::{
    are_just,
    backends::{Backend, STACKS, Stack},
    fronts::{Front, Kind},
    page,
    shapes::{Call, Shape, plain, shapes},
};
use crate::support::{Client, Gateway, only_through_weir, until};

/// Connections at a time; many of them wait for a limit of the proxy's.
const AT_ONCE: usize = 24;
/// Clients that ask plainly all the while.
const OTHERS: usize = 2;

#[tokio::test]
async fn nginx_and_weir_see_the_same_requests() {
    through(Kind::Nginx, 0).await;
}

#[tokio::test]
async fn nginx_at_its_loosest_and_weir_see_the_same_requests() {
    through(Kind::NginxLoose, 1).await;
}

#[tokio::test]
async fn haproxy_and_weir_see_the_same_requests() {
    through(Kind::Haproxy, 2).await;
}

#[tokio::test]
async fn haproxy_at_its_loosest_and_weir_see_the_same_requests() {
    through(Kind::HaproxyLoose, 3).await;
}

#[tokio::test]
async fn envoy_and_weir_see_the_same_requests() {
    through(Kind::Envoy, 3).await;
}

#[tokio::test]
async fn envoy_at_its_loosest_and_weir_see_the_same_requests() {
    through(Kind::EnvoyLoose, 0).await;
}

#[tokio::test]
async fn envoy_that_speaks_http2_and_weir_see_the_same_requests() {
    through(Kind::EnvoyHttp2, 1).await;
}

/// One stack in the gate, all of them in the long run.
async fn through(kind: Kind, turn: usize) {
    only_through_weir!();
    let stacks = if std::env::var_os("WEIR_LONG").is_some() { &STACKS[..] } else { &STACKS[turn..=turn] };
    for stack in stacks {
        story(kind, *stack).await;
    }
}

async fn story(kind: Kind, stack: Stack) {
    let server = Backend::start(stack).await;
    let http2 = kind == Kind::EnvoyHttp2;
    let section = format!("[[servers]]\nname = \"server\"\nendpoints = [{:?}]\n", server.url());
    let weir = Gateway::config(&format!("[listen]\nhttp2_prior_knowledge = {http2}\n{section}")).start().await;
    let front = Front::start(kind, weir.address()).await;
    let address = front.address();
    let shapes = Arc::new(shapes(&address.to_string()));
    let over = Arc::new(AtomicBool::new(false));

    let mut others = JoinSet::new();
    for number in 0..OTHERS {
        others.spawn(ask_on(address, number, Arc::clone(&over)));
    }
    let mut lanes = JoinSet::new();
    for lane in 0..AT_ONCE {
        let shapes = Arc::clone(&shapes);
        lanes.spawn(async move {
            let mut faults = Vec::new();
            for shape in shapes.iter().skip(lane).step_by(AT_ONCE) {
                faults.extend(hold(shape, address).await.err());
            }
            faults
        });
    }
    let faults: Vec<String> = lanes.join_all().await.into_iter().flatten().collect();
    over.store(true, Ordering::Relaxed);
    let others = others.join_all().await;
    assert!(faults.is_empty(), "{kind:?}: {} of {} shapes:\n{}", faults.len(), shapes.len(), faults.join("\n"));

    let counted = front.counted().await;
    let passed = |broken| {
        let counted = counted.iter().filter(|counted| counted.is_broken == broken);
        counted.map(|counted| counted.passed).sum::<usize>() as f64
    };
    let (whole, broken) = (passed(false), passed(true));
    let total = async || page(&weir).await.sum("weir_requests_total", &[]);
    until(&format!("{whole} requests ended"), async || total().await >= whole).await;
    let total = total().await;
    assert!(total <= whole + broken, "{kind:?} has passed on {whole} and {broken} that broke off, Weir saw {total}");
    weir.stop().await;

    // Whatever the proxy took for a call, and only that, is what the server saw.
    let mut bodies: BTreeMap<_, _> = shapes.iter().flat_map(|shape| shape.hidden.iter()).map(Call::pair).collect();
    bodies.extend(others.into_iter().flatten().map(|call| call.pair()));
    bodies.extend([Call::new("end".into()).pair()]);
    let answered = counted.iter().filter(|counted| counted.passed > 0 && counted.status.starts_with("200"));
    let answered: Vec<_> = answered.map(|counted| counted.nonce.clone()).collect();
    let calls: BTreeMap<_, _> = answered
        .iter()
        .map(|nonce| {
            (
                nonce.clone(),
                bodies.get(nonce).cloned().unwrap_or_else(|| panic!("{kind:?} counted {nonce:?}, which nobody sent")),
            )
        })
        .collect();
    assert_eq!(calls.len(), answered.len(), "{kind:?} counted one twice: {answered:?}");
    are_just(server.seen().await, &calls);
}

/// Sends a shape, and a call that ends the connection; whatever comes back answers these calls, each once, in order.
async fn hold(shape: &Shape, front: SocketAddr) -> Result<(), String> {
    let mut client = Client::connect(front).await;
    shape.send(&mut client).await;
    let host = front.to_string();
    client.bytes(&plain(&shape.last().nonce).header("Connection", "close").bytes(&host)).await;
    let text = String::from_utf8_lossy(&client.rest().await).replace(": ", ":");
    let ids: Vec<_> = text.split("\"id\":\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let mut own = shape.hidden.iter().map(|call| call.nonce.as_str());
    // Each is looked for behind the one before.
    if ids.iter().all(|id| own.any(|nonce| nonce == *id)) { Ok(()) } else { Err(format!("{ids:?} for {shape:?}")) }
}

/// Asks plainly until it is over, and gets its own answers.
async fn ask_on(front: SocketAddr, number: usize, over: Arc<AtomicBool>) -> Vec<Call> {
    let (mut client, mut calls) = (Client::connect(front).await, Vec::new());
    while !over.load(Ordering::Relaxed) {
        let call = Call::new(format!("other-{number}-{}", calls.len()));
        let answer = client.ask(&plain(&call.nonce)).await;
        assert_eq!((answer.status(), answer.json()["id"].as_str()), (200, Some(&*call.nonce)), "{answer:?}");
        calls.push(call);
    }
    calls
}
