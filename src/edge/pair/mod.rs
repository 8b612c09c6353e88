//! HTTP+SSE of 2024-11-05 for clients: GET opens the one stream of a conversation, POSTs are answered on it.

mod stream;
mod walk;

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;

use http::{HeaderValue, Response, StatusCode, header, request};

use crate::model::{Addressee, Refusal};
use crate::net::client::{Peer, Reply, RequestBody};
use crate::net::drain::Drain;
use crate::pipeline::pair::{self, Taken};
use crate::pipeline::{Arrival, Ending, Finish};
use crate::protocol::sse::{self, Block};
use crate::stages::wellformed::Verb;

use super::front::Front;
use super::outgoing::Outgoing;
use super::{cors, errors, panics};

pub(super) use stream::Stream;

/// The parameter that names a stream.
const SESSION: &str = "session";

/// The front in force, which a stream asks anew for every message: it lasts longer than a generation may.
pub(super) type Fronts = Rc<RefCell<Rc<Front>>>;

/// GET: the stream, with the place to POST to as its first event.
pub(super) async fn listen(
    front: &Front,
    fronts: &Fronts,
    route: usize,
    head: &request::Parts,
    peer: &Peer,
    origin: Option<&HeaderValue>,
) -> Reply<Outgoing> {
    let finish = Finish::begin(&front.core, route, peer.visitor());
    let (mailbox, token) = match pair::listen(&front.core, route, &head.headers, &finish).await {
        Ok(opened) => opened,
        Err(refusal) => return refused(front, finish, &refusal, &Addressee::Nobody, origin),
    };
    let path = head.uri.path();
    let mut begun = Vec::new();
    let place = format!("{path}?{SESSION}={token}");
    sse::write_block(&mut begun, &Block { event: Some(b"endpoint"), data: Some(place.as_bytes()), ..Block::default() });
    finish.streams();
    let (mut parts, ()) = Response::new(()).into_parts();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        parts.headers.insert(name, HeaderValue::from_static(value));
    }
    cors::allow(&mut parts.headers, origin);
    let stream = Stream::new(Rc::clone(fronts), path.to_owned(), mailbox, begun, finish);
    Reply::Stream(parts, Outgoing::Pair(Box::new(stream)))
}

/// POST: 202 where the message was taken; what comes of it comes on the stream.
pub(super) async fn post(
    front: &Front,
    route: usize,
    head: request::Parts,
    body: RequestBody,
    peer: &Peer,
    drain: &Drain,
    origin: Option<&HeaderValue>,
) -> Reply<Outgoing> {
    let finish = Finish::on_connection(&front.core, route, peer.visitor(), body.fate());
    let query = head.uri.query().unwrap_or("");
    let named = query.split('&').find_map(|pair| pair.strip_prefix(SESSION)?.strip_prefix('='));
    let id = finish.id();
    let taken = {
        let arrival = Arrival { route, verb: Verb::Post, headers: head.headers, body };
        let error = |refusal: &Refusal, addressee: &Addressee| errors::body(refusal, addressee, id);
        let posting = pin!(pair::post(&front.core, arrival, named, &finish, drain, error));
        panics::caught(posting).await
    };
    match taken.unwrap_or_else(|| Err(Box::new((panics::refusal(), Addressee::Nobody)))) {
        Ok(Taken::Letter) => finish.handed_on(),
        Ok(Taken::Refused(refusal)) => finish.end(&Ending::Refused(&refusal, StatusCode::ACCEPTED)),
        Err(refused_so) => return refused(front, finish, &refused_so.0, &refused_so.1, origin),
    }
    let mut response = Response::default();
    *response.status_mut() = StatusCode::ACCEPTED;
    cors::allow(response.headers_mut(), origin);
    Reply::Whole(response)
}

/// What cannot come on a stream has a status: nobody would read 200 with an error in it.
fn refused(
    front: &Front,
    finish: Finish,
    refusal: &Refusal,
    addressee: &Addressee,
    origin: Option<&HeaderValue>,
) -> Reply<Outgoing> {
    let awaited = matches!(addressee, Addressee::Request { .. } | Addressee::Batch { .. });
    let addressee = if awaited { &Addressee::Nobody } else { addressee };
    let response = front.refuse(refusal, addressee, finish.id(), origin);
    finish.end(&Ending::Refused(refusal, response.status()));
    Reply::Whole(response)
}
