//! What is sent again, and what never is (security, "Repeating").

use super::*;
use crate::model::{Accepted, Reason};

/// What the caller of a call that failed is told.
fn told(called: Result<(Call, ResponseHead), Refusal>) -> (Reason, Accepted, bool) {
    let refusal = called.expect_err("it fails");
    (refusal.reason, refusal.accepted, refusal.retryable)
}

#[test]
fn a_connection_serves_one_call_after_the_other() {
    local(async {
        let server = Server::new().await;
        let house = House::new(&[&server]);
        let (called, mut peer) = tokio::join!(house.call(), async {
            let mut peer = server.accept().await;
            let (head, body) = peer.hear().await;
            assert!(head.starts_with("POST /mcp HTTP/1.1\r\nhost: 127.0.0.1:"), "{head}");
            assert_eq!(body, b"{}");
            peer.say(OK).await;
            peer
        });
        let (mut call, head) = called.unwrap();
        assert_eq!((head.status.as_u16(), call.fingerprint()), (200, 10));
        assert_eq!(call.whole(10).await.unwrap(), Collected::Whole(Bytes::from_static(b"ok")));
        call.finish();
        assert_eq!(house.client.pool.idle(), 1);
        house.exchange(&mut peer).await;
        assert_eq!(house.client.pool.idle(), 1);
        assert!(server.is_alone().await);
    });
}

#[test]
fn the_next_endpoint_is_asked_where_nothing_was_sent() {
    local(async {
        let (gone, server) = (Server::new().await, Server::new().await);
        let house = House::new(&[&gone, &server]);
        drop(gone);
        let (called, ()) = tokio::join!(house.call(), async {
            let mut peer = server.accept().await;
            peer.hear().await;
            peer.say(OK).await;
        });
        assert_eq!(called.unwrap().0.fingerprint(), 11);
        drop(server);
        assert_eq!(told(house.call().await), (Reason::UpstreamUnavailable, Accepted::No, true));
    });
}

#[test]
fn a_kept_connection_that_the_server_has_closed_is_noticed_before_anything_is_written() {
    local(async {
        let server = Server::new().await;
        let house = House::new(&[&server]);
        drop(kept(&house, &server).await);
        assert!(server.is_alone().await);
        let (called, ()) = tokio::join!(house.call(), async {
            let mut peer = server.accept().await;
            assert_eq!(peer.hear().await.1, b"{}");
            peer.say(OK).await;
        });
        assert!(called.is_ok());
    });
}

#[test]
fn a_kept_connection_that_breaks_under_a_call_is_replaced_for_what_only_reads() {
    local(async {
        let server = Server::new().await;
        let house = House::new(&[&server]).reading();
        let mut peer = kept(&house, &server).await;
        let (called, ()) = tokio::join!(house.call(), async {
            peer.hear().await;
            drop(peer);
            let mut peer = server.accept().await;
            assert_eq!(peer.hear().await.1, b"{}");
            peer.say(OK).await;
        });
        assert!(called.is_ok());
    });
}

#[test]
fn what_may_change_something_is_sent_once() {
    local(async {
        let (server, other) = (Server::new().await, Server::new().await);
        let house = House::new(&[&server, &other]);
        let mut peer = kept(&house, &server).await;
        let (called, ()) = tokio::join!(house.call(), async {
            peer.hear().await;
            drop(peer);
        });
        assert_eq!(told(called), (Reason::UpstreamReset, Accepted::Unknown, false));
        assert!(server.is_alone().await && other.is_alone().await);
    });
}

#[test]
fn over_a_new_connection_nothing_is_sent_twice() {
    local(async {
        let (server, other) = (Server::new().await, Server::new().await);
        let house = House::new(&[&server, &other]).reading();
        let (called, ()) = tokio::join!(house.call(), async {
            server.accept().await.hear().await;
        });
        assert_eq!(told(called), (Reason::UpstreamReset, Accepted::Unknown, true));
        assert!(server.is_alone().await && other.is_alone().await);
    });
}

#[test]
fn an_answer_that_has_begun_is_not_asked_for_again() {
    local(async {
        let server = Server::new().await;
        let house = House::new(&[&server]).reading();
        for begun in ["HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 103 Early Hints\r\n\r\n"] {
            let mut peer = kept(&house, &server).await;
            let (called, ()) = tokio::join!(house.call(), async {
                peer.hear().await;
                peer.say(begun).await;
                drop(peer);
            });
            assert_eq!(told(called), (Reason::UpstreamReset, Accepted::Unknown, true));
            assert!(server.is_alone().await);
        }
    });
}

#[test]
fn nonsense_is_not_asked_for_again_and_its_connection_is_closed() {
    local(async {
        let server = Server::new().await;
        let house = House::new(&[&server]).reading();
        let mut peer = kept(&house, &server).await;
        let (called, ()) = tokio::join!(house.call(), async {
            peer.hear().await;
            peer.say("SSH-2.0-OpenSSH\r\n").await;
            peer.closed().await;
        });
        assert_eq!(told(called), (Reason::UpstreamBadResponse, Accepted::Unknown, true));
        assert_eq!(house.client.pool.idle(), 0);
    });
}

#[test]
fn an_early_answer_passes_and_its_connection_is_not_kept() {
    local(async {
        let server = Server::new().await;
        let house = House::new(&[&server]);
        let body = Bytes::from(vec![b'x'; 16 << 20]);
        let (called, _peer) = tokio::join!(house.call_with(body), async {
            let mut peer = server.accept().await;
            peer.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n").await;
            peer
        });
        let (mut call, head) = called.unwrap();
        assert_eq!(head.status.as_u16(), 413);
        assert_eq!(call.whole(10).await.unwrap(), Collected::Whole(Bytes::new()));
        call.finish();
        assert_eq!(house.client.pool.idle(), 0);
    });
}

/// The server's end of a connection that has served a call and is kept.
async fn kept(house: &House, server: &Server) -> Peer {
    let (called, peer) = tokio::join!(house.call(), async {
        let mut peer = server.accept().await;
        peer.hear().await;
        peer.say(OK).await;
        peer
    });
    let mut call = called.unwrap().0;
    call.whole(10).await.unwrap();
    call.finish();
    assert_eq!(house.client.pool.idle(), 1);
    peer
}
