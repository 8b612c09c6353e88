//! What the answers to `server/discover` and `initialize` mean (protocol, 53: a server's era).

use http::StatusCode;
use http::header::LOCATION;

use crate::protocol::json::{self, Kind as JsonKind, Span};
use crate::protocol::message::Kind;

use super::question::{Answer, Miss, NoAnswer, Reply};
use super::shown::shown;

/// The errors that only a modern server knows: `HeaderMismatch`, `MissingRequiredClientCapability`,
/// `UnsupportedProtocolVersion` (2026-07-28, schema).
const MODERN_ERRORS: [&[u8]; 3] = [b"-32020", b"-32021", b"-32022"];
/// The most revisions of a server that are shown.
const MOST_VERSIONS: usize = 8;

/// What one answer says of a server. Its texts may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It speaks the era that was asked about, in these revisions (none where it did not say), and calls itself so.
    Speaks { versions: Vec<String>, name: Option<String> },
    /// It does not: this came instead.
    Otherwise(String),
    /// 401, 403 or 429.
    Refuses(StatusCode),
    /// 3xx, and where to.
    Redirects(StatusCode, Option<String>),
    /// Nothing can be learnt from it: 5xx, silence, an exchange that broke.
    Unknown(String),
}

/// The meaning of what came to `server/discover`.
pub(super) fn of_discovery(reply: &Result<Reply, Miss>) -> Meaning {
    meaning(reply, discovered)
}

/// The meaning of what came to `initialize`.
pub(super) fn of_handshake(reply: &Result<Reply, Miss>) -> Meaning {
    meaning(reply, greeted)
}

/// The meaning of what came over stdio to `server/discover`, if anything did. Silence is an answer there (protocol, 53).
pub(super) fn of_discovery_line(answer: Option<&Answer>) -> Meaning {
    meaning_of_line(answer, discovered)
}

/// The meaning of what came over stdio to `initialize`, if anything did.
pub(super) fn of_handshake_line(answer: Option<&Answer>) -> Meaning {
    meaning_of_line(answer, greeted)
}

fn discovered(Answer { bytes, message }: &Answer) -> Option<Said> {
    match (message.result, message.error) {
        (Some(result), _) => {
            Some((versions(bytes, result.span, "supportedVersions")?, name_in_meta(bytes, result.span)))
        }
        (_, Some(error)) => {
            let code = json::member(bytes, error.span, "code")?;
            MODERN_ERRORS.contains(&code.raw(bytes)).then_some(())?;
            let data = json::member(bytes, error.span, "data").filter(|data| data.kind == JsonKind::Object);
            Some((data.and_then(|data| versions(bytes, data.span, "supported")).unwrap_or_default(), None))
        }
        _ => None,
    }
}

fn greeted(Answer { bytes, message }: &Answer) -> Option<Said> {
    let result = message.result.filter(|result| result.kind == JsonKind::Object)?;
    let version = json::member(bytes, result.span, "protocolVersion")?.text(bytes)?;
    Some((vec![shown(&version)], name(bytes, result.span, "serverInfo")))
}

fn meaning_of_line(answer: Option<&Answer>, speaks: impl FnOnce(&Answer) -> Option<Said>) -> Meaning {
    match answer {
        Some(answer) => match speaks(answer) {
            Some((versions, name)) => Meaning::Speaks { versions, name },
            None => Meaning::Otherwise(described(answer)),
        },
        None => Meaning::Otherwise("nothing".to_owned()),
    }
}

type Said = (Vec<String>, Option<String>);

fn meaning(reply: &Result<Reply, Miss>, speaks: impl FnOnce(&Answer) -> Option<Said>) -> Meaning {
    let reply = match reply {
        Ok(reply) => reply,
        Err(Miss::Connect(failure)) => return Meaning::Unknown(failure.to_string()),
        Err(Miss::Exchange(what)) => return Meaning::Unknown(what.clone()),
    };
    let status = reply.status;
    match status.as_u16() {
        401 | 403 | 429 => return Meaning::Refuses(status),
        300..=399 => {
            let to = reply.headers.get(LOCATION).map(|to| shown(&String::from_utf8_lossy(to.as_bytes())));
            return Meaning::Redirects(status, to);
        }
        500.. => return Meaning::Unknown(format!("it answers {}", status.as_u16())),
        _ => {}
    }
    match &reply.answer {
        Ok(answer) => match speaks(answer) {
            Some((versions, name)) => Meaning::Speaks { versions, name },
            None => Meaning::Otherwise(format!("{} with {}", status.as_u16(), described(answer))),
        },
        // A head without the rest is as good as silence, unless the head has said it all.
        Err(NoAnswer::Broken(what)) if status.is_success() => Meaning::Unknown(what.clone()),
        Err(NoAnswer::Broken(_)) => Meaning::Otherwise(status.as_u16().to_string()),
        Err(NoAnswer::Other(what)) => Meaning::Otherwise(format!("{} with {what}", status.as_u16())),
    }
}

fn described(Answer { bytes, message }: &Answer) -> String {
    let Some(error) = message.error.filter(|_| message.kind == Kind::Error) else {
        return "another result".to_owned();
    };
    let code =
        json::member(bytes, error.span, "code").map(|code| String::from_utf8_lossy(code.raw(bytes)).into_owned());
    format!("the error {}", shown(code.as_deref().unwrap_or("without a code")))
}

/// The texts in an array; `None` if there is no array.
fn versions(bytes: &[u8], object: Span, key: &str) -> Option<Vec<String>> {
    let list = json::member(bytes, object, key).filter(|list| list.kind == JsonKind::Array)?;
    let texts = json::elements(bytes, list.span).filter_map(|version| Some(shown(&version.text(bytes)?)));
    Some(texts.take(MOST_VERSIONS).collect())
}

fn name_in_meta(bytes: &[u8], result: Span) -> Option<String> {
    let meta = json::member(bytes, result, "_meta").filter(|meta| meta.kind == JsonKind::Object)?;
    name(bytes, meta.span, "io.modelcontextprotocol/serverInfo")
}

/// Name and version of an `Implementation`.
fn name(bytes: &[u8], object: Span, key: &str) -> Option<String> {
    let info = json::member(bytes, object, key).filter(|info| info.kind == JsonKind::Object)?;
    let text = |key| Some(shown(&json::member(bytes, info.span, key)?.text(bytes)?));
    let name = text("name")?;
    Some(text("version").map_or(name.clone(), |version| format!("{name} {version}")))
}
