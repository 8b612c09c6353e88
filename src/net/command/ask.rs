//! What a core asks of a command: messages as lines, their ids and tokens replaced by numbers of ours.
//!
//! Clients send `1` every time, so nothing rests on their ids: each request gets a number that no other one in the life
//! of the process has, and its progress token becomes the same number. What comes back is put back, to the byte.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::protocol::json::{self, Span, Value};
use crate::protocol::message::{Kind, Message, OwnedId};
use crate::protocol::method::Method;
use crate::protocol::revision::Era;
use crate::protocol::stdio;

use super::exchange::Sink;

/// One request of HTTP, as a command sees it.
pub(super) struct Ask {
    /// Names the exchange, among all of the process.
    pub(super) number: u64,
    pub(super) era: Era,
    /// Who asks; what is shared by caller is shared by this text.
    pub(super) caller: String,
    pub(super) session: Option<u64>,
    pub(super) what: What,
    /// Whether the client takes an event stream.
    pub(super) takes_events: bool,
    pub(super) sink: Sink,
}

/// What is asked.
#[derive(Debug)]
pub(super) enum What {
    /// POST.
    Say(Vec<Said>),
    /// GET, perhaps to go on after this event.
    Listen(Option<String>),
    /// DELETE.
    Leave,
}

impl What {
    /// What a session is opened by, if that is what is said.
    pub(super) fn opening(&self) -> Option<&Opening> {
        match self {
            Self::Say(said) => match &said[..] {
                [Said::Request(request)] => request.opening.as_ref(),
                _ => None,
            },
            _ => None,
        }
    }
}

/// One message of a client.
#[derive(Debug)]
pub(super) enum Said {
    Request(Request),
    /// `notifications/cancelled`; its `requestId` is still to be replaced.
    Cancel {
        of: OwnedId,
        line: Vec<u8>,
        at: Span,
    },
    Notification(Method, Vec<u8>),
    /// An answer to a request of the server's.
    Answer(OwnedId, Vec<u8>),
}

/// A request, and what is needed to bring its answer home.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) number: u64,
    pub(super) id: OwnedId,
    /// The client's own progress token, as it was written.
    pub(super) token: Option<Box<[u8]>>,
    pub(super) method: Method,
    pub(super) line: Vec<u8>,
    /// The client asked for log messages (2026-07-28).
    pub(super) logs: bool,
    /// What `resources/subscribe` and its opposite name.
    pub(super) uri: Option<String>,
    /// What `initialize` asks for.
    pub(super) opening: Option<Opening>,
}

/// What a client's `initialize` asks for: processes are shared by those alone who ask for the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Opening {
    pub(super) revision: String,
    /// As JSON text.
    pub(super) capabilities: String,
}

/// The numbers of one core's requests. All clones go on where one of them stands: they are for the cores of one place
/// that come one after the other, of which one alone counts at a time.
#[derive(Clone, Debug)]
pub struct Numbers(Arc<AtomicU64>);

impl Numbers {
    /// Places that have numbers of their own.
    pub const PLACES: usize = 1024;

    /// Those of the cores of this place; each place has its own, for as long as a core needs for 2^42 of them. All are
    /// below 2^53, so that every JSON parser reads them alike.
    pub fn of_core(place: usize) -> Self {
        Self(Arc::new(AtomicU64::new(((place % Self::PLACES) as u64) << 42)))
    }

    /// Those that no core has.
    pub(super) fn of_nobody() -> Self {
        Self(Arc::new(AtomicU64::new(1 << 52)))
    }

    pub(super) fn next(&self) -> u64 {
        // With one writer that is a plain move.
        let next = self.0.load(Ordering::Relaxed) + 1;
        self.0.store(next, Ordering::Relaxed);
        next
    }
}

impl Said {
    /// A message at its place in `bytes`, as what a command is told; `None` where a client may not say it.
    /// `shared`: others speak to the same process, so that a progress token is no name there.
    pub(super) fn of(message: &Message, bytes: &Bytes, shared: bool, numbers: &Numbers) -> Option<Self> {
        let method = message.method.map_or(Method::Other, |name| Method::of(&name.text(bytes).unwrap_or_default()));
        match (message.kind, &message.id) {
            (Kind::Request, Some(id)) => {
                let token = message.meta.progress_token;
                let mut request = Request::new(OwnedId::of(id, bytes), method, numbers.next());
                request.write(message, id.span(), token.filter(|_| shared), bytes);
                request.token = token.map(|token| token.raw(bytes).into());
                Some(Self::Request(request))
            }
            (Kind::Notification, _) => {
                Some(match (method, message.fields.request_id.and_then(|id| owned(id, bytes))) {
                    (Method::Cancelled, Some((of, span))) => {
                        let line = whole(message, bytes);
                        let start = message.span.start;
                        // Line ends become single bytes, so places stay what they were.
                        let at = Span { start: span.start - start, end: span.end - start };
                        Self::Cancel { of, line, at }
                    }
                    _ => Self::Notification(method, whole(message, bytes)),
                })
            }
            (Kind::Answer | Kind::Error, Some(id)) => Some(Self::Answer(OwnedId::of(id, bytes), whole(message, bytes))),
            _ => None,
        }
    }
}

impl Request {
    fn new(id: OwnedId, method: Method, number: u64) -> Self {
        Self { number, id, token: None, method, line: Vec::new(), logs: false, uri: None, opening: None }
    }

    /// Takes over what the message says; `mapped` is the token that becomes the number, as the id does.
    fn write(&mut self, message: &Message, id: Span, mapped: Option<Value>, bytes: &[u8]) {
        let mut digits = Vec::with_capacity(16);
        // Writing into a Vec cannot fail.
        let _ = write!(digits, "{}", self.number);
        let id = (id, &digits[..]);
        match mapped.map(|token| (token.span, &digits[..])) {
            None => stdio::line(bytes, message.span, &[id], &mut self.line),
            Some(token) if token.0.start < id.0.start => stdio::line(bytes, message.span, &[token, id], &mut self.line),
            Some(token) => stdio::line(bytes, message.span, &[id, token], &mut self.line),
        }
        self.line.push(b'\n');
        let subscribes = matches!(self.method, Method::ResourcesSubscribe | Method::ResourcesUnsubscribe);
        self.logs = message.meta.log_level.is_some();
        self.uri = message.fields.uri.filter(|_| subscribes).and_then(|uri| uri.text(bytes)).map(Into::into);
        self.opening = (self.method == Method::Initialize).then(|| Opening::of(message, bytes));
    }
}

impl Opening {
    fn of(message: &Message, bytes: &[u8]) -> Self {
        let text = |value: Option<Value>| value.and_then(|value| value.text(bytes)).unwrap_or_default().into_owned();
        let capabilities = message.fields.capabilities.map_or(&b"{}"[..], |value| value.raw(bytes));
        Self {
            revision: text(message.fields.protocol_version),
            capabilities: String::from_utf8_lossy(capabilities).into_owned(),
        }
    }

    /// The line of an `initialize` of ours that asks for the same.
    pub(super) fn line(&self, number: u64) -> Vec<u8> {
        let Self { revision, capabilities } = self;
        let revision = json::quoted(revision);
        let mut line = Vec::new();
        let text = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{number},\"method\":\"initialize\",\"params\":{{\"protocolVersion\":{revision},\
             \"capabilities\":{capabilities},\"clientInfo\":{{\"name\":\"weir\",\"version\":\"{}\"}}}}}}",
            env!("CARGO_PKG_VERSION")
        );
        let all = Span { start: 0, end: u32::try_from(text.len()).unwrap_or(u32::MAX) };
        stdio::line(text.as_bytes(), all, &[], &mut line);
        line.push(b'\n');
        line
    }
}

/// The id that a value is, if it is one.
fn owned(value: Value, bytes: &[u8]) -> Option<(OwnedId, Span)> {
    OwnedId::read(value, bytes).map(|id| (id, value.span))
}

fn whole(message: &Message, bytes: &[u8]) -> Vec<u8> {
    let mut line = Vec::new();
    stdio::line(bytes, message.span, &[], &mut line);
    line.push(b'\n');
    line
}
