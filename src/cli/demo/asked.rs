//! A request that has passed the checks of its era, as the methods see it.

use std::borrow::Cow;
use std::sync::Arc;

use http::StatusCode;

use crate::protocol::json::{self, Kind, Value};
use crate::protocol::message::Message;
use crate::protocol::revision::Era;

use super::reply::{self, Failure};
use super::sessions::Session;
use super::site::{FRESH, Path, Site};
use super::stream::Stream;

/// Bytes of a progress token.
const LONGEST_TOKEN: usize = 256;

/// A request.
pub(super) struct Asked<'a> {
    pub(super) site: &'a Arc<Site>,
    pub(super) path: Path,
    pub(super) era: Era,
    pub(super) session: Option<&'a Arc<Session>>,
    pub(super) message: &'a Message,
    pub(super) bytes: &'a [u8],
    /// The id as it came.
    pub(super) id: &'a [u8],
}

/// What comes of a request.
pub(super) enum Answered {
    /// The whole answer.
    Text(Vec<u8>),
    /// The answer comes piece by piece.
    Stream(Box<Stream>),
    /// An HTTP status and nothing else.
    Status(StatusCode),
}

impl Asked<'_> {
    /// A complete result with these members.
    pub(super) fn result(&self, members: &str) -> Result<Answered, Failure> {
        Ok(Answered::Text(reply::result(self.era, self.id, members)))
    }

    /// A list that is always the same; how long it may be kept is for the era that asks it.
    pub(super) fn list(&self, members: &str) -> Result<Answered, Failure> {
        match self.era {
            Era::Modern => self.result(members),
            Era::Legacy => self.result(members.strip_prefix(FRESH).unwrap_or(members)),
        }
    }

    /// What a tool says to the model that called it wrongly (tools, "Error Handling").
    pub(super) fn told(&self, text: &str) -> Result<Answered, Failure> {
        self.result(&reply::content(&json::quoted(text), true))
    }

    /// A text of `params`; `None` where there is none.
    pub(super) fn text(&self, value: Option<Value>, name: &str) -> Result<Option<Cow<'_, str>>, Failure> {
        let Some(value) = value else { return Ok(None) };
        let text = value.text(self.bytes);
        text.map(Some).ok_or_else(|| Failure::parameters(format!("`{name}` must be a string")))
    }

    /// An argument of the tool.
    pub(super) fn argument(&self, name: &str) -> Option<Value> {
        json::member(self.bytes, self.message.fields.arguments?.span, name)
    }

    /// An integer argument within its bounds, or what to tell.
    pub(super) fn number(&self, name: &str, least: u64, most: u64, default: u64) -> Result<u64, String> {
        let Some(value) = self.argument(name) else { return Ok(default) };
        let token = std::str::from_utf8(value.raw(self.bytes)).unwrap_or_default();
        let number = token.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| format!("`{name}` must be an integer from {least} to {most}"))
    }

    /// The progress token as it came, where it is one. A long one is left out: it would come back with every event.
    pub(super) fn progress_token(&self) -> Option<Vec<u8>> {
        let token = self.message.meta.progress_token?;
        let raw = token.raw(self.bytes);
        (matches!(token.kind, Kind::String | Kind::Number) && raw.len() <= LONGEST_TOKEN).then(|| raw.to_vec())
    }
}
