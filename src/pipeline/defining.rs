//! What rules ask of a tool is looked up before they are asked, where it is not known, or may have changed.
//!
//! Rules are tried on what is known, which decides and counts nothing: only where one would need the definition the
//! server is asked for it, and the call waits. Then the rules decide; what is not known by then they cannot decide, and
//! that denies.

use std::pin::pin;

use tokio::task::yield_now;

use crate::model::{Reason, Refusal, Refused};
use crate::net::drain::{Drain, Phase};
use crate::protocol::message::Message;
use crate::protocol::method::Method;
use crate::stages::rules::expression::{Budget, Needs};
use crate::stages::rules::{self, Subject, Verdict};

use super::exchange::{Exchange, Granted};
use super::told::Told;
use super::{flow, lookup, ruling, stopping};

/// Why a definition that rules ask for is not there.
pub(super) struct Missing {
    /// Why the server's list could not be had.
    why: Refusal,
    /// It has changed since it was last read: what is known of it does not count.
    pub(super) has_changed: bool,
}

/// Whether rules may ask for a definition that is not known, or may have changed: of a call, where any rule asks for one.
pub(super) fn is_wanted(exchange: &Exchange<'_, Granted<'_>>) -> bool {
    let (core, message) = (exchange.core, exchange.message());
    core.policy.rules.book().needs().has(Needs::TOOL)
        && message.messages().iter().any(|one| is_open(exchange, one, message.bytes()))
}

fn is_open(exchange: &Exchange<'_, Granted<'_>>, message: &Message, bytes: &[u8]) -> bool {
    let (catalog, server) = (&exchange.core.catalog, exchange.route.server);
    let calls = message.method.is_some_and(|method| method.is(bytes, Method::ToolsCall.as_str()));
    let is_known = || {
        let name = message.fields.name.and_then(|name| name.text(bytes));
        name.is_some_and(|name| catalog.tool(server, &name).is_some())
    };
    calls && (catalog.has_changed(server) || !is_known())
}

/// Looks up what the rules would need; what of that could not be had.
pub(super) async fn define(exchange: &Exchange<'_, Granted<'_>>, drain: &Drain) -> Result<Option<Missing>, Refused> {
    let mut missing = None;
    let (message, mut budget) = (exchange.message(), Budget::default());
    for (at, one) in message.messages().iter().enumerate() {
        if !is_open(exchange, one, message.bytes()) {
            continue;
        }
        let asking = pin!(one_message(exchange, one, &mut budget));
        let Some(found) = stopping::unless(drain, Phase::Cutting, asking).await else {
            return Err(Box::new((stopping::not_sent(), flow::culprit(message, at))));
        };
        match found {
            Tried::Denied => break,
            Tried::Missing(why) => missing = Some(why),
            Tried::Done => {}
        }
    }
    // The rules take steps of their own now, and others of this core may come before them.
    yield_now().await;
    Ok(missing)
}

/// What trying the rules on a message has led to.
enum Tried {
    /// They need nothing that is not there now.
    Done,
    /// They deny it, whatever its tool is: nobody looks for that, nor for what is behind it.
    Denied,
    Missing(Missing),
}

async fn one_message(exchange: &Exchange<'_, Granted<'_>>, message: &Message, budget: &mut Budget) -> Tried {
    let (read, catalog, server) = (exchange.message(), &exchange.core.catalog, exchange.route.server);
    let method = rules::method(message, read.bytes());
    let (known, said) = ruling::said(method.as_deref());
    let book = exchange.core.policy.rules.book();
    // What has no name that can be read is refused where it is ruled.
    let Ok(subject) = Subject::of(message, known, read.bytes(), book) else { return Tried::Denied };
    let Some(Some(named)) = subject.each().next() else { return Tried::Done };
    let has_changed = catalog.has_changed(server);
    let asks = {
        let told = Told::of(exchange, exchange.principal(), said, Some(named), Some((message, read)));
        let (decided, has_failed) = exchange.core.policy.tries(&ruling::asked(exchange, &told), budget);
        match told.asks_for_tool() {
            true if has_changed || has_failed => true,
            _ if matches!(decided.verdict, Verdict::Refuse { .. } | Verdict::Failed) => return Tried::Denied,
            _ => false,
        }
    };
    if !asks {
        return Tried::Done;
    }
    let asking = exchange.asking();
    let found = match has_changed {
        true => lookup::changed(&asking).await,
        false => lookup::unknown(&asking, named.1).await,
    };
    match found {
        Ok(()) => Tried::Done,
        Err(why) => {
            let (id, server) = (exchange.id, &exchange.server().name);
            tracing::warn!(%id, %server, why = %why.message, "a tool's definition that a rule asks for cannot be had");
            Tried::Missing(Missing { why, has_changed })
        }
    }
}

/// The refusal of a call that rules cannot decide without the definition of its tool.
pub(super) fn undefined(missing: Option<&Missing>) -> Refusal {
    const DECIDED: &str = "the gateway's policy cannot be decided for this call";
    let Some(Missing { why, .. }) = missing else {
        let message =
            format!("{DECIDED}: a rule asks for the tool's definition, which the server's list does not have");
        return Refusal::new(Reason::PolicyDenied, message);
    };
    match why.reason {
        // These deny as policy would, and say when to come back.
        Reason::UpstreamBadResponse | Reason::UpstreamReset | Reason::UpstreamTimeout | Reason::UpstreamUnavailable => {
            let unhad = lookup::unhad(why, "a rule asks for");
            let mut refusal = Refusal::new(Reason::PolicyDenied, format!("{DECIDED}: {}", unhad.message));
            (refusal.retryable, refusal.retry_after) = (true, unhad.retry_after);
            refusal
        }
        // What its caller has to do first: to begin a session, to show a credential, to come back.
        _ => why.clone(),
    }
}
