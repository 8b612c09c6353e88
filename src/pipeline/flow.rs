//! The whole order of a request, one call a line, each with the reason for its place.
//!
//! What is awaited on every request is pinned where it is made: a future that is awaited by value is moved first, whole.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http_body::Body;

use crate::model::{Addressee, Culprit, Reason, Refusal, Refused};
use crate::net::command::{self, Asked, Handle};
use crate::net::drain::{Drain, Phase};
use crate::net::upstream::{Endpoint, ResponseHead};
use crate::protocol::headers;
use crate::protocol::revision::Era;
use crate::stages::authenticate::{Looked, Presented};
use crate::stages::balance::Endpoints;
use crate::stages::limit::{Admitted, Tried};
use crate::stages::upstream::{self, Call, Manner, Outgoing, Patience, Told};
use crate::stages::wellformed::{self, Checks, Verb, WellFormed};
use crate::stages::{arguments, authorize, opening, session, vouch};
use crate::telemetry::trace::Trace;

use super::amending;
use super::answer::{self, Answer};
use super::arguing;
use super::core::{Behind, Core};
use super::exchange::{Arrival, Arrived, Brought, Exchange, Found, Granted, Judged, Known, Read, Ready};
use super::finish::Finish;
use super::ruling::{self, Ruling};
use super::{defining, limiting, mirroring, redacting, stopping};

/// Walks one request to its answer, for as long as `drain` lets it. The addressee says whom a refusal answers.
pub async fn run<B>(core: &Rc<Core>, arrival: Arrival<B>, finish: &Finish, drain: &Drain) -> Result<Answer, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let Arrival { route, verb, headers, body } = arrival;
    let exchange = Exchange {
        core,
        route: &core.routes[route],
        verb,
        headers: &headers,
        id: finish.id(),
        peer: finish.peer(),
        seen: finish.seen(),
        progress: Arrived,
    };

    // Which trace it belongs to, so that a refusal is in it, too.
    let trace = exchange.seen.trace(&headers, &core.telemetry);

    // Which HTTP methods there are is nobody's secret.
    has_verb(&exchange).map_err(nobody)?;

    // Whether this address may try at all: before a signature is checked.
    let tried = limiting::address(&exchange).map_err(nobody)?;

    // Who is calling: from the head alone, so that a stranger cannot make us buffer a body.
    let exchange = identify(exchange, tried).await.map_err(nobody)?;

    // What is said: nothing trusts a name before this has read the message whole.
    let mut place = None;
    let exchange = pin!(read(exchange, body, drain, &mut place)).await?;

    // Whether they may say it now, as far as that needs no server.
    let called = limiting::caller(&exchange)?;

    // Which conversation: a session names the endpoint that the call has to go to.
    let bound = session::bind(&exchange.seal(), exchange.message().era(), &headers);
    let bound = bound.map_err(|refusal| Box::new((refusal, exchange.message().addressee())))?;
    if exchange.message().batch().is_some() && !bound.takes_batches() {
        return Err(nobody(wellformed::no_batch()));
    }
    let exchange = exchange.bound(bound, called);

    // Whether this caller may use this name on this server.
    let exchange = permit(exchange)?;

    // What policy says of it, and changes in it: only what the caller may ask for is ruled. Where there is no rule it is not
    // handed there and back.
    let exchange = match core.policy.rules.none() {
        Some(ruled) => exchange.judged(ruled),
        None => {
            // What they want to know of a tool is looked up first. Its own box: no other call waits for that.
            let missing = match defining::is_wanted(&exchange) {
                true => Box::pin(defining::define(&exchange, drain)).await?,
                false => None,
            };
            match ruling::rule(exchange, missing)? {
                Ruling::On(exchange) => exchange,
                Ruling::Answered(answer) => return Ok(answer),
            }
        }
    };

    // Whether there may be so much of it on this server.
    let admitted = limiting::target(&exchange)?;

    // Whether what it brings back of the server's was given to this caller: only who may ask is told.
    let exchange = open(exchange, admitted)?;
    has_params(&exchange).map_err(|refusal| Box::new((refusal, exchange.addressee())))?;

    // The arguments as rules want them: what the client says of its own has been held against each other.
    let exchange = if exchange.changes_arguments() { changed(exchange)? } else { exchange };

    // Whether the arguments are what the tool asks for, where the route wants to know. Its own box: no other call carries
    // the room for it.
    let exchange = match &exchange.route.checks {
        None => exchange.argued(arguments::unasked(), Vec::new()),
        Some(checks) => Box::pin(arguing::argue(exchange, checks, drain)).await?,
    };

    // What rules make fail fails here, where only the server itself would.
    if let Some(effect) = exchange.changes().and_then(|changes| changes.fault) {
        // Its own box: it is for tests of clients.
        let failing = Box::pin(ruling::fault(effect, drain));
        failing.await.map_err(|refusal| Box::new((refusal, exchange.addressee())))?;
    }

    // A copy for another server, where a rule says so: of what is sent, and nothing waits for it.
    mirroring::offer(core, &exchange);

    // Which endpoint, and the call itself; then what of its answer passes.
    pin!(call(&exchange, trace, drain)).await.map_err(|refusal| Box::new((refusal, exchange.addressee())))
}

/// Finds out who is calling.
pub(super) async fn identify(exchange: Exchange<'_, Arrived>, tried: Tried) -> Result<Exchange<'_, Known>, Refusal> {
    let presented = Presented {
        headers: exchange.headers,
        address: exchange.peer.remote.ip(),
        certificate: exchange.peer.certificate.as_deref(),
    };
    let identified = match exchange.core.authenticator.check(&presented, &exchange.route.place) {
        Looked::Done(done) => done?,
        Looked::Asking(asking) => asking.await?,
    };
    exchange.seen.caller(identified.principal(), exchange.verb);
    Ok(exchange.identified(identified, tried))
}

/// Reads what is said into its place.
pub(super) async fn read<'a, B>(
    exchange: Exchange<'a, Known>,
    body: B,
    drain: &Drain,
    place: &'a mut Option<WellFormed>,
) -> Result<Exchange<'a, Read<'a>>, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let core = exchange.core;
    let checks = Checks {
        body: core.bounds.body,
        depth: core.bounds.depth,
        catalog: &core.catalog,
        server: exchange.route.server,
        awaited: exchange.seen.awaited(),
    };
    let reading = pin!(wellformed::read(&checks, exchange.verb, exchange.headers, body));
    let message = stopping::unless(drain, Phase::Cutting, reading).await;
    let message = message.unwrap_or_else(|| Err(nobody(stopping::not_sent())))?;
    exchange.seen.read(&message);
    Ok(exchange.read(place.insert(message)))
}

/// Decides whether the caller may do what the message asks for.
fn permit<'a>(exchange: Exchange<'a, Found<'a>>) -> Result<Exchange<'a, Granted<'a>>, Refused> {
    let (sight, message) = (exchange.core.roles.sight(exchange.principal(), exchange.route.server), exchange.message());
    match authorize::check(sight, message.messages(), message.bytes()) {
        Ok(permitted) => Ok(exchange.permitted(permitted)),
        Err(denied) => {
            let addressee = denied.message.map_or_else(|| message.addressee(), |at| culprit(message, at));
            Err(Box::new((denied.refusal, addressee)))
        }
    }
}

/// Opens for the server what it gave this caller to bring back.
fn open<'a>(exchange: Exchange<'a, Judged<'a>>, admitted: Admitted) -> Result<Exchange<'a, Brought<'a>>, Refused> {
    let message = exchange.message();
    let (binder, principal) = (exchange.route.binder.as_deref(), exchange.principal());
    match opening::open(binder, principal, message.era(), message.messages(), message.bytes()) {
        Ok(opened) => {
            // Asked for where it is needed: the usual message is not addressed twice.
            let addressee = opened.is_changed().then(|| message.addressee());
            exchange
                .opened(opened, admitted)
                .ok_or_else(|| Box::new((opening::unfit(), addressee.unwrap_or(Addressee::Nobody))))
        }
        Err(closed) => {
            let addressee = culprit(message, closed.message);
            Err(Box::new((closed.refusal, addressee)))
        }
    }
}

/// Changes what rules change in the message itself.
fn changed<'a>(exchange: Exchange<'a, Brought<'a>>) -> Result<Exchange<'a, Brought<'a>>, Refused> {
    let addressee = exchange.addressee();
    amending::amend(exchange).map_err(|refusal| Box::new((refusal, addressee)))
}

/// Whom a refusal of the message at that place is addressed to.
pub(super) fn culprit(message: &WellFormed, at: usize) -> Addressee {
    match message.addressee() {
        Addressee::Batch { ids, .. } => {
            let culprit = Culprit::Request(authorize::request_at(message.messages(), at));
            Addressee::Batch { ids, culprit }
        }
        addressee => addressee,
    }
}

/// The headers say what the arguments do. Whoever may not use a tool is not told what it mirrors.
fn has_params(exchange: &Exchange<'_, Brought<'_>>) -> Result<(), Refusal> {
    wellformed::params(&exchange.core.catalog, exchange.route.server, exchange.headers, exchange.message())
}

/// A server of 2026-07-28 has neither a stream to open nor a session to end.
fn has_verb(exchange: &Exchange<'_, Arrived>) -> Result<(), Refusal> {
    if exchange.verb == Verb::Post || exchange.server().pinned != Some(Era::Modern) {
        return Ok(());
    }
    let refusal = Refusal::new(Reason::MethodNotAllowed, "this server speaks 2026-07-28, which has POST alone");
    Err(refusal.allowing("POST"))
}

/// Makes the call and takes its answer.
async fn call(exchange: &Exchange<'_, Ready<'_>>, trace: &Trace, drain: &Drain) -> Result<Answer, Refusal> {
    let (server, message) = (exchange.server(), exchange.message());
    let manner = Manner {
        reads_only: exchange.reads_only(),
        // In the legacy era leaving is not cancelling; a stream that was only listened to ends with its listener.
        outlives: (exchange.verb == Verb::Post && message.era() == Era::Legacy)
            .then(|| Rc::clone(&exchange.route.abandoned)),
    };
    // A stream that is listened to is no call: it has no deadline, only its bounds on silence, and stopping does not
    // wait for it.
    let patience = ruling::patience(exchange, server.patience);
    let (patience, last) = match exchange.listens() {
        true => (patience.without_deadline(), Phase::Draining),
        false => (patience, Phase::Cutting),
    };
    exchange.seen.asks();
    let sent = Cell::new(false);
    let told = Told { meter: &exchange.route.meter.calls, sent: &sent };
    let answering = pin!(async {
        let (call, head) = match &server.behind {
            Behind::Endpoints(endpoints) => pin!(over_http(exchange, endpoints, told, trace, patience, manner)).await?,
            Behind::Command(handle) => {
                // Its own box: a call over HTTP need not carry the room for this one.
                Box::pin(of_command(exchange, handle, told, patience, manner)).await?
            }
        };
        pin!(answer::take(exchange, call, head)).await
    });
    match stopping::unless(drain, last, answering).await {
        Some(answer) => answer,
        None if sent.get() => Err(stopping::sent(exchange.reads_only())),
        None => Err(stopping::not_sent()),
    }
}

/// The call on one of the server's endpoints: that of the conversation, where there is one.
async fn over_http(
    exchange: &Exchange<'_, Ready<'_>>,
    endpoints: &Endpoints<Arc<Endpoint>>,
    told: Told<'_>,
    trace: &Trace,
    patience: Patience,
    manner: Manner,
) -> Result<(Call, ResponseHead), Refusal> {
    let message = exchange.message();
    let pinned = exchange.progress.bound.endpoint();
    let candidates = endpoints.candidates(pinned);
    if pinned.is_some() && candidates.len() == 0 {
        return Err(session::not_found());
    }
    // What the server is shown, or nothing is sent.
    let place = &exchange.route.place;
    let challenge = || place.challenge();
    let shown = match exchange.server().vouch.look(exchange.principal(), exchange.headers, challenge) {
        vouch::Looked::Done(done) => done?,
        vouch::Looked::Asking(asking) => asking.await?,
    };
    let outgoing = Outgoing {
        id: exchange.id,
        trace,
        method: exchange.verb.as_str(),
        headers: exchange.headers,
        era: message.era(),
        name: exchange.progress.opened.name().filter(|_| exchange.headers.contains_key(headers::MCP_NAME)),
        session: exchange.progress.bound.upstream_id(),
        shown: shown.fields(),
        more: exchange.changes().map_or(&[], |changes| &changes.headers),
        encodable: message.may_be_encoded()
            && !exchange.may_hold_sealed()
            && !exchange.is_promised()
            && !redacting::redacts(exchange),
        length: (exchange.verb == Verb::Post).then(|| message.bytes().len()),
    };
    let candidates = candidates.map(|listed| (listed.index, &*listed.endpoint, listed.fingerprint));
    let client = &exchange.core.client;
    let (call, head) =
        pin!(upstream::make(client, told, candidates, &outgoing, message.bytes(), patience, manner)).await?;
    if head.status == StatusCode::UNAUTHORIZED
        && let Some(refusal) = shown.not_taken()
    {
        // Nobody waits for the rest of it.
        call.cut();
        return Err(refusal);
    }
    Ok((call, head))
}

/// The call on a command. A conversation with another one, or of another life of this daemon, is over.
async fn of_command(
    exchange: &Exchange<'_, Ready<'_>>,
    handle: &Handle,
    told: Told<'_>,
    patience: Patience,
    manner: Manner,
) -> Result<(Call, ResponseHead), Refusal> {
    let (message, bound) = (exchange.message(), &exchange.progress.bound);
    if bound.endpoint().is_some_and(|other| other != handle.fingerprint()) {
        return Err(session::not_found());
    }
    let seal = exchange.seal();
    let asked = Asked {
        verb: match exchange.verb {
            Verb::Post => command::Verb::Post(message.messages(), message.bytes()),
            Verb::Get => command::Verb::Get(exchange.last_event()),
            Verb::Delete => command::Verb::Delete,
        },
        era: message.era(),
        caller: seal.principal.key(),
        session: bound.upstream_id(),
        takes_events: exchange.takes_events(),
    };
    upstream::ask(&exchange.core.client, exchange.id, told, handle, asked, patience, manner).await
}

pub(super) fn nobody(refusal: Refusal) -> Refused {
    Box::new((refusal, Addressee::Nobody))
}
