//! An answer in one piece: read strictly and checked before anything of it, the status included, goes out.

use bytes::Bytes;

use crate::catalog::{Observer, cut_supported};
use crate::model::Refusal;
use crate::protocol::json;
use crate::protocol::message::{self, Body, Kind, Message, Seen, SeenMessage};
use crate::protocol::method::Method;

use super::bad;
use super::expected::{Expected, Said};
use super::unseen::Shown;

/// An answer that passes.
#[derive(Debug)]
pub struct Checked {
    /// The bytes for the client: the server's, with nothing but `supportedVersions` cut to what is served, and lists to what
    /// their reader may see.
    pub bytes: Bytes,
    /// The revision that an answer to `initialize` names.
    pub revision: Option<String>,
}

/// Checks the JSON of a status that says success: an answer has to be there.
///
/// # Errors
/// `upstream_bad_response`: not read by the strict pass, an answer for somebody else, none, or two.
pub fn whole(mut expected: Expected, bytes: Bytes, observer: &Observer) -> Result<Checked, Refusal> {
    let body = expected.read(observer, &bytes).map_err(|fault| bad(fault, expected.reads_only))?;
    judge(&mut expected, &body, &bytes)?;
    expected.keeps_promises(&body, &bytes).map_err(|broken| bad(broken.why, expected.reads_only))?;
    let shown = shown(&expected, &body, &bytes)?;
    let Body::One(message) = &body else { return Ok(Checked { bytes: shown.unwrap_or(bytes), revision: None }) };
    expected.teach(observer, &bytes, message);
    let revision = revision(&expected, message, &bytes);
    let changed = shown.or_else(|| changed(&expected, message, &bytes).map(Bytes::from));
    Ok(Checked { bytes: changed.unwrap_or(bytes), revision })
}

/// Checks the JSON of a status that says failure. It is the server's verdict on the HTTP request: no message at all,
/// or an error, under whatever id (servers in the field that could not read one, or have lost the session, invent it).
///
/// # Errors
/// `upstream_bad_response` for a result that is for somebody else, or for a request or notification.
pub fn failed(mut expected: Expected, bytes: Bytes) -> Result<Bytes, Refusal> {
    let body = match message::read_server(&bytes, &expected.limits) {
        Ok(body) => body,
        Err(fault) if expected.is_redacted() => return Err(bad(fault, expected.reads_only)),
        Err(_) => return Ok(bytes),
    };
    let all = match &body {
        Body::One(message) => std::slice::from_ref(message),
        Body::Batch(messages) => messages,
    };
    if all.iter().any(|message| message.kind != Kind::Error) {
        judge(&mut expected, &body, &bytes)?;
        expected.keeps_promises(&body, &bytes).map_err(|broken| bad(broken.why, expected.reads_only))?;
    }
    if let Some(shown) = shown(&expected, &body, &bytes)? {
        return Ok(shown);
    }
    let changed = all.first().filter(|_| all.len() == 1).and_then(|error| changed(&expected, error, &bytes));
    Ok(changed.map_or(bytes, Bytes::from))
}

/// Judges an answer that was checked while it passed, at its end.
///
/// # Errors
/// As [`whole`].
pub fn passed(mut expected: Expected, seen: &Seen) -> Result<(), Refusal> {
    let (is_batch, all): (_, &[SeenMessage]) = match seen {
        Seen::One(message) => (false, std::slice::from_ref(message)),
        Seen::Batch(messages) => (true, messages),
    };
    expected.judge_whole(is_batch, all.iter().map(Said::seen)).map_err(|why| bad(why, expected.reads_only))
}

fn judge(expected: &mut Expected, body: &Body, bytes: &[u8]) -> Result<(), Refusal> {
    let (is_batch, all) = match body {
        Body::One(message) => (false, std::slice::from_ref(message)),
        Body::Batch(messages) => (true, messages.as_slice()),
    };
    let all = all.iter().map(|message| Said::of(message, bytes));
    expected.judge_whole(is_batch, all).map_err(|why| bad(why, expected.reads_only))
}

/// An answer with what its reader may see; `None` where that is all of it.
fn shown(expected: &Expected, body: &Body, bytes: &[u8]) -> Result<Option<Bytes>, Refusal> {
    match expected.show(body, bytes) {
        Ok(Shown::All) => Ok(None),
        Ok(Shown::Less(less)) => Ok(Some(less.into())),
        Ok(Shown::Nothing) => Err(bad("a body that is no answer", expected.reads_only)),
        Err(why) => Err(bad(why, expected.reads_only)),
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
