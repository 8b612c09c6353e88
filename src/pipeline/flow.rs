//! The whole order of a request, one call a line, each with the reason for its place.

use std::rc::Rc;

use bytes::Bytes;
use http_body::Body;

use crate::model::{Addressee, Reason, Refusal, Refused};
use crate::protocol::method::Method;
use crate::protocol::revision::{Era, Revision};
use crate::stages::upstream::{self, Manner, Outgoing};
use crate::stages::wellformed::{self, Checks, Verb};
use crate::stages::{authenticate, session};

use super::answer::{self, Answer};
use super::core::Core;
use super::exchange::{Arrival, Arrived, Exchange, Read, Ready};
use super::finish::Finish;

/// Walks one request to its answer. The addressee says whom a refusal answers.
pub async fn run<B>(core: &Rc<Core>, arrival: Arrival<B>, finish: &mut Finish) -> Result<Answer, Refused>
where
    B: Body<Data = Bytes> + Unpin,
{
    let Arrival { route, verb, headers, body } = arrival;
    let exchange = Exchange { core, route: &core.routes[route], verb, headers: &headers, progress: Arrived };

    // Who is calling: from the head alone, so that a stranger cannot make us buffer a body.
    let identified = authenticate::check(core.anonymous).map_err(nobody)?;
    let exchange = exchange.identified(identified);

    // What is said: nothing trusts a name before this has read the message whole.
    let checks = Checks {
        body: core.bounds.body,
        depth: core.bounds.depth,
        catalog: &core.catalog,
        server: exchange.route.server,
    };
    let message = wellformed::read(&checks, verb, &headers, body).await?;
    finish.said(&message);
    let exchange = exchange.read(message);

    // Which conversation: a session names the endpoint that the call has to go to.
    let bound = session::bind(&exchange.seal(), exchange.progress.message.era(), &headers);
    let bound = bound.and_then(|bound| suits(&exchange, bound));
    let bound = bound.map_err(|refusal| Box::new((refusal, exchange.progress.message.addressee())))?;
    let exchange = exchange.bound(bound);

    // Which endpoint, and the call itself; then what of its answer passes.
    call(&exchange).await.map_err(|refusal| Box::new((refusal, exchange.addressee())))
}

/// What only the conversation can tell: whether a batch is of a revision that has them, and whether there is a stream
/// to open at all.
fn suits(exchange: &Exchange<'_, Read>, bound: session::Bound) -> Result<session::Bound, Refusal> {
    let modern = exchange.server().pinned == Some(Era::Modern);
    if modern && exchange.verb != Verb::Post {
        let refusal = Refusal::new(Reason::MethodNotAllowed, "this server speaks 2026-07-28, which has POST alone");
        return Err(refusal.allowing("POST"));
    }
    let negotiated = bound.revision().filter(|revision| *revision > Revision::V2025_03_26);
    match (exchange.progress.message.batch(), negotiated) {
        (Some(_), Some(revision)) => Err(Refusal::new(
            Reason::InvalidRequest,
            format!("a batch: {revision}, which this session speaks, has none"),
        )),
        _ => Ok(bound),
    }
}

/// Makes the call and takes its answer.
async fn call(exchange: &Exchange<'_, Ready>) -> Result<Answer, Refusal> {
    let (core, server, message) = (exchange.core, exchange.server(), exchange.message());
    let candidates = server.endpoints.candidates(exchange.progress.bound.endpoint());
    if candidates.len() == 0 {
        return Err(session::not_found());
    }
    let post = exchange.verb == Verb::Post;
    let outgoing = Outgoing {
        method: exchange.verb.as_str(),
        headers: exchange.headers,
        era: message.era(),
        session: exchange.progress.bound.upstream_id(),
        encodable: post && !message.method().is_some_and(|method| method.answer_is_read()),
        length: post.then(|| message.bytes().len()),
    };
    let manner = Manner {
        reads_only: message.method().is_some_and(|method| method.only_reads()) || exchange.verb == Verb::Get,
        // In the legacy era leaving is not cancelling; a stream that was only listened to ends with its listener.
        outlives: (post && message.era() == Era::Legacy).then(|| exchange.route.abandoned.clone()),
    };
    // A stream that is listened to is no call: it has no deadline, only its bounds on silence.
    let listens = exchange.verb == Verb::Get || message.method() == Some(Method::Listen);
    let patience = if listens { server.patience.without_deadline() } else { server.patience };
    let candidates = candidates.map(|listed| (listed.index, &*listed.endpoint, listed.fingerprint));
    let (call, head) = upstream::make(&core.client, candidates, &outgoing, message.bytes(), patience, &manner).await?;
    answer::take(exchange, call, head).await
}

fn nobody(refusal: Refusal) -> Refused {
    Box::new((refusal, Addressee::Nobody))
}
