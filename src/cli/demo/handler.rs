//! What answers the requests of one core: the door, the body, the era.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};

use crate::edge::Names;
use crate::net::client::{Handler, Peer, Reply, RequestBody, TurnedAway};
use crate::net::drain::Drain;
use crate::protocol::headers;
use crate::protocol::media;
use crate::protocol::message::{self, Body, Limits};
use crate::protocol::revision::Era;

use super::asked::Answered;
use super::reply::{Failure, empty, json};
use super::site::{Path, Site};
use super::stream::Stream;
use super::{legacy, modern};

/// Bytes of a message.
const LONGEST: usize = 1024 * 1024;

/// Answers for a core.
pub(super) struct Front {
    site: Arc<Site>,
    names: Names,
}

impl Front {
    /// It listens on loopback alone, so its names are those of this machine.
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self { site, names: Names::new(vec![], vec![], true) }
    }

    fn path(&self, head: &http::request::Parts, peer: Peer) -> Result<Path, Failure> {
        let forbidden = |what| Failure::new(-32600, StatusCode::FORBIDDEN, what);
        self.names.check_host(&head.headers, peer.local).map_err(|_| forbidden("this Host is not this server's"))?;
        self.names.check_origin(&head.headers).map_err(|_| forbidden("this Origin may not ask"))?;
        let path = Path::of(head.uri.path());
        path.ok_or_else(|| Failure::new(-32600, StatusCode::NOT_FOUND, "MCP is at /mcp and /catalog/mcp"))
    }

    async fn post(&self, path: Path, headers: &HeaderMap, body: RequestBody) -> Reply<Stream> {
        let bytes = match collected(headers, body).await {
            Ok(bytes) => bytes,
            Err(failure) => return refused(&failure),
        };
        match message::read_client(&bytes, &Limits::default()) {
            Ok(Body::One(message)) => {
                let id = message.id.filter(|_| message.kind == message::Kind::Request);
                let id = id.as_ref().map(|id| id.raw(&bytes));
                match headers::era(headers, message.meta.protocol_version.is_some(), false) {
                    Era::Modern => {
                        let answered = modern::answer(&self.site, path, headers, &message, &bytes);
                        answered.map_or_else(|failure| failed(failure.status, &failure, id), answer)
                    }
                    Era::Legacy => match legacy::answer(&self.site, path, headers, &message, &bytes) {
                        Ok((answered, session)) => with_session(answer(answered), session),
                        Err(failure) => failed(legacy_status(&failure, id), &failure, id),
                    },
                }
            }
            Ok(Body::Batch(messages)) => {
                let answered = legacy::batch(&self.site, path, headers, &messages, &bytes);
                answered.map_or_else(|failure| refused(&failure), answer)
            }
            Err(fault) => {
                let code = if fault.is_parse_error() { -32700 } else { -32600 };
                let id = fault.id.as_ref().map(|id| id.raw(&bytes));
                failed(StatusCode::BAD_REQUEST, &Failure::new(code, StatusCode::BAD_REQUEST, fault.to_string()), id)
            }
        }
    }
}

impl Handler for Front {
    type Stream = Stream;

    async fn handle(&self, request: Request<RequestBody>, peer: Peer, _: &Drain) -> Reply<Stream> {
        let (head, body) = request.into_parts();
        let path = match self.path(&head, peer) {
            Ok(path) => path,
            Err(failure) => return refused(&failure),
        };
        match head.method {
            Method::POST => self.post(path, &head.headers, body).await,
            Method::GET => match legacy::listen(&self.site, &head.headers) {
                Ok(stream) => Reply::Stream(Stream::head(), stream),
                Err(failure) => refused(&failure),
            },
            Method::DELETE => match legacy::end(&self.site, &head.headers) {
                Ok(()) => Reply::Whole(empty(StatusCode::NO_CONTENT)),
                Err(failure) => refused(&failure),
            },
            _ => {
                let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST, DELETE"));
                Reply::Whole(response)
            }
        }
    }

    /// The sample server keeps no log: its caller sees the status.
    fn turned_away(&self, _: &Peer, _: TurnedAway) {}
}

/// The body, in its bound and of the type that the transport asks for.
async fn collected(headers: &HeaderMap, body: RequestBody) -> Result<Bytes, Failure> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media::essence(media).eq_ignore_ascii_case("application/json") || !media::is_utf8(media) {
        let what = "Content-Type must be application/json";
        return Err(Failure::new(-32600, StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
    }
    match Limited::new(body, LONGEST).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => {
            let too_large = error.is::<http_body_util::LengthLimitError>();
            let status = if too_large { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
            Err(Failure::new(-32600, status, Cow::Borrowed("the body is too long, or broke off")))
        }
    }
}

fn answer(answered: Answered) -> Reply<Stream> {
    match answered {
        Answered::Text(text) => Reply::Whole(json(StatusCode::OK, text)),
        Answered::Status(status) => Reply::Whole(empty(status)),
        Answered::Stream(stream) => Reply::Stream(Stream::head(), *stream),
    }
}

fn with_session(reply: Reply<Stream>, session: Option<String>) -> Reply<Stream> {
    match (reply, session) {
        (Reply::Whole(response), Some(id)) => Reply::Whole(named(response, &id)),
        (reply, _) => reply,
    }
}

fn named(mut response: Response<Full<Bytes>>, id: &str) -> Response<Full<Bytes>> {
    let id = HeaderValue::from_str(id).expect("a sealed id is URL-safe text");
    response.headers_mut().insert(legacy::SESSION, id);
    response
}

/// With sessions, a request that was read gets its error with 200: clients of that era read any other status as the
/// end of the session. What concerns the head keeps its status.
fn legacy_status(failure: &Failure, id: Option<&[u8]>) -> StatusCode {
    match id {
        Some(_) if failure.code != -32001 && failure.code != -32600 => StatusCode::OK,
        _ => failure.status,
    }
}

fn failed(status: StatusCode, failure: &Failure, id: Option<&[u8]>) -> Reply<Stream> {
    Reply::Whole(json(status, failure.text(id)))
}

fn refused(failure: &Failure) -> Reply<Stream> {
    failed(failure.status, failure, None)
}
