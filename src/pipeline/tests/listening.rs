//! Streams that are listened to, and what else GET and DELETE bring back.

use super::*;
use crate::stages::respond::Awaited;

#[test]
fn a_sessions_own_stream_has_no_end_and_ends_with_its_listener() {
    local(async {
        let server = Server::new().await;
        let mut plan = Plan::of(&[&server]);
        // A stream that is listened to is no call: this bound is not its own.
        plan.patience.deadline = Duration::from_millis(1);
        let core = plan.core();
        let replayed = ANSWER.replace("\"id\":1", "\"id\":99");
        let said = format!("{EVENTS}{}", chunk(&event(&replayed)));
        let request = Request::new(Verb::Get).with("last-event-id", "7");
        let (walked, (head, mut peer)) = tokio::join!(request.walk(&core), async {
            let mut peer = server.accept().await;
            let (head, _) = peer.hear().await;
            peer.say(said).await;
            (head, peer)
        });
        assert!(head.starts_with("GET /mcp HTTP/1.1\r\n") && head.contains("last-event-id: 7\r\n"), "{head}");
        assert!(!head.contains("content-length"), "{head}");
        let (_, mut relay) = streaming(walked);
        assert!(relay.is_events() && relay.is_endless());
        assert!(matches!(next(&mut relay, &core).await, (passed, Step::More) if passed == event(&replayed)));
        relay.client_left();
        peer.closed().await;
        assert_eq!(core.client.abandoned.open(), 0);
    });
}

#[test]
fn when_a_server_ends_or_breaks_it_nobody_is_owed_an_answer() {
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let (walked, _peer) = Request::new(Verb::Get).met(&core, &server, format!("{EVENTS}{END}")).await;
        assert!(matches!(rest(&mut streaming(walked).1, &core).await.1, Step::Last));
        assert_eq!(core.client.pool.idle(), 1);
        core.client.pool.close_idle();
        let (walked, peer) = Request::new(Verb::Get).met(&core, &server, EVENTS).await;
        drop(peer);
        let step = rest(&mut streaming(walked).1, &core).await.1;
        assert!(matches!(step, Step::Refused(_, Awaited::Any)), "{step:?}");
    });
}

#[test]
fn a_subscription_has_no_deadline_either_and_leaving_cancels_it() {
    local(async {
        let server = Server::new().await;
        let mut plan = Plan::of(&[&server]);
        plan.patience.deadline = Duration::from_millis(1);
        let core = plan.core();
        let (walked, mut peer) = Request::modern("subscriptions/listen").met(&core, &server, EVENTS).await;
        let (_, mut relay) = streaming(walked);
        assert!(relay.is_endless());
        peer.say(chunk(&event(NOTE))).await;
        assert!(matches!(next(&mut relay, &core).await, (passed, Step::More) if passed == event(NOTE)));
        relay.client_left();
        peer.closed().await;
        // Without the envelope it is a call like any other, with a deadline.
        let (walked, _peer) = Request::legacy("subscriptions/listen").met(&core, &server, "").await;
        assert_eq!(whole(walked), Err(Reason::UpstreamTimeout));
    });
}

#[test]
fn what_is_no_stream_comes_back_as_it_is() {
    local(async {
        for (verb, said, status, body) in [
            (Verb::Get, http("405 Method Not Allowed", "Allow: POST\r\n", ""), 405, ""),
            (Verb::Get, http("200 OK", "Content-Type: text/html\r\n", "<p>hello"), 200, "<p>hello"),
            (Verb::Get, json("200 OK", "{\"status\":\"ok\"}"), 200, "{\"status\":\"ok\"}"),
            (Verb::Delete, http("200 OK", "", ""), 200, ""),
            (Verb::Delete, json("200 OK", "{}"), 200, "{}"),
            (Verb::Delete, "HTTP/1.1 204 No Content\r\n\r\n".into(), 204, ""),
        ] {
            let server = Server::new().await;
            let core = Plan::of(&[&server]).core();
            let (walked, _peer) = Request::new(verb).met(&core, &server, said).await;
            let (got, headers, passed) = whole(walked).unwrap();
            assert_eq!((got, passed.as_str()), (status, body));
            assert_eq!(headers.contains_key("allow"), status == 405);
            assert_eq!(core.client.pool.idle(), 1);
        }
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let encoded = http("200 OK", "Content-Type: text/event-stream\r\nContent-Encoding: gzip\r\n", "\x1f");
        let (walked, _peer) = Request::new(Verb::Get).met(&core, &server, encoded).await;
        assert_eq!(whole(walked), Err(Reason::UpstreamBadResponse));
    });
}

#[test]
fn a_server_that_is_pinned_as_modern_has_post_alone() {
    local(async {
        let server = Server::new().await;
        let mut plan = Plan::of(&[&server]);
        plan.pinned = Some(Era::Modern);
        let core = plan.core();
        for verb in [Verb::Get, Verb::Delete] {
            let refusal = Request::new(verb).with("mcp-session-id", "nonsense").walk(&core).await.err().unwrap();
            assert_eq!((refusal.reason, refusal.allow), (Reason::MethodNotAllowed, Some("POST")));
        }
        assert!(server.is_alone().await);
    });
}
