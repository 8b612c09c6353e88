//! A client that leaves: cancelling in the modern era, and none of the server's business in the legacy one.

use super::*;

#[test]
fn leaving_a_modern_call_closes_its_connection_at_once() {
    local(async {
        let server = Server::new().await;
        let house = House::new(&[&server]);
        // Before the first byte of the answer.
        let mut peer = left_waiting(&house, &server).await;
        peer.closed().await;
        // In the middle of it.
        let (call, mut peer) = answered(&house, &server, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\no").await;
        drop(call);
        peer.closed().await;
        assert_eq!((house.client.abandoned.open(), house.client.pool.idle()), (0, 0));
    });
}

#[test]
fn a_legacy_call_goes_on_until_its_answer_has_ended_and_its_connection_is_kept() {
    local(async {
        let server = Server::new().await;
        let house = House::new(&[&server]).outliving(9);
        let mut peer = left_waiting(&house, &server).await;
        assert_eq!((house.client.abandoned.open(), house.client.pool.idle()), (1, 0));
        peer.say(OK).await;
        until(|| house.client.abandoned.open() == 0).await;
        assert_eq!(house.client.pool.idle(), 1);

        let ((call, _), ()) = tokio::join!(async { house.call().await.unwrap() }, async {
            peer.hear().await;
            peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n").await;
        });
        drop(call);
        assert_eq!(house.client.abandoned.open(), 1);
        peer.say("1\r\nb\r\n0\r\n\r\n").await;
        until(|| house.client.abandoned.open() == 0).await;
        assert_eq!(house.client.pool.idle(), 1);
        house.exchange(&mut peer).await;
    });
}

#[test]
fn a_request_that_is_still_being_written_is_written_to_its_end() {
    local(async {
        let server = Server::new().await;
        let house = House::new(&[&server]).outliving(9);
        let body = Bytes::from(vec![b'x'; 16 << 20]);
        let mut peer = {
            let mut call = std::pin::pin!(house.call_with(body.clone()));
            tokio::select! {
                _ = &mut call => panic!("nobody answers"),
                peer = server.accept() => {
                    // What the sockets take at once has been written by now, and no more than that.
                    assert!(poll_once(&mut call).await.is_none());
                    peer
                }
            }
        };
        assert_eq!(house.client.abandoned.open(), 1);
        assert!(peer.hear().await.1 == body, "the whole of it comes");
        peer.say(OK).await;
        until(|| house.client.abandoned.open() == 0).await;
        assert_eq!(house.client.pool.idle(), 1);
    });
}

#[test]
fn there_is_room_for_so_many_and_a_place_is_given_back() {
    local(async {
        let server = Server::new().await;
        let house = House::new(&[&server]).outliving(1);
        let mut first = left_waiting(&house, &server).await;
        let mut second = left_waiting(&house, &server).await;
        second.closed().await;
        assert_eq!(house.client.abandoned.open(), 1);
        first.say(OK).await;
        until(|| house.client.abandoned.open() == 0).await;
        // The connection that is kept serves the third.
        drop(tokio::join!(async { poll_once(house.call()).await }, async { first.hear().await }));
        assert_eq!(house.client.abandoned.open(), 1);
    });
}

#[test]
fn an_abandoned_call_ends_at_its_deadline_and_what_fails_in_it_fails_for_nobody() {
    local(async {
        let server = Server::new().await;
        let house =
            House::new(&[&server]).outliving(9).patient(|patience| patience.deadline = Duration::from_millis(100));
        let mut silent = left_waiting(&house, &server).await;
        silent.closed().await;
        let mut broken = left_waiting(&house, &server).await;
        broken.say("nonsense").await;
        broken.closed().await;
        until(|| house.client.abandoned.open() == 0).await;
        assert_eq!(house.client.pool.idle(), 0);
    });
}

#[test]
fn an_answer_that_was_read_to_its_end_leaves_a_sound_connection() {
    local(async {
        for house in [House::new(&[]), House::new(&[]).outliving(9)] {
            let server = Server::new().await;
            let house = House { endpoints: vec![server.endpoint()], client: House::new(&[&server]).client, ..house };
            let (mut call, _peer) = answered(&house, &server, OK).await;
            call.whole(10).await.unwrap();
            drop(call);
            assert_eq!((house.client.pool.idle(), house.client.abandoned.open()), (1, 0));
        }
    });
}

/// The server's end of a call that was made and left before anything was answered.
async fn left_waiting(house: &House, server: &Server) -> Peer {
    let mut call = std::pin::pin!(house.call());
    tokio::select! {
        _ = &mut call => panic!("nobody answers"),
        peer = async {
            let mut peer = server.accept().await;
            peer.hear().await;
            peer
        } => peer,
    }
}

async fn answered(house: &House, server: &Server, answer: &str) -> (Call, Peer) {
    let (called, peer) = tokio::join!(house.call(), async {
        let mut peer = server.accept().await;
        peer.hear().await;
        peer.say(answer).await;
        peer
    });
    (called.unwrap().0, peer)
}
