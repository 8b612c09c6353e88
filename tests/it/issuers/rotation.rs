//! Keys that come and go while clients call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::{KEYS, Provider, answering, ask, config, metrics, status, token};
use crate::reload::reload;
use crate::support::{Client, Gateway, only_through_weir, until};
use crate::tokens::Issuer;

/// Clients that call all the time with a token each; whoever is refused fails the test.
struct Load {
    over: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    tasks: JoinSet<()>,
}

impl Load {
    fn new() -> Self {
        Self { over: Arc::default(), calls: Arc::default(), tasks: JoinSet::new() }
    }

    fn call(&mut self, weir: &Gateway, tokens: impl IntoIterator<Item = String>) {
        for token in tokens {
            let (over, calls, address) = (Arc::clone(&self.over), Arc::clone(&self.calls), weir.address());
            self.tasks.spawn(async move {
                let mut client = Client::connect(address).await;
                while !over.load(Ordering::Relaxed) {
                    let answer = ask(&mut client, &token).await;
                    assert_eq!(answer.status(), 200, "{answer:?}");
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    }

    /// Waits until so many more calls have been answered.
    async fn goes_on(&self, more: usize) {
        let then = self.calls.load(Ordering::Relaxed) + more;
        until("calls are answered", async || self.calls.load(Ordering::Relaxed) >= then).await;
    }

    async fn end(mut self) {
        self.over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("nobody was refused");
        }
    }
}

#[tokio::test]
async fn keys_are_rotated_without_a_failed_request() {
    only_through_weir!();
    let (server, old, new) = (answering().await, Issuer::new(1), Issuer::new(2));
    let provider = Provider::with(&[(&old, "old")]).await;
    // Every token is verified once, whatever happens to keys: more would be refused.
    let rest = "[http]\nunverified = \"17/h\"";
    let weir = Gateway::config(&config(&provider.url(), "keep = \"2s\"", &server.url(), rest)).start().await;
    let tokens = |key: &Issuer, id: &str| -> Vec<String> {
        (0..4).map(|at| token(&provider.url(), (key, id), &format!("{id}{at}"))).collect()
    };
    let mut load = Load::new();
    load.call(&weir, tokens(&old, "old"));
    load.goes_on(100).await;
    // Who comes with the new key comes before the set was renewed.
    provider.gives(&[(&old, "old"), (&new, "new")]);
    load.call(&weir, tokens(&new, "new"));
    load.goes_on(200).await;
    // A reload, and the set in another order, leave what is known.
    assert_eq!(reload(&weir).await.status(), 200);
    provider.gives(&[(&new, "new"), (&old, "old")]);
    let renewed = metrics(&weir).await.sum("weir_key_set_fetches_total", &[("outcome", "changed")]);
    until("it is renewed", async || {
        metrics(&weir).await.sum("weir_key_set_fetches_total", &[("outcome", "changed")]) > renewed
    })
    .await;
    load.goes_on(200).await;
    load.end().await;

    // What is withdrawn ends by the next renewal, and nothing else does.
    let [withdrawn, staying] = [(&old, "old"), (&new, "new")].map(|(key, id)| tokens(key, id).remove(0));
    provider.gives(&[(&new, "new")]);
    until("the old key is gone", async || status(&weir, &withdrawn).await == 401).await;
    let mut client = weir.client().await;
    assert_eq!(ask(&mut client, &staying).await.status(), 200);
    weir.stop().await;
}

#[tokio::test]
async fn a_reload_fetches_at_once() {
    only_through_weir!();
    let (server, old, new) = (answering().await, Issuer::new(1), Issuer::new(2));
    let provider = Provider::with(&[(&old, "1")]).await;
    let weir = Gateway::config(&config(&provider.url(), "", &server.url(), "")).start().await;
    let withdrawn = token(&provider.url(), (&old, "1"), "ann");
    assert_eq!(status(&weir, &withdrawn).await, 200);
    // The same name for another key: nothing that callers show has it fetched.
    provider.gives(&[(&new, "1")]);
    assert_eq!(status(&weir, &withdrawn).await, 200);
    assert_eq!(reload(&weir).await.status(), 200);
    until("the old key is gone", async || status(&weir, &withdrawn).await == 401).await;
    assert_eq!(status(&weir, &token(&provider.url(), (&new, "1"), "ann")).await, 200);
    weir.stop().await;
}

#[tokio::test]
async fn a_flood_of_unknown_keys_has_the_set_fetched_once() {
    only_through_weir!();
    let (server, key, stranger) = (answering().await, Issuer::new(1), Issuer::new(2));
    let provider = Provider::with(&[(&key, "1")]).await;
    let jwks = format!("jwks = \"{}{KEYS}\"", provider.url());
    let rest = "[http]\nunverified = \"1000000/s\"";
    let weir = Gateway::config(&config(&provider.url(), &jwks, &server.url(), rest)).start().await;
    until("the keys are there", async || {
        metrics(&weir).await.sum("weir_issuer_keys", &[("issuer", &provider.url())]) == 1.0
    })
    .await;
    assert_eq!(provider.asked(), [KEYS]);
    let mut clients = JoinSet::new();
    for client in 0..8 {
        let mut connection = weir.client().await;
        let tokens: Vec<_> = (0..50)
            .map(|at| {
                // Some name a key, and some none.
                let id = if at % 2 == 0 { format!("{client}-{at}") } else { String::new() };
                token(&provider.url(), (&stranger, &id), "eve")
            })
            .collect();
        clients.spawn(async move {
            for token in tokens {
                assert_eq!(ask(&mut connection, &token).await.status(), 401);
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    assert_eq!(provider.asked(), [KEYS], "400 forged tokens within 30 s are one fetch");
    assert_eq!(status(&weir, &token(&provider.url(), (&key, "1"), "ann")).await, 200);
    weir.stop().await;
}

#[tokio::test]
async fn strangers_keep_no_keeper_busy() {
    only_through_weir!();
    let (server, key, stranger) = (answering().await, Issuer::new(1), Issuer::new(2));
    let provider = Provider::with(&[(&key, "1")]).await;
    let rest = "[http]\nunverified = \"2/h\"";
    let weir = Gateway::config(&config(&provider.url(), "", &server.url(), rest)).start().await;
    let mut client = weir.client().await;
    assert_eq!(ask(&mut client, &token(&provider.url(), (&key, "1"), "ann")).await.status(), 200);
    let unknown = |id: &str| token(&provider.url(), (&stranger, id), "eve");
    assert_eq!(ask(&mut client, &unknown("2")).await.status(), 401);
    let refused = ask(&mut client, &unknown("3")).await;
    assert_eq!((refused.status(), refused.refusal().1.as_str()), (429, "rate_limited"));
    weir.stop().await;
}
