//! The checker of an answer that is too long to be held: the rules of `read_server`, while it passes in chunks.
//!
//! It holds the place in the grammar, hashes of the keys that must not repeat, and at most one id's token at a time,
//! so its memory is bounded whatever passes. It accepts exactly what `read_server` accepts, save an envelope,
//! `params`, `result`, `error` or `_meta` with more than 10,000 keys. (And two keys whose 128-bit hashes agree; the
//! seeds are random.)

use super::{
    body::Limits,
    book::{Book, Seen},
    envelope::Side,
    fault::Fault,
};
use crate::protocol::json::Feed;

/// The checker of one body, or of the data of one event, that a server sends in chunks.
pub struct Progressive {
    feed: Feed,
    book: Book,
    /// The fault that was found: it stays.
    fault: Option<Fault>,
}

impl Progressive {
    /// A checker before the first chunk.
    pub fn new(limits: &Limits) -> Progressive {
        Progressive { feed: Feed::new(limits.depth), book: Book::new(limits.batch, Side::Server), fault: None }
    }

    /// Checks the next chunk, which may end anywhere.
    ///
    /// # Errors
    /// The first fault that shows by the end of this chunk; every later call returns it again. Its `id` is `None`.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let pushed = self.feed.push(chunk, &mut self.book);
        self.fault = pushed.err();
        pushed
    }

    /// Whether what has come by now names a cursor, a `requestState` or a task that a client would bring back.
    pub fn is_brought_back(&self) -> bool {
        self.book.is_brought_back()
    }

    /// Ends the text and tells what it was.
    ///
    /// # Errors
    /// The fault that a chunk had, or that the text ends too early.
    pub fn finish(mut self) -> Result<Seen, Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        self.feed.finish(&mut self.book)?;
        self.book.seen()
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Limits, Progressive, Seen};
    use crate::protocol::{
        json,
        message::{FaultReason, Kind, read_server},
    };

    fn push_all(chunks: &[&str]) -> Result<Seen, Fault> {
        let mut progressive = Progressive::new(&Limits::default());
        for chunk in chunks {
            progressive.push(chunk.as_bytes())?;
        }
        progressive.finish()
    }

    #[test]
    fn a_long_answer_passes_and_its_id_is_known_at_the_end() {
        let filler = "Zürich \\u00fc \\\\ ".repeat(1000);
        let mut chunks = vec!["{\"jsonrpc\":\"2.0\",\"result\":{\"content\":[{\"text\":\""];
        chunks.extend(std::iter::repeat_n(filler.as_str(), 300));
        chunks.extend(["\"}]},\"i", "d\":\"a-", "1\"}"]);
        let Ok(Seen::One(seen)) = push_all(&chunks) else {
            panic!("it is sound");
        };
        assert_eq!((seen.kind, seen.id.unwrap().raw()), (Kind::Answer, &b"\"a-1\""[..]));
    }

    #[test]
    fn the_last_byte_decides() {
        let start = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}";
        assert!(push_all(&[start, "}"]).is_ok());
        assert_eq!(push_all(&[start]).map_err(|fault| (fault.is_parse_error(), fault.at)), Err((true, 35)));
        assert_eq!(push_all(&[start, "} ", "x"]).map_err(|fault| fault.at), Err(37));
        assert_eq!(push_all(&[]).map_err(|fault| fault.at), Err(0));
    }

    #[test]
    fn a_fault_stays() {
        let mut progressive = Progressive::new(&Limits::default());
        let fault = progressive.push(b"{\"jsonrpc\":\"2.0\",]").expect_err("no key");
        assert_eq!(fault.to_string(), "expected a key in double quotes at byte 17");
        assert_eq!(progressive.push(b"\"id\":1}"), Err(fault));
        assert_eq!(progressive.finish(), Err(fault));
    }

    #[test]
    fn only_the_number_of_keys_that_are_read_is_bounded() {
        let object = |keys: usize| {
            let members: Vec<_> = (0..keys).map(|key| format!("\"key {key}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        let answer = |result: &str| format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{result}}}");
        let few = answer(&object(10_000));
        assert!(push_all(&[&few]).is_ok());
        let many = answer(&object(10_001));
        let fault = push_all(&[&many]).expect_err("more than are remembered");
        assert_eq!(fault.reason, FaultReason::Text(json::FaultReason::TooManyKeys));
        assert!(
            read_server(many.as_bytes(), &Limits::default()).is_ok(),
            "whole bodies have another bound: their size"
        );
        let below = answer(&format!("{{\"x\":{}}}", object(10_001)));
        assert!(push_all(&[&below]).is_ok());
    }
}
