//! Limits, at the three places of the way where they count. What they give is kept until the answer has ended.

use crate::model::{Refusal, Refused};
use crate::stages::limit::{Admitted, Asked, Called, Denied, Ruled, Said, Tried};
use crate::stages::wellformed::{Verb, WellFormed};

use super::exchange::{Arrived, Exchange, Judged, Read};
use super::flow;

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
    let message = exchange.message();
    let asked = Asked {
        address: exchange.peer.remote.ip(),
        principal: exchange.principal(),
        roles: exchange.core.roles.held(exchange.principal()),
        server: &exchange.server().name,
        session: None,
        said: said(exchange.verb, message),
    };
    let called = exchange.core.limits.caller(&asked, &mut exchange.seen.taken().borrow_mut());
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
    let (message, bound) = (exchange.message(), exchange.found());
    let asked = Asked {
        address: exchange.peer.remote.ip(),
        principal: exchange.principal(),
        roles: exchange.core.roles.held(exchange.principal()),
        server: &exchange.server().name,
        session: bound.endpoint().zip(bound.upstream_id()),
        said: said(exchange.verb, message),
    };
    let admitted = exchange.core.limits.target(&asked, ruled, &mut exchange.seen.taken().borrow_mut());
    admitted.map_err(|denied| refused(*denied, message))
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
