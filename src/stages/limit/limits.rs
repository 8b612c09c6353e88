//! The limits of one core, at the three places of the way where they count.
//!
//! At each of them it is looked first whether all limits have enough, and only then taken: what is refused by one is not
//! counted by another. Where another core takes the rest between the two, what was taken stays taken; there may be less
//! then, never more. What an earlier place has counted stays counted.

use std::cell::RefCell;
use std::net::IpAddr;
use std::time::Instant;

use crate::model::{Limited, Refusal};

use super::asked::{Asked, Ruled};
use super::counts::Step;
use super::now::Now;
use super::one::{Charge, Lack, Limit};
use super::refusal;
use super::taken::Taken;

/// All limits, on one core.
#[derive(Debug)]
pub struct Limits {
    begun: Instant,
    limits: Box<[Limit]>,
    /// How many there are for each place.
    places: [usize; 3],
    /// Room for what is being decided.
    charges: RefCell<Vec<Charge>>,
}

/// Proof that the address may try. Nobody else can make one.
#[derive(Debug)]
#[must_use]
pub struct Tried(());

/// Proof that the caller may say it now. Nobody else can make one.
#[derive(Debug)]
#[must_use]
pub struct Called(());

/// Proof that every limit has counted it. Nobody else can make one.
#[derive(Debug)]
#[must_use]
pub struct Admitted(());

/// A refusal, of one message or of all.
#[derive(Debug)]
pub struct Denied {
    /// Why.
    pub refusal: Refusal,
    /// Which of the messages; `None` where it is all of them.
    pub message: Option<usize>,
}

impl Limits {
    pub(super) fn new(begun: Instant, limits: Box<[Limit]>) -> Self {
        let at = |step| limits.iter().filter(|limit| limit.step == step).count();
        let places = [at(Step::Address), at(Step::Caller), at(Step::Target)];
        Self { begun, limits, places, charges: RefCell::default() }
    }

    /// Where there are none.
    pub fn none() -> Self {
        Self::new(crate::model::clock::now(), Box::default())
    }

    /// What a limit is called, by its place.
    pub fn name(&self, limit: usize) -> &str {
        self.limits.get(limit).map_or("", |limit| &limit.name)
    }

    /// Where no limit counts what a caller says, they may say it.
    pub fn uncalled(&self) -> Option<Called> {
        (self.places[1] == 0).then_some(Called(()))
    }

    /// Where no limit counts what goes to a server, it may go there.
    pub fn untargeted(&self) -> Option<Admitted> {
        (self.places[1] == 0 && self.places[2] == 0).then_some(Admitted(()))
    }

    /// Whether this address may try at all: before a signature is checked, or a body read.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn address(&self, address: Option<IpAddr>, taken: &mut Taken) -> Result<Tried, Box<Denied>> {
        if self.places[0] > 0 {
            self.decide(1, taken, |limit, at, charges| {
                charges.extend(limit.of_address(at, address).filter(|_| limit.step == Step::Address));
                Ok(())
            })?;
        }
        Ok(Tried(()))
    }

    /// It was counted where it came in: what it has become is not counted again.
    pub fn counted_already(&self) -> Tried {
        Tried(())
    }

    /// Whether this caller may say it now, as far as that needs neither session nor server.
    ///
    /// # Errors
    /// `rate_limited`, and what the expression of a limit is refused with that has failed.
    pub fn caller(&self, asked: &Asked<'_>, taken: &mut Taken) -> Result<Called, Box<Denied>> {
        if self.places[1] > 0 {
            let ones = asked.said.counted();
            self.decide(1, taken, |limit, at, charges| {
                if limit.step == Step::Caller {
                    limit.of_messages(at, asked, &ones, None, charges)?;
                }
                Ok(())
            })?;
        }
        Ok(Called(()))
    }

    /// Whether it may go to the server. What a rule makes it cost more is counted by the limits of the caller, too.
    ///
    /// # Errors
    /// `rate_limited`, and what the expression of a limit is refused with that has failed.
    pub fn target(&self, asked: &Asked<'_>, ruled: Ruled<'_>, taken: &mut Taken) -> Result<Admitted, Box<Denied>> {
        let (dearer, late) = (self.places[1] > 0 && ruled.cost > 1, self.places[2] > 0);
        if !dearer && !late {
            return Ok(Admitted(()));
        }
        let ones = asked.said.counted();
        if dearer {
            self.decide(ruled.cost - 1, taken, |limit, at, charges| {
                if limit.step == Step::Caller {
                    let begun = charges.len();
                    limit.of_messages(at, asked, &ones, None, charges)?;
                    // It is under way already.
                    charges[begun..].iter_mut().for_each(|charge| charge.part.calls = 0);
                }
                Ok(())
            })?;
        }
        if late {
            self.decide(ruled.cost, taken, |limit, at, charges| {
                if limit.step == Step::Target {
                    limit.of_messages(at, asked, &ones, ruled.class, charges)?;
                }
                Ok(())
            })?;
        }
        Ok(Admitted(()))
    }

    /// Counts what `charge` finds to be counted.
    fn decide(
        &self,
        cost: u32,
        taken: &mut Taken,
        charge: impl Fn(&Limit, usize, &mut Vec<Charge>) -> Result<(), Box<Denied>>,
    ) -> Result<(), Box<Denied>> {
        let mut charges = self.charges.borrow_mut();
        charges.clear();
        self.limits.iter().enumerate().try_for_each(|(at, limit)| charge(limit, at, &mut charges))?;
        if charges.is_empty() {
            return Ok(());
        }
        let now = Now::read(self.begun);
        // What takes the only one looks as well.
        let looked = match charges.len() {
            1 => Ok(()),
            _ => charges.iter().try_for_each(|charge| {
                self.limits[charge.limit].look(charge, cost, &now).map_err(|lack| (*charge, lack))
            }),
        };
        let took = looked.and_then(|()| {
            charges.iter().try_for_each(|charge| {
                self.limits[charge.limit].take(charge, cost, &now, taken).map_err(|lack| (*charge, lack))
            })
        });
        match took {
            Ok(()) => {
                charges.iter().for_each(|charge| self.limits[charge.limit].meter.admits());
                Ok(())
            }
            Err((charge, lack)) => Err(self.denied(&charge, lack, &now)),
        }
    }

    #[cold]
    fn denied(&self, charge: &Charge, lack: Lack, now: &Now) -> Box<Denied> {
        let limit = &self.limits[charge.limit];
        limit.meter.refuses();
        let stands: Limited = limit.stands_short(lack, now);
        Box::new(Denied { refusal: refusal::of(limit, lack, stands), message: charge.part.message })
    }
}
