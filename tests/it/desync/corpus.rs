//! The requests of aws/http-desync-guardian, each with a probe behind it, through Weir to every server.

use std::{collections::BTreeMap, net::SocketAddr};

use tokio::task::JoinSet;

use super::{
    are_just,
    backends::{Backend, STACKS},
    forwarded,
    shapes::{Call, plain},
};
use crate::{
    http_desync::{Case, corpus},
    support::{Client, Gateway, only_through_weir},
};

#[tokio::test]
async fn no_server_sees_what_the_corpus_hides() {
    only_through_weir!();
    for stack in STACKS {
        let Some(cases) = corpus() else { return };
        let server = Backend::start(stack).await;
        let weir = Gateway::to(&server.url()).start().await;
        let mut tasks = JoinSet::new();
        for (number, case) in cases.into_iter().enumerate() {
            tasks.spawn(hold(case, number, weir.address()));
        }
        let answered: BTreeMap<_, _> = tasks.join_all().await.into_iter().flatten().map(|call| call.pair()).collect();
        assert!(answered.len() > 50, "{stack:?}: the corpus has compliant requests, and Weir goes on behind them");
        forwarded(&weir, answered.len()).await;
        weir.stop().await;
        are_just(server.seen().await, &answered);
    }
}

/// Sends a case in all its variants and gives the probes that were answered.
async fn hold(case: Case, number: usize, weir: SocketAddr) -> Vec<Call> {
    let (mut calls, host) = (Vec::new(), weir.to_string());
    for variant in 0.. {
        let call = Call::new(format!("{number}-{variant}"));
        let probe = plain(&call.nonce).header("Connection", "close").bytes(&host);
        let Some(bytes) = case.connections(&host, &probe).into_iter().nth(variant) else { return calls };
        let mut client = Client::connect(weir).await;
        client.bytes(&bytes).await;
        let told = String::from_utf8_lossy(&client.rest().await).replace(": ", ":");
        let is_answered = told.contains(&format!("\"id\":\"{}\"", call.nonce));
        let may_be = matches!(&*case.tier, "Compliant" | "Acceptable");
        assert!(may_be || !is_answered, "{}: {} was answered {told}", case.name, bytes.escape_ascii());
        assert_eq!(told.matches("\"result\"").count(), usize::from(is_answered), "{}: {told}", case.name);
        calls.extend(is_answered.then_some(call));
    }
    calls
}
