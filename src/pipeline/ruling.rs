//! What policy says of a message that its caller may send: it goes on, perhaps changed or to another server, or it is
//! answered here.
//!
//! A batch is ruled message by message, and goes on whole or not at all: what would part it refuses it.

use std::borrow::Cow;
use std::pin::pin;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio::time::sleep;

use crate::config::Abort;
use crate::model::{Addressee, Reason, Refusal, Refused};
use crate::net::drain::{Drain, Phase};
use crate::protocol::json;
use crate::protocol::message::{Kind, Message};
use crate::protocol::method::Method;
use crate::protocol::revision::Era;
use crate::stages::authorize;
use crate::stages::rules::expression::Budget;
use crate::stages::rules::{self, Asked, Decided, Effect, Ruled, Said, Subject, Unreadable, Verdict};
use crate::stages::upstream::Patience;
use crate::stages::wellformed::Verb;

use super::answer::{Answer, Head};
use super::defining::Missing;
use super::exchange::{Exchange, Granted, Judged, Known, Ready};
use super::told::Told;
use super::{defining, flow, stopping};

/// What becomes of a message.
pub(super) enum Ruling<'a> {
    /// It goes on.
    On(Exchange<'a, Judged<'a>>),
    /// A rule has answered it.
    Answered(Answer),
}

/// Asks the rules about every message of a body; about GET and DELETE where there is none. `missing` of the definitions
/// that they ask for could not be had.
///
/// # Errors
/// `policy_denied` where a rule refuses, or its expression fails; `invalid_params` for a name that the rules cannot read;
/// what `authorize` says of the server that a rule has chosen.
pub(super) fn rule<'a>(exchange: Exchange<'a, Granted<'a>>, missing: Option<Missing>) -> Result<Ruling<'a>, Refused> {
    // One for the whole body, however many messages it has.
    let mut all = All { ruled: None, server: None, missing, budget: exchange.seen.budget() };
    let messages = exchange.message().messages();
    if messages.is_empty() {
        let said = if exchange.verb == Verb::Delete { Said::Delete } else { Said::Get };
        let told = Told::of(&exchange, exchange.principal(), said, None, None);
        let decided = ask(&exchange, &told, &mut all.budget);
        all.passes(decided).map_err(flow::nobody)?;
    }
    for (at, message) in messages.iter().enumerate() {
        let each = each(&exchange, message, &mut all);
        if let Some(result) = each.map_err(|refusal| Box::new((refusal, flow::culprit(exchange.message(), at))))? {
            return Ok(Ruling::Answered(answered(&exchange, result)));
        }
    }
    exchange.seen.keeps(all.budget.left());
    let All { ruled: Some(ruled), server, .. } = all else {
        // A body has a message, and what has none was ruled above.
        return Err(flow::nobody(Refusal::new(Reason::Internal, "a message was not ruled")));
    };
    let exchange = match server {
        Some(server) => sent_to(exchange, server)?,
        None => exchange,
    };
    Ok(Ruling::On(exchange.judged(ruled)))
}

/// What has been decided of a body so far.
struct All<'a> {
    ruled: Option<Ruled<'a>>,
    /// The server that it is to go to.
    server: Option<usize>,
    missing: Option<Missing>,
    budget: Budget,
}

impl<'a> All<'a> {
    fn passes(&mut self, decided: Decided<'a>) -> Result<(), Refusal> {
        let (more, server) = passed(decided)?;
        self.server = self.server.or(server);
        self.ruled = Some(match self.ruled.take() {
            Some(before) => before.and(more),
            None => more,
        });
        Ok(())
    }
}

/// Rules one message, by each name that it has; the result where a rule has one for it.
fn each<'a>(
    exchange: &Exchange<'a, Granted<'a>>,
    message: &Message,
    all: &mut All<'a>,
) -> Result<Option<&'a str>, Refusal> {
    let bytes = exchange.message().bytes();
    let method = rules::method(message, bytes);
    let (known, said) = said(method.as_deref());
    let subject = Subject::of(message, known, bytes, exchange.core.policy.rules.book());
    let subject = subject.map_err(|Unreadable(why)| Refusal::new(Reason::InvalidParams, why))?;
    let is_batch = exchange.message().batch().is_some();
    for named in subject.each() {
        let told = Told::of(exchange, exchange.principal(), said, named, Some((message, exchange.message())));
        let told = told.outdated(all.missing.as_ref().is_some_and(|missing| missing.has_changed));
        let decided = ask(exchange, &told, &mut all.budget);
        match decided.verdict {
            Verdict::Failed if told.lacks_tool() => return Err(defining::undefined(all.missing.as_ref())),
            Verdict::Answer(_) | Verdict::Route(_) if is_batch => return Err(parts_a_batch()),
            Verdict::Answer(result) if message.kind == Kind::Request => return Ok(Some(result)),
            _ if is_batch && !decided.changes.arguments.is_empty() => return Err(parts_a_batch()),
            _ => all.passes(decided)?,
        }
    }
    Ok(None)
}

/// Asks the rules about a caller who opens a stream of the pair of 2024-11-05, which has no conversation yet.
pub(super) fn listen(exchange: &Exchange<'_, Known>) -> Result<(), Refusal> {
    if exchange.core.policy.rules.none().is_some() {
        return Ok(());
    }
    let facts = Told::of(exchange, exchange.principal(), Said::Get, None, None);
    let decided = ask(exchange, &facts, &mut Budget::default());
    passed(decided).map(drop)
}

/// What a message is, by its method.
pub(super) fn said(method: Option<&str>) -> (Option<Method>, Said<'_>) {
    match (method.map(Method::of), method) {
        (Some(Method::Other), Some(name)) => (Some(Method::Other), Said::Other(name)),
        (Some(method), _) => (Some(method), Said::Method(method)),
        (None, _) => (None, Said::Answer),
    }
}

const UNANSWERABLE: &str = "the gateway's policy has an answer to requests alone here, and this is none";

fn parts_a_batch() -> Refusal {
    let message = "the gateway's policy treats this message on its own, and a batch goes on whole: send it alone";
    Refusal::new(Reason::PolicyDenied, message)
}

/// What lets a message go on, and the server that it is to go to.
pub(super) fn passed(decided: Decided<'_>) -> Result<(Ruled<'_>, Option<usize>), Refusal> {
    let to = match decided.verdict {
        Verdict::Pass => None,
        Verdict::Route(server) => Some(server),
        Verdict::Answer(_) => return Err(Refusal::new(Reason::PolicyDenied, UNANSWERABLE)),
        Verdict::Refuse { message, code } => {
            let default = "the gateway's policy refuses this; ask whoever runs it";
            let message = message.map_or(Cow::Borrowed(default), |message| Cow::Owned(message.to_owned()));
            return Err(Refusal::new(Reason::PolicyDenied, message).coded(code));
        }
        Verdict::Failed => return Err(failed()),
    };
    decided.passed().map(|ruled| (ruled, to)).ok_or_else(failed)
}

/// What fails while deciding denies.
fn failed() -> Refusal {
    let message = "the gateway's policy could not be decided for this message; ask whoever runs it";
    Refusal::new(Reason::PolicyDenied, message).noted(&"an expression of the rule has failed")
}

fn ask<'a, P>(exchange: &Exchange<'a, P>, told: &Told<'_>, budget: &mut Budget) -> Decided<'a> {
    exchange.core.policy.decide(&asked(exchange, told), budget, exchange.id, exchange.seen)
}

/// What rules are asked of a message.
pub(super) fn asked<'b, P>(exchange: &Exchange<'b, P>, told: &'b Told<'b>) -> Asked<'b> {
    Asked {
        route: exchange.route.number,
        server: exchange.route.server,
        said: told.said,
        named: told.named,
        roles: exchange.core.roles.held(told.principal),
        headers: exchange.headers,
        facts: told,
        draw: exchange.core.policy.draw(exchange.id),
    }
}

/// The same message for another server of its path, where nothing ties it to one: the caller has to be granted it there.
fn sent_to<'a>(exchange: Exchange<'a, Granted<'a>>, server: usize) -> Result<Exchange<'a, Granted<'a>>, Refused> {
    let core = exchange.core;
    let mut others = exchange.route.alternates.iter().copied();
    let other = others.find(|at| core.routes[*at].server == server).filter(|_| !exchange.is_settled());
    let Some(other) = other else { return Ok(exchange) };
    let (sight, message) = (core.roles.sight(exchange.principal(), server), exchange.message());
    match authorize::check(sight, message.messages(), message.bytes()) {
        Ok(permitted) => Ok(exchange.sent_to(other, permitted)),
        Err(denied) => {
            let addressee = denied.message.map_or_else(|| message.addressee(), |at| flow::culprit(message, at));
            Err(Box::new((denied.refusal, addressee)))
        }
    }
}

/// An answer in a rule's words. What the era asks of every result is added where it is not there.
fn answered(exchange: &Exchange<'_, Granted<'_>>, result: &str) -> Answer {
    let message = exchange.message();
    let id = match message.addressee() {
        Addressee::Request { id, .. } => String::from_utf8_lossy(id.raw()).into_owned(),
        _ => "null".to_owned(),
    };
    let mut text = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{result}}}");
    let has_type =
        json::check(result.as_bytes(), exchange.core.bounds.depth).is_ok() && has_member(result, "resultType");
    if message.era() == Era::Modern && !has_type {
        let rest = result.trim_start().strip_prefix('{').unwrap_or(result).trim_start();
        let comma = if rest.starts_with('}') { "" } else { "," };
        text = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"resultType\":\"complete\"{comma}{rest}}}");
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Answer::Whole(Head { status: StatusCode::OK, headers }, Bytes::from(text))
}

fn has_member(object: &str, name: &str) -> bool {
    let span = json::Span { start: 0, end: u32::try_from(object.len()).unwrap_or(u32::MAX) };
    json::member(object.as_bytes(), span, name).is_some()
}

/// How long the server may take, as its own settings say, or as rules say in their place.
pub(super) fn patience(exchange: &Exchange<'_, Ready<'_>>, own: Patience) -> Patience {
    let Some(changes) = exchange.changes() else { return own };
    Patience {
        first_byte: changes.first_byte.unwrap_or(own.first_byte),
        idle: changes.idle_timeout.unwrap_or(own.idle),
        deadline: changes.deadline.unwrap_or(own.deadline),
    }
}

/// Lets a message wait or fail, where a rule says so.
pub(super) async fn fault(effect: Effect, drain: &Drain) -> Result<(), Refusal> {
    if !effect.delay.is_zero() {
        let waited = stopping::unless(drain, Phase::Cutting, pin!(sleep(effect.delay))).await;
        waited.ok_or_else(stopping::not_sent)?;
    }
    let (reason, message) = match effect.abort {
        None => return Ok(()),
        Some(Abort::Unavailable) => (Reason::UpstreamUnavailable, "the server has no endpoint that can be reached"),
        Some(Abort::Reset) => (Reason::UpstreamReset, "the server went away before it had answered"),
        Some(Abort::Timeout) => (Reason::UpstreamTimeout, "the server took too long"),
    };
    Err(Refusal::new(reason, message).noted(&"a fault that a rule makes; nothing was sent"))
}
