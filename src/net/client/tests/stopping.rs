//! Draining: what is idle ends at once, what has begun ends well.

use super::*;

#[tokio::test]
async fn an_idle_connection_ends_at_once() {
    for first in ["/whole", "/now"] {
        tell(patient(), |mut both| async move {
            both.send(&get(first)).await;
            both.until(if first == "/now" { "0\r\n\r\n" } else { "GET /whole " }).await;
            both.drain.begin();
            assert_eq!(both.rest().await, "");
            both.served.await.unwrap();
            assert_eq!(both.drain.open(), 0);
        })
        .await;
    }
}

#[tokio::test]
async fn a_client_that_has_just_connected_may_still_ask() {
    tell(patient(), |mut both| async move {
        tokio::task::yield_now().await;
        both.drain.begin();
        tokio::task::yield_now().await;
        both.send(&get("/whole")).await;
        let came = both.rest().await;
        assert!(came.contains("connection: close") && came.ends_with("GET /whole "), "{came}");
    })
    .await;
    // One that does not is not waited for for long.
    tell(patient(), |mut both| async move {
        both.drain.begin();
        assert_eq!(both.rest().await, "");
    })
    .await;
}

#[tokio::test]
async fn what_still_runs_in_the_end_is_told_and_ended() {
    tell(patient(), |mut both| async move {
        both.send(&get("/wait")).await;
        both.script.begun.notified().await;
        both.drain.begin();
        tokio::task::yield_now().await;
        both.drain.cut();
        let came = both.rest().await;
        assert!(came.starts_with("HTTP/1.1 503 ") && came.contains("connection: close"), "{came}");
    })
    .await;
    for (query, rest, end) in [("", "3\r\nbye\r\n0\r\n\r\n", End::Drained), ("?cut", "", End::Cut)] {
        tell(patient(), |mut both| async move {
            both.send(&get(&format!("/stream{query}"))).await;
            both.until("\r\n\r\n").await;
            both.drain.begin();
            tokio::task::yield_now().await;
            assert_eq!(both.ends(), []);
            both.drain.cut();
            assert_eq!(both.rest().await, rest);
            assert_eq!(both.ends(), [end]);
        })
        .await;
    }
    // Half a head, and a connection that waits for its first.
    for (begun, answer) in [("GET /wh", "HTTP/1.1 503 "), ("", "")] {
        tell(patient(), |mut both| async move {
            both.send(begun).await;
            tokio::task::yield_now().await;
            both.drain.begin();
            tokio::task::yield_now().await;
            both.drain.cut();
            let came = both.rest().await;
            assert!(came.starts_with(answer) && came.is_empty() == answer.is_empty(), "{came}");
            assert_eq!(both.turned_away().first(), (!answer.is_empty()).then_some(&(false, 503)));
        })
        .await;
    }
}

#[tokio::test]
async fn a_request_that_is_being_answered_is_the_last() {
    tell(patient(), |mut both| async move {
        both.send(&get("/wait")).await;
        both.script.begun.notified().await;
        both.drain.begin();
        both.script.go.notify_one();
        let came = both.rest().await;
        assert!(came.contains("connection: close") && came.ends_with("GET /wait "), "{came}");
    })
    .await;
}

#[tokio::test]
async fn a_head_that_has_begun_is_waited_for() {
    tell(patient(), |mut both| async move {
        let request = get("/whole");
        both.send(&request[..10]).await;
        tokio::task::yield_now().await;
        both.drain.begin();
        tokio::task::yield_now().await;
        both.send(&request[10..]).await;
        let came = both.rest().await;
        assert!(came.contains("connection: close") && came.ends_with("GET /whole "), "{came}");
    })
    .await;
}

#[tokio::test]
async fn a_request_in_the_backlog_is_answered() {
    // The connection is accepted and drained before anything was read of it: the kernel has its request.
    let send = |client: &TcpStream, drain: &Drain| {
        client.try_write(get("/whole").as_bytes()).unwrap();
        drain.begin();
    };
    tell_after(patient(), send, |mut both| async move {
        let came = both.rest().await;
        assert!(came.contains("connection: close") && came.ends_with("GET /whole "), "{came}");
    })
    .await;
    tell_after(patient(), |_, drain| drain.begin(), |mut both| async move { assert_eq!(both.rest().await, "") }).await;
}

#[tokio::test]
async fn endless_streams_end_and_others_come_to_their_end() {
    tell(patient(), |mut both| async move {
        both.send(&get("/stream?endless")).await;
        both.until("\r\n\r\n").await;
        both.drain.begin();
        assert_eq!(both.rest().await, "3\r\nbye\r\n0\r\n\r\n");
        assert_eq!(both.ends(), [End::Drained]);
    })
    .await;
    tell(patient(), |mut both| async move {
        both.send(&get("/stream")).await;
        both.until("\r\n\r\n").await;
        both.drain.begin();
        tokio::task::yield_now().await;
        both.pieces.send(Piece::Last("end")).await.unwrap();
        assert_eq!(both.rest().await, "3\r\nend\r\n0\r\n\r\n");
        assert_eq!(both.ends(), [End::Complete]);
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_begins_while_draining_says_that_it_is_the_last() {
    tell(patient(), |mut both| async move {
        both.send("POST /stream HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n").await;
        both.script.begun.notified().await;
        both.drain.begin();
        both.send("body").await;
        let head = both.until("\r\n\r\n").await;
        assert!(head.contains("connection: close"), "{head}");
        both.pieces.send(Piece::Last("end")).await.unwrap();
        assert_eq!(both.rest().await, "3\r\nend\r\n0\r\n\r\n");
    })
    .await;
}

#[tokio::test]
async fn a_connection_of_a_core_that_leaves_ends_with_its_next_answer_and_not_before() {
    for (asked, answered) in [("/whole", "connection: close"), ("/now", "onnection: close")] {
        tell(patient(), |mut both| async move {
            both.send(&get("/whole")).await;
            both.until("GET /whole ").await;
            both.drain.leave();
            let mut one = [0];
            let waits = tokio::time::timeout(LOOKS, both.client.read(&mut one)).await;
            assert!(waits.is_err(), "it is idle, and stays: {waits:?}");
            both.send(&get(asked)).await;
            let came = both.rest().await;
            assert!(came.starts_with("HTTP/1.1 200 ") && came.contains(answered), "{came}");
        })
        .await;
    }
    // What is idle for longer than its core waits is let go as when the daemon stops.
    tell(patient(), |mut both| async move {
        both.send(&get("/whole")).await;
        both.until("GET /whole ").await;
        both.drain.leave();
        tokio::task::yield_now().await;
        both.drain.begin();
        assert_eq!(both.rest().await, "");
    })
    .await;
}

#[tokio::test]
async fn a_stream_goes_on_while_its_core_leaves() {
    tell(patient(), |mut both| async move {
        both.send(&get("/stream?endless")).await;
        both.until("\r\n\r\n").await;
        both.drain.leave();
        both.pieces.send(Piece::Bytes("a")).await.unwrap();
        both.until("1\r\na\r\n").await;
        both.pieces.send(Piece::Last("b")).await.unwrap();
        both.until("1\r\nb\r\n0\r\n\r\n").await;
        // Its head had gone before that was known: the next answer is the last.
        both.send(&get("/whole")).await;
        let came = both.rest().await;
        assert!(came.contains("connection: close") && came.ends_with("GET /whole "), "{came}");
    })
    .await;
}

/// Longer than a connection that drains waits until it looks again.
const LOOKS: Duration = Duration::from_millis(600);
