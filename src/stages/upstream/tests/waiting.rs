//! How long a server may take: each bound passes by itself, and ends the call in either era.

use super::*;
use crate::model::{Accepted, Reason};

const SHORT: Duration = Duration::from_millis(20);
const BEGUN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun";

#[test]
fn a_server_that_says_nothing_meets_first_byte_or_the_deadline() {
    local(async {
        for (bound, change) in [
            ("first_byte", (|patience| patience.first_byte = Some(SHORT)) as fn(&mut Patience)),
            ("deadline", |patience| patience.deadline = SHORT),
            ("deadline", |patience| (patience.first_byte, patience.deadline) = (Some(Duration::from_secs(60)), SHORT)),
        ] {
            let server = Server::new().await;
            let house = House::new(&[&server]).outliving(9).patient(change);
            let (called, ()) = tokio::join!(house.call(), async {
                let mut peer = server.accept().await;
                peer.hear().await;
                peer.closed().await;
            });
            let refusal = called.unwrap_err();
            assert_eq!((refusal.reason, refusal.accepted), (Reason::UpstreamTimeout, Accepted::Unknown));
            assert!(refusal.message.contains(bound), "{bound}: {}", refusal.message);
            assert_eq!(house.client.abandoned.open(), 0, "nobody waits for its answer any more");
        }
    });
}

#[test]
fn silence_in_an_answer_meets_idle_timeout_however_often_it_is_asked_anew() {
    local(async {
        let server = Server::new().await;
        let house = House::new(&[&server]).outliving(9).patient(|patience| patience.idle = Some(SHORT));
        let (mut call, mut peer) = begun(&house, &server).await;
        assert_eq!(call.chunk().await.unwrap().unwrap(), "begun");
        // As a relay does that writes a keep-alive now and then.
        let refusal = loop {
            match poll_once(call.chunk()).await {
                Some(read) => break read.unwrap_err(),
                None => tokio::task::yield_now().await,
            }
        };
        assert_eq!(refusal.reason, Reason::UpstreamTimeout);
        assert!(refusal.message.contains("idle_timeout"), "{}", refusal.message);
        drop(call);
        peer.closed().await;
        assert_eq!(house.client.abandoned.open(), 0);
    });
}

#[test]
fn the_deadline_holds_while_an_answer_comes() {
    local(async {
        let server = Server::new().await;
        let house = House::new(&[&server]).patient(|patience| patience.deadline = Duration::from_millis(100));
        let (mut call, _peer) = begun(&house, &server).await;
        let refusal = call.whole(10).await.unwrap_err();
        assert!(refusal.message.contains("deadline"), "{}", refusal.message);
    });
}

#[test]
fn an_answer_is_the_same_whether_or_not_its_pieces_have_a_time() {
    local(async {
        for idle in [None, Some(Duration::from_secs(60))] {
            for (limit, longer) in [(9, false), (8, true), (5, true), (4, true)] {
                let server = Server::new().await;
                let house = House::new(&[&server]).patient(|patience| patience.idle = idle);
                let (mut call, mut peer) = begun(&house, &server).await;
                peer.say("-end").await;
                let mut all = match call.whole(limit).await.unwrap() {
                    Collected::Whole(bytes) => {
                        assert!(!longer);
                        bytes.to_vec()
                    }
                    Collected::Longer(bytes) => {
                        assert!(longer);
                        bytes.to_vec()
                    }
                };
                while let Some(piece) = call.chunk().await.unwrap() {
                    all.extend_from_slice(&piece);
                }
                assert_eq!(all, b"begun-end");
                call.finish();
                assert_eq!(house.client.pool.idle(), 1);
            }
        }
    });
}

#[test]
fn an_answer_that_ends_with_its_connection_is_whole_and_one_that_is_cut_is_not() {
    local(async {
        for (head, whole) in
            [("HTTP/1.0 200 OK\r\n\r\n", true), ("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n", false)]
        {
            let server = Server::new().await;
            let house = House::new(&[&server]);
            let (called, ()) = tokio::join!(house.call(), async {
                let mut peer = server.accept().await;
                peer.hear().await;
                peer.say(format!("{head}begun")).await;
            });
            let mut call = called.unwrap().0;
            let read = call.whole(10).await;
            assert_eq!(read.as_ref().err().map(|refusal| refusal.reason), (!whole).then_some(Reason::UpstreamReset));
            call.finish();
            assert_eq!(house.client.pool.idle(), 0);
        }
    });
}

/// A call whose answer has begun.
async fn begun(house: &House, server: &Server) -> (Call, Peer) {
    let (called, peer) = tokio::join!(house.call(), async {
        let mut peer = server.accept().await;
        peer.hear().await;
        peer.say(BEGUN).await;
        peer
    });
    (called.unwrap().0, peer)
}
