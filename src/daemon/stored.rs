//! Stored rules as a daemon begins with them: read from the store, and compiled behind those of the file. Where one cannot
//! be read or does not fit, nothing is put into force: what a rule refuses must not pass because it was lost.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::anyhow;

use crate::admin::RulesInForce;
use crate::config::{self, Settings};
use crate::model::stored::{InForce, StoredRules};
use crate::stages::rules::Book;
use crate::store::{RuleBook, Store};

use super::keys::waited;
use super::plan::Plan;
use super::stores::Stores;
use super::{Failure, rules};

/// Why the rules in the store are not those in force; shared by all generations.
#[derive(Clone, Debug, Default)]
pub(super) struct Lag(Arc<Mutex<Option<String>>>);

impl Lag {
    pub(super) fn why(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes it, and says whether that is news.
    pub(super) fn note(&self, why: Option<String>) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *noted != why;
        *noted = why;
        is_news
    }
}

/// The rules in the store, if there is one. Not for a task.
pub(super) fn read(settings: &config::Store, data: &Path, stores: &Stores) -> Result<StoredRules, Failure> {
    if settings.without_rules {
        tracing::warn!("[store] says `rules = false`: stored rules are not asked, and what they refuse passes");
        return Ok(StoredRules::default());
    }
    if Store::is_there(settings, data).is_err() {
        return Ok(StoredRules::default());
    }
    let read = stores.open().and_then(|store| waited(store.rules()));
    read.map_err(|error| {
        let Failure { code, error } = Failure::of_store(error);
        let why = "stored rules cannot be read, and without them what they refuse would pass: mend that, or say `rules = \
                   false` in [store] to start without them";
        Failure { code, error: error.context(why) }
    })
}

/// All rules, compiled; or every flaw of the stored ones.
pub(super) fn book(settings: &Settings, stored: &StoredRules) -> Result<Arc<Book>, Vec<String>> {
    let texts = stored.rules.iter().map(|rule| (&*rule.id, &*rule.text));
    let all = settings.with_stored(texts).and_then(rules::sound);
    let all =
        all.map_err(|report| report.findings().iter().map(|one| one.in_full().to_string()).collect::<Vec<_>>())?;
    rules::book(&all).map(Arc::new).map_err(|error| vec![format!("{error:#}")])
}

/// Stored rules that do not fit a configuration.
pub(super) fn misfit(stored: &StoredRules, flaws: &[String]) -> Failure {
    let lines: Vec<_> = flaws.iter().map(|flaw| flaw.lines().next().unwrap_or_default()).collect();
    match stored.rules.is_empty() {
        true => Failure::unusable(anyhow!("{}", lines.join("; "))),
        false => Failure::unusable(anyhow!(
            "the stored rules (version {}) do not fit this configuration: {}. Without them what they refuse would pass: change \
             the configuration, or change or remove those rules (`weir rules`), or say `rules = false` in [store] to start \
             without them",
            stored.version,
            lines.join("; ")
        )),
    }
}

impl Plan {
    /// Tells the rules by which it is decided.
    pub(super) fn rules_in_force(plan: &Arc<Self>) -> RulesInForce {
        let plan = Arc::downgrade(plan);
        Arc::new(move || {
            let plan = plan.upgrade().ok_or("another configuration has just come into force: ask again")?;
            let names = plan.book.all_names().map(str::to_owned);
            Ok(InForce {
                version: plan.stored.version,
                file: names.enumerate().filter(|(at, _)| !plan.book.is_stored(*at)).map(|(_, name)| name).collect(),
                stored: plan.stored.rules.clone(),
                behind: plan.lasting.lag.why(),
            })
        })
    }
}
