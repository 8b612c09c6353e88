//! What is allowed and unwise: `weir check` says it, and so does the start.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    authorization::Authorization,
    command::Command,
    limits::{PARTS_OF_BURST, Scope},
    report::Place,
    section::Section,
    settings::Settings,
};

/// Nesting that is looked into; deeper than any table of ours.
const DEEPEST: usize = 8;

/// Notes it as warnings.
pub(super) fn note(settings: &Settings, root: &Section<'_>) {
    let warn = |section: &str, key: &str, message: String| root.mistakes.warn(root.place_in(section, key), message);
    let Settings { admin, listen, auth, drain, routes, servers, telemetry, .. } = settings;
    if listen.is_loopback() == Some(false) {
        if auth.anonymous.really {
            let message = format!("whoever reaches {} may call every server", listen.address);
            root.mistakes.warn(root.place("auth"), message);
        }
        if listen.public_url.is_none() && listen.hosts.is_empty() {
            let message = "neither `public_url` nor `hosts` is there: clients are answered only where they call the \
                           address itself, not by a name";
            warn("listen", "address", message.to_owned());
        }
    }
    if !admin.address.is_loopback() {
        let message = match auth.knows_credentials() {
            true => {
                "is not loopback: operators show their tokens there without TLS. Put a proxy with TLS in front of it"
            }
            false => {
                "is not loopback, and no issuer in [auth] vouches for an operator: from elsewhere nobody is told more than \
                      health, readiness and metrics"
            }
        };
        warn("admin", "address", format!("{} {message}", admin.address));
    }
    let own = admin.audience(listen).filter(|_| auth.knows_credentials());
    let url = listen.url().unwrap_or_default();
    if let Some(route) = routes.iter().find(|route| own.as_deref() == Some(&*format!("{url}{}", route.path))) {
        let message = format!(
            "a token for the route {} is one for operators as well: give [admin] another `audience`",
            route.path
        );
        root.mistakes.warn(root.place("admin"), message);
    }
    if drain.timeout.is_zero() {
        warn("drain", "timeout", "calls in progress are cut off whenever the daemon stops".to_owned());
    }
    if telemetry.log.arguments && telemetry.log.redact.is_empty() {
        let message = "`arguments` writes what tools are called with into the log, and `redact` leaves nothing out";
        root.mistakes.warn(root.place("telemetry"), message);
    }
    for (at, limit) in settings.limits.iter().enumerate().filter(|(_, limit)| limit.scope == Scope::Cluster) {
        if settings.store.postgres.is_none() {
            let message = format!(
                "the limit {:?} is counted by each node for itself: nodes count together by a database that they share, \
                 [store] postgres",
                limit.name
            );
            root.mistakes.warn(root.place_in_list("limits", at, "scope"), message);
        }
        let dearest = settings.rules.rules.iter().filter_map(|rule| rule.set.cost).max().unwrap_or(1);
        let least = u64::from(limit.cost.get()) * u64::from(dearest) * u64::from(PARTS_OF_BURST);
        if limit.rate.is_some_and(|rate| u64::from(rate.burst.get()) < least) {
            let message = format!(
                "a rule makes a call cost {dearest}, which a node may never have at once of the limit {:?}: its burst is best \
                 at least {least}",
                limit.name
            );
            root.mistakes.warn(root.place_in_list("limits", at, "scope"), message);
        }
    }
    for (at, server) in servers.iter().enumerate() {
        if matches!(server.authorization, Some(Authorization::Exchange(_))) && !auth.knows_credentials() {
            let message = format!(
                "server {:?}: nobody can call it: `exchange` wants a caller's token, and no kind of token is taken ([auth])",
                server.name.as_str()
            );
            root.mistakes.warn(root.place_in_list("servers", at, "authorization").hidden(), message);
        }
        for (key, message) in server.command.iter().flat_map(Command::unwise) {
            // What stands there may be a secret.
            root.mistakes.warn(root.place_in_list("servers", at, key).hidden(), message);
        }
        for url in server.endpoints.iter().map(|endpoint| endpoint.url.as_str()) {
            if servers[..at].iter().any(|other| other.endpoints.iter().any(|endpoint| endpoint.url == url)) {
                let message = format!("{url} is behind two servers: what is said of one does not hold for the other");
                root.mistakes.warn(root.place_in_list("servers", at, "endpoints"), message);
            }
            if let Some(host) = plain_and_far(url) {
                let message = format!(
                    "server {:?}: calls go to {host} without TLS: whoever is on the way reads and changes them",
                    server.name.as_str()
                );
                root.mistakes.warn(root.place_in_list("servers", at, "endpoints"), message);
            }
        }
    }
    classes(settings, root);
    root.values(|value| unsubstituted(value, root, DEEPEST));
}

/// A limit of a class that nothing is of.
fn classes(settings: &Settings, root: &Section<'_>) {
    let given: Vec<_> =
        settings.rules.rules.iter().filter(|rule| !rule.shadow).filter_map(|rule| rule.set.class.as_deref()).collect();
    for (at, limit) in settings.limits.iter().enumerate() {
        if let Some(class) = limit.counts.class.as_deref().filter(|class| !given.contains(class)) {
            let message = format!(
                "no rule of the configuration gives a message the class {class:?}: the limit {:?} counts nothing",
                limit.name
            );
            root.mistakes.warn(root.place_in_list("limits", at, "class"), message);
        }
    }
}

/// The host of an `http` URL that leads off this machine.
fn plain_and_far(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://")?;
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    };
    let near = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    (!near).then_some(host)
}

/// Other programs put environment variables into any text.
fn unsubstituted(value: &Spanned<DeValue<'_>>, root: &Section<'_>, deep: usize) {
    match value.get_ref() {
        DeValue::String(text) if text.contains("${") => {
            let message = "environment variables are not put into texts: only a secret may come from one, \
                           { env = \"NAME\" }";
            root.mistakes.warn(Place::at(value.span()), message);
        }
        DeValue::Array(items) if deep > 0 => items.iter().for_each(|item| unsubstituted(item, root, deep - 1)),
        DeValue::Table(table) if deep > 0 => inside(table, root, deep - 1),
        _ => {}
    }
}

fn inside(table: &DeTable<'_>, root: &Section<'_>, deep: usize) {
    table.values().for_each(|value| unsubstituted(value, root, deep));
}
