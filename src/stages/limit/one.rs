//! One limit: what of a message it counts under which key, and whether there is enough.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Counted, LimitKey};
use crate::model::{LimitPolicy, Limited};
use crate::telemetry::LimitMeter;

use super::asked::{Asked, Ones};
use super::cell::{Cell, Permit};
use super::cells::{Cells, Found};
use super::counts::Step;
use super::key::{Asks, Key, Manner, Part};
use super::limits::Denied;
use super::now::Now;
use super::quota::Quota;
use super::rate::Rate;
use super::shelf::Name;
use super::short::Short;
use super::taken::Taken;

/// How long to wait for a call to end: nobody knows how long it takes.
const SOON: Duration = Duration::from_secs(1);

/// A limit, on one core.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) name: Arc<str>,
    pub(super) key: LimitKey,
    /// What its expression asks for.
    asks: Asks,
    pub(super) step: Step,
    counts: Counted,
    pub(super) rate: Option<Rate>,
    pub(super) quota: Option<Quota>,
    pub(super) concurrent: Option<u32>,
    cost: NonZeroU32,
    found: Found,
    policies: Policies,
    pub(super) meter: Rc<LimitMeter>,
}

/// What callers are told of a limit; of what it does not limit nobody is.
#[derive(Debug)]
struct Policies {
    rate: Arc<LimitPolicy>,
    quota: Arc<LimitPolicy>,
    calls: Arc<LimitPolicy>,
}

/// What is to be counted under one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    /// The place of the limit.
    pub(super) limit: usize,
    name: Name,
    pub(super) part: Part,
}

/// What there is not enough of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lack {
    Rate(Short),
    Quota(Short),
    Calls { always: bool },
}

impl Limit {
    pub(super) fn new(limit: &config::Limit, asks: Asks, found: Found, meter: Rc<LimitMeter>) -> Self {
        let rate = limit.rate.as_ref().map(|rate| Rate::new(rate).of(found.spec()));
        let quota = limit.quota.as_ref().map(|quota| Quota::new(quota).of(found.spec()));
        let policy = |most, window| Arc::new(LimitPolicy::new(&limit.name, most, window));
        Self {
            name: limit.name.as_str().into(),
            key: limit.key.clone(),
            asks,
            step: Step::of(&limit.key, asks, &limit.counts, limit.concurrent.is_some()),
            counts: limit.counts.clone(),
            policies: Policies {
                rate: policy(
                    rate.as_ref().map_or(0, |rate| rate.burst.get()),
                    rate.as_ref().map(|rate| rate.whole_in(0)),
                ),
                quota: policy(
                    quota.as_ref().map_or(0, |quota| quota.most.get()),
                    quota.as_ref().map(|quota| Duration::from_secs(quota.seconds())),
                ),
                calls: policy(limit.concurrent.unwrap_or_default(), None),
            },
            rate,
            quota,
            concurrent: limit.concurrent,
            cost: limit.cost,
            found,
            meter,
        }
    }

    fn manner(&self, limit: usize) -> Manner<'_> {
        Manner { limit, key: &self.key, counts: &self.counts, asks: self.asks }
    }

    /// What a request counts of which nothing is known but where it comes from.
    pub(super) fn of_address(&self, limit: usize, address: Option<IpAddr>) -> Option<Charge> {
        let name = self.name_of(&self.manner(limit).of_address(address)?);
        Some(Charge { limit, name, part: Part { counted: 1, calls: 0, message: None } })
    }

    /// What messages count; `class` as a rule gave it.
    ///
    /// # Errors
    /// The limit's expression has failed.
    pub(super) fn of_messages(
        &self,
        limit: usize,
        asked: &Asked<'_>,
        ones: &Ones<'_>,
        class: Option<&str>,
        charges: &mut Vec<Charge>,
    ) -> Result<(), Box<Denied>> {
        let told = self.manner(limit).each(asked, ones, class, |key, part| {
            charges.push(Charge { limit, name: self.name_of(&key), part });
        });
        told.inspect_err(|_| self.meter.fails())
    }

    fn name_of(&self, key: &Key<'_>) -> Name {
        name(self.found.cells(), key)
    }

    /// Whether there is enough; `cost` is what a rule makes one call cost.
    pub(super) fn look(&self, charge: &Charge, cost: u32, now: &Now) -> Result<(), Lack> {
        let cost = self.cost_of(charge, cost);
        self.found.with(charge.name, now, |cell| {
            let rate = self.rate.as_ref().map_or(Ok(()), |rate| rate.look(cell, cost, now)).map_err(Lack::Rate);
            let quota = || self.quota.as_ref().map_or(Ok(()), |quota| quota.look(cell, cost, now));
            let looked = rate.and_then(|()| quota().map_err(Lack::Quota));
            // What is taken is noted there.
            looked.inspect_err(|_| self.found.note(charge.name, cell, cost))
        })
    }

    /// Takes it.
    pub(super) fn take(&self, charge: &Charge, cost: u32, now: &Now, taken: &mut Taken) -> Result<(), Lack> {
        let cost = self.cost_of(charge, cost);
        self.found.with(charge.name, now, |cell| {
            self.found.note(charge.name, cell, cost);
            // What is given back by itself comes first.
            let permit = self.permit(cell, charge.part.calls)?;
            if let Some(rate) = &self.rate {
                let left = rate.take(cell, cost, now).map_err(Lack::Rate)?;
                taken.stands(self.stands_at_rate(rate, left));
            }
            if let Some(quota) = &self.quota {
                let left = quota.take(cell, cost, now).map_err(Lack::Quota)?;
                taken.stands(self.stands_at_quota(quota, left, now));
            }
            taken.keep(permit);
            Ok(())
        })
    }

    fn permit(&self, cell: &Arc<Cell>, calls: u32) -> Result<Option<Permit>, Lack> {
        let Some(most) = self.concurrent.filter(|_| calls > 0) else { return Ok(None) };
        let permit = Permit::take(cell, calls, most).ok_or(Lack::Calls { always: calls > most })?;
        Ok(Some(permit))
    }

    fn cost_of(&self, charge: &Charge, cost: u32) -> NonZeroU32 {
        self::cost(self.cost, cost, charge.part.counted)
    }

    /// How the caller stands where there is not enough.
    pub(super) fn stands_short(&self, lack: Lack, now: &Now) -> Limited {
        let short = |mut stands: Limited, short: Short| {
            stands.left = 0;
            if let Short::For(wait) | Short::Soon(wait) = short {
                stands.resets = wait;
            }
            stands
        };
        match (lack, &self.rate, &self.quota) {
            (Lack::Rate(lack), Some(rate), _) => short(self.stands_at_rate(rate, 0), lack),
            (Lack::Quota(lack), _, Some(quota)) => short(self.stands_at_quota(quota, 0, now), lack),
            _ => Limited { policy: Arc::clone(&self.policies.calls), left: 0, resets: SOON },
        }
    }

    fn stands_at_rate(&self, rate: &Rate, left: u32) -> Limited {
        Limited { policy: Arc::clone(&self.policies.rate), left, resets: rate.whole_in(left) }
    }

    fn stands_at_quota(&self, quota: &Quota, left: u32, now: &Now) -> Limited {
        Limited { policy: Arc::clone(&self.policies.quota), left, resets: quota.ends_in(now) }
    }
}

/// What a key is called. On other nodes endpoints have other numbers, so that a session counts by its name alone there.
pub(super) fn name(cells: &Cells, key: &Key<'_>) -> Name {
    match (cells.spec(), *key) {
        (Some(_), Key::Session(server, (_, id))) => cells.name(&Key::Session(server, (0, id))),
        _ => cells.name(key),
    }
}

/// What a message costs: what the limit says, by what a rule does, for so many.
pub(super) fn cost(own: NonZeroU32, ruled: u32, counted: u32) -> NonZeroU32 {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    own.saturating_mul(at_least_one(ruled)).saturating_mul(at_least_one(counted))
}
