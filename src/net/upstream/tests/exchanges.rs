//! Whole exchanges: head, chunks and whole bodies, interrupted at any point.

use super::*;

#[tokio::test]
async fn a_small_request_leaves_in_one_write_and_its_answer_comes_whole() {
    let pool = Pool::new(1, 4);
    let (mut connection, mut peer) = Server::new().await.meet(&pool).await;
    assert!(!connection.reused() && !connection.sent_any());
    connection.queue(|head| head.extend_from_slice(HEAD.as_bytes()), Bytes::from_static(b"{}"));
    assert!(!connection.sent_any());
    connection.flush().await.expect("the server listens");
    assert!(connection.sent_any());
    // One read on the other side brings all of it.
    let mut space = [0; 1000];
    let read = peer.socket.read(&mut space).await.expect("the request came");
    assert_eq!(&space[..read], format!("{HEAD}{{}}").as_bytes());

    peer.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nMcp-Session-Id: s\r\n\r\nhello").await;
    let (head, body) = answer(&mut connection).await.expect("an answer");
    assert_eq!(head.headers["mcp-session-id"], "s");
    assert_eq!(body, "hello");
    assert!(connection.is_done());
}

#[tokio::test]
async fn an_answer_split_anywhere_and_interrupted_there_is_the_same() {
    let texts = [
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 11\r\nA: b\r\n\r\nhello world",
        "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x\r\n world\r\n0\r\nT: t\r\n\r\n",
    ];
    let (pool, mut connection, mut peer) = asked().await;
    for (text, at) in texts.iter().flat_map(|text| (0..text.len()).map(move |at| (text, at))) {
        let (first, second) = text.split_at(at);
        peer.say(first).await;
        // The future is dropped at whatever point it has come to.
        let mut head = poll_once(connection.head(&Method::POST)).await.transpose().expect("sound so far");
        tokio::task::yield_now().await;
        if head.is_none() {
            head = poll_once(connection.head(&Method::POST)).await.transpose().expect("sound so far");
        }
        if head.is_some() {
            assert!(poll_once(connection.whole(100)).await.is_none(), "its end has not been sent");
        }
        peer.say(second).await;
        let head =
            if let Some(head) = head { head } else { soon(connection.head(&Method::POST)).await.expect("a head") };
        assert_eq!(head.headers["a"], "b");
        let body = soon(connection.whole(11)).await.expect("a body");
        assert_eq!(body, Collected::Whole(Bytes::from_static(b"hello world")), "split at {at}");
        assert!(connection.is_done());

        pool.give_back(connection);
        connection = pool.take(0).expect("it was kept");
        assert!(connection.reused());
        ask(&mut connection, &mut peer).await;
        assert!(!connection.is_done());
    }
}

#[tokio::test]
async fn chunks_that_one_read_brings_come_in_one_piece() {
    let (_pool, mut connection, mut peer) = asked().await;
    peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none \r\n4\r\ntwo \r\n").await;
    let head = connection.head(&Method::POST).await.expect("a head");
    assert_eq!(head.length, None);
    assert_eq!(connection.chunk().await.expect("a piece"), Some(Bytes::from_static(b"one two ")));
    assert!(poll_once(connection.chunk()).await.is_none());
    peer.say("5\r\nthr").await;
    assert_eq!(connection.chunk().await.expect("a piece"), Some(Bytes::from_static(b"thr")));
    peer.say("ee\r\n0\r\n\r\n").await;
    assert_eq!(connection.chunk().await.expect("a piece"), Some(Bytes::from_static(b"ee")));
    assert_eq!(connection.chunk().await.expect("the end"), None);
    assert_eq!(connection.chunk().await.expect("the end still"), None);
}

#[tokio::test]
async fn a_body_beyond_the_limit_goes_on_in_chunks() {
    // Announced: nothing more is read before the decision.
    let (_pool, mut connection, mut peer) = asked().await;
    peer.say("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello ").await;
    connection.head(&Method::POST).await.expect("a head");
    assert_eq!(connection.whole(11).await.expect("it begins"), Collected::Longer(Bytes::from_static(b"hello ")));
    peer.say("world!").await;
    assert_eq!(connection.chunk().await.expect("a piece"), Some(Bytes::from_static(b"world!")));
    assert_eq!(connection.chunk().await.expect("the end"), None);

    // Not announced: as soon as it is seen.
    ask(&mut connection, &mut peer).await;
    peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n").await;
    connection.head(&Method::POST).await.expect("a head");
    assert!(poll_once(connection.whole(11)).await.is_none());
    peer.say("6\r\nworld!\r\n").await;
    assert_eq!(connection.whole(11).await.expect("it begins"), Collected::Longer(Bytes::from_static(b"hello world!")));
    peer.say("1\r\n!\r\n0\r\n\r\n").await;
    assert_eq!(connection.chunk().await.expect("a piece"), Some(Bytes::from_static(b"!")));
    assert_eq!(connection.chunk().await.expect("the end"), None);

    // What an interrupted `whole` has read is not lost to `chunk`.
    ask(&mut connection, &mut peer).await;
    peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n").await;
    connection.head(&Method::POST).await.expect("a head");
    assert!(poll_once(connection.whole(100)).await.is_none());
    assert_eq!(connection.chunk().await.expect("a piece"), Some(Bytes::from_static(b"hello ")));
}

#[tokio::test]
async fn a_large_body_is_written_while_the_answer_is_awaited() {
    let pool = Pool::new(1, 4);
    let (mut connection, mut peer) = Server::new().await.meet(&pool).await;
    // More than the kernel takes of a connection at its loosest.
    let body: Bytes = (0..16_000_000_u32).map(|n| n as u8).collect();
    connection.queue(|head| head.extend_from_slice(HEAD.as_bytes()), body.clone());
    // Interrupted while the sockets are full; it goes on where it was.
    assert!(poll_once(connection.flush()).await.is_none());
    assert!(poll_once(connection.head(&Method::POST)).await.is_none());
    let server = async {
        peer.hear(HEAD.as_bytes()).await;
        peer.hear(&body).await;
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    };
    let (answer, ()) = soon(async { tokio::join!(answer(&mut connection), server) }).await;
    assert_eq!(answer.expect("an answer").1, "ok");
    pool.give_back(connection);
    assert_eq!(pool.idle(), 1);
}

#[tokio::test]
async fn an_early_answer_is_heard_though_the_request_is_stuck() {
    let pool = Pool::new(1, 4);
    let (mut connection, mut peer) = Server::new().await.meet(&pool).await;
    connection.queue(|head| head.extend_from_slice(HEAD.as_bytes()), Bytes::from(vec![b'x'; 16 << 20]));
    assert!(poll_once(connection.flush()).await.is_none());
    // The server reads nothing of the body, and both calls return all the same.
    peer.say("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno").await;
    soon(connection.flush()).await.expect("it returns because the server speaks");
    let (head, body) = answer(&mut connection).await.expect("an answer");
    assert_eq!((head.status.as_u16(), &body[..]), (413, &b"no"[..]));
    assert!(connection.is_done() && connection.sent_any());
    // The rest of the request would be taken for the next one.
    pool.give_back(connection);
    assert_eq!(pool.idle(), 0);
}

#[tokio::test]
async fn a_silent_stream_holds_no_buffer() {
    let (_pool, mut connection, mut peer) = asked().await;
    peer.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    connection.head(&Method::GET).await.expect("a head");
    for _ in 0..3 {
        peer.say(format!("2000\r\n{}\r\n", "x".repeat(0x2000))).await;
        let mut read = 0;
        while read < 0x2000 {
            read += connection.chunk().await.expect("a piece").expect("not the end").len();
        }
        assert!(poll_once(connection.chunk()).await.is_none());
        assert_eq!(connection.held(), 0);
    }
    // The connection itself is what is left of it (the sockets are the kernel's).
    assert!(size_of::<Connection>() <= 640, "{}", size_of::<Connection>());
}
