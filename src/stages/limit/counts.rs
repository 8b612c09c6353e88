//! Which messages a limit counts.

use crate::config::{Counted, LimitKey};
use crate::model::grants::Named;
use crate::model::is_normal_uri;

use super::asked::{Asked, One};

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
    pub(super) fn of(key: LimitKey, counts: &Counted, concurrent: bool) -> Self {
        let names = [&counts.names.tools, &counts.names.prompts, &counts.names.resources];
        let of_a_server = names.iter().flat_map(|names| *names).any(|pattern| !pattern.server.is_any());
        let late = matches!(key, LimitKey::Session | LimitKey::Server | LimitKey::Tool | LimitKey::PrincipalAndTool);
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

/// Whether the lists about the exchange as a whole fit.
pub(super) fn fits(counts: &Counted, asked: &Asked<'_>, class: Option<&str>) -> bool {
    let has = |role: &String| asked.roles.iter().any(|held| **held == **role);
    (counts.servers.is_empty() || counts.servers.iter().any(|server| server.matches(asked.server)))
        && (counts.roles.is_empty() || counts.roles.iter().any(has))
        && (counts.class.is_none() || counts.class.as_deref() == class)
}

/// Whether those about one message do.
pub(super) fn fits_one(counts: &Counted, server: &str, one: &One<'_>) -> bool {
    let names = &counts.names;
    let named = [&names.tools, &names.prompts, &names.resources].iter().any(|names| !names.is_empty());
    (counts.methods.is_empty() || counts.methods.iter().any(|method| method.matches(&one.method)))
        && (!named || one.name.as_ref().is_some_and(|(named, name)| fits_name(counts, server, *named, name)))
}

fn fits_name(counts: &Counted, server: &str, named: Named, name: &str) -> bool {
    // A server may take several spellings for one resource, and who is limited would find the one that is not.
    let any = named == Named::Resource && !is_normal_uri(name);
    let patterns = counts.names.of(named).iter();
    patterns.filter(|pattern| pattern.server.matches(server)).any(|pattern| any || pattern.name.matches(name))
}
