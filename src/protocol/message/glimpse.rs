//! A look at a client's message of which nothing is kept, since it is too large: whom its refusal has to be told.
//!
//! It goes by the strict pass of [`Progressive`](super::Progressive), in the same bounded memory. Nothing but the
//! addressee of a refusal may rest on it: a message that was cut off has not been read.

use super::{
    body::Limits,
    book::{Book, Called, Seen},
    envelope::{Kind, Side},
    owned_id::OwnedId,
};
use crate::protocol::json::Feed;

/// The look at one body, while it passes in chunks.
pub struct Glimpse {
    feed: Feed,
    book: Book,
    is_sound: bool,
}

/// What was seen of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Glimpsed {
    /// No message, or none that can be told from another: a fault in what was seen, a batch, the beginning of anything.
    Nothing,
    /// One request, or the beginning of one with its id and its method.
    Request {
        /// Its id.
        id: OwnedId,
        /// Whether it is `initialize`.
        initialize: bool,
        /// Whether its `_meta` names a protocol version, as far as it was seen.
        envelope: bool,
    },
    /// One message that takes no answer, seen to its end.
    Notification {
        /// Whether somebody waits for it: a posted answer, or `notifications/initialized`.
        awaited: bool,
        /// Whether its `_meta` names a protocol version.
        envelope: bool,
    },
}

impl Glimpse {
    /// Nothing has been seen yet.
    pub fn new(limits: &Limits) -> Glimpse {
        Glimpse { feed: Feed::new(limits.depth), book: Book::new(limits.batch, Side::Client), is_sound: true }
    }

    /// Sees the next chunk, which may end anywhere. Behind a fault nothing is looked at any more.
    pub fn push(&mut self, chunk: &[u8]) {
        self.is_sound = self.is_sound && self.feed.push(chunk, &mut self.book).is_ok();
    }

    /// Whether a request has been seen, so that no more is needed to answer it.
    pub fn has_request(&self) -> bool {
        self.is_sound && self.book.request_so_far().is_some()
    }

    /// What a body was of which no more is looked at.
    pub fn cut_off(self) -> Glimpsed {
        let (method, envelope) = (self.book.method(), self.book.names_version());
        match self.book.request_so_far().filter(|_| self.is_sound) {
            Some(id) => Glimpsed::Request { id, initialize: method == Some(Called::Initialize), envelope },
            None => Glimpsed::Nothing,
        }
    }

    /// What a body was that has ended.
    pub fn ended(mut self) -> Glimpsed {
        if !self.is_sound || self.feed.finish(&mut self.book).is_err() {
            return Glimpsed::Nothing;
        }
        let (method, envelope) = (self.book.method(), self.book.names_version());
        let Ok(Seen::One(message)) = self.book.seen() else { return Glimpsed::Nothing };
        match (message.kind, message.id) {
            (Kind::Request, Some(id)) => {
                Glimpsed::Request { id, initialize: method == Some(Called::Initialize), envelope }
            }
            (Kind::Request, None) => Glimpsed::Nothing,
            (Kind::Notification, _) => {
                Glimpsed::Notification { awaited: method == Some(Called::Initialized), envelope }
            }
            (Kind::Answer | Kind::Error, _) => Glimpsed::Notification { awaited: true, envelope },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(chunks: &[&str]) -> Glimpse {
        let mut glimpse = Glimpse::new(&Limits::default());
        chunks.iter().for_each(|chunk| glimpse.push(chunk.as_bytes()));
        glimpse
    }

    /// In a word, without the envelope.
    fn told(glimpsed: Glimpsed) -> String {
        match glimpsed {
            Glimpsed::Nothing => "nothing".into(),
            Glimpsed::Request { id, initialize, .. } => {
                format!("{}{}", if initialize { "initialize " } else { "" }, String::from_utf8_lossy(id.raw()))
            }
            Glimpsed::Notification { awaited, .. } => format!("notification, awaited: {awaited}"),
        }
    }

    const LATE: &str =
        r#"{"method":"tools/call","params":{"arguments":{"id":1,"text":"xx"},"id":2},"jsonrpc":"2.0","id":"a\u0062"}"#;
    const EARLY: &str = r#"{"jsonrpc":"2.0","id":73,"method":"tools/call","params":{"text":"xx"}}"#;

    #[test]
    fn a_request_is_known_from_its_id_and_method_on_wherever_it_is_cut() {
        for (body, from) in [(LATE, LATE.len() - 1), (EARLY, EARLY.find(r#","params""#).unwrap())] {
            for cut in 0..=body.len() {
                let seen = || look(&[&body[..cut]]);
                let id = if body == LATE { r#""a\u0062""# } else { "73" };
                let expected = if cut >= from { id } else { "nothing" };
                assert_eq!(told(seen().cut_off()), expected, "{}", &body[..cut]);
                assert_eq!(seen().has_request(), cut >= from);
                let whole = if cut == body.len() { id } else { "nothing" };
                assert_eq!(told(seen().ended()), whole, "{}", &body[..cut]);
                assert_eq!(told(look(&[&body[..cut], &body[cut..]]).ended()), id);
            }
        }
    }

    #[test]
    fn the_digits_of_an_id_are_not_its_beginning() {
        let begun = r#"{"jsonrpc":"2.0","method":"ping","id":12"#;
        assert_eq!(told(look(&[begun]).cut_off()), "nothing");
        assert_eq!(told(look(&[begun, "3,"]).cut_off()), "123");
    }

    #[test]
    fn what_speaks_against_a_request_is_none() {
        for body in [
            r#"{"id":1,"id":1,"method":"x","#,
            r#"{"id":1,"method":"x","id":2,"#,
            r#"{"id":1,"method":"x","Id":2,"#,
            r#"{"id":1,"method":7,"#,
            r#"{"id":1.0,"method":"x","#,
            r#"{"id":null,"method":"x","#,
            r#"{"id":{"id":1},"method":"x","#,
            r#"{"id":1,"method":"x","result":{},"#,
            r#"{"id":1,"result":{},"#,
            r#"{"id":1,"method":"x",]"#,
            "{\"id\":1,\"method\":\"x\",\"params\":\"\u{1}",
            r#"{"id":1,"method":"x","params":"\ud800","#,
            r#"[{"jsonrpc":"2.0","id":1,"method":"x"},"#,
            r#"{"params":{"id":1,"method":"x"},"#,
            r#""id""#,
        ] {
            let glimpse = look(&[body]);
            assert!(!glimpse.has_request(), "{body}");
            assert_eq!(told(glimpse.cut_off()), "nothing", "{body}");
        }
        let long = format!(r#"{{"method":"x","id":"{}","#, "i".repeat(257));
        assert_eq!(told(look(&[&long]).cut_off()), "nothing");
    }

    #[test]
    fn whole_messages_are_told_apart() {
        for (body, expected) in [
            (r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#, "initialize 1"),
            (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, "notification, awaited: true"),
            (r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#, "notification, awaited: false"),
            (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, "notification, awaited: true"),
            (r#"{"jsonrpc":"2.0","id":1,"error":{}}"#, "notification, awaited: true"),
            (r#"{"jsonrpc":"2.0","error":{}}"#, "nothing"),
            (r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#, "nothing"),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"x"}]"#, "nothing"),
            ("", "nothing"),
        ] {
            assert_eq!(told(look(&[body]).ended()), expected, "{body}");
        }
    }

    #[test]
    fn the_envelope_is_seen_where_it_stands_and_nowhere_else() {
        let meta = r#"{"io.modelcontextprotocol\/protocolVersion":"x"}"#;
        for (params, expected) in [
            (format!(r#"{{"_meta":{meta}}}"#), true),
            (format!(r#"{{"arguments":{{"_meta":{meta}}}}}"#), false),
            (format!(r#"{{"_meta":{{"a":{meta}}}}}"#), false),
            (meta.to_owned(), false),
        ] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{params}}}"#);
            let Glimpsed::Request { envelope, .. } = look(&[&body]).ended() else { panic!("{body}") };
            assert_eq!(envelope, expected, "{body}");
        }
    }
}
