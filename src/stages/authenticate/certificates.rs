//! Callers who are named by the certificate of their connection, on one core.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::Ordering;

use crate::model::{Caller, Certificate, Glob, Means, Principal, Unnamed};
use crate::net::tls::server::Trust;

/// Certificates whose callers a core remembers.
const REMEMBERED: usize = 4096;

/// What callers of some names hold.
#[derive(Clone, Debug)]
pub struct Held {
    /// Of the name one has to match.
    pub names: Box<[Glob]>,
    /// Who has to vouch for it; whoever does where this is empty.
    pub issuers: Box<[Box<str>]>,
    /// Their roles.
    pub roles: Box<[Box<str>]>,
    /// Their scopes.
    pub scopes: Box<[Box<str>]>,
}

/// Certificates, as they name callers.
pub struct Certificates {
    trust: Trust,
    /// Who vouches for all of them; else each one's authority does.
    issuer: Option<Box<str>>,
    held: Box<[Held]>,
    known: RefCell<HashMap<[u8; 32], Result<Principal, Unnamed>>>,
}

impl Held {
    fn is_of(&self, issuer: &str, subject: &str) -> bool {
        let vouches = self.issuers.is_empty() || self.issuers.iter().any(|one| **one == *issuer);
        vouches && self.names.iter().any(|name| name.matches(subject))
    }
}

impl Certificates {
    /// Those that `trust` lets in from now on, also where a handshake was before that.
    pub fn new(trust: Trust, issuer: Option<Box<str>>, held: Box<[Held]>) -> Self {
        Self { trust, issuer, held, known: RefCell::default() }
    }

    /// Whom a certificate names, at `now`, in seconds since 1970. One that is known costs a look-up. The connection of one
    /// that names nobody is to end.
    ///
    /// # Errors
    /// Why nobody, for the log.
    pub(super) fn caller(&self, certificate: &Certificate, now: u64) -> Result<Principal, Unnamed> {
        let caller = self.look(certificate, now);
        if caller.is_err() {
            certificate.spent.store(true, Ordering::Relaxed);
        }
        caller
    }

    fn look(&self, certificate: &Certificate, now: u64) -> Result<Principal, Unnamed> {
        if certificate.until < now {
            return Err(Unnamed::Expired);
        }
        if let Some(known) = self.known.borrow().get(&certificate.fingerprint) {
            return known.clone();
        }
        let found = self.find(certificate);
        let mut known = self.known.borrow_mut();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(certificate.fingerprint, found.clone());
        found
    }

    fn find(&self, certificate: &Certificate) -> Result<Principal, Unnamed> {
        if !self.trust.trusts(certificate) {
            return Err(Unnamed::Revoked);
        }
        let named = certificate.named.as_ref().map_err(|why| *why)?;
        let issuer = match &self.issuer {
            Some(issuer) => issuer.clone(),
            None => named.authority.clone()?,
        };
        let held = || self.held.iter().filter(|held| held.is_of(&issuer, &named.subject));
        let roles = held().flat_map(|held| held.roles.iter().cloned()).collect();
        let scopes = held().flat_map(|held| held.scopes.iter().cloned()).collect();
        let subject = named.subject.clone();
        Ok(Principal::new(Caller { means: Means::Certificate, issuer, subject, roles, scopes }))
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("issuer", &self.issuer).field("held", &self.held).finish_non_exhaustive()
    }
}
