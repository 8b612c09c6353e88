//! What a server is shown: our credential for it, and whom we speak for. Never what the caller has shown us.
//!
//! ```text
//! Credential   a field of the configuration, or a token of our own          (net::grant)
//! Exchanging   a token in exchange for the caller's own                     (exchanging)
//! Asserting    the caller, in a short token of ours                         (assertion)
//! ```

mod assertion;
mod exchanging;

use std::pin::Pin;
use std::rc::Rc;

use http::HeaderMap;

use crate::model::{Challenge, Principal, Reason, Refusal};
use crate::net::grant::{Credential, Denied, Held};
use crate::net::upstream::Field;

pub use assertion::Asserting;
pub use exchanging::Exchanging;

/// What one server is shown of us, on one core.
#[derive(Debug, Default)]
pub enum Shows {
    /// Nothing.
    #[default]
    Nothing,
    /// The same for every caller.
    Own(Credential),
    /// Another token for each caller's.
    Exchanged(Exchanging),
}

/// What one server is shown, on one core.
#[derive(Debug, Default)]
pub struct Vouch {
    shows: Shows,
    /// The caller, to a server that asks for them.
    assertion: Option<Asserting>,
}

/// What a server is shown with one call.
#[derive(Clone, Debug)]
pub struct Shown {
    credential: Option<Held>,
    assertion: Option<Rc<Field>>,
}

/// What became of looking for it.
pub enum Looked<'a> {
    /// It is there, or cannot be had: the call is not made without.
    Done(Result<Shown, Refusal>),
    /// An authorization server is asked. In a box: the usual call need not carry the room for this one.
    Asking(Pin<Box<dyn Future<Output = Result<Shown, Refusal>> + 'a>>),
}

impl Vouch {
    /// For a server.
    pub fn new(shows: Shows, assertion: Option<Asserting>) -> Self {
        Self { shows, assertion }
    }

    /// Looks for what is shown with a call of this caller's, who has shown us these fields; `challenge` says what they are
    /// asked for where that is not enough.
    pub fn look<'a>(
        &'a self,
        principal: &Principal,
        headers: &'a HeaderMap,
        challenge: impl FnOnce() -> Challenge,
    ) -> Looked<'a> {
        let assertion = match self.assertion.as_ref().map(|asserting| asserting.of(principal)).transpose() {
            Ok(assertion) => assertion,
            Err(refusal) => return Looked::Done(Err(refusal)),
        };
        let shown = |credential, assertion| Shown { credential, assertion };
        match &self.shows {
            Shows::Nothing => Looked::Done(Ok(shown(None, assertion))),
            Shows::Own(credential) => match credential.held() {
                Some(held) => Looked::Done(Ok(shown(Some(held), assertion))),
                None => Looked::Asking(Box::pin(async move {
                    credential.obtain().await.map(|held| shown(Some(held), assertion)).map_err(denial)
                })),
            },
            Shows::Exchanged(exchanging) => {
                match exchanging.look(principal, headers, challenge) {
                    Ok(Ok(held)) => Looked::Done(Ok(shown(Some(held), assertion))),
                    Ok(Err(wanted)) => Looked::Asking(Box::pin(async move {
                        wanted.obtain().await.map(|held| shown(Some(held), assertion))
                    })),
                    Err(refusal) => Looked::Done(Err(refusal)),
                }
            }
        }
    }
}

impl Shown {
    /// Its fields, our credential first.
    pub fn fields(&self) -> [Option<&Field>; 2] {
        [self.credential.as_ref().map(Held::field), self.assertion.as_deref()]
    }

    /// The refusal where a server does not take our credential (401); `None` where it was shown none. What was refused for
    /// want of one was not applied (RFC 9110, 15.5.2), and is not sent again by us: whether it was, the server alone knows.
    pub fn not_taken(&self) -> Option<Refusal> {
        let credential = self.credential.as_ref()?;
        let refusal =
            Refusal::new(Reason::UpstreamBadResponse, "the server does not take the credential that it is shown (401)");
        Some(match credential.give_up() {
            true => refusal.retryable(SOON).noted(&"the server does not take the token that it is shown (401)"),
            false => refusal.noted(
                &"the server does not take the credential that it is shown (401): correct `authorization` of that server",
            ),
        })
    }
}

/// When a call may be made again whose token was not taken.
const SOON: std::time::Duration = std::time::Duration::from_secs(1);

/// The refusal where there is no token to show.
fn denial(denied: Denied) -> Refusal {
    match denied {
        Denied::Away(wait) => {
            let message =
                "the credential that this server needs cannot be had now: whoever gives it out is out of reach";
            Refusal::new(Reason::IdentityUnavailable, message).retryable(wait)
        }
        Denied::Caller(_) => Refusal::new(
            Reason::PolicyDenied,
            "no token for this server is given out in exchange for yours: ask whoever runs the gateway",
        )
        .noted(&"the authorization server exchanges no token of this caller for one of the server"),
    }
}
