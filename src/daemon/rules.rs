//! Rules and keys of limits as the configuration has them, compiled; what is wrong with their expressions is found here,
//! above `config`.

use std::sync::Arc;

use crate::config::{Destination, Report, Settings};
use crate::pipeline::Expressions;
use crate::stages::rules::expression::Expected;
use crate::stages::rules::{Book, flaws, flaws_of};

/// The same settings, where every expression in them is sound.
///
/// # Errors
/// What is wrong with them, each with its place in the file.
pub fn sound(settings: Settings) -> Result<Settings, Report> {
    let keys = settings.limits.iter().filter_map(|limit| limit.key.expression());
    let found = flaws(&settings.rules).into_iter().chain(flaws_of(keys, Expected::Key));
    let found = found.map(|(written, flaw)| (written, flaw.span, flaw.message));
    match settings.flaws(found) {
        None => Ok(settings),
        Some(report) => Err(report),
    }
}

/// The rules, compiled for the routes as they are counted: those that lead to a server.
pub(super) fn book(settings: &Settings) -> anyhow::Result<Book> {
    let served = settings.routes.iter().filter(|route| route.destination != Destination::Federation);
    let servers = settings.servers.iter().map(|server| server.name.as_str());
    let rules = Arc::new(settings.rules.clone());
    Book::compile(rules, served.map(|route| &*route.path), servers).map_err(anyhow::Error::msg)
}

/// What limits count by, compiled.
pub(super) fn keys(settings: &Settings) -> anyhow::Result<Expressions> {
    Expressions::compile(&settings.limits).map_err(anyhow::Error::msg)
}
