//! What a server is shown: our credential for it, and whom we speak for. Never what the caller has shown us.

mod assertion;

use std::rc::Rc;

use crate::model::{Principal, Reason, Refusal};
use crate::net::upstream::Field;

pub use assertion::Asserting;

/// What one server is shown, on one core.
#[derive(Debug, Default)]
pub struct Vouch {
    /// The same for every call.
    pub credential: Option<Rc<Field>>,
    /// The caller, to a server that asks for them.
    pub assertion: Option<Asserting>,
}

/// What a server is shown with one call.
#[derive(Clone, Debug)]
pub struct Shown([Option<Rc<Field>>; 2]);

impl Vouch {
    /// What is shown with a call of this caller's.
    ///
    /// # Errors
    /// What has to be shown cannot be had: the call is not made without.
    pub fn shown(&self, principal: &Principal) -> Result<Shown, Refusal> {
        let assertion = self.assertion.as_ref().map(|asserting| asserting.of(principal)).transpose()?;
        Ok(Shown([self.credential.clone(), assertion]))
    }
}

impl Shown {
    /// Its fields, our credential first.
    pub fn fields(&self) -> [Option<&Field>; 2] {
        self.0.each_ref().map(Option::as_deref)
    }

    /// Whether there is a credential of ours among them, which a server may refuse.
    pub fn has_credential(&self) -> bool {
        self.0[0].is_some()
    }
}

/// The refusal where a server does not take our credential. A call that was refused for want of one was not applied (RFC
/// 9110, 15.5.2).
pub fn not_taken() -> Refusal {
    Refusal::new(Reason::UpstreamBadResponse, "the server does not take the credential that it is shown (401)").noted(
        &"the server does not take the credential that it is shown (401): correct `authorization` of that server",
    )
}
