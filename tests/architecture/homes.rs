//! Where a dependency may be named, and what a module must never name: both as data, each line with its reason.

use std::collections::BTreeSet;

use crate::paths::{Named, Target, named};
use crate::rule::{Finding, Rule};
use crate::source::{SourceFile, Sources};

/// Where crates may be named.
pub(crate) enum May {
    /// In these modules, and below them.
    Only(&'static [&'static str]),
    /// Anywhere but where `NEVER` forbids it.
    Anywhere,
}

/// Crates that share a home.
pub(crate) struct Home {
    pub(crate) crates: &'static [&'static str],
    pub(crate) may: May,
    pub(crate) why: &'static str,
}

const fn only(crates: &'static [&'static str], modules: &'static [&'static str], why: &'static str) -> Home {
    Home { crates, may: May::Only(modules), why }
}

const fn anywhere(crates: &'static [&'static str], why: &'static str) -> Home {
    Home { crates, may: May::Anywhere, why }
}

/// Every crate of `[dependencies]`, and those that are planned where the plan names their home.
pub(crate) const HOMES: &[Home] = &[
    only(
        &["aws_lc_rs"],
        &["seal", "net::tls", "stages::authenticate"],
        "cryptography is named where it is decided: to seal and sign, as the provider of TLS, to verify who calls",
    ),
    only(&["chacha20poly1305", "hkdf"], &["seal"], "one module holds keys and nonces"),
    only(
        &["rustls", "tokio_rustls", "rustls_native_certs"],
        &["net::tls"],
        "one module decides what TLS is accepted; the others see a stream",
    ),
    only(&["h2", "futures_util"], &["net"], "how a connection is driven; below the edge a message is `http` and bytes"),
    only(
        &["hyper", "hyper_util"],
        &["net::fetch"],
        "what we ask others ourselves goes one way, which checks where it leads; the data path has its own client",
    ),
    only(&["httparse"], &["net"], "heads are read in one place, strictly"),
    only(&["socket2"], &["net"], "socket options belong to the listener and the connection"),
    only(
        &["rustix"],
        &["net", "daemon", "config::file"],
        "limits of the machine are asked once, at start, and files are opened without waiting in one place; processes are the keeper's",
    ),
    only(&["clap", "clap_complete", "clap_mangen"], &["cli"], "the rest takes values, not arguments"),
    only(&["toml", "strsim", "shlex"], &["config"], "text comes in once, and checked Settings leave"),
    only(&["axum", "utoipa", "tonic"], &["admin"], "the web framework serves operators; the data path is ours"),
    only(&["anyhow"], &["daemon", "cli", "main"], "below, an error is a type that says whose fault it is"),
    only(&["tikv_jemallocator"], &["main"], "the allocator is the binary's choice, not the library's"),
    only(&["tracing_subscriber"], &["telemetry", "daemon"], "where logs go is decided once, at start"),
    only(&["metrics", "metrics_exporter_prometheus"], &["telemetry"], "names are a closed list, kept in one place"),
    only(
        &["opentelemetry", "opentelemetry_sdk", "opentelemetry_otlp"],
        &["telemetry"],
        "what a span is called, and what must not be in it, is decided in one place",
    ),
    only(&["sd_notify", "listenfd"], &["net", "daemon"], "the service manager is spoken to by who starts and stops"),
    only(&["x509_parser"], &["net::tls"], "certificates are read where TLS is decided"),
    only(
        &["serde_json"],
        &["cli", "config", "admin", "telemetry", "daemon", "catalog::schemas"],
        "a `Value` of a message costs a hundred times our reader: documents of our own, and what a schema is checked on",
    ),
    only(&["jsonwebtoken"], &["stages::authenticate"], "one stage decides who is calling"),
    only(
        &["cel", "regex_automata", "regex_syntax"],
        &["stages::rules::expression"],
        "expressions are compiled and bounded in one place",
    ),
    only(&["jsonschema"], &["catalog"], "schemas are compiled once, bounded, beside what they describe"),
    only(&["rusqlite", "tokio_postgres", "deadpool_postgres"], &["store"], "back ends of the store alone speak SQL"),
    only(&["siphasher"], &["stages::limit"], "names of what is counted, which no client can have two of"),
    only(&["governor"], &["stages::limit"], "one stage counts; its clock and its store are ours"),
    only(&["rdkafka"], &["queue::kafka"], "one back end speaks Kafka; above it a queue is a trait"),
    anywhere(&["tokio"], "the runtime; pure modules are named in NEVER"),
    anywhere(&["http", "http_body", "http_body_util"], "the nouns of HTTP, without I/O"),
    anywhere(&["bytes", "memchr", "base64"], "buffers and text"),
    anywhere(&["arc_swap"], "snapshots"),
    anywhere(&["zeroize"], "whoever holds a secret overwrites it"),
    anywhere(&["tracing"], "log lines with fields"),
];

/// What a module must never name.
pub(crate) struct Never {
    pub(crate) from: &'static [&'static str],
    /// Paths: `crate::...`, or a crate and perhaps a module of it.
    pub(crate) to: &'static [&'static str],
    pub(crate) rule: Rule,
}

const NEVER: &[Never] = &[
    Never {
        from: &["protocol"],
        to: &[
            "tokio",
            "hyper",
            "http_body",
            "http_body_util",
            "tracing",
            "std::fs",
            "std::net",
            "std::process",
            "std::thread",
        ],
        rule: Rule {
            name: "protocol is pure",
            why: "`protocol` must be fuzzed and benched alone: no I/O, no async, no clock",
            instead: "take bytes, return values; the caller reads and writes",
        },
    },
    Never {
        from: &["stages::rules", "stages::balance", "stages::breaker", "approvals", "coordination"],
        to: &[
            "crate::net",
            "crate::store",
            "crate::queue",
            "crate::model::clock",
            "tokio",
            "std::fs",
            "std::net",
            "std::thread",
        ],
        rule: Rule {
            name: "pure cores",
            why: "these are simulated from a seed, replayed and explained, so they do no I/O and own no clock",
            instead: "take time and randomness as arguments, return what is to be done as data",
        },
    },
    Never {
        from: &[
            "protocol",
            "model",
            "seal",
            "telemetry",
            "net",
            "peer",
            "store",
            "queue",
            "catalog",
            "stages",
            "audit",
            "approvals",
            "coordination",
            "pipeline",
            "edge",
            "delivery",
            "admin",
        ],
        to: &["crate::config::Settings"],
        rule: Rule {
            name: "settings by section",
            why: "a module that sees all settings can depend on any of them; only `daemon` builds from the whole",
            instead: "take the section: &config::Limits",
        },
    },
];

/// Checks homes and bans on shipped code. `dependencies` are the names of `[dependencies]`, as code writes them.
pub(crate) fn check(sources: &Sources, dependencies: &[String]) -> Vec<Finding> {
    let mut found = Vec::new();
    let housed: BTreeSet<&str> = HOMES.iter().flat_map(|home| home.crates).copied().collect();
    for dependency in dependencies.iter().filter(|name| !housed.contains(name.as_str())) {
        found.push(home_rule("every dependency has a home").at("Cargo.toml", 1, format!("`{dependency}` has none")));
    }
    for file in &sources.files {
        for named in named(file) {
            found.extend(away_from_home(file, &named));
            found.extend(forbidden(file, &named));
        }
    }
    found
}

const fn home_rule(why: &'static str) -> Rule {
    Rule {
        name: "homes",
        why,
        instead: "call the module that is the crate's home; a new home is a line in HOMES, tests/architecture/homes.rs",
    }
}

fn away_from_home(file: &SourceFile, named: &Named) -> Option<Finding> {
    let Target::Bare(path) = &named.to else { return None };
    let home = HOMES.iter().find(|home| home.crates.contains(&path[0].as_str()))?;
    let May::Only(modules) = home.may else { return None };
    let own = if file.path == "src/main.rs" { "main".to_owned() } else { named.from.join("::") };
    if !modules.iter().any(|module| is_within(&own, module)) {
        let what = format!("`{}` in `{own}`; its home: {}", path[0], modules.join(", "));
        return Some(home_rule(home.why).at(&file.path, named.line, what));
    }
    let whole = path.len() == 1 || named.glob;
    let open = named.public && whole && named.known_as.as_ref().is_none_or(|name| name != "_");
    open.then(|| home_rule(home.why).at(&file.path, named.line, format!("`pub use {}` lets it out", path.join("::"))))
}

fn forbidden(file: &SourceFile, named: &Named) -> Option<Finding> {
    let path = match &named.to {
        Target::Inside(path) => format!("crate::{}", path.join("::")),
        // What `core` has is the same by another name.
        Target::Bare(path) if path[0] == "core" => format!("std::{}", path[1..].join("::")),
        Target::Bare(path) => path.join("::"),
    };
    let own = named.from.join("::");
    let never = NEVER.iter().filter(|never| never.from.iter().any(|module| is_within(&own, module)));
    never
        .filter(|never| {
            never.to.iter().any(|banned| is_within(&path, banned) || named.glob && is_within(banned, &path))
        })
        .map(|never| never.rule.at(&file.path, named.line, format!("`{path}` in `{own}`")))
        .next()
}

/// Whether the path `inner` is `outer` or lies below it.
fn is_within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The names of `[dependencies]` in a manifest, as code writes them (`-` is `_`).
pub(crate) fn dependencies(manifest: &str) -> Vec<String> {
    let lines = manifest.lines().map(str::trim);
    let section = lines.skip_while(|line| *line != "[dependencies]").skip(1).take_while(|line| !line.starts_with('['));
    let names = section.filter(|line| !line.is_empty() && !line.starts_with('#'));
    names.filter_map(|line| Some(line.split('=').next()?.trim().replace('-', "_"))).collect()
}
