//! One limit: what of a message it counts under which key, and whether there is enough.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Counted, LimitKey};
use crate::model::grants::Named;
use crate::model::{Limited, Principal};
use crate::telemetry::LimitMeter;

use super::asked::Asked;
use super::cell::{Cell, Permit};
use super::cells::Found;
use super::counts::{self, Step};
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
    pub(super) step: Step,
    counts: Counted,
    pub(super) rate: Option<Rate>,
    pub(super) quota: Option<Quota>,
    pub(super) concurrent: Option<u32>,
    cost: NonZeroU32,
    found: Found,
    pub(super) meter: Rc<LimitMeter>,
}

/// What is to be counted under one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    /// The place of the limit.
    pub(super) limit: usize,
    name: Name,
    /// Messages.
    counted: u32,
    /// Those of them that are calls under way until they are answered.
    pub(super) calls: u32,
    /// The message that it is for, where it is not for all.
    pub(super) message: Option<usize>,
}

/// What there is not enough of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lack {
    Rate(Short),
    Quota(Short),
    Calls { always: bool },
}

impl Limit {
    pub(super) fn new(limit: &config::Limit, found: Found, meter: Rc<LimitMeter>) -> Self {
        Self {
            name: limit.name.as_str().into(),
            key: limit.key,
            step: Step::of(limit.key, &limit.counts, limit.concurrent.is_some()),
            counts: limit.counts.clone(),
            rate: limit.rate.as_ref().map(Rate::new),
            quota: limit.quota.as_ref().map(Quota::new),
            concurrent: limit.concurrent,
            cost: limit.cost,
            found,
            meter,
        }
    }

    /// What a request counts of which nothing is known but where it comes from.
    pub(super) fn of_address(&self, limit: usize, address: Option<IpAddr>) -> Option<Charge> {
        let name = match (self.key, address) {
            (LimitKey::ClientIp, None) => return None,
            (LimitKey::ClientIp, Some(address)) => self.found.name(&counted(address)),
            _ => self.found.name(&()),
        };
        Some(Charge { limit, name, counted: 1, calls: 0, message: None })
    }

    /// What messages count; `class` as a rule gave it.
    pub(super) fn of_messages(&self, limit: usize, asked: &Asked<'_>, class: Option<&str>, charges: &mut Vec<Charge>) {
        if !counts::fits(&self.counts, asked, class) {
            return;
        }
        let mut whole = None;
        for one in asked.said.counted().filter(|one| counts::fits_one(&self.counts, asked.server, one)) {
            // A stream that is listened to is no call, unless the operator says so.
            let is_call = (one.is_request && !one.listens) || (one.listens && !self.counts.methods.is_empty());
            let calls = u32::from(is_call);
            let of_tool = |name: Name| Charge { limit, name, counted: 1, calls, message: Some(one.at) };
            let tool = one.name.as_ref().filter(|(named, _)| *named == Named::Tool).map(|(_, name)| &**name);
            match (self.key, tool) {
                (LimitKey::Tool, Some(tool)) => charges.push(of_tool(self.found.name(&(asked.server, tool)))),
                (LimitKey::PrincipalAndTool, Some(tool)) => {
                    charges.push(of_tool(self.found.name(&(asked.principal.key(), asked.server, tool))));
                }
                (LimitKey::Tool | LimitKey::PrincipalAndTool, None) => {}
                _ => {
                    let (counted, under_way) = whole.unwrap_or((0, 0));
                    whole = Some((counted + 1, under_way + calls));
                }
            }
        }
        let Some((counted, calls)) = whole else { return };
        if let Some(name) = self.name_of(asked) {
            charges.push(Charge { limit, name, counted, calls, message: None });
        }
    }

    /// The key of everything that is said together; none where there is nobody to be counted.
    fn name_of(&self, asked: &Asked<'_>) -> Option<Name> {
        let of_caller = |principal: &Principal| self.found.name(&(0u8, principal.key()));
        Some(match (self.key, asked.session) {
            (LimitKey::Principal, _) | (LimitKey::Session, None) => of_caller(asked.principal),
            (LimitKey::Session, Some(session)) => self.found.name(&(1u8, asked.server, session)),
            (LimitKey::ClientIp, _) => self.found.name(&counted(asked.address?)),
            (LimitKey::Server, _) => self.found.name(&asked.server),
            _ => self.found.name(&()),
        })
    }

    /// Whether there is enough; `cost` is what a rule makes one call cost.
    pub(super) fn look(&self, charge: &Charge, cost: u32, now: &Now) -> Result<(), Lack> {
        let cost = self.cost_of(charge, cost);
        self.found.with(charge.name, now, |cell| {
            self.rate.as_ref().map_or(Ok(()), |rate| rate.look(cell, cost, now)).map_err(Lack::Rate)?;
            self.quota.map_or(Ok(()), |quota| quota.look(cell, cost, now)).map_err(Lack::Quota)
        })
    }

    /// Takes it.
    pub(super) fn take(&self, charge: &Charge, cost: u32, now: &Now, taken: &mut Taken) -> Result<(), Lack> {
        let cost = self.cost_of(charge, cost);
        self.found.with(charge.name, now, |cell| {
            // What is given back by itself comes first.
            let permit = self.permit(cell, charge.calls)?;
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
        let ruled = NonZeroU32::new(cost).unwrap_or(NonZeroU32::MIN);
        let counted = NonZeroU32::new(charge.counted).unwrap_or(NonZeroU32::MIN);
        self.cost.saturating_mul(ruled).saturating_mul(counted)
    }

    /// How the caller stands where there is not enough.
    pub(super) fn stands_short(&self, lack: Lack, now: &Now) -> Limited {
        let short = |mut stands: Limited, short: Short| {
            stands.left = 0;
            if let Short::For(wait) = short {
                stands.resets = wait;
            }
            stands
        };
        match (lack, &self.rate, &self.quota) {
            (Lack::Rate(lack), Some(rate), _) => short(self.stands_at_rate(rate, 0), lack),
            (Lack::Quota(lack), _, Some(quota)) => short(self.stands_at_quota(quota, 0, now), lack),
            _ => {
                let (limit, quota) = (Arc::clone(&self.name), self.concurrent.unwrap_or_default());
                Limited { limit, quota, window: None, left: 0, resets: SOON }
            }
        }
    }

    fn stands_at_rate(&self, rate: &Rate, left: u32) -> Limited {
        let (limit, quota) = (Arc::clone(&self.name), rate.burst.get());
        Limited { limit, quota, window: Some(rate.whole_in(0)), left, resets: rate.whole_in(left) }
    }

    fn stands_at_quota(&self, quota: &Quota, left: u32, now: &Now) -> Limited {
        let (limit, window) = (Arc::clone(&self.name), Duration::from_secs(quota.seconds()));
        Limited { limit, quota: quota.most.get(), window: Some(window), left, resets: quota.ends_in(now) }
    }
}

/// Of IPv6 the /64, since one host has all of it.
pub(super) fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address => address,
    }
}
