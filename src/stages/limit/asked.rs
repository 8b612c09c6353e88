//! What limits are asked about.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::model::Principal;
use crate::model::grants::Named;
use crate::protocol::message::{Kind, Message};
use crate::protocol::method::Method;

use super::key::Keys;

/// What a client asks for, and who it is.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Where they call from; on a Unix socket there is none.
    pub address: Option<IpAddr>,
    /// Who calls.
    pub principal: &'a Principal,
    /// The roles that they hold.
    pub roles: &'a [Box<str>],
    /// The server that they are bound for.
    pub server: &'a str,
    /// The endpoint that gave the session, and its name for it; `None` outside of one.
    pub session: Option<(u64, &'a str)>,
    /// What they say.
    pub said: Said<'a>,
    /// What the expressions of limits give; `None` where no limit has one.
    pub keys: Option<&'a dyn Keys>,
}

/// What is said.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// Messages, in checked bytes.
    Messages(&'a [Message], &'a [u8]),
    /// GET: a stream is to be opened.
    Stream,
    /// DELETE: a session ends.
    End,
}

/// What the rules say of it.
#[derive(Clone, Copy, Debug)]
pub struct Ruled<'a> {
    /// The class that one gave it.
    pub class: Option<&'a str>,
    /// What it costs, in ordinary calls.
    pub cost: u32,
}

/// All that is counted of what is said.
#[derive(Debug)]
pub(super) enum Ones<'a> {
    Few(Option<One<'a>>),
    Many(Vec<One<'a>>),
}

/// One thing that is counted.
#[derive(Debug)]
pub(super) struct One<'a> {
    /// Its place among the messages.
    pub(super) at: usize,
    pub(super) method: Cow<'a, str>,
    /// What it names, by which kind of thing.
    pub(super) name: Option<(Named, Cow<'a, str>)>,
    /// An answer is awaited.
    pub(super) is_request: bool,
    /// It is a stream that is only listened to.
    pub(super) listens: bool,
}

impl<'a> Said<'a> {
    /// What is counted of it.
    pub(super) fn counted(self) -> Ones<'a> {
        let (messages, bytes): (&[Message], &[u8]) = match self {
            Self::Messages(messages, bytes) => (messages, bytes),
            Self::Stream | Self::End => (&[], &[]),
        };
        let stream = matches!(self, Self::Stream).then(|| One {
            at: 0,
            method: "GET".into(),
            name: None,
            is_request: false,
            listens: true,
        });
        let mut counted = messages.iter().enumerate().filter_map(|(at, message)| One::of(at, message, bytes));
        let first = stream.or_else(|| counted.next());
        // Most bodies have one message.
        match counted.next() {
            None => Ones::Few(first),
            Some(second) => Ones::Many(first.into_iter().chain([second]).chain(counted).collect()),
        }
    }
}

impl<'a> Ones<'a> {
    pub(super) fn all(&self) -> &[One<'a>] {
        match self {
            Self::Few(one) => one.as_slice(),
            Self::Many(all) => all,
        }
    }
}

impl<'a> One<'a> {
    /// `None` for what is not counted.
    fn of(at: usize, message: &Message, bytes: &'a [u8]) -> Option<Self> {
        let is_request = match message.kind {
            Kind::Request => true,
            Kind::Notification => false,
            Kind::Answer | Kind::Error => return None,
        };
        let text = message.method.and_then(|method| method.text(bytes)).unwrap_or_default();
        let method = Method::of(&text);
        let (named, value) = match method {
            Method::Cancelled => return None,
            Method::ToolsCall => (Named::Tool, message.fields.name),
            Method::PromptsGet => (Named::Prompt, message.fields.name),
            Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
                (Named::Resource, message.fields.uri)
            }
            _ => (Named::Tool, None),
        };
        // A name that is none is one name, too: there may be a server that takes it.
        let shown = |value: crate::protocol::json::Value| {
            value.text(bytes).unwrap_or_else(|| String::from_utf8_lossy(value.raw(bytes)))
        };
        let named_at_all = value.is_some() || matches!(method, Method::ToolsCall | Method::PromptsGet);
        let name = named_at_all.then(|| (named, value.map(shown).unwrap_or_default()));
        Some(Self { at, method: text, name, is_request, listens: method == Method::Listen })
    }
}
