//! Bounds on time: what happens when they are passed, and who is never held to them. Nothing here asks how long it took.

use super::*;

const SHORT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn a_connection_without_a_request_is_closed_without_a_word() {
    let limits = Limits { idle: SHORT, ..patient() };
    tell(limits, |mut both| async move { assert_eq!(both.rest().await, "") }).await;
    tell(limits, |mut both| async move {
        both.send(&(get("/whole") + &get("/now"))).await;
        assert!(both.rest().await.ends_with("1\r\nb\r\n0\r\n\r\n"));
    })
    .await;
}

#[tokio::test]
async fn a_head_that_does_not_end_is_408() {
    let limits = Limits { head_timeout: SHORT, ..patient() };
    for (sound, begun) in [("", "GET / HTTP/1.1\r\nhost:"), ("/whole", "G"), ("/now", "GET / HTTP/1.1\r\nhost: a\r\n")]
    {
        tell(limits, |mut both| async move {
            let before = if sound.is_empty() { String::new() } else { get(sound) };
            both.send(&(before + begun)).await;
            let came = both.rest().await;
            assert_eq!(count(&came, "HTTP/1.1 408 "), 1, "{came}");
            assert_eq!(count(&came, "HTTP/1.1 200 "), usize::from(!sound.is_empty()), "{came}");
            assert_eq!(both.turned_away(), [(false, 408)]);
        })
        .await;
    }
}

#[tokio::test]
async fn a_body_that_drips_is_408_and_its_handler_is_dropped() {
    let limits = Limits { body_grace: SHORT, body_rate: 1000, ..patient() };
    tell(limits, |mut both| async move {
        both.send("POST /whole HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nbo").await;
        let came = both.rest().await;
        assert!(came.starts_with("HTTP/1.1 408 ") && count(&came, "HTTP/1.1") == 1, "{came}");
        assert_eq!((both.script.dropped.get(), both.turned_away()), (1, vec![(true, 408)]));
    })
    .await;
}

#[tokio::test]
async fn a_body_at_its_rate_may_take_its_time() {
    let limits = Limits { body_grace: SHORT, body_rate: 1, ..patient() };
    tell(limits, |mut both| async move {
        both.send("POST /whole HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nfirst").await;
        // Past the grace and several looks at the clocks: five bytes are enough for the first seconds.
        tokio::time::sleep(SHORT * 4).await;
        both.send("last").await;
        both.until("firstlast").await;
    })
    .await;
}

#[tokio::test]
async fn what_is_sent_ahead_may_wait_as_long_as_the_answer_does() {
    let limits = Limits { head_timeout: SHORT, body_grace: SHORT, body_rate: 1000, idle: SHORT, ..patient() };
    for ahead in ["", "GET / HT", "POST /whole HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbo"] {
        for path in ["/wait", "/stream"] {
            tell(limits, |mut both| async move {
                both.send(&(get(path) + ahead)).await;
                both.script.begun.notified().await;
                tokio::time::sleep(SHORT * 4).await;
                both.script.go.notify_one();
                both.pieces.send(Piece::Last("end")).await.unwrap();
                let came = both.until(if path == "/wait" { "GET /wait " } else { "0\r\n\r\n" }).await;
                assert_eq!(count(&came, "HTTP/1.1 200 "), 1, "{came}");
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let limits = Limits { write_stall: SHORT, ..patient() };
    tell(limits, |mut both| async move {
        both.send(&get("/huge")).await;
        (&mut both.served).await.unwrap();
        assert!(both.is_reset().await);
    })
    .await;
    tell(limits, |mut both| async move {
        let huge: &'static str = Box::leak("x".repeat(HUGE).into_boxed_str());
        both.pieces.send(Piece::Bytes(huge)).await.unwrap();
        both.send(&get("/stream")).await;
        (&mut both.served).await.unwrap();
        assert_eq!(both.ends(), [End::ClientLeft]);
        assert!(both.is_reset().await);
    })
    .await;
}

#[tokio::test]
async fn a_body_that_goes_on_behind_a_refusal_holds_nothing() {
    tell(patient(), |mut both| async move {
        both.send("POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n").await;
        both.until("early").await;
        // No limit of this connection is ever passed: the end is the refusal's own.
        (&mut both.served).await.unwrap();
    })
    .await;
}
