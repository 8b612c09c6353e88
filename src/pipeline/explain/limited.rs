//! What limits would count, at each of their places.

use crate::model::{Considered, Refusal, Step};
use crate::stages::limit::{Asked, Explained, Keys, Ledger, Said};
use crate::stages::rules::expression::Budget;
use crate::stages::wellformed::Verb;

use super::{Around, Refused, Request, Walk};

impl Walk<'_> {
    /// What limits say of a message; what an expression has failed at is told with its limit.
    pub(super) fn limited(
        &self,
        request: &Request<'_>,
        explain: impl FnOnce(&Ledger, &Asked<'_>) -> Explained,
    ) -> Explained {
        let Request { principal, message, headers, address } = *request;
        let (house, name) = (self.house, self.house.servers[self.server].as_str());
        let server = (self.server, name);
        let around = Around { catalog: &house.catalog, path: &self.door.path, server, headers, address };
        let keyed = house.keying.of(around, principal, Verb::Post, message, Budget::default());
        let asked = Asked {
            address,
            principal,
            roles: house.roles.held(principal),
            server: name,
            session: None,
            said: Said::Messages(message.messages(), message.bytes()),
            keys: Some(&keyed as &dyn Keys),
        };
        let (mut looked_at, fits) = explain(&house.ledger, &asked);
        if let (Some((_, why)), Some(last)) = (keyed.failed(), looked_at.last_mut()) {
            last.says = format!("{}: {why}", last.says);
        }
        (looked_at, fits)
    }

    /// Notes the limits of a place, where there are any.
    pub(super) fn counted(&mut self, (stage, place): (&'static str, &str), looked_at: Vec<Considered>) {
        if !looked_at.is_empty() {
            let applying = looked_at.iter().filter(|one| one.applies).count();
            let says = format!("{applying} of {} would count it, {place}", looked_at.len());
            self.steps.push(Step { looked_at, ..Step::passes(stage, says) });
        }
    }

    /// The same, where an expression may have failed.
    pub(super) fn counted_or_failed(
        &mut self,
        (stage, place): (&'static str, &str),
        (looked_at, fits): Explained,
    ) -> Result<(), Refused> {
        match fits {
            Ok(()) => {
                self.counted((stage, place), looked_at);
                Ok(())
            }
            Err(refusal) => self.looked(stage, looked_at, Err(refusal), String::new),
        }
    }

    /// Notes what a stage has looked at.
    pub(super) fn looked(
        &mut self,
        stage: &'static str,
        looked_at: Vec<Considered>,
        found: Result<(), Refusal>,
        says: impl FnOnce() -> String,
    ) -> Result<(), Refused> {
        let found = self.said(stage, found, says);
        if let Some(step) = self.steps.last_mut() {
            step.looked_at = looked_at;
        }
        found
    }
}
