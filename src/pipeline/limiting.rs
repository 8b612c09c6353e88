//! Limits, at the three places of the way where they count. What they give is kept until the answer has ended.

use crate::model::{Principal, Refusal, Refused};
use crate::stages::limit::{Admitted, Asked, Called, Denied, Keys, Ruled, Said, Tried};
use crate::stages::wellformed::{Verb, WellFormed};

use super::exchange::{Arrived, Exchange, Judged, Read};
use super::flow;
use super::keying::Keyed;
use super::told::Around;

/// Whether the address may try at all.
pub(super) fn address(exchange: &Exchange<'_, Arrived>) -> Result<Tried, Refusal> {
    let (limits, seen) = (&exchange.core.limits, exchange.seen);
    if seen.was_tried() {
        return Ok(limits.counted_already());
    }
    limits.address(exchange.peer.remote.ip(), &mut seen.taken().borrow_mut()).map_err(|denied| denied.refusal)
}

/// Whether the caller may say it now.
pub(super) fn caller(exchange: &Exchange<'_, Read<'_>>) -> Result<Called, Refused> {
    if let Some(called) = exchange.core.limits.uncalled() {
        return Ok(called);
    }
    let (message, principal) = (exchange.message(), exchange.principal());
    let keyed = keyed(exchange, principal, message);
    let asked = Asked {
        address: exchange.peer.remote.ip(),
        principal,
        roles: exchange.core.roles.held(principal),
        server: &exchange.server().name,
        session: None,
        said: said(exchange.verb, message),
        keys: keyed.as_ref().map(|keyed| keyed as &dyn Keys),
    };
    let called = exchange.core.limits.caller(&asked, &mut exchange.seen.taken().borrow_mut());
    keyed.inspect(|keyed| told(exchange, keyed));
    called.map_err(|denied| refused(*denied, message))
}

/// Whether it may go to its server, by what the rules make of it.
pub(super) fn target(exchange: &Exchange<'_, Judged<'_>>) -> Result<Admitted, Refused> {
    if let Some(admitted) = exchange.core.limits.untargeted() {
        return Ok(admitted);
    }
    let changes = exchange.changes();
    let ruled = Ruled {
        class: changes.and_then(|changes| changes.class),
        cost: changes.and_then(|changes| changes.cost).unwrap_or(1),
    };
    let (message, bound, principal) = (exchange.message(), exchange.found(), exchange.principal());
    let keyed = keyed(exchange, principal, message);
    let asked = Asked {
        address: exchange.peer.remote.ip(),
        principal,
        roles: exchange.core.roles.held(principal),
        server: &exchange.server().name,
        session: bound.endpoint().zip(bound.upstream_id()),
        said: said(exchange.verb, message),
        keys: keyed.as_ref().map(|keyed| keyed as &dyn Keys),
    };
    let admitted = exchange.core.limits.target(&asked, ruled, &mut exchange.seen.taken().borrow_mut());
    keyed.inspect(|keyed| told(exchange, keyed));
    admitted.map_err(|denied| refused(*denied, message))
}

/// What the expressions of limits give; `None` where there is none.
fn keyed<'a, P>(exchange: &'a Exchange<'_, P>, principal: &'a Principal, message: &'a WellFormed) -> Option<Keyed<'a>> {
    let (keying, seen) = (&exchange.core.keying, exchange.seen);
    keying.is_used().then(|| keying.of(Around::of(exchange), principal, exchange.verb, message, seen.budget()))
}

/// What they have cost, and which of them has failed.
fn told<P>(exchange: &Exchange<'_, P>, keyed: &Keyed<'_>) {
    exchange.seen.keeps(keyed.left());
    if let Some((limit, why)) = keyed.failed() {
        let limit = exchange.core.limits.name(limit);
        tracing::warn!(id = %exchange.id, limit, why = %why, "the key_expression of a limit has failed, which denies");
    }
}

fn said(verb: Verb, message: &WellFormed) -> Said<'_> {
    match verb {
        Verb::Post => Said::Messages(message.messages(), message.bytes()),
        Verb::Get => Said::Stream,
        Verb::Delete => Said::End,
    }
}

fn refused(denied: Denied, message: &WellFormed) -> Refused {
    let addressee = denied.message.map_or_else(|| message.addressee(), |at| flow::culprit(message, at));
    Box::new((denied.refusal, addressee))
}
