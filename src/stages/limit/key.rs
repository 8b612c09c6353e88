//! What of a message is counted under which key: one reading of it, for those who count and for those who explain.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::config::{Counted, LimitKey};
use crate::model::grants::Named;
use crate::model::{Reason, Refusal};

use super::asked::{Asked, One, Ones};
use super::counts;
use super::limits::Denied;

/// Characters of a key that are shown.
const SHOWN: usize = 100;

/// What expressions of limits give. `pipeline` joins the two.
pub trait Keys {
    /// Tells each key that a message has by the expression of a limit, by the place of either; none where the expression
    /// asks for what the message is without. `None` is all that is said together.
    ///
    /// # Errors
    /// What the expression fails at is refused.
    fn each(&self, limit: usize, message: Option<usize>, tell: &mut dyn FnMut(&str)) -> Result<(), Refusal>;
}

/// What the expression of a limit asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asks {
    /// Something that each message has for itself.
    pub message: bool,
    /// Something that is known with the server only.
    pub server: bool,
}

impl Asks {
    /// What is counted last, and message by message: for want of knowing better.
    pub(super) const ALL: Self = Self { message: true, server: true };
}

/// What is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key<'a> {
    All,
    Address(IpAddr),
    Caller(&'a str),
    Session(&'a str, (u64, &'a str)),
    Server(&'a str),
    Tool(&'a str, &'a str),
    CallerAndTool(&'a str, &'a str, &'a str),
    Expressed(&'a str),
}

/// What is counted under one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// Messages.
    pub(super) counted: u32,
    /// Those of them that are calls under way until they are answered.
    pub(super) calls: u32,
    /// The message that it is for, where it is not for all.
    pub(super) message: Option<usize>,
}

/// How a limit counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner<'a> {
    /// Its place.
    pub(super) limit: usize,
    pub(super) key: &'a LimitKey,
    pub(super) counts: &'a Counted,
    /// What its expression asks for.
    pub(super) asks: Asks,
}

impl Manner<'_> {
    /// The key of a request of which nothing is known but where it comes from.
    pub(super) fn of_address(&self, address: Option<IpAddr>) -> Option<Key<'static>> {
        match self.key {
            LimitKey::ClientIp => address.map(|address| Key::Address(counted(address))),
            _ => Some(Key::All),
        }
    }

    /// Tells which of `ones` are counted; `class` as a rule gave it.
    ///
    /// # Errors
    /// An expression has failed.
    pub(super) fn each(
        &self,
        asked: &Asked<'_>,
        ones: &Ones<'_>,
        class: Option<&str>,
        mut tell: impl FnMut(Key<'_>, Part),
    ) -> Result<(), Box<Denied>> {
        if counts::misfit(self.counts, asked, class).is_some() {
            return Ok(());
        }
        let mut whole = None;
        for one in ones.all().iter().filter(|one| counts::misfit_of(self.counts, asked.server, one).is_none()) {
            // A stream that is listened to is no call, unless the operator says so.
            let is_call = (one.is_request && !one.listens) || (one.listens && !self.counts.methods.is_empty());
            let calls = u32::from(is_call);
            let part = Part { counted: 1, calls, message: Some(one.at) };
            match (self.key, tool(one)) {
                (LimitKey::Tool, Some(tool)) => tell(Key::Tool(asked.server, tool), part),
                (LimitKey::PrincipalAndTool, Some(tool)) => {
                    tell(Key::CallerAndTool(asked.principal.key(), asked.server, tool), part);
                }
                (LimitKey::Tool | LimitKey::PrincipalAndTool, None) => {}
                (LimitKey::Expression(_), _) if self.asks.message => self.expressed(asked, part, &mut tell)?,
                _ => {
                    let Part { counted, calls: under_way, .. } =
                        whole.unwrap_or(Part { counted: 0, calls: 0, message: None });
                    whole = Some(Part { counted: counted + 1, calls: under_way + calls, message: None });
                }
            }
        }
        match (whole, self.key) {
            (None, _) => Ok(()),
            (Some(whole), LimitKey::Expression(_)) => self.expressed(asked, whole, &mut tell),
            (Some(whole), _) => {
                self.of_all(asked).into_iter().for_each(|key| tell(key, whole));
                Ok(())
            }
        }
    }

    /// The key of everything that is said together; none where there is nobody to be counted.
    fn of_all<'a>(&self, asked: &Asked<'a>) -> Option<Key<'a>> {
        Some(match (self.key, asked.session) {
            (LimitKey::Principal, _) | (LimitKey::Session, None) => Key::Caller(asked.principal.key()),
            (LimitKey::Session, Some(session)) => Key::Session(asked.server, session),
            (LimitKey::ClientIp, _) => Key::Address(counted(asked.address?)),
            (LimitKey::Server, _) => Key::Server(asked.server),
            _ => Key::All,
        })
    }

    fn expressed(
        &self,
        asked: &Asked<'_>,
        part: Part,
        tell: &mut impl FnMut(Key<'_>, Part),
    ) -> Result<(), Box<Denied>> {
        let told = match asked.keys {
            Some(keys) => keys.each(self.limit, part.message, &mut |key| tell(Key::Expressed(key), part)),
            None => Err(Refusal::new(Reason::Internal, "nobody has evaluated the key of a limit")),
        };
        told.map_err(|refusal| Box::new(Denied { refusal, message: part.message }))
    }
}

fn tool<'a>(one: &'a One<'_>) -> Option<&'a str> {
    one.name.as_ref().filter(|(named, _)| *named == Named::Tool).map(|(_, name)| &**name)
}

/// Of IPv6 the /64, since one host has all of it.
pub(super) fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address => address,
    }
}

/// For operators; what is long is cut.
impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all together"),
            Self::Address(address) => write!(f, "the address {address}"),
            Self::Caller(_) => f.write_str("this caller"),
            Self::Session(..) => f.write_str("this session"),
            Self::Server(server) => write!(f, "the server {server}"),
            Self::Tool(server, tool) => write!(f, "the tool {server}:{}", shown(tool)),
            Self::CallerAndTool(_, server, tool) => write!(f, "the tool {server}:{} of this caller", shown(tool)),
            Self::Expressed(key) => write!(f, "the key {:?}", shown(key)),
        }
    }
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}
