//! A thousand clients at once, all with the same id and the same token: nothing reaches another one.

use std::sync::{Arc, Mutex};

use tokio::{
    sync::{Barrier, oneshot},
    task::JoinSet,
};

use crate::support::{After, Client, Dice, Exchange, Gateway, Post, Scripted, call, count, legacy, result};

const CLIENTS: usize = 1_000;
/// So many answers are held back at a time, and leave in random order.
const HELD: usize = 64;

#[tokio::test]
async fn json_answers_reach_their_own_caller() {
    story(|nonce| call("1", "echo", &format!(r#"{{"nonce":"{nonce}"}}"#)), answer_as_json).await;
}

#[tokio::test]
async fn event_streams_reach_their_own_caller() {
    story(|nonce| call("1", "echo", &format!(r#"{{"nonce":"{nonce}"}}"#)), answer_as_stream).await;
}

#[tokio::test]
async fn legacy_answers_reach_their_own_caller() {
    let arguments = |nonce: &str| format!(r#"{{"name":"echo","arguments":{{"nonce":"{nonce}"}}}}"#);
    story(move |nonce| legacy("1", "tools/call", &arguments(nonce)), answer_as_json).await;
}

async fn story<R>(ask: impl Fn(&str) -> Post + Send + Sync + 'static, answer: fn(Exchange, String) -> R)
where
    R: Future<Output = After> + Send + 'static,
{
    let shuffle = Arc::new(Shuffle::new());
    let shuffler = Arc::clone(&shuffle);
    let server = Scripted::start(move |exchange| {
        let shuffler = Arc::clone(&shuffler);
        async move {
            let nonce = exchange.request.json()["params"]["arguments"]["nonce"].as_str().unwrap_or("").to_owned();
            shuffler.wait().await;
            answer(exchange, nonce).await
        }
    })
    .await;
    let weir = Gateway::to(&server.url()).start().await;

    let (ask, rounds, barrier) = (Arc::new(ask), count(100), Arc::new(Barrier::new(CLIENTS)));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let (ask, barrier, address) = (Arc::clone(&ask), Arc::clone(&barrier), weir.address());
        clients.spawn(async move {
            let mut client = Client::connect(address).await;
            for round in 0..rounds {
                barrier.wait().await;
                let nonce = format!("{number}-{round}");
                client.post(&ask(&nonce)).await;
                let head = client.head().await;
                assert_eq!(head.status(), 200, "{head:?}");
                let texts = if head.header("content-type") == Some("text/event-stream") {
                    let mut texts = Vec::new();
                    while let Some(message) = client.message().await {
                        texts.push(message);
                    }
                    texts
                } else {
                    let body = client.body().await.expect("a whole answer");
                    vec![String::from_utf8(body.to_vec()).expect("UTF-8")]
                };
                assert!(!texts.is_empty());
                for text in texts {
                    assert!(text.contains(&format!("\"{nonce}\"")), "client {number} was answered {text}");
                }
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.expect("every client got its own answers");
    }
    assert_eq!(shuffle.passed(), CLIENTS * rounds, "calls that the server saw");
    weir.stop().await;
}

async fn answer_as_json(exchange: Exchange, nonce: String) -> After {
    let id = exchange.request.id();
    exchange.json(result(&id, &format!(r#"{{"resultType":"complete","content":[],"nonce":"{nonce}"}}"#))).await
}

async fn answer_as_stream(exchange: Exchange, nonce: String) -> After {
    let id = exchange.request.id();
    let mut stream = exchange.stream().await;
    for step in 0..3 {
        let params = format!(r#"{{"progressToken":1,"progress":{step},"message":"{nonce}"}}"#);
        stream.event(&format!(r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{params}}}"#)).await;
        tokio::task::yield_now().await;
    }
    stream.event(&result(&id, &format!(r#"{{"resultType":"complete","content":[],"nonce":"{nonce}"}}"#))).await;
    stream.end().await
}

/// Holds calls back and lets them go in random order; lets all go when every client of a round has called.
struct Shuffle(Mutex<Held>);

struct Held {
    waiting: Vec<oneshot::Sender<()>>,
    arrived: usize,
    dice: Dice,
}

impl Shuffle {
    fn new() -> Self {
        Self(Mutex::new(Held { waiting: Vec::new(), arrived: 0, dice: Dice::new() }))
    }

    async fn wait(&self) {
        let (go, gone) = oneshot::channel();
        {
            let mut held = self.0.lock().expect("no panic while the lock is held");
            held.waiting.push(go);
            held.arrived += 1;
            let keep = if held.arrived.is_multiple_of(CLIENTS) { 0 } else { HELD };
            while held.waiting.len() > keep {
                let bound = held.waiting.len();
                let chosen = held.dice.below(bound);
                // A call whose connection has gone needs no word.
                let _ = held.waiting.swap_remove(chosen).send(());
            }
        }
        // The sender is only dropped with the whole shuffle.
        let _ = gone.await;
    }

    fn passed(&self) -> usize {
        self.0.lock().expect("no panic while the lock is held").arrived
    }
}
