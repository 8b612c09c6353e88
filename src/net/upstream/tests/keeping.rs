//! Which connections are kept, for how long, and that a stale one is noticed before anything is written.

use std::time::{Duration, Instant};

use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// An exchange on a new connection with `text` as the answer, given back; whether it was kept.
async fn is_kept(text: &str, close: bool) -> bool {
    let (pool, mut connection, mut peer) = asked().await;
    peer.say(text).await;
    if close {
        peer.socket.shutdown().await.expect("it is open");
    }
    answer(&mut connection).await.expect("an answer");
    pool.give_back(connection);
    pool.idle() == 1
}

/// A pool with connections to one server lying idle, each after one exchange; the last one used last.
async fn idle(server: &Server, pool: &Pool, count: usize, text: &str, now: Instant) -> Vec<Peer> {
    let mut peers = Vec::new();
    for _ in 0..count {
        let (mut connection, mut peer) = server.meet(pool).await;
        ask(&mut connection, &mut peer).await;
        peer.say(text).await;
        answer(&mut connection).await.expect("an answer");
        pool.give_back_at(connection, now);
        peers.push(peer);
    }
    peers
}

#[tokio::test]
async fn only_a_finished_exchange_is_kept() {
    assert!(is_kept(OK, false).await);
    assert!(is_kept("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", false).await);
    assert!(is_kept("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false).await);
    assert!(!is_kept("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false).await);
    assert!(!is_kept("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false).await);
    assert!(!is_kept("HTTP/1.1 200 OK\r\n\r\nok", true).await);
    assert!(!is_kept(&format!("{OK}surplus"), false).await);
}

#[tokio::test]
async fn a_connection_given_back_too_early_is_closed() {
    let (pool, connection, mut peer) = asked().await;
    pool.give_back(connection);
    assert_eq!(pool.idle(), 0);
    assert_eq!(soon(peer.socket.read(&mut [0])).await.expect("an orderly end"), 0);

    let (pool, mut connection, mut peer) = asked().await;
    peer.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok").await;
    connection.head(&Method::POST).await.expect("a head");
    pool.give_back(connection);
    assert_eq!(pool.idle(), 0);

    // Read to its end, but not taken: whoever comes next would be given it.
    let (pool, mut connection, mut peer) = asked().await;
    peer.say(OK).await;
    connection.head(&Method::POST).await.expect("a head");
    pool.give_back(connection);
    assert_eq!(pool.idle(), 0);

    // A queued request that was never written.
    let (pool, mut connection, mut peer) = asked().await;
    peer.say(OK).await;
    answer(&mut connection).await.expect("an answer");
    connection.queue(|head| head.extend_from_slice(HEAD.as_bytes()), Bytes::new());
    pool.give_back(connection);
    assert_eq!(pool.idle(), 0);
}

#[tokio::test]
async fn the_most_recently_used_comes_first_and_the_oldest_gives_way() {
    let (server, pool, now) = (Server::new().await, Pool::new(2, 2), Instant::now());
    let mut peers = idle(&server, &pool, 3, OK, now).await;
    assert_eq!(pool.idle(), 2);
    assert_eq!(soon(peers[0].socket.read(&mut [0])).await.expect("an orderly end"), 0, "the oldest was closed");
    assert!(pool.take_at(1, now).is_none(), "another endpoint's");
    let mut connection = pool.take_at(0, now).expect("two were kept");
    assert!(connection.reused() && connection.endpoint() == 0);
    ask(&mut connection, &mut peers[2]).await;
    let mut connection = pool.take_at(0, now).expect("one was left");
    ask(&mut connection, &mut peers[1]).await;
    assert_eq!(pool.idle(), 0);
}

#[tokio::test]
async fn a_connection_is_not_used_beyond_its_time() {
    let (server, pool, now) = (Server::new().await, Pool::new(1, 4), Instant::now());
    let node = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok";
    for (text, seconds) in [(OK, 60), (node, 4)] {
        let _peers = idle(&server, &pool, 1, text, now).await;
        let connection = pool.take_at(0, now + Duration::from_millis(seconds * 1000 - 1)).expect("just in time");
        pool.give_back_at(connection, now);
        assert!(pool.take_at(0, now + Duration::from_secs(seconds)).is_none());
        assert_eq!(pool.idle(), 0);
    }
}

#[tokio::test]
async fn an_end_that_the_runtime_has_seen_costs_no_request() {
    let (pool, mut connection, mut peer) = asked().await;
    peer.say(OK).await;
    answer(&mut connection).await.expect("an answer");
    peer.socket.shutdown().await.expect("it is open");
    soon(connection.heard()).await;
    let now = Instant::now();
    pool.give_back_at(connection, now);
    assert_eq!(pool.idle(), 1);
    assert!(pool.take_at(0, now).is_none(), "the same instant, and still noticed");
    assert_eq!(pool.idle(), 0);
}

#[tokio::test]
async fn an_end_that_only_the_kernel_knows_is_noticed_too() {
    let (server, pool, now) = (Server::new().await, Pool::new(1, 4), Instant::now());
    drop(idle(&server, &pool, 1, OK, now).await);
    // No await from here on: the runtime cannot look at its sockets, only the peek can tell.
    until(|| {
        pool.take_at(0, now + Duration::from_millis(101)).map(|connection| pool.give_back_at(connection, now)).is_none()
    });
    assert_eq!(pool.idle(), 0);
}

#[tokio::test]
async fn any_byte_on_an_idle_connection_makes_it_stale() {
    let (pool, mut connection, mut peer) = asked().await;
    peer.say(OK).await;
    answer(&mut connection).await.expect("an answer");
    peer.say("HTTP/1.1 408 Request Timeout\r\n\r\n").await;
    soon(connection.heard()).await;
    pool.give_back(connection);
    assert!(pool.take(0).is_none());
}

#[tokio::test]
async fn sweeping_closes_the_stale_and_the_old_and_leaves_the_rest() {
    let (server, pool, now) = (Server::new().await, Pool::new(1, 8), Instant::now());
    let mut peers = idle(&server, &pool, 3, OK, now).await;
    drop(peers.remove(1));
    until(|| {
        pool.sweep_at(now + Duration::from_millis(101));
        pool.idle() < 3
    });
    assert_eq!(pool.idle(), 2);
    pool.sweep_at(now + Duration::from_secs(60));
    assert_eq!(pool.idle(), 0);
    assert_eq!(soon(peers[0].socket.read(&mut [0])).await.expect("an orderly end"), 0);
}

#[tokio::test]
async fn closing_the_idle_closes_them_all() {
    let (server, pool, now) = (Server::new().await, Pool::new(1, 8), Instant::now());
    let mut peers = idle(&server, &pool, 3, OK, now).await;
    pool.close_idle();
    assert_eq!(pool.idle(), 0);
    for peer in &mut peers {
        assert_eq!(soon(peer.socket.read(&mut [0])).await.expect("an orderly end"), 0);
    }
    assert!(pool.take_at(0, now).is_none());
}

#[tokio::test]
async fn a_pool_of_none_keeps_none() {
    let (server, pool) = (Server::new().await, Pool::new(1, 0));
    idle(&server, &pool, 1, OK, Instant::now()).await;
    assert_eq!(pool.idle(), 0);
}
