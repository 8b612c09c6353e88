//! Answers against what the tool promises: counted, or refused; whole, in a stream, and of several calls.

use super::{answered, config, reached, until_counted};
use crate::support::{Gateway, Request, Scripted, call, only_through_weir, result};

pub(super) const TOOL: &str = r#"{"name":"weather","inputSchema":{},"outputSchema":{"type":"object","properties":{"degrees":{"type":"number"}},"required":["degrees"]}},{"name":"free","inputSchema":{}}"#;

/// Answers a call with what stands in its arguments, as a result.
fn echoing(request: &Request) -> String {
    match request.method().as_str() {
        "tools/list" => answered(request, TOOL),
        _ => result(&request.id(), request.json()["params"]["arguments"]["answer"].as_str().expect("what to answer")),
    }
}

fn asking(name: &str, answer: &str) -> crate::support::Post {
    call("1", name, &format!(r#"{{"answer":{}}}"#, serde_json::Value::from(answer)))
}

pub(super) const FITS: &str = r#"{"resultType":"complete","content":[],"structuredContent":{"degrees":21.5}}"#;
pub(super) const WRONG: &str = r#"{"resultType":"complete","content":[],"structuredContent":{"degrees":"s3cret"}}"#;

#[tokio::test]
async fn one_that_does_not_fit_is_refused_where_the_route_says_so() {
    only_through_weir!();
    let server = Scripted::answering(echoing).await;
    let weir = Gateway::config(&config(&server.url(), r#"validate_answers = "refuse""#)).start().await;
    let mut client = weir.client().await;
    let failed = r#"{"resultType":"complete","content":[],"isError":true}"#;
    let asks_back = r#"{"resultType":"input_required","requestState":"s","inputRequests":{}}"#;
    for fine in [FITS, failed, asks_back] {
        let answer = client.ask(&asking("weather", fine)).await;
        assert!(answer.status() == 200 && answer.json()["error"].is_null(), "{fine}: {answer:?}");
    }
    assert_eq!(client.ask(&asking("free", WRONG)).await.text(), result("1", WRONG), "it promises nothing");
    let twice = r#"{"resultType":"complete","content":[],"structuredContent":{"degrees":"x","degrees":1}}"#;
    let none = r#"{"resultType":"complete","content":[]}"#;
    let huge = r#"{"resultType":"complete","content":[],"structuredContent":{"degrees":1e400}}"#;
    for wrong in [WRONG, twice, none, huge] {
        let answer = client.ask(&asking("weather", wrong)).await;
        let (code, reason, accepted) = answer.refusal();
        assert_eq!((answer.status(), code, &*reason), (502, 50201, "upstream_bad_response"), "{wrong}");
        assert!(accepted == "unknown" && !answer.text().contains("s3cret"), "{answer:?}");
    }
    until_counted(&weir, "weir_answers_unfit_total", 4.0).await;
    assert_eq!(reached(&server).len(), 9, "one list, eight calls");
    weir.stop().await;
}

/// What cannot be looked at is no answer there: in a coding, or as the body of a failure.
#[tokio::test]
async fn no_status_and_no_coding_goes_around_it() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        let (text, method) = (echoing(&exchange.request), exchange.request.method());
        if method == "tools/list" {
            return exchange.json(text).await;
        }
        assert_eq!(exchange.request.header("accept-encoding"), Some("identity"));
        match text.contains("s3cret") {
            true => exchange.answer("500 Oh", "Content-Type: application/json\r\n", text).await,
            false => {
                exchange.answer("200 OK", "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "?").await
            }
        }
    })
    .await;
    let weir = Gateway::config(&config(&server.url(), r#"validate_answers = "refuse""#)).start().await;
    for answer in [FITS, WRONG] {
        let answer = weir.client().await.ask(&asking("weather", answer).header("Accept-Encoding", "gzip")).await;
        assert_eq!(answer.refusal().1, "upstream_bad_response", "{answer:?}");
        assert!(!answer.text().contains("s3cret"));
    }
    weir.stop().await;
}

#[tokio::test]
async fn one_that_does_not_fit_is_counted_and_passes_to_the_byte() {
    only_through_weir!();
    let server = Scripted::answering(echoing).await;
    let weir = Gateway::config(&config(&server.url(), r#"validate_answers = "count""#)).start().await;
    let mut client = weir.client().await;
    for answer in [FITS, WRONG, WRONG] {
        assert_eq!(client.ask(&asking("weather", answer)).await.text(), result("1", answer));
    }
    until_counted(&weir, "weir_answers_unfit_total", 2.0).await;
    // A tool that no list has may be called: nothing of it is promised.
    assert_eq!(client.ask(&asking("unlisted", WRONG)).await.text(), result("1", WRONG));
    weir.stop().await;
}

#[tokio::test]
async fn one_in_a_stream_gives_way_to_the_error() {
    only_through_weir!();
    let server = Scripted::start(|exchange| async move {
        let text = echoing(&exchange.request);
        if exchange.request.method() == "tools/list" {
            return exchange.json(text).await;
        }
        let mut stream = exchange.stream().await;
        stream
            .event(r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#)
            .await;
        stream.event(&text).await;
        stream.end().await
    })
    .await;
    let weir = Gateway::config(&config(&server.url(), r#"validate_answers = "refuse""#)).start().await;
    for (answer, fits) in [(FITS, true), (WRONG, false)] {
        let mut client = weir.client().await;
        client.post(&asking("weather", answer)).await;
        assert_eq!(client.head().await.status(), 200);
        assert!(client.message().await.expect("progress").contains("notifications/progress"));
        let last = client.message().await.expect("an answer");
        match fits {
            true => assert_eq!(last, result("1", answer)),
            false => assert!(last.contains("upstream_bad_response") && !last.contains("s3cret"), "{last}"),
        }
        assert_eq!(client.message().await, None, "there is one answer");
    }
    weir.stop().await;
}
