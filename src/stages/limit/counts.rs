//! Which messages a limit counts.

use crate::config::{Counted, LimitKey};
use crate::model::grants::Named;
use crate::model::is_normal_uri;

use super::asked::{Asked, One};
use super::key::Asks;

/// The earliest step at which everything is known that a limit asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// The head of the request.
    Address,
    /// The caller and the message.
    Caller,
    /// The session, the server and what the rules say.
    Target,
}

impl Step {
    pub(super) fn of(key: &LimitKey, asks: Asks, counts: &Counted, concurrent: bool) -> Self {
        let names = [&counts.names.tools, &counts.names.prompts, &counts.names.resources];
        let of_a_server = names.iter().flat_map(|names| *names).any(|pattern| !pattern.server.is_any());
        let late = match key {
            LimitKey::Session | LimitKey::Server | LimitKey::Tool | LimitKey::PrincipalAndTool => true,
            LimitKey::Expression(_) => asks.server,
            LimitKey::Principal | LimitKey::ClientIp | LimitKey::Global => false,
        };
        if late || of_a_server || !counts.servers.is_empty() || counts.class.is_some() {
            return Self::Target;
        }
        let of_all = counts.methods.is_empty() && counts.roles.is_empty() && names.iter().all(|names| names.is_empty());
        match matches!(key, LimitKey::ClientIp | LimitKey::Global) && of_all && !concurrent {
            true => Self::Address,
            false => Self::Caller,
        }
    }
}

/// Which of the lists about the exchange as a whole does not fit.
pub(super) fn misfit(counts: &Counted, asked: &Asked<'_>, class: Option<&str>) -> Option<&'static str> {
    let has = |role: &String| asked.roles.iter().any(|held| **held == **role);
    if !counts.servers.is_empty() && !counts.servers.iter().any(|server| server.matches(asked.server)) {
        return Some("another server: `servers`");
    }
    if !counts.roles.is_empty() && !counts.roles.iter().any(has) {
        return Some("none of its roles: `roles`");
    }
    (counts.class.is_some() && counts.class.as_deref() != class).then_some("another class: `class`")
}

/// Which of those about one message does not.
pub(super) fn misfit_of(counts: &Counted, server: &str, one: &One<'_>) -> Option<&'static str> {
    let names = &counts.names;
    let named = [&names.tools, &names.prompts, &names.resources].iter().any(|names| !names.is_empty());
    if !counts.methods.is_empty() && !counts.methods.iter().any(|method| method.matches(&one.method)) {
        return Some("another method: `methods`");
    }
    let fits = one.name.as_ref().is_some_and(|(named, name)| fits_name(counts, server, *named, name));
    (named && !fits).then_some("another name: `tools`, `prompts`, `resources`")
}

fn fits_name(counts: &Counted, server: &str, named: Named, name: &str) -> bool {
    // A server may take several spellings for one resource, and who is limited would find the one that is not.
    let any = named == Named::Resource && !is_normal_uri(name);
    let patterns = counts.names.of(named).iter();
    patterns.filter(|pattern| pattern.server.matches(server)).any(|pattern| any || pattern.name.matches(name))
}
