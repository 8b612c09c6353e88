//! An answer in one piece: read strictly and checked before anything of it, the status included, goes out.

use bytes::Bytes;

use crate::model::Refusal;
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
    /// Whether the catalog can learn from it (`tools/list`, `server/discover`).
    pub teaches: bool,
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
pub fn whole(mut expected: Expected, bytes: Bytes, other: Other) -> Result<Checked, Refusal> {
    let reads_only = expected.reads_only();
    let body = match message::read_server(&bytes, &expected.limits) {
        Ok(body) => body,
        Err(_) if other == Other::Allowed => return Ok(Checked { bytes, revision: None, teaches: false }),
        Err(fault) => return Err(bad(fault, reads_only)),
    };
    match &body {
        Body::One(message) => {
            judge_whole(&mut expected, message, &bytes, reads_only)?;
            let (bytes, revision, teaches) = treat(&expected, message, bytes);
            Ok(Checked { bytes, revision, teaches })
        }
        Body::Batch(messages) => {
            for message in messages {
                judge_whole(&mut expected, message, &bytes, reads_only)?;
            }
            match expected.awaited {
                Awaited::Batch(ids) if !ids.is_empty() => Err(bad("a batch with answers missing", reads_only)),
                Awaited::Request(_) => Err(bad("a batch where one message was asked for", reads_only)),
                _ => Ok(Checked { bytes, revision: None, teaches: false }),
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

/// What is read from, and changed in, an answer: returns the bytes, the negotiated revision, whether it teaches.
pub(super) fn treat(expected: &Expected, message: &Message, bytes: Bytes) -> (Bytes, Option<String>, bool) {
    match (expected.method, message.kind) {
        (Some(Method::Initialize), Kind::Answer) => {
            let named = message.result.and_then(|result| {
                crate::protocol::json::member(&bytes, result.span, "protocolVersion")?.text(&bytes).map(Into::into)
            });
            (bytes, named, false)
        }
        (Some(Method::Discover), Kind::Answer) | (_, Kind::Error) => {
            let cut = crate::catalog::cut_supported(&bytes, message).map(Bytes::from);
            (cut.unwrap_or(bytes), None, message.kind == Kind::Answer)
        }
        (Some(Method::ToolsList), Kind::Answer) => (bytes, None, true),
        _ => (bytes, None, false),
    }
}
