//! `concurrent`: a call counts from where it is let in to the end of its answer, however that comes.

use tokio::sync::watch;

use super::{behind, config, echo, is_refused, legacy_echo, limit};
use crate::reload::reload;
use crate::support::{Client, Gateway, Post, Scripted, modern, only_through_weir, result, until};

const PROGRESS: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}"#;

/// A server whose answers are event streams that end when they are told to; and what tells them.
async fn streaming() -> (Scripted, watch::Sender<bool>) {
    let (go, wait) = watch::channel(false);
    let server = Scripted::start(move |exchange| {
        let mut wait = wait.clone();
        async move {
            let id = exchange.request.id();
            if exchange.request.method() == "ping" {
                return exchange.json(result(&id, r#"{"resultType":"complete"}"#)).await;
            }
            let mut stream = exchange.stream().await;
            stream.event(PROGRESS).await;
            if stream.unless_gone(async { drop(wait.wait_for(|go| *go).await) }).await.is_none() {
                return stream.gone().await;
            }
            stream.event(&result(&id, r#"{"resultType":"complete","content":[]}"#)).await;
            stream.end().await
        }
    })
    .await;
    (server, go)
}

/// A call whose answer has begun.
async fn under_way(weir: &Gateway, post: &Post) -> Client {
    let mut client = weir.client().await;
    client.post(post).await;
    assert_eq!(client.head().await.status(), 200);
    assert!(client.message().await.expect("it begins").contains("progress"));
    client
}

async fn passes(weir: &Gateway) -> bool {
    !is_refused(&weir.client().await.ask(&modern("1", "ping", "")).await)
}

#[tokio::test]
async fn streams_hold_their_calls_until_they_have_ended() {
    only_through_weir!();
    let (server, go) = streaming().await;
    let weir = behind(&limit("principal", "concurrent = 2"), &server).await;
    let mut open = [under_way(&weir, &echo()).await, under_way(&weir, &legacy_echo()).await];
    for (post, status) in [(echo(), 429), (legacy_echo(), 200)] {
        let refused = weir.client().await.ask(&post).await;
        assert_eq!((refused.status(), refused.refusal().0), (status, 42901));
        assert_eq!(refused.head.header("retry-after"), Some("1"));
        assert_eq!(refused.head.header("ratelimit-policy"), Some("\"few\";q=2;qu=\"concurrent-requests\""));
        let text = refused.json()["error"]["message"].as_str().unwrap_or("").to_owned();
        assert!(text.contains("2 calls at once"), "{text}");
    }
    go.send_replace(true);
    for client in &mut open {
        while client.message().await.is_some() {}
    }
    until("both calls have ended", async || passes(&weir).await).await;
}

#[tokio::test]
async fn who_leaves_gives_back_what_they_held() {
    only_through_weir!();
    let (server, _go) = streaming().await;
    let weir = behind(&limit("principal", "concurrent = 1"), &server).await;
    for post in [echo(), legacy_echo()] {
        let open = under_way(&weir, &post).await;
        assert!(!passes(&weir).await);
        drop(open);
        // Of a legacy call the server is asked on, but nobody waits for it any more.
        until("the leaving is seen", async || passes(&weir).await).await;
    }
    // Nor does what never gets an answer hold anything.
    let mut client = weir.client().await;
    client
        .bytes(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
        .await;
    drop(client);
    assert!(passes(&weir).await);
}

#[tokio::test]
async fn a_server_that_fails_gives_the_call_back() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        match &*exchange.request.method() {
            "ping" => {
                let id = exchange.request.id();
                exchange.json(result(&id, r#"{"resultType":"complete"}"#)).await
            }
            _ => exchange.reset(),
        }
    })
    .await;
    let weir = behind(&limit("principal", "concurrent = 1"), &server).await;
    for _ in 0..3 {
        let failed = weir.client().await.ask(&echo()).await;
        assert_eq!(failed.refusal().1, "upstream_reset");
        assert!(passes(&weir).await, "the answer has come: its call has ended");
    }
}

#[tokio::test]
async fn calls_are_counted_on_over_a_reload() {
    only_through_weir!();
    let (server, go) = streaming().await;
    let weir = behind(&limit("principal", "concurrent = 2"), &server).await;
    let mut open = [under_way(&weir, &echo()).await, under_way(&weir, &echo()).await];
    weir.write(&config(&limit("principal", "concurrent = 2\nquota = \"900/hour\""), &server));
    assert_eq!(reload(&weir).await.status(), 200);
    assert!(!passes(&weir).await, "two are under way, as before");
    go.send_replace(true);
    for client in &mut open {
        while client.message().await.is_some() {}
    }
    until("both calls have ended", async || passes(&weir).await).await;
}
