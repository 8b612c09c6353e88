//! What is asked before a stream is opened, and before a message is put into the mailbox of one.
//!
//! A message is read here, so that its own connection is told what is wrong with its head, and once more where it is
//! walked, by the configuration that is in force there.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::Body;

use crate::model::{Addressee, Reason, Refusal, Refused};
use crate::net::drain::Drain;
use crate::protocol::method::Method;
use crate::protocol::revision::Era;
use crate::stages::authorize;
use crate::stages::wellformed::{Verb, WellFormed};

use super::super::core::Core;
use super::super::exchange::{Arrival, Arrived, Exchange};
use super::super::finish::Finish;
use super::super::{flow, limiting, ruling};
use super::mailbox::{Kind, Letter, Mailbox, Posted, Slot, Unposted};
use super::table::unknown;

/// When those whose mailbox is full may post again.
const FULL: Duration = Duration::from_secs(1);

/// Opens a stream for whoever asks: its mailbox, and the token that names it.
///
/// # Errors
/// `unauthenticated`; `policy_denied` for whoever is granted nothing on the server.
pub async fn listen(
    core: &Rc<Core>,
    route: usize,
    headers: &HeaderMap,
    finish: &Finish,
) -> Result<(Mailbox, String), Refusal> {
    let exchange = arrived(core, route, Verb::Get, headers, finish);
    exchange.seen.trace(headers, &core.telemetry);
    let tried = limiting::address(&exchange)?;
    let exchange = flow::identify(exchange, tried).await?;
    // What is posted is decided where it is walked; whoever may do nothing opens no stream either.
    let sight = core.roles.sight(exchange.principal(), exchange.route.server);
    authorize::check(sight, &[], b"").map_err(|denied| denied.refusal)?;
    ruling::listen(&exchange)?;
    Ok(core.pairs.open(&exchange.route.path, exchange.principal()))
}

/// Puts what is posted into the mailbox of the stream that `token` names. A refusal of a request goes the same way, in
/// the words of `error`: of a POST nothing is read but whether it was taken, and many clients end with one that was not.
///
/// # Errors
/// Those of the head, of the token, and of what could not be read; `overloaded` where the mailbox is full.
pub async fn post<B>(
    core: &Rc<Core>,
    arrival: Arrival<B>,
    token: Option<&str>,
    finish: &Finish,
    drain: &Drain,
    error: impl FnOnce(&Refusal, &Addressee) -> String,
) -> Result<Taken, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let Arrival { route, verb, mut headers, body } = arrival;
    let exchange = arrived(core, route, verb, &headers, finish);
    exchange.seen.trace(&headers, &core.telemetry);
    let tried = limiting::address(&exchange).map_err(flow::nobody)?;
    let exchange = flow::identify(exchange, tried).await.map_err(flow::nobody)?;
    let token = token.ok_or_else(|| flow::nobody(unnamed()))?;
    let slot = core.pairs.find(&exchange.route.path, exchange.principal(), token).map_err(flow::nobody)?;
    let mut place = None;
    let read = flow::read(exchange, body, drain, &mut place).await.and_then(|exchange| legacy(exchange.into_message()));
    let message = match read {
        Ok(message) => message,
        Err(refused) if answers(&refused.1) => {
            let text = error(&refused.0, &refused.1);
            put(&slot, Posted::Refused(text.into()), &refused.1)?;
            return Ok(Taken::Refused(refused.0));
        }
        Err(refused) => return Err(refused),
    };
    let (kind, addressee, bytes) = (kind(message), message.addressee(), message.bytes().clone());
    // The whole body is here: nobody is to be told to send it.
    headers.remove(header::EXPECT);
    let letter = Letter { peer: finish.peer().clone(), headers, bytes, kind, addressee: addressee.clone() };
    put(&slot, Posted::Letter(letter), &addressee)?;
    Ok(Taken::Letter)
}

/// What became of a POST that was taken.
#[derive(Debug)]
pub enum Taken {
    /// It is walked where its stream is, and told of there.
    Letter,
    /// It was refused, and its client is told on the stream.
    Refused(Refusal),
}

fn arrived<'a>(
    core: &'a Core,
    route: usize,
    verb: Verb,
    headers: &'a HeaderMap,
    finish: &'a Finish,
) -> Exchange<'a, Arrived> {
    let route = &core.routes[route];
    let (id, peer, seen) = (finish.id(), finish.peer(), finish.seen());
    Exchange { core, route, verb, headers, id, peer, seen, progress: Arrived }
}

fn put(slot: &Slot, posted: Posted, addressee: &Addressee) -> Result<(), Refused> {
    slot.put(posted).map_err(|unposted| match unposted {
        Unposted::Full => {
            let message = "too much waits on this stream already: its client does not read, or posts too fast";
            Box::new((Refusal::new(Reason::Overloaded, message).retryable(FULL), addressee.clone()))
        }
        Unposted::Closed => flow::nobody(unknown()),
    })
}

/// The pair carries no message of 2026-07-28.
fn legacy(message: &WellFormed) -> Result<&WellFormed, Refused> {
    if message.era() == Era::Legacy {
        return Ok(message);
    }
    let refusal = Refusal::new(
        Reason::InvalidRequest,
        "this is the transport of 2024-11-05, for the revisions up to 2025-11-25; 2026-07-28 has POST to the route alone",
    );
    Err(Box::new((refusal, message.addressee())))
}

/// Whether a client waits on its stream for the answer.
fn answers(addressee: &Addressee) -> bool {
    match addressee {
        Addressee::Request { .. } => true,
        Addressee::Batch { ids, .. } => !ids.is_empty(),
        Addressee::Nobody | Addressee::Unread(_) | Addressee::Notification { .. } => false,
    }
}

fn kind(message: &WellFormed) -> Kind {
    match (message.addressee(), message.method()) {
        (Addressee::Request { initialize: true, .. }, _) => Kind::Initialize,
        (addressee, _) if answers(&addressee) => Kind::Request,
        (_, Some(Method::Initialized)) => Kind::Initialized,
        _ => Kind::Other,
    }
}

fn unnamed() -> Refusal {
    Refusal::new(Reason::InvalidRequest, "a POST goes where the stream's `endpoint` event says, with its `session`")
}
