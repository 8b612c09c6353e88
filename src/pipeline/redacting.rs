//! What rules do not show of an answer. Where nobody can tell which call it answers (what a stream of a session replays, what is
//! asked of a task), everything that any rule of its path would not show is not shown.

use std::sync::Arc;

use crate::catalog::Redaction;
use crate::protocol::method::Method;
use crate::stages::rules;
use crate::stages::wellformed::Verb;

use super::exchange::{Exchange, Ready};

/// What is not shown of the answer, and whether nobody can tell which call it is about.
pub(super) fn of(exchange: &Exchange<'_, Ready<'_>>) -> (Vec<Arc<Redaction>>, bool) {
    let all = exchange.core.policy.rules.book().redactions(exchange.route.number);
    if all.is_empty() || !has_result(exchange) {
        return (Vec::new(), false);
    }
    if is_untold(exchange) {
        return (all.to_vec(), true);
    }
    let changes = exchange.changes().map_or(&[][..], |changes| &changes.redactions);
    (changes.iter().copied().cloned().collect(), false)
}

/// Whether anything is not shown of it.
pub(super) fn redacts(exchange: &Exchange<'_, Ready<'_>>) -> bool {
    !of(exchange).0.is_empty()
}

fn is_untold(exchange: &Exchange<'_, Ready<'_>>) -> bool {
    use Method::{Listen, TasksCancel, TasksGet, TasksResult, TasksUpdate};
    let of_task = |method| matches!(method, Listen | TasksGet | TasksResult | TasksUpdate | TasksCancel);
    let message = exchange.message();
    let mut all = message.messages().iter().filter_map(|one| rules::method(one, message.bytes()));
    exchange.verb == Verb::Get || all.any(|method| of_task(Method::of(&method)))
}

/// Whether it may hold what a rule could mean: what Weir reads itself (a handshake, an offer, a list) has its own shape.
fn has_result(exchange: &Exchange<'_, Ready<'_>>) -> bool {
    let message = exchange.message();
    let reads = |method: Method| method.lists() || matches!(method, Method::Initialize | Method::Discover);
    exchange.verb != Verb::Delete && !message.method().is_some_and(reads)
}
