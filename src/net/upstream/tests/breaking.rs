//! What is told when things break, and whether anything was sent.

use socket2::SockRef;

use super::*;

/// Closes with a reset instead of an orderly end.
fn reset(peer: Peer) {
    SockRef::from(&peer.socket).set_linger(Some(Duration::ZERO)).expect("a socket option");
}

fn broken<T>(result: Result<T, Failure>) -> (bool, Stage) {
    match result {
        Err(Failure::Reset { sent, stage, .. }) => (sent, stage),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it broke"),
    }
}

#[tokio::test]
async fn a_reset_before_anything_was_sent_is_known_as_such() {
    let (pool, mut connection, mut peer) = asked().await;
    peer.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    answer(&mut connection).await.expect("an answer");
    reset(peer);
    soon(connection.heard()).await;
    connection.queue(|head| head.extend_from_slice(HEAD.as_bytes()), Bytes::new());
    let failure = connection.flush().await.expect_err("the connection is gone");
    assert!(failure.nothing_sent(), "{failure}");
    assert_eq!(broken::<()>(Err(failure)), (false, Stage::Sending));
    let failure = soon(connection.head(&Method::POST)).await.expect_err("and stays gone");
    assert!(failure.nothing_sent(), "{failure}");
    pool.give_back(connection);
    assert_eq!(pool.idle(), 0);
}

#[tokio::test]
async fn a_reset_after_the_request_was_sent_leaves_it_unknown() {
    for orderly in [true, false] {
        let (_pool, mut connection, peer) = asked().await;
        if orderly {
            drop(peer);
        } else {
            reset(peer);
        }
        let failure = soon(connection.head(&Method::POST)).await.expect_err("no answer comes");
        assert!(!failure.nothing_sent(), "{failure}");
        assert_eq!(broken::<()>(Err(failure)), (true, Stage::Waiting));
    }
}

#[tokio::test]
async fn a_reset_while_the_request_is_sent_leaves_it_unknown() {
    let pool = Pool::new(1, 4);
    let (mut connection, peer) = Server::new().await.meet(&pool).await;
    connection.queue(|head| head.extend_from_slice(HEAD.as_bytes()), Bytes::from(vec![b'x'; 16 << 20]));
    assert!(poll_once(connection.flush()).await.is_none());
    reset(peer);
    assert_eq!(broken(soon(connection.head(&Method::POST)).await), (true, Stage::Sending));
}

#[tokio::test]
async fn a_refusal_sent_before_the_close_is_heard() {
    let pool = Pool::new(1, 4);
    let (mut connection, mut peer) = Server::new().await.meet(&pool).await;
    connection.queue(|head| head.extend_from_slice(HEAD.as_bytes()), Bytes::from(vec![b'x'; 16 << 20]));
    assert!(poll_once(connection.flush()).await.is_none());
    peer.say("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n").await;
    // Half closed: what the client still sends is not answered with a reset that would overtake the answer.
    peer.socket.shutdown().await.expect("it is open");
    let (head, _) = answer(&mut connection).await.expect("an answer");
    assert_eq!(head.status, 413);
}

#[tokio::test]
async fn an_answer_cut_short_is_a_failure_wherever_it_is_cut() {
    let texts = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ];
    let server = Server::new().await;
    let pool = Pool::new(1, 4);
    for (text, at) in texts.iter().flat_map(|text| (0..text.len()).map(move |at| (text, at))) {
        let (mut connection, mut peer) = server.meet(&pool).await;
        ask(&mut connection, &mut peer).await;
        peer.say(&text[..at]).await;
        drop(peer);
        let expected = if at == 0 { Stage::Waiting } else { Stage::Answering };
        assert_eq!(broken(answer(&mut connection).await), (true, expected), "cut at {at}");
        pool.give_back(connection);
    }
    assert_eq!(pool.idle(), 0);
}

#[tokio::test]
async fn a_malformed_answer_ends_the_connection() {
    for text in ["SSH-2.0-OpenSSH_9.9\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"] {
        let (pool, mut connection, mut peer) = asked().await;
        peer.say(text).await;
        let failure = soon(connection.head(&Method::POST)).await.expect_err("no HTTP");
        assert!(matches!(failure, Failure::Malformed(_)), "{failure}");
        assert!(!failure.nothing_sent());
        pool.give_back(connection);
        assert_eq!(pool.idle(), 0);
    }
}

#[tokio::test]
async fn a_flood_of_interim_answers_ends() {
    let (_pool, mut connection, mut peer) = asked().await;
    peer.say("HTTP/1.1 102 Processing\r\n\r\n".repeat(1000)).await;
    let failure = soon(connection.head(&Method::POST)).await.expect_err("too many");
    assert!(matches!(failure, Failure::TooLarge(_)), "{failure}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let server = Server::new().await;
    let address = server.listener.local_addr().expect("it is bound");
    drop(server.listener);
    let failure = Pool::new(1, 1).connect(0, &server.endpoint).await.expect_err("nobody listens");
    assert!(matches!(failure, Failure::Connect(_)) && failure.nothing_sent());
    assert!(failure.to_string().contains(&address.to_string()), "{failure}");

    let endpoint = Endpoint { host: "nowhere.invalid".to_owned(), ..server.endpoint };
    let failure = Pool::new(1, 1).connect(0, &endpoint).await.expect_err("no such name");
    assert!(matches!(failure, Failure::Resolve(_)) && failure.nothing_sent());
    assert!(failure.to_string().contains("nowhere.invalid"), "{failure}");
}

#[tokio::test]
async fn a_name_is_resolved_and_its_addresses_are_tried_in_turn() {
    // `localhost` may well be `::1` first, where nobody listens.
    let server = Server::new().await;
    let endpoint = Endpoint { host: "localhost".to_owned(), ..server.endpoint };
    let pool = Pool::new(1, 1);
    let connection = pool.connect(0, &endpoint).await;
    assert!(connection.is_ok(), "{:?}", connection.err());
}
