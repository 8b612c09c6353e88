//! A connection as the guard sees it, byte by byte: its heads, and which bytes are bodies.

use super::{Framing, Head, HeadGuard, HeadLimits, Phase, Refused};

/// What the guard made of a stream of bytes.
#[derive(Debug)]
pub(crate) struct Transcript {
    pub(crate) requests: Vec<Request>,
    /// The refusal, and the index of the byte at which it fell.
    pub(crate) refused: Option<(Refused, usize)>,
    pub(crate) phase: Phase,
}

/// One request of it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) head: Head,
    body: Vec<u8>,
    is_complete: bool,
}

impl Transcript {
    pub(crate) fn of(bytes: &[u8], limits: HeadLimits) -> Self {
        let mut guard = HeadGuard::new(limits);
        let mut requests = Vec::<Request>::new();
        for (at, byte) in bytes.iter().enumerate() {
            let phase = guard.phase();
            if let Err(refused) = guard.inspect(&[*byte]) {
                return Self { requests, refused: Some((refused, at)), phase: guard.phase() };
            }
            if let (Phase::Body, Some(request)) = (phase, requests.last_mut()) {
                request.body.push(*byte);
            }
            if let Some(head) = guard.take_head() {
                requests.push(Request { head, body: Vec::new(), is_complete: false });
            }
            if let Some(request) = requests.last_mut() {
                request.is_complete |= guard.phase() == Phase::Between;
            }
        }
        Self { requests, refused: None, phase: guard.phase() }
    }
}

impl Request {
    /// The content of the body, none if it did not come whole.
    pub(crate) fn content(&self) -> Option<Vec<u8>> {
        self.is_complete.then(|| match self.head.framing {
            Framing::Chunked => unchunk(&self.body),
            _ => self.body.clone(),
        })
    }
}

/// The plainest reading of chunks there is; they are known to be sound.
fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    loop {
        let line = body.windows(2).position(|pair| pair == b"\r\n").expect("a size line");
        let digits = body.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let digits = str::from_utf8(&body[..digits]).expect("digits");
        let size = usize::from_str_radix(digits, 16).expect("a size");
        if size == 0 {
            return content;
        }
        content.extend_from_slice(&body[line + 2..][..size]);
        body = &body[line + 2 + size + 2..];
    }
}
