//! Rules that were added while running, as they are kept: documents in an order, and every version of all of them. What a
//! rule says is for whoever reads it; here it is a text.

use tokio::sync::watch;

use crate::model::stored::{Author, Edition, RuleChange, StoredRule, StoredRules};

use super::StoreError;

/// Most rules at a time.
pub const MOST_RULES: usize = if cfg!(test) { 20 } else { 1_000 };
/// Most bytes of one rule, and of all of them.
pub const MOST_TEXT: usize = 64 * 1024;
/// The same of all rules of a version.
pub const MOST_TEXTS: usize = 1 << 20;
/// Most bytes of an id, and of the name of whoever changes something.
pub const MOST_NAME: usize = 256;
/// How many versions are kept: what is older is forgotten.
pub const KEPT_VERSIONS: u64 = if cfg!(test) { 60 } else { 1_000 };

/// Where stored rules are kept. Each change makes a version, and every version can be had again, as long as it is kept.
///
/// What was answered is there after a crash.
pub trait RuleBook {
    /// The rules in force.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn rules(&self) -> impl Future<Output = Result<StoredRules, StoreError>> + Send;

    /// The rules as they were at a version.
    ///
    /// # Errors
    /// There is no such version, or not any more; or why it cannot be read.
    fn rules_at(&self, version: u64) -> impl Future<Output = Result<StoredRules, StoreError>> + Send;

    /// Makes the version that follows `on`, which has to be the one in force, and gives it.
    ///
    /// # Errors
    /// The version in force is another one; the change does not fit the rules, or is too large; or why it is not kept.
    fn change(
        &self,
        on: u64,
        change: RuleChange,
        author: Author,
    ) -> impl Future<Output = Result<StoredRules, StoreError>> + Send;

    /// What made the latest versions, the newest first, that many at most; `before` a version, or all.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn history(
        &self,
        before: Option<u64>,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Edition>, StoreError>> + Send;

    /// Moves on whenever rules have changed, by us, and where the store is shared by others. It may do so without a change.
    fn rule_changes(&self) -> watch::Receiver<u64>;
}

/// What becomes of rules by a change, and what that is in words. `then`: the rules to go back to, where it rolls back.
///
/// # Errors
/// The version in force is not `on`, or the change does not fit them, or is too large.
pub fn changed(
    now: &StoredRules,
    on: u64,
    change: RuleChange,
    then: Option<StoredRules>,
) -> Result<(StoredRules, String), StoreError> {
    if now.version != on {
        return Err(StoreError::Moved { on, found: now.version });
    }
    let mut rules = now.rules.clone();
    let place = |id: &str| {
        let found = now.rules.iter().position(|rule| *rule.id == *id);
        found.ok_or_else(|| StoreError::NoSuchRule(id.to_owned()))
    };
    let what = match change {
        RuleChange::Add(rule, at) => {
            if place(&rule.id).is_ok() {
                return Err(StoreError::Unfit(format!("there is a rule {:?} already", rule.id)));
            }
            let what = format!("added {}", rule.id);
            rules.insert(at.unwrap_or(usize::MAX).min(rules.len()), rule);
            what
        }
        RuleChange::Change(rule) => {
            let at = place(&rule.id)?;
            let what = format!("changed {}", rule.id);
            rules[at] = rule;
            what
        }
        RuleChange::Remove(id) => {
            rules.remove(place(&id)?);
            format!("removed {id}")
        }
        RuleChange::Reorder(ids) => {
            let mut places = ids.iter().map(|id| place(id)).collect::<Result<Vec<_>, _>>()?;
            rules = places.iter().map(|at| now.rules[*at].clone()).collect();
            places.sort_unstable();
            places.dedup();
            if places.len() != now.rules.len() || ids.len() != now.rules.len() {
                return Err(StoreError::Unfit("an order names every rule, each once".to_owned()));
            }
            "reordered".to_owned()
        }
        RuleChange::RollBack(version) => {
            rules = then.ok_or(StoreError::NoSuchVersion(version))?.rules;
            format!("rolled back to {version}")
        }
    };
    bounded(&rules)?;
    Ok((StoredRules { version: on + 1, rules }, what))
}

/// Whether whoever changes rules has a name that can be kept.
pub(super) fn check(author: &Author) -> Result<(), StoreError> {
    name("whoever changes rules", &author.by)
}

/// What is kept does not grow without end.
fn bounded(rules: &[StoredRule]) -> Result<(), StoreError> {
    let unfit = |why: String| Err(StoreError::Unfit(why));
    if rules.len() > MOST_RULES {
        return unfit(format!("there are {MOST_RULES} stored rules at most"));
    }
    for rule in rules {
        name("a rule", &rule.id)?;
        if rule.text.len() > MOST_TEXT || rule.text.contains('\0') {
            return unfit(format!("the rule {:?} is no text of {MOST_TEXT} bytes at most", rule.id));
        }
    }
    if rules.iter().map(|rule| rule.text.len()).sum::<usize>() > MOST_TEXTS {
        return unfit(format!("stored rules have {MOST_TEXTS} bytes together at most"));
    }
    Ok(())
}

fn name(whose: &str, name: &str) -> Result<(), StoreError> {
    if name.is_empty() || name.len() > MOST_NAME || name.chars().any(char::is_control) {
        return Err(StoreError::Unfit(format!(
            "the name of {whose} has 1 to {MOST_NAME} bytes, none to control a terminal"
        )));
    }
    Ok(())
}
