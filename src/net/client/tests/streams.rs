//! Streaming answers: what leaves when, and that what is cut never looks whole.

use super::*;

#[tokio::test]
async fn a_head_does_not_wait_and_pieces_leave_as_they_come() {
    tell(patient(), |mut both| async move {
        both.send(&get("/stream")).await;
        let head = both.until("\r\n\r\n").await;
        assert!(head.contains("x-a: b\r\ntransfer-encoding: chunked\r\n"), "{head}");
        both.pieces.send(Piece::Bytes("one")).await.unwrap();
        both.until("3\r\none\r\n").await;
        both.pieces.send(Piece::Bytes("")).await.unwrap();
        both.pieces.send(Piece::Bytes("two")).await.unwrap();
        assert_eq!(both.until("two\r\n").await, "3\r\ntwo\r\n");
        both.pieces.send(Piece::Last("")).await.unwrap();
        assert_eq!(both.until("0\r\n\r\n").await, "0\r\n\r\n");
        assert_eq!(both.ends(), [End::Complete]);
    })
    .await;
}

#[tokio::test]
async fn what_is_all_there_leaves_in_one_write() {
    tell(patient(), |mut both| async move {
        both.send(&get("/bare")).await;
        both.client.readable().await.unwrap();
        let mut bytes = [0; 1024];
        let read = both.client.try_read(&mut bytes).unwrap();
        let came = String::from_utf8_lossy(&bytes[..read]);
        assert!(came.starts_with("HTTP/1.1 200 OK\r\n") && came.ends_with("\r\n\r\n0\r\n\r\n"), "{came:?}");
    })
    .await;
}

#[tokio::test]
async fn a_body_without_bytes_by_its_status_has_none() {
    tell(patient(), |mut both| async move {
        both.send(&(get("/now?no-content") + &get("/whole"))).await;
        let came = both.until("GET /whole ").await;
        assert!(came.starts_with("HTTP/1.1 204 No Content\r\nx-a: b\r\n\r\nHTTP/1.1 200 OK\r\n"), "{came}");
    })
    .await;
}

#[tokio::test]
async fn a_known_length_is_kept_to_the_byte() {
    tell(patient(), |mut both| async move {
        both.send(&get("/stream?3")).await;
        assert!(both.until("\r\n\r\n").await.contains("content-length: 3\r\n"));
        for piece in [Piece::Bytes("a"), Piece::Bytes("bc"), Piece::Bytes(""), Piece::Last("")] {
            both.pieces.send(piece).await.unwrap();
        }
        assert_eq!(both.until("abc").await, "abc");
        both.send(&get("/whole")).await;
        both.until("GET /whole ").await;
    })
    .await;
}

#[tokio::test]
async fn a_body_of_another_length_than_announced_never_looks_whole() {
    let short = || vec![Piece::Bytes("ab"), Piece::Last("")];
    let longer_at_once = || vec![Piece::Last("abcd")];
    let longer_later = || vec![Piece::Bytes("abc"), Piece::Last("d")];
    let longer_by_more = || vec![Piece::Bytes("abc"), Piece::Bytes("de")];
    let cut = || vec![Piece::Bytes("abc"), Piece::Cut];
    for pieces in [short(), longer_at_once(), longer_later(), longer_by_more(), cut()] {
        tell(patient(), |mut both| async move {
            both.send(&get("/stream?3")).await;
            both.until("\r\n\r\n").await;
            for piece in pieces {
                both.pieces.send(piece).await.unwrap();
            }
            let mut came = Vec::new();
            let _ = both.client.read_to_end(&mut came).await;
            assert!(came.len() < 3, "{:?}", String::from_utf8_lossy(&came));
            assert_eq!(both.ends(), [End::Cut]);
        })
        .await;
    }
}

#[tokio::test]
async fn a_cut_shows_in_every_framing() {
    tell(patient(), |mut both| async move {
        both.send(&get("/stream")).await;
        both.pieces.send(Piece::Bytes("abc")).await.unwrap();
        both.until("3\r\nabc\r\n").await;
        both.pieces.send(Piece::Cut).await.unwrap();
        assert_eq!(both.rest().await, "", "no last chunk");
    })
    .await;
    tell(patient(), |mut both| async move {
        both.send("GET /stream HTTP/1.0\r\nhost: a\r\n\r\n").await;
        both.pieces.send(Piece::Bytes("abc")).await.unwrap();
        both.until("\r\n\r\nabc").await;
        both.pieces.send(Piece::Cut).await.unwrap();
        assert!(both.is_reset().await, "a proper end would be the body's");
    })
    .await;
    tell(patient(), |mut both| async move {
        both.pieces.send(Piece::Cut).await.unwrap();
        both.send(&get("/stream")).await;
        let came = both.rest().await;
        assert!(came.starts_with("HTTP/1.1 502 "), "nothing had left: {came}");
        assert_eq!(both.ends(), [End::Cut]);
    })
    .await;
}

#[tokio::test]
async fn silence_is_filled_on_event_streams_alone() {
    let quick = Limits { keepalive: Duration::from_millis(10), ..patient() };
    tell(quick, |mut both| async move {
        both.send(&get("/stream?events")).await;
        both.until("\r\n\r\n").await;
        assert_eq!(both.until(":\n\n\r\n").await, "3\r\n:\n\n\r\n");
        both.until(":\n\n\r\n").await;
        both.pieces.send(Piece::Last("end")).await.unwrap();
        both.until("0\r\n\r\n").await;
    })
    .await;
    tell(quick, |mut both| async move {
        both.send(&get("/stream")).await;
        both.until("\r\n\r\n").await;
        // As long as a comment would take, by the same timers.
        tokio::time::sleep(Duration::from_millis(30)).await;
        both.pieces.send(Piece::Last("end")).await.unwrap();
        assert_eq!(both.until("0\r\n\r\n").await, "3\r\nend\r\n0\r\n\r\n");
    })
    .await;
}

/// A server's comments are not passed on: they are no sign of life to the client.
#[tokio::test]
async fn what_is_swallowed_fills_no_silence() {
    let quick = Limits { keepalive: Duration::from_millis(100), ..patient() };
    tell(quick, |mut both| async move {
        both.send(&get("/stream?events")).await;
        both.until("\r\n\r\n").await;
        let pieces = both.pieces.clone();
        let swallowed = async {
            loop {
                pieces.send(Piece::Bytes("")).await.unwrap();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            heard = both.until(":\n\n\r\n") => assert_eq!(heard, "3\r\n:\n\n\r\n"),
            () = swallowed => {}
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_is_seen_while_the_stream_waits() {
    tell(patient(), |mut both| async move {
        both.send(&get("/stream")).await;
        both.until("\r\n\r\n").await;
        let Both { client, served, script, pieces: _pieces, .. } = both;
        drop(client);
        served.await.unwrap();
        assert_eq!(*script.ends.borrow(), [End::ClientLeft]);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_is_seen_while_the_stream_is_written() {
    tell(patient(), |mut both| async move {
        let huge: &'static str = Box::leak("x".repeat(HUGE).into_boxed_str());
        both.send(&get("/stream")).await;
        both.until("\r\n\r\n").await;
        both.pieces.send(Piece::Bytes(huge)).await.unwrap();
        both.until("xxx").await;
        let Both { client, served, script, pieces: _pieces, .. } = both;
        drop(client);
        served.await.unwrap();
        assert_eq!(*script.ends.borrow(), [End::ClientLeft]);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_floods_a_stream_is_cut() {
    tell(patient(), |mut both| async move {
        both.send(&get("/stream")).await;
        both.until("\r\n\r\n").await;
        let flood = vec![b'x'; 128 * 1024];
        let _ = both.client.write_all(&flood).await;
        both.served.await.unwrap();
        assert_eq!(*both.script.ends.borrow(), [End::ClientLeft]);
    })
    .await;
}
