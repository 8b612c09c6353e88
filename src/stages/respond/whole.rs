//! An answer in one piece: read strictly and checked before anything of it, the status included, goes out.

use bytes::Bytes;

use crate::catalog::{Observer, cut_supported};
use crate::model::Refusal;
use crate::protocol::json;
use crate::protocol::message::{self, Body, Kind, Message};
use crate::protocol::method::Method;

use super::bad;
use super::expected::{Awaited, Expected, Verdict};

/// An answer that passes.
#[derive(Debug)]
pub struct Checked {
    /// The bytes for the client: the server's, with nothing but `supportedVersions` cut to what is served.
    pub bytes: Bytes,
    /// The revision that an answer to `initialize` names.
    pub revision: Option<String>,
}

/// A body that is no MCP message, on an answer that says it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// Passes as it is: it is the server's own verdict, and no answer to anything.
    Allowed,
    /// The status says success, so an answer has to be there.
    Refused,
}

/// Checks a body of JSON.
///
/// # Errors
/// `upstream_bad_response`: not read by the strict pass, an answer for somebody else, none, or two.
pub fn whole(mut expected: Expected, bytes: Bytes, other: Other, observer: &Observer) -> Result<Checked, Refusal> {
    let reads_only = expected.reads_only();
    let body = match message::read_server(&bytes, &expected.limits) {
        Ok(body) => body,
        Err(_) if other == Other::Allowed => return Ok(Checked { bytes, revision: None }),
        Err(fault) => return Err(bad(fault, reads_only)),
    };
    match &body {
        Body::One(message) => {
            judge_whole(&mut expected, message, &bytes, reads_only)?;
            expected.teach(observer, &bytes, message);
            let revision = revision(&expected, message, &bytes);
            let changed = changed(&expected, message, &bytes).map(Bytes::from);
            Ok(Checked { bytes: changed.unwrap_or(bytes), revision })
        }
        Body::Batch(messages) => {
            for message in messages {
                judge_whole(&mut expected, message, &bytes, reads_only)?;
            }
            match expected.awaited {
                Awaited::Batch(ids) if !ids.is_empty() => Err(bad("a batch with answers missing", reads_only)),
                Awaited::Request(_) => Err(bad("a batch where one message was asked for", reads_only)),
                _ => Ok(Checked { bytes, revision: None }),
            }
        }
    }
}

fn judge_whole(expected: &mut Expected, message: &Message, bytes: &[u8], reads_only: bool) -> Result<(), Refusal> {
    match expected.judge(message, bytes) {
        Verdict::Answer => Ok(()),
        Verdict::Pass if message.kind == Kind::Error => Ok(()),
        Verdict::Pass => Err(bad("a body that is no answer", reads_only)),
        Verdict::Stray(why) => Err(bad(why, reads_only)),
    }
}

/// The revision that an answer to `initialize` names.
pub(super) fn revision(expected: &Expected, message: &Message, bytes: &[u8]) -> Option<String> {
    let result = message.result.filter(|_| expected.method == Some(Method::Initialize))?;
    json::member(bytes, result.span, "protocolVersion")?.text(bytes).map(Into::into)
}

/// The answer with what has to be changed in it; `None`, nearly always, if nothing has to be.
pub(super) fn changed(expected: &Expected, message: &Message, bytes: &[u8]) -> Option<Vec<u8>> {
    let discover = expected.method == Some(Method::Discover);
    (discover || message.kind == Kind::Error).then(|| cut_supported(bytes, message, discover))?
}
