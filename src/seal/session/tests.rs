//! Properties of sealed session ids.

use proptest::{collection::vec, prelude::*};

use super::{
    super::{KeyRing, Purpose},
    *,
};

const NOW: u64 = 1_800_000_000;

fn ring() -> KeyRing {
    KeyRing::parse(&KeyRing::generate_text()).expect("a generated ring is one")
}

fn sealer() -> Sealer {
    ring().sealer(Purpose::Session)
}

fn session(upstream: &str) -> SessionId {
    SessionId {
        revision: Short::new("2025-11-25").unwrap(),
        issued: NOW,
        node: Short::new("a").unwrap(),
        endpoint: 0x0123_4567_89ab_cdef,
        upstream: upstream.to_owned(),
    }
}

fn any_session() -> impl Strategy<Value = SessionId> {
    ("[!-~]{0,32}", "[!-~]{0,16}", any::<u64>(), "[!-~]{1,200}").prop_map(|(revision, node, endpoint, upstream)| {
        SessionId {
            revision: Short::new(&revision).unwrap(),
            issued: NOW,
            node: Short::new(&node).unwrap(),
            endpoint,
            upstream,
        }
    })
}

proptest! {
    #[test]
    fn a_session_comes_back_as_it_was(session in any_session(), route in "\\PC{0,40}", principal in "\\PC{0,300}") {
        let sealer = sealer();
        let text = session.seal(&sealer, &route, &principal).unwrap();
        prop_assert_eq!(SessionId::open(&sealer, &route, &principal, &text, NOW), Some(session));
    }

    #[test]
    fn it_opens_on_its_route_for_its_caller_only(session in any_session(), other in "\\PC{0,20}") {
        prop_assume!(other != "/mcp" && other != "alice");
        let sealer = sealer();
        let text = session.seal(&sealer, "/mcp", "alice").unwrap();
        prop_assert_eq!(SessionId::open(&sealer, &other, "alice", &text, NOW), None);
        prop_assert_eq!(SessionId::open(&sealer, "/mcp", &other, &text, NOW), None);
        prop_assert_eq!(SessionId::open(&sealer, "alice", "/mcp", &text, NOW), None);
    }

    #[test]
    fn no_byte_of_it_can_be_changed(session in any_session(), to in any::<char>()) {
        let sealer = sealer();
        let text = session.seal(&sealer, "/mcp", "").unwrap();
        for at in 0..text.len() {
            let altered = format!("{}{to}{}", &text[..at], &text[at + 1..]);
            if altered != text {
                prop_assert_eq!(SessionId::open(&sealer, "/mcp", "", &altered, NOW), None);
            }
        }
    }

    #[test]
    fn it_is_never_longer_than_its_bound(length in 1..2000_usize) {
        let sealed = session(&"x".repeat(length)).seal(&sealer(), "/mcp", "");
        match sealed {
            Ok(text) => prop_assert!(text.len() <= MOST_TEXT),
            Err(why) => prop_assert!(why == Unsealable::TooLong && length > 1400),
        }
    }

    #[test]
    fn authentic_bytes_of_another_shape_are_refused(plain in vec(any::<u8>(), 0..60)) {
        let sealer = sealer();
        let text = sealer.seal(&context("/mcp", ""), &plain);
        if let Some(session) = SessionId::open(&sealer, "/mcp", "", &text, NOW) {
            prop_assert!(session.seal(&sealer, "/mcp", "").is_ok());
        }
    }
}

#[test]
fn the_longest_id_still_opens() {
    let sealer = sealer();
    let fits = (1..2000).rev().find_map(|length| session(&"x".repeat(length)).seal(&sealer, "/mcp", "").ok());
    let text = fits.expect("a short id fits");
    assert!(text.len() > MOST_TEXT - 4 && text.len() <= MOST_TEXT);
    assert!(SessionId::open(&sealer, "/mcp", "", &text, NOW).is_some());
    assert_eq!(SessionId::open(&sealer, "/mcp", "", &(text + "A"), NOW), None);
}

#[test]
fn it_lives_for_a_day_and_not_before_its_time() {
    let sealer = sealer();
    let text = session("s").seal(&sealer, "/mcp", "").unwrap();
    let opens_at = |now| SessionId::open(&sealer, "/mcp", "", &text, now).is_some();
    assert!(opens_at(NOW + LIFE.as_secs() - 1));
    assert!(!opens_at(NOW + LIFE.as_secs()));
    assert!(opens_at(NOW - SKEW.as_secs()));
    assert!(!opens_at(NOW - SKEW.as_secs() - 1));
    assert!(!opens_at(0) && !opens_at(u64::MAX));
}

#[test]
fn another_purpose_does_not_open_it() {
    let ring = ring();
    let text = session("s").seal(&ring.sealer(Purpose::Session), "/mcp", "").unwrap();
    assert_eq!(SessionId::open(&ring.sealer(Purpose::Ticket), "/mcp", "", &text, NOW), None);
    assert_eq!(SessionId::open(&ring.sealer(Purpose::Pair), "/mcp", "", &text, NOW), None);
}

#[test]
fn a_server_id_that_cannot_be_a_header_is_not_sealed() {
    for upstream in ["", "a b", "a\nb", "\u{e9}"] {
        assert_eq!(session(upstream).seal(&sealer(), "/mcp", ""), Err(Unsealable::NotVisible), "{upstream:?}");
    }
}
