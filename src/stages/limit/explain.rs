//! What limits would count of a message, for operators: by the same reading that counts, and nothing is taken.

use std::net::IpAddr;

use crate::config::LimitKey;
use crate::model::{Considered, Refusal};

use super::asked::{Asked, Ruled};
use super::counts::{self, Step};
use super::key::{Key, Manner, Part};
use super::ledger::{Entry, Ledger};
use super::limits::Denied;
use super::now::Now;
use super::one;
use super::quota::Quota;
use super::rate;

/// Every limit of a place, as far as they were asked; and the refusal of the first whose expression has failed.
pub type Explained = (Vec<Considered>, Result<(), Refusal>);

const NO_ADDRESS: &str = "where it comes from is not known: `key`";
const FREE: &str = "cancelling, answers and the end of a session are not counted";

impl Ledger {
    /// What is counted of a request of which nothing is known but where it comes from.
    pub fn explain_address(&self, address: Option<IpAddr>) -> Vec<Considered> {
        let one = Part { counted: 1, calls: 0, message: None };
        let told = |(at, entry): (usize, &Entry)| {
            let key = entry.manner(at).of_address(address);
            let says = key.and_then(|key| entry.takes(self, &key, one, 1));
            entry.told(says.ok_or_else(|| NO_ADDRESS.to_owned()))
        };
        self.at(Step::Address).map(told).collect()
    }

    /// What is counted before the rules are asked.
    pub fn explain_caller(&self, asked: &Asked<'_>) -> Explained {
        let mut told = Vec::new();
        let all = self
            .at(Step::Caller)
            .try_for_each(|(at, entry)| entry.tell(self, at, asked, Ruled { class: None, cost: 1 }, &mut told));
        (told, all.map_err(|denied| denied.refusal))
    }

    /// What is counted after them, by what they say.
    pub fn explain_target(&self, asked: &Asked<'_>, ruled: Ruled<'_>) -> Explained {
        let mut told = Vec::new();
        let more = ruled.cost.saturating_sub(1);
        let dearer = self.at(Step::Caller).filter(|_| more > 0).try_for_each(|(at, entry)| {
            let mut again = Vec::new();
            // As a call they are under way already.
            let takes = |key: &Key<'_>, part: Part| entry.takes(self, key, Part { calls: 0, ..part }, more);
            entry.manner(at).each(asked, &asked.said.counted(), None, |key, part| again.extend(takes(&key, part)))?;
            let says = (!again.is_empty())
                .then(|| format!("a rule makes it cost {}: it {}, beside that", ruled.cost, again.join("; ")));
            told.extend(says.map(|says| entry.told(Ok(says))));
            Ok(())
        });
        let all = dearer.and_then(|()| {
            self.at(Step::Target).try_for_each(|(at, entry)| entry.tell(self, at, asked, ruled, &mut told))
        });
        (told, all.map_err(|denied: Box<Denied>| denied.refusal))
    }

    fn at(&self, step: Step) -> impl Iterator<Item = (usize, &Entry)> {
        self.limits.iter().enumerate().filter(move |(_, entry)| entry.step() == step)
    }
}

impl Entry {
    fn step(&self) -> Step {
        Step::of(&self.limit.key, self.asks, &self.limit.counts, self.limit.concurrent.is_some())
    }

    fn manner(&self, limit: usize) -> Manner<'_> {
        Manner { limit, key: &self.limit.key, counts: &self.limit.counts, asks: self.asks }
    }

    /// Whether it counts, beside calls at once.
    fn is_of_number(&self) -> bool {
        self.limit.rate.is_some() || self.limit.quota.is_some()
    }

    fn told(&self, says: Result<String, String>) -> Considered {
        let (applies, Ok(says) | Err(says)) = (says.is_ok(), says);
        Considered { name: self.limit.name.clone(), stored: false, applies, says }
    }

    fn tell(
        &self,
        ledger: &Ledger,
        at: usize,
        asked: &Asked<'_>,
        ruled: Ruled<'_>,
        told: &mut Vec<Considered>,
    ) -> Result<(), Box<Denied>> {
        let mut parts = Vec::new();
        let done = self.manner(at).each(asked, &asked.said.counted(), ruled.class, |key, part| {
            parts.extend(self.takes(ledger, &key, part, ruled.cost));
        });
        told.push(match (&done, parts.is_empty()) {
            (Err(_), _) => self.told(Ok("its key_expression has failed, which denies".to_owned())),
            (Ok(()), false) => self.told(Ok(parts.join("; "))),
            (Ok(()), true) => self.told(Err(self.why_not(asked, ruled.class).to_owned())),
        });
        done
    }

    /// What is taken under one key; `None` where that is nothing.
    fn takes(&self, ledger: &Ledger, key: &Key<'_>, part: Part, cost: u32) -> Option<String> {
        let counts = self.is_of_number().then(|| format!("counts {}", one::cost(self.limit.cost, cost, part.counted)));
        let most = self.limit.concurrent.filter(|_| part.calls > 0);
        let holds = most.map(|most| format!("holds {} of {most} calls", part.calls));
        let takes: Vec<_> = counts.into_iter().chain(holds).collect();
        let left = self.left(key, &ledger.now()).map_or_else(String::new, |left| format!("; {left} left"));
        let session = matches!(self.limit.key, LimitKey::Session);
        let who = if session { "this session, outside of one this caller".to_owned() } else { key.to_string() };
        (!takes.is_empty()).then(|| format!("{} for {who}{left}", takes.join(" and ")))
    }

    /// What is left of rate and quota for a key that was counted here; of a session nobody knows which it is.
    fn left(&self, key: &Key<'_>, now: &Now) -> Option<u32> {
        if matches!(self.limit.key, LimitKey::Session) {
            return None;
        }
        let cell = self.cells.known(one::name(&self.cells, key))?;
        let rate = self.limit.rate.as_ref().map(|rate| rate::left(rate, self.cells.spec(), &cell, now));
        let quota = self.limit.quota.as_ref().map(|quota| Quota::new(quota).of(self.cells.spec()).left(&cell, now));
        rate.into_iter().chain(quota).min()
    }

    /// Why nothing is counted.
    fn why_not(&self, asked: &Asked<'_>, class: Option<&str>) -> &'static str {
        let limit = &self.limit;
        if let Some(why) = counts::misfit(&limit.counts, asked, class) {
            return why;
        }
        let counted = asked.said.counted();
        let misfits: Vec<_> =
            counted.all().iter().map(|one| counts::misfit_of(&limit.counts, asked.server, one)).collect();
        match misfits.first() {
            None => return FREE,
            Some(Some(why)) if misfits.iter().all(Option::is_some) => return why,
            _ => {}
        }
        match &limit.key {
            LimitKey::Tool | LimitKey::PrincipalAndTool => "no call of a tool: `key`",
            LimitKey::ClientIp if asked.address.is_none() => NO_ADDRESS,
            LimitKey::Expression(_) => "it is without what its expression asks for: `key_expression`",
            _ => "no call that is waited for: `concurrent`",
        }
    }
}
