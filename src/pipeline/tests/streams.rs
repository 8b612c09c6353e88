//! Answers as event streams: what leaves in which piece, how they end, and what becomes of the connection.

use super::*;
use crate::stages::respond::Awaited;

#[test]
fn what_came_at_once_leaves_at_once_with_the_end() {
    local(async {
        for era in [Era::Legacy, Era::Modern] {
            let server = Server::new().await;
            let core = Plan::of(&[&server]).core();
            let all = event(NOTE) + &event(ANSWER);
            let (walked, mut peer) =
                Request::of(era, "x").met(&core, &server, format!("{EVENTS}{}{END}", chunk(&all))).await;
            let (head, mut relay) = streaming(walked);
            assert_eq!(head.headers["x-accel-buffering"], "no");
            assert_eq!(head.headers["cache-control"], "no-cache");
            assert!(relay.is_events() && !relay.is_endless() && relay.length().is_none());
            let (piece, step) = next(&mut relay, &core).await;
            assert_eq!((piece, matches!(step, Step::Last)), (all, true));
            assert!(matches!(next(&mut relay, &core).await, (nothing, Step::Last) if nothing.is_empty()));
            assert_eq!(core.client.pool.idle(), 1, "the connection is kept");
            // And serves the next call.
            let (walked, ()) = tokio::join!(Request::of(era, "x").walk(&core), async {
                peer.hear().await;
                peer.say(json("200 OK", ANSWER)).await;
            });
            assert_eq!(whole(walked).unwrap().2, ANSWER);
        }
    });
}

#[test]
fn a_piece_that_was_not_waited_for_is_not_lost() {
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let (walked, mut peer) = Request::modern("x").met(&core, &server, EVENTS).await;
        let (_, mut relay) = streaming(walked);
        let text = event(NOTE) + &event(ANSWER);
        let mut out = Vec::new();
        for part in text.as_bytes().chunks(40) {
            // A silence in which the connection writes a keep-alive.
            assert!(poll_once(relay.next(&mut out, &core.observer)).await.is_none());
            peer.say(chunk(std::str::from_utf8(part).unwrap())).await;
            assert!(matches!(relay.next(&mut out, &core.observer).await, Step::More));
        }
        peer.say(END).await;
        assert!(matches!(relay.next(&mut out, &core.observer).await, Step::Last));
        assert_eq!(String::from_utf8(out).unwrap(), text);
        assert_eq!(core.client.pool.idle(), 1);
    });
}

#[test]
fn a_stream_without_its_answer_ends_with_an_error_to_those_who_wait() {
    local(async {
        for (end, reason) in
            [(END, Reason::UpstreamReset), ("", Reason::UpstreamReset), ("nonsense\r\n", Reason::UpstreamBadResponse)]
        {
            let server = Server::new().await;
            let core = Plan::of(&[&server]).core();
            let begun = format!("{EVENTS}{}", chunk(&event(NOTE)));
            let (walked, mut peer) = Request::legacy("x").met(&core, &server, begun).await;
            let (_, mut relay) = streaming(walked);
            peer.say(end).await;
            drop(peer);
            let (passed, step) = rest(&mut relay, &core).await;
            assert_eq!(passed, event(NOTE));
            let Step::Refused(refusal, Awaited::Request(id)) = step else { panic!("{step:?}") };
            assert_eq!((refusal.reason, id.raw()), (reason, &b"1"[..]));
            relay.client_left();
            assert_eq!(core.client.abandoned.open(), 0);
        }
    });
}

#[test]
fn a_client_with_an_event_id_comes_back_instead() {
    local(async {
        let primed = "id: 7\ndata: \n\n";
        for (end, kept) in [(END, 1), ("", 0)] {
            let server = Server::new().await;
            let core = Plan::of(&[&server]).core();
            let (walked, peer) =
                Request::legacy("x").met(&core, &server, format!("{EVENTS}{}{end}", chunk(primed))).await;
            let (_, mut relay) = streaming(walked);
            drop(peer);
            let (passed, step) = rest(&mut relay, &core).await;
            assert!(passed == primed && matches!(step, Step::Last), "{step:?}");
            assert_eq!(core.client.pool.idle(), kept);
        }
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let (walked, _) = Request::modern("x").met(&core, &server, format!("{EVENTS}{}{END}", chunk(primed))).await;
        let (_, step) = rest(&mut streaming(walked).1, &core).await;
        assert!(matches!(step, Step::Refused(..)), "the modern era has no way back: {step:?}");
    });
}

#[test]
fn after_the_answer_a_server_has_little_time_and_no_orphan() {
    local(async {
        for era in [Era::Legacy, Era::Modern] {
            let server = Server::new().await;
            let core = Plan::of(&[&server]).core();
            let (walked, mut peer) =
                Request::of(era, "x").met(&core, &server, format!("{EVENTS}{}", chunk(&event(ANSWER)))).await;
            let (_, mut relay) = streaming(walked);
            assert!(matches!(next(&mut relay, &core).await.1, Step::More));
            let (nothing, step) = rest(&mut relay, &core).await;
            assert!(nothing.is_empty() && matches!(step, Step::Last), "{step:?}");
            peer.closed().await;

            let (walked, mut peer) =
                Request::of(era, "x").met(&core, &server, format!("{EVENTS}{}", chunk(&event(ANSWER)))).await;
            let (_, mut relay) = streaming(walked);
            assert!(matches!(next(&mut relay, &core).await.1, Step::More));
            relay.client_left();
            assert_eq!(core.client.abandoned.open(), 0, "there is nothing to wait for");
            peer.closed().await;
        }
    });
}

#[test]
fn a_client_that_leaves_in_the_middle_cancels_by_its_era() {
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let begun = format!("{EVENTS}{}", chunk(&event(NOTE)));
        let (walked, mut peer) = Request::modern("x").met(&core, &server, &begun).await;
        streaming(walked).1.client_left();
        peer.closed().await;
        let (walked, mut peer) = Request::legacy("x").met(&core, &server, &begun).await;
        streaming(walked).1.client_left();
        assert_eq!(core.client.abandoned.open(), 1);
        peer.say(format!("{}{END}", chunk(&event(ANSWER)))).await;
        until(|| core.client.abandoned.open() == 0).await;
        assert_eq!(core.client.pool.idle(), 1);
    });
}

#[test]
fn an_event_beyond_the_bound_ends_the_stream() {
    local(async {
        let server = Server::new().await;
        let core = Plan::of(&[&server]).core();
        let said = format!("{EVENTS}{}", chunk(&(event(NOTE) + "data: " + &"x".repeat(EVENT + 1))));
        let (walked, mut peer) = Request::legacy("x").met(&core, &server, said).await;
        let (_, mut relay) = streaming(walked);
        let (passed, step) = rest(&mut relay, &core).await;
        assert_eq!(passed, event(NOTE), "what came before it passes");
        assert!(
            matches!(&step, Step::Refused(refusal, Awaited::Request(_)) if refusal.reason == Reason::UpstreamBadResponse)
        );
        peer.closed().await;
        assert_eq!((core.client.pool.idle(), core.client.abandoned.open()), (0, 0));
    });
}

#[test]
fn silence_ends_a_stream_though_keep_alives_are_written() {
    local(async {
        let server = Server::new().await;
        let mut plan = Plan::of(&[&server]);
        plan.patience.idle = Some(Duration::from_millis(20));
        let core = plan.core();
        let (walked, _peer) = Request::modern("x").met(&core, &server, EVENTS).await;
        let (_, mut relay) = streaming(walked);
        let mut out = Vec::new();
        let step = loop {
            match poll_once(relay.next(&mut out, &core.observer)).await {
                Some(step) => break step,
                None => tokio::task::yield_now().await,
            }
        };
        assert!(matches!(&step, Step::Refused(refusal, _) if refusal.reason == Reason::UpstreamTimeout), "{step:?}");
    });
}
