//! Stored rules without a daemon: what `weir rules` does straight in the store.

use std::path::Path;
use std::time::Duration;

use rustix::process::getuid;

use crate::config::{self, Settings};
use crate::model::clock;
use crate::model::stored::{Author, InForce, RuleAnswer, RuleChange, RuleOrder, StoredRules, Trial};
use crate::store::{RuleBook, Store, StoreError, changed};

use super::keys::waited;
use super::stored;

/// Whoever runs a command here.
pub fn author_here() -> Author {
    Author { by: format!("user {} by command", getuid().as_raw()).into(), at: clock::unix_seconds() }
}

/// Does this in the store; waits so long for another process that has it. Where there is a configuration a change is tried on
/// it: what was wrong before may be mended piece by piece, and nothing else may become so.
///
/// # Errors
/// Why it was not done; [`StoreError::Held`] where a process has the store.
pub fn rules_here(
    (store, data): (&config::Store, &Path),
    settings: Option<&Settings>,
    order: RuleOrder,
    patience: Duration,
) -> Result<RuleAnswer, StoreError> {
    // A mistyped directory should not become one.
    if !matches!(order, RuleOrder::Change(_, RuleChange::Add(..), _)) {
        Store::is_there(store, data)?;
    }
    let store = Store::open(store, data, patience)?;
    waited(carry_out(&store, settings, order))
}

/// The rules of the configuration, if there is one, and those in the store.
///
/// # Errors
/// As [`rules_here`].
pub fn rule_list_here(
    (store, data): (&config::Store, &Path),
    settings: Option<&Settings>,
    patience: Duration,
) -> Result<InForce, StoreError> {
    Store::is_there(store, data)?;
    let StoredRules { version, rules } = waited(Store::open(store, data, patience)?.rules())?;
    let file = settings.into_iter().flat_map(|settings| &settings.rules.rules).map(|rule| rule.name.clone());
    Ok(InForce { version, file: file.collect(), stored: rules, behind: None })
}

async fn carry_out(store: &Store, settings: Option<&Settings>, order: RuleOrder) -> Result<RuleAnswer, StoreError> {
    let (on, change, author) = match order {
        RuleOrder::History(before, most) => return store.history(before, most).await.map(RuleAnswer::Told),
        RuleOrder::Change(on, change, author) => (on, change, Some(author)),
        RuleOrder::Try(on, change, _) => (on, change, None),
    };
    let now = store.rules().await?;
    let on = on.unwrap_or(now.version);
    let then = match change {
        RuleChange::RollBack(version) => Some(store.rules_at(version).await?),
        _ => None,
    };
    let (next, _) = changed(&now, on, change.clone(), then)?;
    let flaws = settings.map_or_else(Vec::new, |settings| {
        let known = flaws(settings, &now);
        flaws(settings, &next).into_iter().filter(|flaw| !known.contains(flaw)).collect()
    });
    match author {
        None => Ok(RuleAnswer::Tried(Trial { on, flaws, message: None })),
        Some(_) if !flaws.is_empty() => Err(StoreError::Unfit(flaws.join("\n"))),
        Some(author) => store.change(on, change, author).await.map(|kept| RuleAnswer::Changed(kept.version)),
    }
}

fn flaws(settings: &Settings, rules: &StoredRules) -> Vec<String> {
    stored::book(settings, rules).err().unwrap_or_default()
}
