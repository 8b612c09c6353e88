//! The era without sessions (2026-07-28): each request says all there is to know.

use std::sync::Arc;

use http::{HeaderMap, StatusCode};

use crate::protocol::headers::{self, Fault};
use crate::protocol::json::{self, Kind as Json, quoted};
use crate::protocol::message::{Kind, Message};
use crate::protocol::revision::{Era, Revision};

use super::asked::{Answered, Asked};
use super::methods;
use super::news::{Listener, News};
use super::notes::URI;
use super::reply::Failure;
use super::site::{Path, Site};
use super::stream::{Stream, Work, event};

const REVISION: &str = Revision::V2026_07_28.as_str();
const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";

/// Answers a message.
pub(super) fn answer(
    site: &Arc<Site>,
    path: Path,
    headers: &HeaderMap,
    message: &Message,
    bytes: &[u8],
) -> Result<Answered, Failure> {
    match message.kind {
        Kind::Answer | Kind::Error => return Err(Failure::request("2026-07-28 has no posted answers")),
        Kind::Request | Kind::Notification => check(headers, message, bytes)?,
    }
    checked(site, path, message, bytes)
}

/// Answers a message that came over stdio, where the envelope is all there is.
pub(super) fn answer_line(site: &Arc<Site>, message: &Message, bytes: &[u8]) -> Result<Answered, Failure> {
    let version = message.meta.protocol_version.and_then(|version| version.text(bytes));
    let envelope = |key| Failure::parameters(Fault::Envelope(key).to_string());
    served(&version.ok_or_else(|| envelope(VERSION_KEY))?)?;
    let capabilities = message.meta.client_capabilities.filter(|found| found.kind == Json::Object);
    if message.kind == Kind::Request && capabilities.is_none() {
        return Err(envelope(CAPABILITIES_KEY));
    }
    checked(site, Path::Sample, message, bytes)
}

fn checked(site: &Arc<Site>, path: Path, message: &Message, bytes: &[u8]) -> Result<Answered, Failure> {
    let (Some(id), Some(method)) = (message.id, message.method) else {
        return Ok(Answered::Status(StatusCode::ACCEPTED));
    };
    let id = id.raw(bytes);
    let asked = Asked { site, path, era: Era::Modern, session: None, message, bytes, id };
    match &*method.text(bytes).unwrap_or_default() {
        "server/discover" => asked.result(&format!(
            r#""supportedVersions":["{REVISION}"],{},"ttlMs":300000,"cacheScope":"public""#,
            methods::about(path)
        )),
        "subscriptions/listen" => listen(&asked),
        method => methods::answer(&asked, method),
    }
}

/// The headers against the body ("Server Validation").
fn check(headers: &HeaderMap, message: &Message, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |code, message| Failure::new(code, StatusCode::BAD_REQUEST, message);
    let version = headers::check_version(headers, message, bytes).map_err(|fault| match fault {
        Fault::Mismatch(mismatch) => failed(-32020, mismatch.to_string()),
        Fault::Envelope(_) => failed(-32602, fault.to_string()),
    })?;
    version.map_or(Ok(()), |version| served(&version))?;
    headers::check_names(headers, message, bytes).map_err(|mismatch| failed(-32020, mismatch.to_string()))
}

fn served(version: &str) -> Result<(), Failure> {
    if version == REVISION {
        return Ok(());
    }
    let requested: String = version.chars().take(64).collect();
    let mut failure = Failure::new(-32022, StatusCode::BAD_REQUEST, "this protocol version is not served");
    failure.data = Some(format!(r#"{{"supported":["{REVISION}"],"requested":{}}}"#, quoted(&requested)));
    Err(failure)
}

/// Opens a subscription. The notes are all that ever changes here.
fn listen(asked: &Asked<'_>) -> Result<Answered, Failure> {
    let params = asked.message.params.and_then(|params| json::member(asked.bytes, params.span, "notifications"));
    let filter = params.filter(|filter| filter.kind == Json::Object);
    let filter = filter.ok_or_else(|| Failure::parameters("`notifications` must be an object"))?;
    let wanted = json::member(asked.bytes, filter.span, "resourceSubscriptions");
    let mut wanted = wanted.iter().flat_map(|wanted| json::elements(asked.bytes, wanted.span));
    let hears_notes = asked.path == Path::Sample && wanted.any(|uri| uri.is(asked.bytes, URI));
    let honoured = if hears_notes { format!(r#"{{"resourceSubscriptions":["{URI}"]}}"#) } else { "{}".to_owned() };
    let id = String::from_utf8_lossy(asked.id);
    let first = event(
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}},"notifications":{honoured}}}}}"#
        )
        .as_bytes(),
    );
    let listener = Listener::Subscription { id: asked.id.to_vec(), first, hears_notes };
    let work = Work::News(News::new(asked.site, listener));
    Ok(Answered::Stream(Box::new(Stream::new(asked.site, None, work))))
}
