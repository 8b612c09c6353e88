//! What rules are asked about: one message, or one name that a message has.

use std::borrow::Cow;

use http::HeaderMap;

use crate::model::grants::Named;
use crate::model::is_normal_uri;
use crate::protocol::json::Value;
use crate::protocol::message::{self, Message, Reference};
use crate::protocol::method::Method;

pub use crate::protocol::message::Unreadable;

use super::Book;
use super::expression::Facts;

/// Longer names are refused where rules name their kind, in bytes: a pattern costs its length times that of the name.
const LONGEST: usize = 2048;

/// One message as rules see it.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The place of its route, as the book counts them.
    pub route: usize,
    /// The place of the server that it is for.
    pub server: usize,
    /// What it is.
    pub said: Said<'a>,
    /// What it names.
    pub named: Option<(Named, &'a str)>,
    /// The roles that its caller holds.
    pub roles: &'a [Box<str>],
    /// The fields of its request.
    pub headers: &'a HeaderMap,
    /// What expressions are decided on.
    pub facts: &'a dyn Facts,
    /// Randomness, for shares and weights.
    pub draw: u64,
}

/// What a message is, by its method or by what it has instead of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// A method that is known here; never `Method::Other`.
    Method(Method),
    /// Another method, by its name.
    Other(&'a str),
    /// An answer to a request of the server's.
    Answer,
    /// `GET`: a stream of a session.
    Get,
    /// `DELETE`: the end of a session.
    Delete,
}

impl<'a> Said<'a> {
    /// As rules call it.
    pub fn text(self) -> &'a str {
        match self {
            Self::Method(method) => method.as_str(),
            Self::Other(name) => name,
            Self::Answer => "answer",
            Self::Get => "GET",
            Self::Delete => "DELETE",
        }
    }
}

/// What a message names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// Nothing that rules name.
    None,
    /// A tool, a prompt, or a resource.
    One(Named, Cow<'a, str>),
    /// The resources that are to be listened to.
    Many(Vec<Cow<'a, str>>),
}

/// The method of a message, unescaped; `None` for an answer.
pub fn method<'a>(message: &Message, bytes: &'a [u8]) -> Option<Cow<'a, str>> {
    message.method.and_then(|method| method.text(bytes))
}

impl<'a> Subject<'a> {
    /// That of a message.
    ///
    /// # Errors
    /// Where the book has rules about such names, and this one is no text, is too long, or is a URI in another form than the
    /// normal one: its server might read it as another name than the rules do.
    pub fn of(message: &Message, method: Option<Method>, bytes: &'a [u8], book: &Book) -> Result<Self, Unreadable> {
        Self::named(message, method, bytes, &|named| book.names(named))
    }

    /// The same for whoever looks at names of some kinds.
    ///
    /// # Errors
    /// As above.
    pub fn named(
        message: &Message,
        method: Option<Method>,
        bytes: &'a [u8],
        looks: &dyn Fn(Named) -> bool,
    ) -> Result<Self, Unreadable> {
        let (fields, of) =
            (&message.fields, |named, value: Option<Value>| match value.and_then(|value| value.text(bytes)) {
                Some(name) => Ok(Self::One(named, name)),
                None if looks(named) => Err(Unreadable("what is asked for has no name that is a string")),
                None => Ok(Self::None),
            });
        let subject = match method {
            Some(Method::ToolsCall) => of(Named::Tool, fields.name)?,
            Some(Method::PromptsGet) => of(Named::Prompt, fields.name)?,
            Some(Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe) => {
                of(Named::Resource, fields.uri)?
            }
            // A completion is of a prompt or of a template; only what can be read for sure is one.
            Some(Method::Complete) if looks(Named::Prompt) || looks(Named::Resource) => {
                let subject = match message::reference(message, bytes)? {
                    Reference::Prompt(name) => Self::One(Named::Prompt, name),
                    Reference::Resource(uri) => Self::One(Named::Resource, uri),
                };
                return subject.bounded().map(Ok).unwrap_or(Err(TOO_LONG));
            }
            Some(Method::Listen) if looks(Named::Resource) => {
                Self::Many(message::subscribed(message, bytes)?.collect::<Result<_, _>>()?)
            }
            _ => return Ok(Self::None),
        };
        match &subject {
            Self::One(named, _) if !looks(*named) => Ok(subject),
            Self::One(Named::Resource, uri) if !is_normal_uri(uri) => Err(NOT_NORMAL),
            Self::Many(uris) if uris.iter().any(|uri| !is_normal_uri(uri)) => Err(NOT_NORMAL),
            _ => subject.bounded().ok_or(TOO_LONG),
        }
    }

    /// Each name that rules are asked about; `None`, once, where there is none.
    pub fn each(&self) -> impl Iterator<Item = Option<(Named, &str)>> {
        let (one, many) = match self {
            Self::One(named, name) => (Some(Some((*named, &**name))), &[][..]),
            Self::Many(names) if !names.is_empty() => (None, &names[..]),
            Self::None | Self::Many(_) => (Some(None), &[][..]),
        };
        one.into_iter().chain(many.iter().map(|name| Some((Named::Resource, &**name))))
    }

    fn bounded(self) -> Option<Self> {
        let fits = match &self {
            Self::None => true,
            Self::One(_, name) => name.len() <= LONGEST,
            Self::Many(names) => names.iter().all(|name| name.len() <= LONGEST),
        };
        fits.then_some(self)
    }
}

const TOO_LONG: Unreadable = Unreadable("what is asked for has a name of more than 2048 bytes");
const NOT_NORMAL: Unreadable = Unreadable("a URI has to be in its normal form here (RFC 3986, 6.2.2)");
