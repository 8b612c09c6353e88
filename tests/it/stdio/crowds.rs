//! Many clients: each is answered, asked and told what is theirs, whoever shares a process with them.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::{Caller, gateway, messages, said};
use crate::support::{call, count, legacy, only_through_weir, within};

#[tokio::test]
async fn each_of_many_sessions_has_a_process_of_its_own() {
    only_through_weir!();
    let sessions = count(200);
    let weir = gateway(&[], "processes = { limit = 200, start = \"5m\" }").await;
    let mut callers = JoinSet::new();
    let weir = Arc::new(weir);
    for number in 0..sessions {
        let weir = Arc::clone(&weir);
        callers.spawn(async move {
            let mut caller = Caller::open(&weir).await;
            let mut pids = HashSet::new();
            for round in 0..5 {
                let nonce = format!("{number}-{round}");
                // Progress, log messages, a question and its answer, all under ids that everybody uses.
                let told = caller.told("count", json!({ "nonce": nonce, "count": 3 })).await;
                assert_eq!(told.len(), 4);
                let told_by: Vec<_> = told[..3].iter().map(|step| &step["params"]["message"]).collect();
                assert!(told_by.iter().all(|by| **by == nonce), "{told:?}");
                let told = caller.told("tell", json!({ "nonce": nonce, "count": 2 })).await;
                assert!(told[..2].iter().all(|log| log["params"]["data"] == nonce), "{told:?}");
                pids.insert(said(&told[2])["pid"].as_u64());
                question(&mut caller, &weir, &nonce).await;
            }
            assert_eq!(pids.len(), 1, "it stays the same process");
            pids.into_iter().next().unwrap()
        });
    }
    let mut pids = HashSet::new();
    while let Some(pid) = callers.join_next().await {
        assert!(pids.insert(pid.expect("every caller got its own")), "two sessions share a process");
    }
    assert_eq!(pids.len(), sessions);
    Arc::into_inner(weir).expect("all callers have gone").stop().await;
}

/// A tool asks its client, which answers on another connection.
async fn question(caller: &mut Caller, weir: &crate::support::Gateway, nonce: &str) {
    let ask = caller.call("1", "ask", &json!({ "nonce": nonce }));
    caller.client.post(&ask).await;
    assert_eq!(within("the head of a question", caller.client.head()).await.status(), 200);
    let asked = within("the question", caller.client.message()).await.expect("a question");
    let asked: serde_json::Value = serde_json::from_str(&asked).unwrap();
    assert_eq!((&asked["method"], &asked["params"]["message"]), (&json!("elicitation/create"), &json!(nonce)));
    let answer =
        json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "action": "accept", "content": { "of": nonce } } });
    let answer = legacy("1", "x", "{}").body(answer.to_string()).session(&caller.session);
    assert_eq!(weir.client().await.ask(&answer).await.status(), 202);
    let last = within("the answer", caller.client.message()).await.expect("an answer");
    let last = said(&serde_json::from_str(&last).unwrap());
    assert_eq!(last["answer"]["content"]["of"], *nonce);
    assert_eq!(caller.client.message().await, None);
}

#[tokio::test]
async fn a_thousand_clients_with_equal_ids_share_one_process() {
    only_through_weir!();
    // Each has two connections for a moment: one is on its way out when the next one comes.
    let room = "[http]\nconnections_per_address = 3000";
    let weir = gateway(&[], &format!("processes = {{ per = \"shared\" }}\n{room}")).await;
    let clients = count(1000).max(100);
    let (barrier, mut callers) = (Arc::new(Barrier::new(clients)), JoinSet::new());
    let weir = Arc::new(weir);
    for number in 0..clients {
        let (weir, barrier) = (Arc::clone(&weir), Arc::clone(&barrier));
        callers.spawn(async move {
            let mut caller = Caller::open(&weir).await;
            barrier.wait().await;
            let nonce = format!("nonce-{number}");
            for _ in 0..5 {
                let told = caller.told("count", json!({ "nonce": nonce, "count": 2 })).await;
                let steps = &told[..2];
                assert!(steps.iter().all(|step| step["params"]["message"] == nonce), "{told:?}");
                assert!(steps.iter().all(|step| step["params"]["progressToken"] == "t"), "{told:?}");
                assert_eq!((&told[2]["id"], &said(&told[2])["nonce"]), (&json!(1), &json!(nonce)));
            }
            // Nobody in particular can be asked: the server is told so, and the call comes to its end.
            let asked = caller.ask("ask", json!({ "nonce": nonce })).await;
            assert_eq!(said(&asked)["answer"]["code"], -32601);
            // Log messages could be anybody's, and reach nobody.
            assert_eq!(caller.told("tell", json!({ "nonce": nonce, "count": 2 })).await.len(), 1);
            said(&asked)["pid"].as_u64()
        });
    }
    let mut pids = HashSet::new();
    while let Some(pid) = callers.join_next().await {
        pids.insert(pid.expect("every caller got its own"));
    }
    assert_eq!(pids.len(), 1);
    Arc::into_inner(weir).expect("all callers have gone").stop().await;
}

#[tokio::test]
async fn callers_of_the_stateless_era_share_a_process_and_get_their_own() {
    only_through_weir!();
    let weir = gateway(&[], "processes = { per = \"shared\" }").await;
    let clients = count(1000).max(50);
    let mut callers = JoinSet::new();
    for number in 0..clients {
        let mut client = weir.client().await;
        callers.spawn(async move {
            for round in 0..5 {
                let nonce = format!("{number}-{round}");
                client.post(&call("1", "echo", &json!({ "nonce": nonce, "ms": 5 }).to_string())).await;
                let answer = within("an answer", messages(&mut client)).await.pop().unwrap();
                assert_eq!((&answer["id"], &said(&answer)["nonce"]), (&json!(1), &json!(nonce)));
            }
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.expect("every caller got its own");
    }
    weir.stop().await;
}
