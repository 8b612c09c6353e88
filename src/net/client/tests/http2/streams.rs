//! Streaming answers: apart from each other, to their ends, and while Weir stops.

use super::*;

/// How a client of few bytes begins: it takes so many of an answer unasked.
async fn narrow(client: TcpStream, window: u32) -> Client {
    Client::over(client, h2::client::Builder::new().initial_window_size(window)).await
}

#[tokio::test]
async fn a_stream_comes_piece_by_piece_and_ends_as_its_source_does() {
    tell_h2(patient(), |mut client, told| async move {
        let mut answer = client.ask("POST", "/stream?events", Some("x")).await.unwrap();
        assert_eq!(answer.head.headers["x-a"], "b");
        assert!(!answer.head.headers.contains_key("content-length"), "its own is not the source's");
        for piece in ["one", "two"] {
            told.pieces.send(Piece::Bytes(piece)).await.unwrap();
            assert_eq!(answer.piece().await.unwrap().unwrap(), piece);
        }
        told.pieces.send(Piece::Last("three")).await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "three");
        let mut cut = client.ask("POST", "/stream", Some("x")).await.unwrap();
        told.pieces.send(Piece::Bytes("one")).await.unwrap();
        assert_eq!(cut.piece().await.unwrap().unwrap(), "one");
        told.pieces.send(Piece::Cut).await.unwrap();
        assert_eq!(cut.text().await.unwrap_err().reason(), Some(Reason::INTERNAL_ERROR));
        assert_eq!(told.ends(), [End::Complete, End::Cut]);
    })
    .await;
}

#[tokio::test]
async fn a_stream_of_known_length_is_that_long_or_cut() {
    for (pieces, whole) in [
        (&[Piece::Bytes("abc"), Piece::Last("d")][..], true),
        (&[Piece::Bytes("abcd"), Piece::Last("")], true),
        (&[Piece::Bytes("abcd"), Piece::Last("e")], false),
        (&[Piece::Last("abc")], false),
    ] {
        tell_h2(patient(), |mut client, told| async move {
            for piece in pieces {
                let piece = match piece {
                    Piece::Bytes(text) => Piece::Bytes(text),
                    Piece::Last(text) => Piece::Last(text),
                    Piece::Cut => Piece::Cut,
                };
                told.pieces.send(piece).await.unwrap();
            }
            let came = match client.ask("GET", "/stream?4", None).await {
                Ok(answer) if answer.head.status == StatusCode::OK => {
                    assert_eq!(answer.head.headers["content-length"], "4");
                    answer.text().await.is_ok_and(|text| text == "abcd")
                }
                // Nothing of it has left.
                _ => false,
            };
            assert_eq!(came, whole);
            assert_eq!(told.ends(), [if whole { End::Complete } else { End::Cut }]);
        })
        .await;
    }
}

#[tokio::test]
async fn a_source_that_fails_at_once_is_no_answer() {
    tell_h2(patient(), |mut client, told| async move {
        told.pieces.send(Piece::Cut).await.unwrap();
        let answer = client.ask("GET", "/stream", None).await.unwrap();
        assert_eq!(answer.head.status, StatusCode::BAD_GATEWAY);
        assert_eq!(told.ends(), [End::Cut]);
    })
    .await;
}

#[tokio::test]
async fn one_that_is_not_read_holds_up_no_other_and_is_reset_in_the_end() {
    tell_raw(patient(), |client, told| async move {
        let mut client = narrow(client, 100).await;
        let slow = client.ask("GET", "/huge", None).await.unwrap();
        let mut other = client.ask("GET", "/stream?events", None).await.unwrap();
        for _ in 0..100 {
            told.pieces.send(Piece::Bytes("event")).await.unwrap();
            assert_eq!(other.piece().await.unwrap().unwrap(), "event");
            assert_eq!(client.ask("GET", "/whole", None).await.unwrap().text().await.unwrap(), "GET http://a/whole ");
        }
        drop(slow);
    })
    .await;
    let limits = Limits { write_stall: Duration::from_millis(50), ..patient() };
    tell_raw(limits, |client, told| async move {
        let mut client = narrow(client, 3).await;
        let mut slow = client.ask("GET", "/stream", None).await.unwrap();
        told.pieces.send(Piece::Bytes("abcdef")).await.unwrap();
        let first = slow.body.data().await.unwrap().unwrap();
        assert_eq!(first, "abc");
        let end = slow.body.data().await.unwrap().unwrap_err();
        assert_eq!(end.reason(), Some(Reason::CANCEL));
        assert_eq!(told.ends(), [End::ClientLeft]);
    })
    .await;
}

#[tokio::test]
async fn silence_is_filled_on_each_event_stream() {
    let limits = Limits { keepalive: Duration::from_millis(10), ..patient() };
    tell_h2(limits, |mut client, told| async move {
        let mut one = client.ask("GET", "/stream?events", None).await.unwrap();
        let mut other = client.ask("GET", "/stream?events", None).await.unwrap();
        for _ in 0..3 {
            assert!(one.piece().await.unwrap().unwrap().starts_with(":\n\n"));
            assert!(other.piece().await.unwrap().unwrap().starts_with(":\n\n"));
        }
        assert_eq!(told.ends(), []);
    })
    .await;
}

#[tokio::test]
async fn what_is_swallowed_fills_no_silence() {
    let limits = Limits { keepalive: Duration::from_millis(100), ..patient() };
    tell_h2(limits, |mut client, told| async move {
        let mut answer = client.ask("GET", "/stream?events", None).await.unwrap();
        let pieces = told.pieces.clone();
        let swallowed = async {
            loop {
                pieces.send(Piece::Bytes("")).await.unwrap();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let heard = async {
            loop {
                let piece = answer.piece().await.unwrap().unwrap();
                if !piece.is_empty() {
                    return piece;
                }
            }
        };
        tokio::select! {
            heard = heard => assert_eq!(heard, ":\n\n"),
            () = swallowed => {}
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_leaves_is_noticed_stream_by_stream() {
    tell_h2(patient(), |mut client, told| async move {
        let answer = client.ask("GET", "/stream?events", None).await.unwrap();
        drop(answer);
        told.script.begun.notified().await;
        until(|| told.ends() == [End::ClientLeft]).await;
        let waiting = client.begin("POST", "/wait", Some("x")).await;
        told.script.begun.notified().await;
        drop(waiting);
        until(|| told.script.dropped.get() == 1).await;
        // With the connection go all of its streams.
        let _stream = client.ask("GET", "/stream?events", None).await.unwrap();
        let _waiting = client.begin("POST", "/wait", Some("x")).await;
        until(|| told.drain.open() == 3).await;
        client.driven.abort();
        until(|| told.served.is_finished()).await;
        assert_eq!((told.ends(), told.script.dropped.get()), (vec![End::ClientLeft, End::ClientLeft], 2));
        assert_eq!(told.drain.open(), 0);
    })
    .await;
}

#[tokio::test]
async fn draining_ends_what_is_endless_and_waits_for_the_rest() {
    tell_h2(patient(), |mut client, told| async move {
        let waiting = client.begin("POST", "/wait", Some("x")).await;
        let endless = client.ask("GET", "/stream?endless", None).await.unwrap();
        told.drain.begin();
        assert_eq!(endless.text().await.unwrap(), "bye");
        assert_eq!(told.ends(), [End::Drained]);
        assert!(!told.served.is_finished());
        told.script.go.notify_one();
        assert_eq!(Answer::of(waiting.await.unwrap()).text().await.unwrap(), "POST http://a/wait x");
        client.driven.await.unwrap().unwrap();
        assert!(!told.served.await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn what_still_runs_in_the_end_is_told_and_ended() {
    tell_h2(patient(), |mut client, told| async move {
        let waiting = client.begin("POST", "/wait", Some("x")).await;
        let stream = client.ask("GET", "/stream", None).await.unwrap();
        told.drain.begin();
        tokio::task::yield_now().await;
        assert_eq!(told.ends(), []);
        told.drain.cut();
        assert_eq!(waiting.await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(stream.text().await.unwrap(), "bye");
        client.driven.await.unwrap().unwrap();
        assert!(!told.served.await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn an_idle_connection_is_told_before_it_is_closed() {
    for (limits, drains) in [(Limits { idle: Duration::from_millis(50), ..patient() }, false), (patient(), true)] {
        tell_h2(limits, |mut client, told| async move {
            client.ask("GET", "/whole", None).await.unwrap().text().await.unwrap();
            if drains {
                told.drain.begin();
            }
            client.driven.await.unwrap().unwrap();
            assert!(!told.served.await.unwrap());
        })
        .await;
    }
}

#[tokio::test]
async fn a_connection_of_a_core_that_leaves_takes_nothing_new_and_its_streams_go_on() {
    tell_h2(patient(), |mut client, told| async move {
        let endless = client.ask("GET", "/stream?endless", None).await.unwrap();
        let waiting = client.begin("POST", "/wait", Some("x")).await;
        told.drain.leave();
        told.script.go.notify_one();
        assert_eq!(Answer::of(waiting.await.unwrap()).text().await.unwrap(), "POST http://a/wait x");
        assert_eq!((told.ends(), told.served.is_finished()), (vec![], false), "nothing is hurried");
        told.drain.begin();
        assert_eq!(endless.text().await.unwrap(), "bye");
        client.driven.await.unwrap().unwrap();
        assert!(!told.served.await.unwrap());
    })
    .await;
    tell_h2(patient(), |mut client, told| async move {
        client.ask("GET", "/whole", None).await.unwrap().text().await.unwrap();
        told.drain.leave();
        // It is told so first, and nothing is lost.
        client.driven.await.unwrap().unwrap();
        assert!(!told.served.await.unwrap());
    })
    .await;
}
