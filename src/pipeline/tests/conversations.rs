//! Sessions from `initialize` to their end, and the endpoint that they belong to.

use super::*;
use crate::model::Addressee;

fn opened(revision: &str) -> String {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"protocolVersion":"{revision}"}}}}"#);
    http("200 OK", "Content-Type: application/json\r\nMcp-Session-Id: s-1\r\n", &body)
}

/// The sealed id that `initialize` brings.
async fn initialized(core: &Rc<Core>, server: &Server, revision: &str) -> String {
    let (walked, _peer) = Request::legacy("initialize").met(core, server, opened(revision)).await;
    let (status, headers, _) = whole(walked).unwrap();
    core.client.pool.close_idle();
    assert_eq!(status, 200);
    headers["mcp-session-id"].to_str().unwrap().to_owned()
}

#[test]
fn the_client_sees_a_sealed_id_and_the_server_its_own() {
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let sealed = initialized(&core, &server, "2025-11-25").await;
        assert!(!sealed.contains("s-1"));
        for verb in [Verb::Post, Verb::Get, Verb::Delete] {
            let body = if verb == Verb::Post { Request::legacy("x").body } else { String::new() };
            let request = Request { body, ..Request::new(verb) }.with("mcp-session-id", &sealed);
            let (walked, head) = tokio::join!(request.walk(&core), async {
                let mut peer = server.accept().await;
                let (head, _) = peer.hear().await;
                peer.say(http("404 Not Found", "Mcp-Session-Id: s-1\r\n", "gone")).await;
                head
            });
            assert!(head.contains("mcp-session-id: s-1\r\n") && !head.contains(&sealed), "{head}");
            // The server has lost the session: its own 404 passes, and the id stays the one that the client knows.
            let (status, headers, body) = whole(walked).unwrap();
            assert_eq!(
                (status, body.as_str(), headers["mcp-session-id"].to_str().unwrap()),
                (404, "gone", sealed.as_str())
            );
            core.client.pool.close_idle();
        }
        // The client starts anew.
        assert_ne!(initialized(&core, &server, "2025-11-25").await, sealed);
    });
}

#[test]
fn an_initialize_as_events_waits_for_the_revision_with_whatever_comes_before() {
    local(async {
        let request = r#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#;
        let answer = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18"}}"#;
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let before = event(NOTE) + &event(request);
        let head = EVENTS.replace("\r\n\r\n", "\r\nMcp-Session-Id: s-1\r\n\r\n");
        let mut walk = std::pin::pin!(Request::legacy("initialize").walk(&core));
        let mut peer = tokio::select! {
            _ = &mut walk => panic!("the head waits"),
            peer = async {
                let mut peer = server.accept().await;
                peer.hear().await;
                peer.say(format!("{head}{}", chunk(&before))).await;
                peer
            } => peer,
        };
        assert!(server.is_alone().await && poll_once(&mut walk).await.is_none(), "the head waits");
        peer.say(format!("{}{END}", chunk(&event(answer)))).await;
        let (head, mut relay) = streaming(walk.await);
        let (passed, step) = next(&mut relay, &core).await;
        assert_eq!((passed, matches!(step, Step::Last)), (before + &event(answer), true));
        assert_eq!(core.client.pool.idle(), 1);
        // The revision is sealed: a batch in this session is refused.
        let batch = Request::post(format!("[{NOTE}]"));
        let batch = batch.with("mcp-session-id", head.headers["mcp-session-id"].to_str().unwrap());
        assert_eq!(batch.walk(&core).await.err().unwrap().reason, Reason::InvalidRequest);
    });
}

#[test]
fn an_initialize_as_events_without_its_answer_is_told_with_the_status() {
    local(async {
        let flood = chunk(&event(NOTE).repeat(2 * EVENT / NOTE.len()));
        for (said, reason) in [
            (format!("{EVENTS}{}{END}", chunk(&event(NOTE))), Reason::UpstreamReset),
            (format!("{EVENTS}{flood}"), Reason::UpstreamBadResponse),
        ] {
            let server = Server::new().await;
            let core = Plan::of(&[&server]).core();
            let (walked, mut peer) = Request::legacy("initialize").met(&core, &server, said).await;
            assert_eq!(walked.err().map(|refusal| refusal.reason), Some(reason));
            assert_eq!(core.client.abandoned.open(), 0);
            core.client.pool.close_idle();
            peer.closed().await;
        }
    });
}

#[test]
fn a_session_belongs_to_the_endpoint_that_gave_it() {
    local(async {
        let (first, second) = (Server::new().await, Server::new().await);
        let mut plan = Plan::of(&[&first, &second]);
        let core = plan.core();
        let sealed = initialized(&core, &first, "2025-11-25").await;
        for _ in 0..3 {
            let request = Request::legacy("x").with("mcp-session-id", &sealed);
            assert_eq!(whole(request.met(&core, &first, json("200 OK", ANSWER)).await.0).unwrap().2, ANSWER);
            core.client.pool.close_idle();
        }
        assert!(second.is_alone().await);

        // It is down: nobody else can serve the session.
        drop(first);
        let request = Request::legacy("x").with("mcp-session-id", &sealed);
        let refusal = request.clone().walk(&core).await.err().unwrap();
        assert_eq!((refusal.reason, refusal.retryable), (Reason::UpstreamUnavailable, true));

        // It is configured no more: the session is gone.
        plan.urls.remove(0);
        let core = plan.core();
        let finish = Finish::begin(&core, 0, PEER.into());
        let Request { verb, headers, body } = request;
        let arrival = Arrival { route: 0, verb, headers, body: Full::new(Bytes::from(body)) };
        let (refusal, addressee) = *flow::run(&core, arrival, &finish, &Drain::default()).await.err().unwrap();
        assert_eq!(refusal.reason, Reason::SessionNotFound);
        assert!(matches!(addressee, Addressee::Request { era: Era::Legacy, initialize: false, .. }));
        assert!(second.is_alone().await);
    });
}

#[test]
fn batches_go_by_what_the_session_negotiated() {
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        for (revision, passes) in [("2025-03-26", true), ("2025-06-18", false), ("2024-11-05", false)] {
            let sealed = initialized(&core, &server, revision).await;
            let batch = Request::post(format!("[{}]", Request::legacy("x").body)).with("mcp-session-id", &sealed);
            if passes {
                let answer = format!("[{ANSWER}]");
                assert_eq!(whole(batch.met(&core, &server, json("200 OK", &answer)).await.0).unwrap().2, answer);
                core.client.pool.close_idle();
                continue;
            }
            let finish = Finish::begin(&core, 0, PEER.into());
            let Request { verb, headers, body } = batch;
            let arrival = Arrival { route: 0, verb, headers, body: Full::new(Bytes::from(body)) };
            let (refusal, addressee) = *flow::run(&core, arrival, &finish, &Drain::default()).await.err().unwrap();
            assert_eq!(refusal.reason, Reason::InvalidRequest);
            assert!(matches!(addressee, Addressee::Nobody), "nothing of it counts as read");
        }
    });
}

#[test]
fn the_modern_era_has_no_sessions_in_either_direction() {
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let request = Request::modern("x").with("mcp-session-id", "nonsense");
        let (walked, head) = tokio::join!(request.walk(&core), async {
            let mut peer = server.accept().await;
            let (head, _) = peer.hear().await;
            peer.say(http("200 OK", "Content-Type: application/json\r\nMcp-Session-Id: s-1\r\n", ANSWER)).await;
            head
        });
        assert!(!head.contains("mcp-session-id"), "{head}");
        assert!(!whole(walked).unwrap().1.contains_key("mcp-session-id"));
    });
}

#[test]
fn an_id_that_cannot_be_sealed_or_opened_is_refused() {
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        for id in ["", "a b"] {
            let said = opened("2025-11-25").replace("s-1", id);
            let (walked, _peer) = Request::legacy("initialize").met(&core, &server, said).await;
            assert_eq!(whole(walked), Err(Reason::UpstreamBadResponse), "{id:?}");
            core.client.pool.close_idle();
        }
        let unknown = Request::legacy("x").with("mcp-session-id", "s-1");
        assert_eq!(whole(unknown.walk(&core).await), Err(Reason::SessionNotFound));
        assert!(server.is_alone().await);
    });
}

#[test]
fn a_stranger_is_not_listened_to() {
    local(async {
        let server = Server::new().await;
        let mut plan = Plan::of(&[&server]);
        plan.anonymous = false;
        assert_eq!(whole(Request::post("no JSON").walk(&plan.core()).await), Err(Reason::Unauthenticated));
        assert!(server.is_alone().await);
    });
}
