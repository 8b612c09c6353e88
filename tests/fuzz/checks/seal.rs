//! Sealed ids: whatever a client sends is read without panic, what we sealed comes back, and nothing else opens.

use weir::seal::{
    KeyRing, Purpose, Sealer, Short,
    session::{LIFE, MOST_TEXT, SessionId, Unsealable},
};

/// Fixed, so that the corpus can hold ids that open.
const RING: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\nICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n";
const NOW: u64 = 1_800_000_000;
const ROUTE: &str = "/mcp";
const PRINCIPAL: &str = "issuer alice";

/// Runs every check. Panics where one fails.
pub(crate) fn check(data: &[u8]) {
    let sealer = KeyRing::parse(RING).expect("the fixed ring is one").sealer(Purpose::Session);
    let text = String::from_utf8_lossy(data);
    let _ = KeyRing::parse(&text);

    what_a_client_sends_is_read(&sealer, &text);
    authentic_bytes_are_read(&sealer, data);
    what_was_sealed_opens_unchanged_only(&sealer, data);
    sessions_come_back(&sealer, &text);
}

fn open(sealer: &Sealer, text: &str, now: u64) -> Option<SessionId> {
    SessionId::open(sealer, ROUTE, PRINCIPAL, text, now)
}

fn what_a_client_sends_is_read(sealer: &Sealer, text: &str) {
    if let Some(session) = open(sealer, text, NOW) {
        let again = session.seal(sealer, ROUTE, PRINCIPAL).expect("what opened can be sealed");
        assert_eq!(open(sealer, &again, NOW), Some(session));
        assert_eq!(SessionId::open(sealer, "/other", PRINCIPAL, text, NOW), None);
        assert_eq!(SessionId::open(sealer, ROUTE, "issuer bob", text, NOW), None);
        assert_eq!(open(sealer, text, NOW + 2 * LIFE.as_secs()), None);
    }
}

/// Bytes that only a fault of ours could have sealed.
fn authentic_bytes_are_read(sealer: &Sealer, data: &[u8]) {
    let text = sealer.seal(&[ROUTE.as_bytes(), PRINCIPAL.as_bytes()], data);
    for now in [0, NOW, u64::MAX] {
        if let Some(session) = open(sealer, &text, now) {
            assert!(text.len() <= MOST_TEXT && session.upstream.len() < data.len());
        }
    }
}

fn what_was_sealed_opens_unchanged_only(sealer: &Sealer, data: &[u8]) {
    let (part, plain) = data.split_at(data.len() / 2);
    let text = sealer.seal(&[part, b"x"], plain);
    assert_eq!(sealer.open(&[part, b"x"], &text).as_deref(), Some(plain));
    assert_eq!(sealer.open(&[part], &text), None);
    assert_eq!(sealer.open(&[part, b"x", b""], &text), None);
    let at = plain.len() % text.len();
    let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
    let altered = format!("{}{other}{}", &text[..at], &text[at + 1..]);
    assert_eq!(sealer.open(&[part, b"x"], &altered), None);
}

fn sessions_come_back(sealer: &Sealer, text: &str) {
    let mut parts = text.splitn(3, ' ');
    let mut part = || parts.next().unwrap_or_default();
    let (Some(revision), Some(node)) = (Short::new(part()), Short::new(part())) else { return };
    let session = SessionId { revision, issued: NOW, node, endpoint: text.len() as u64, upstream: part().to_owned() };
    match session.seal(sealer, ROUTE, PRINCIPAL) {
        Ok(sealed) => {
            assert!(sealed.len() <= MOST_TEXT);
            assert_eq!(open(sealer, &sealed, NOW), Some(session));
        }
        Err(Unsealable::TooLong) => assert!(session.upstream.len() > 1400),
        Err(Unsealable::NotVisible) => {
            assert!(session.upstream.is_empty() || !session.upstream.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
