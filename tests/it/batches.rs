//! Batches, which only 2025-03-26 has: whole and to the byte, or not at all.

use crate::support::{Answer, Gateway, Post, Scripted, only_through_weir};

const BATCH: &str = concat!(
    "[ {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"} ,\n",
    r#"{"jsonrpc":"2.0","method":"notifications/x","params":{"n":1e400}},{"id":"b","jsonrpc":"2.0","method":"ping"}]"#
);
const ANSWERS: &str = concat!(
    "[{\"jsonrpc\":\"2.0\",\"id\":\"b\",\"result\":{}} , ",
    r#"{"result":{"tools":[],"x":-0.0},"id":1,"jsonrpc":"2.0"} ]"#
);

#[tokio::test]
async fn a_batch_and_its_answers_pass_to_the_byte() {
    let server = Scripted::answering(|_| ANSWERS.into()).await;
    let weir = Gateway::to(&server.url()).start().await;
    // Without the header a message is of 2025-03-26.
    for post in [batch(BATCH), batch(BATCH).header("MCP-Protocol-Version", "2025-03-26")] {
        let answer = weir.client().await.ask(&post).await;
        assert_eq!((answer.status(), answer.text()), (200, ANSWERS));
        assert_eq!(server.request().await.body, BATCH);
    }
}

#[tokio::test]
async fn the_answers_to_a_batch_may_come_one_by_one() {
    let single = [r#"{"jsonrpc":"2.0","id":"b","result":{}}"#, r#"{"result":{ },"id":1,"jsonrpc":"2.0"}"#];
    let server = Scripted::start(move |exchange| async move {
        let mut stream = exchange.stream().await;
        stream.event(r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#).await;
        for answer in single {
            stream.event(answer).await;
        }
        stream.end().await
    })
    .await;
    let weir = Gateway::to(&server.url()).start().await;
    let mut client = weir.client().await;
    client.post(&batch(BATCH)).await;
    assert_eq!(client.head().await.status(), 200);
    assert!(client.message().await.expect("a notification").contains("notifications/message"));
    for answer in single {
        assert_eq!(client.message().await.as_deref(), Some(answer));
    }
    assert_eq!(client.message().await, None);
}

#[tokio::test]
async fn an_answer_that_nobody_in_the_batch_asked_for_does_not_pass() {
    only_through_weir!();
    let server = Scripted::answering(|_| ANSWERS.replace("\"b\"", "\"c\"")).await;
    let weir = Gateway::to(&server.url()).start().await;
    let answer = weir.client().await.ask(&batch(BATCH)).await;
    assert!(!answer.text().contains(r#""c""#), "{answer:?}");
}

#[tokio::test]
async fn what_is_no_good_batch_is_refused_whole() {
    only_through_weir!();
    let server = Scripted::answering(|_| ANSWERS.into()).await;
    let weir = Gateway::to(&server.url()).start().await;
    let one = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let many: Vec<_> = (0..51).map(|id| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#)).collect();
    let initialize = r#"{"jsonrpc":"2.0","id":2,"method":"initialize","params":{}}"#;
    for body in [
        "[]".to_owned(),
        format!("[{}]", many.join(",")),
        format!("[{one},{initialize}]"),
        format!("[{one},[{one}]]"),
        format!("[{one},7]"),
        format!("[{one},]"),
        format!(r#"[{one},{{"jsonrpc":"2.0","id":2,"method":"ping","method":"x"}}]"#),
    ] {
        let answer = weir.client().await.ask(&batch(&body)).await;
        refused(&answer, &body);
        assert!(server.waiting().is_empty(), "{body}");
    }
    for revision in ["2025-06-18", "2025-11-25", "2026-07-28"] {
        let answer = weir.client().await.ask(&batch(BATCH).header("MCP-Protocol-Version", revision)).await;
        assert_eq!(answer.status(), 400, "{revision}: {answer:?}");
        assert!(server.waiting().is_empty(), "{revision}");
    }
    let fifty = format!("[{}]", many[..50].join(","));
    weir.client().await.ask(&batch(&fifty)).await;
    assert_eq!(server.request().await.body, fifty);
}

/// Either the whole batch is refused with a status, or every answer in it is an error.
fn refused(answer: &Answer, what: &str) {
    match answer.status() {
        400 => assert!(answer.json()["error"]["code"].is_i64(), "{what}: {answer:?}"),
        200 => {
            let answers = answer.json();
            let answers = answers.as_array().unwrap_or_else(|| panic!("{what}: {answer:?}"));
            assert!(answers.iter().all(|answer| answer["error"]["code"].is_i64()), "{what}: {answer:?}");
        }
        other => panic!("{what}: {other} {answer:?}"),
    }
}

fn batch(body: &str) -> Post {
    Post::new(body)
}
