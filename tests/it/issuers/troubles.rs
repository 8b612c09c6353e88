//! Issuers that are away, slow, or say something else than the truth.

use serde_json::json;

use super::{KEYS, OAUTH, Provider, Said, answering, ask, config, metadata, metrics, readyz, set, status, token};
use crate::support::{Gateway, Scripted, only_through_weir, until};
use crate::tokens::Issuer;

#[tokio::test]
async fn keys_count_on_for_a_while_where_the_issuer_is_away_and_then_nothing_does() {
    only_through_weir!();
    let (server, key) = (answering().await, Issuer::new(1));
    let provider = Provider::with(&[(&key, "1")]).await;
    let weir = Gateway::config(&config(&provider.url(), "keep = \"3s\"", &server.url(), "")).start().await;
    let known = token(&provider.url(), (&key, "1"), "ann");
    assert_eq!(status(&weir, &known).await, 200);
    provider.says(|_| Said::Gone);
    until("it could not be fetched", async || {
        metrics(&weir).await.sum("weir_key_set_fetches_total", &[("outcome", "bad_answer")]) > 0.0
    })
    .await;
    assert!(weir.said().contains("the one before counts on"), "{}", weir.said());
    // Known or not: nothing is verified once nothing is kept, and nothing fails open.
    until("nothing is kept any more", async || status(&weir, &known).await == 503).await;
    let answer = ask(&mut weir.client().await, &token(&provider.url(), (&key, "1"), "bob")).await;
    assert_eq!(
        (answer.status(), answer.refusal().0, answer.refusal().1.as_str()),
        (503, 50301, "identity_unavailable")
    );
    assert!(answer.head.header("retry-after").is_some(), "{answer:?}");
    until("readyz names it", async || readyz(&weir).await["issuers_without_keys"] == json!([provider.url()])).await;
    provider.gives(&[(&key, "1")]);
    until("it is there again", async || status(&weir, &known).await == 200).await;
    let log = weir.log().await;
    assert!(log.contains("its tokens cannot be verified") && log.contains(&provider.url()), "{log}");
}

#[tokio::test]
async fn an_issuer_where_nobody_listens_harms_no_other() {
    only_through_weir!();
    let (server, key, other) = (answering().await, Issuer::new(1), Issuer::new(2));
    let nobody = Scripted::nobody().await.trim_end_matches("/mcp").to_owned();
    let (slow, provider) = (Provider::with(&[]).await, Provider::with(&[(&other, "1")]).await);
    slow.says(|_| Said::Silence);
    let section = |issuer: &Provider| format!("[[auth.jwt]]\nissuer = \"{}\"\n", issuer.url());
    let more = [section(&slow), section(&provider)].concat();
    let weir = Gateway::config(&config(&nobody, "", &server.url(), &more)).start().await;
    let (mut waiting, mut client) = (weir.client().await, weir.client().await);
    let of = |issuer: &str, key: &Issuer| token(issuer, (key, "1"), "ann");
    let (away, late) = (of(&nobody, &key), of(&slow.url(), &key));
    let waits = tokio::spawn(async move { (ask(&mut waiting, &late).await.status(), waiting) });
    until("the other is there", async || ask(&mut client, &of(&provider.url(), &other)).await.status() == 200).await;
    assert_eq!(ask(&mut client, &away).await.status(), 503);
    assert_eq!(waits.await.unwrap().0, 503, "who waits for a slow issuer is told so in the end");
    weir.stop().await;
}

#[tokio::test]
async fn what_is_no_key_set_of_the_issuers_is_not_taken() {
    only_through_weir!();
    let (server, key) = (answering().await, Issuer::new(1));
    let other = || metadata("https://other.example.com/", "https://other.example.com/keys");
    let fields = |media: &str| format!("Content-Type: {media}\r\n");
    let redirect = |to: &str| Said::Other("302 Found", format!("Location: {to}\r\n"), String::new());
    type Lie = Box<dyn Fn(&str, &str, String) -> Said + Send + Sync>;
    let good = set(&[(&key, "1")]);
    let lies: Vec<(&str, &str, Lie)> = vec![
        (
            "another issuer",
            "bad_answer",
            Box::new(move |path, _, set| match path {
                OAUTH => Said::Json(other()),
                KEYS => Said::Json(set),
                _ => Said::Gone,
            }),
        ),
        (
            "keys on a private net",
            "refused",
            Box::new(|path, url, _| match path {
                OAUTH => Said::Json(metadata(url, "https://10.1.2.3/keys")),
                _ => Said::Gone,
            }),
        ),
        (
            "keys without TLS",
            "refused",
            Box::new(|path, url, _| match path {
                OAUTH => Said::Json(metadata(url, "http://keys.example.com/keys")),
                _ => Said::Gone,
            }),
        ),
        (
            "a redirect to a private net",
            "refused",
            Box::new(move |path, url, _| match path {
                OAUTH => Said::Json(metadata(url, &format!("{url}{KEYS}"))),
                _ => redirect("https://169.254.169.254/latest/meta-data"),
            }),
        ),
        (
            "HTML",
            "bad_answer",
            Box::new(move |path, url, set| match path {
                OAUTH => Said::Json(metadata(url, &format!("{url}{KEYS}"))),
                _ => Said::Other("200 OK", fields("text/html"), set),
            }),
        ),
        (
            "1 MiB",
            "bad_answer",
            Box::new(|path, url, set| match path {
                OAUTH => Said::Json(metadata(url, &format!("{url}{KEYS}"))),
                _ => Said::Json(format!("{}{set}", " ".repeat(1 << 20))),
            }),
        ),
        (
            "a key twice",
            "bad_answer",
            Box::new(|path, url, set| match path {
                OAUTH => Said::Json(metadata(url, &format!("{url}{KEYS}"))),
                _ => Said::Json(set.replace("\"keys\"", "\"keys\":[],\"keys\"")),
            }),
        ),
        (
            "500",
            "bad_answer",
            Box::new(|path, url, set| match path {
                OAUTH => Said::Json(metadata(url, &format!("{url}{KEYS}"))),
                _ => Said::Other("500 Internal Server Error", "Content-Type: application/json\r\n".into(), set),
            }),
        ),
    ];
    for (what, word, lie) in lies {
        let provider = Provider::with(&[]).await;
        let (url, good) = (provider.url(), good.clone());
        provider.says(move |request| lie(request.path(), &url, good.clone()));
        let weir = Gateway::config(&config(&provider.url(), "", &server.url(), "")).start().await;
        let answer = ask(&mut weir.client().await, &token(&provider.url(), (&key, "1"), "ann")).await;
        assert_eq!((answer.status(), answer.refusal().1.as_str()), (503, "identity_unavailable"), "{what}: {answer:?}");
        until(&format!("{what}: {word} is counted"), async || {
            metrics(&weir).await.sum("weir_key_set_fetches_total", &[("outcome", word)]) > 0.0
        })
        .await;
        let log = weir.log().await;
        assert!(log.contains("could not be fetched"), "{what}: {log}");
    }
    assert!(server.waiting().is_empty(), "nothing of it reached the server");
}

#[tokio::test]
async fn an_empty_set_is_the_issuers_word_that_no_token_counts() {
    only_through_weir!();
    let (server, key) = (answering().await, Issuer::new(1));
    let provider = Provider::with(&[(&key, "1")]).await;
    let weir = Gateway::config(&config(&provider.url(), "keep = \"2s\"", &server.url(), "")).start().await;
    let token = token(&provider.url(), (&key, "1"), "ann");
    assert_eq!(status(&weir, &token).await, 200);
    provider.gives(&[]);
    until("no token counts", async || status(&weir, &token).await == 401).await;
    assert!(weir.said().contains("has no key that can be used"), "{}", weir.said());
    weir.stop().await;
}
