//! Who is calling, from the head alone: a stranger cannot make us buffer a body.

mod api_keys;
mod cache;
mod certificates;
mod credential;
pub mod jwt;
mod kinds;
pub mod opaque;
mod scopes;
mod tokens;

use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use http::HeaderMap;

use crate::model::{Certificate, Challenge, Principal, Reason, Refusal, clock};
use crate::seal::is_like_a_key;
use crate::telemetry::Telemetry;

use api_keys::ApiKeys;
use credential::Credential;
use jwt::{Compact, Issuer};
use kinds::Kinds;
use opaque::{Opaque, Oracle};
use tokens::Tokens;

pub use api_keys::{ISSUER as KEY_ISSUER, KeyTable, SharedKeys};
pub use certificates::{Certificates, Held};
pub use tokens::{MayVerify, Memory};

/// Proof that the caller is known. Nobody else can make one.
#[derive(Debug)]
pub struct Identified {
    principal: Principal,
}

impl Identified {
    /// Lets somebody in who was found out, where the scopes do.
    fn at(place: &Place, principal: Principal) -> Result<Self, Refusal> {
        scopes::check(&principal.caller().scopes, place).map(|()| Self { principal })
    }

    /// Who it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }
}

/// Whether a route lets in somebody who has been found out. It gives no proof: nothing was verified.
///
/// # Errors
/// What the caller would be told.
pub fn would_admit(place: &Place, principal: &Principal) -> Result<(), Refusal> {
    match principal.is_anonymous() && !place.anonymous {
        true => Err(place.refusal(None, "nobody may call here without a credential")),
        false => Identified::at(place, principal.clone()).map(drop),
    }
}

/// What a request shows of its caller.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// Its fields.
    pub headers: &'a HeaderMap,
    /// Where it comes from, if that has an address: what is not verified yet is limited by it.
    pub address: Option<IpAddr>,
    /// The certificate of its connection.
    pub certificate: Option<&'a Certificate>,
}

/// What a route asks of its callers.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Whether callers without credentials are let in.
    pub anonymous: bool,
    /// The URL that clients call it by: what a token has to be meant for (RFC 8707).
    pub audience: Box<str>,
    /// The scopes that a token needs here.
    pub scopes: Box<[Box<str>]>,
    /// Where its metadata are (RFC 9728); none where it has no issuer.
    pub metadata: Option<Box<str>>,
}

/// What became of looking at a credential.
pub enum Looked<'a> {
    /// The caller is known, or refused.
    Done(Result<Identified, Refusal>),
    /// Somebody else is asked. In a box: the usual request need not carry the room for this one.
    Asking(Pin<Box<dyn Future<Output = Result<Identified, Refusal>> + 'a>>),
}

/// What those are told whose certificate does not do.
const NAMES_NOBODY: &str = "the certificate of this connection is not accepted here: connect with another one";

/// Finds out who is calling, on one core.
#[derive(Debug)]
pub struct Authenticator {
    anonymous: Principal,
    /// JSON Web Tokens, where they are taken. Where no kind of credential is they are not looked at.
    tokens: Option<Tokens>,
    /// Certificates, where they name callers.
    certificates: Option<Certificates>,
    /// Tokens whose issuer has to be asked, where they are taken.
    opaque: Option<Opaque>,
    /// The same of API keys.
    keys: Option<ApiKeys>,
    /// Where those are counted that are not taken.
    counts: Option<Rc<Telemetry>>,
}

impl Authenticator {
    /// One that knows no credentials: whoever calls is anonymous, with these roles.
    pub fn without_credentials(roles: Box<[Box<str>]>) -> Self {
        let anonymous = Principal::anonymous(roles);
        Self { anonymous, tokens: None, opaque: None, keys: None, certificates: None, counts: None }
    }

    /// One that takes the tokens of these issuers, too, and knows those again that `memory` has of theirs.
    /// The others are shown to `oracle`.
    pub fn with_tokens(
        self,
        issuers: Vec<Arc<Issuer>>,
        oracle: Option<Arc<Oracle>>,
        memory: Memory,
        may_verify: MayVerify,
    ) -> Self {
        memory.keep(&issuers, oracle.as_ref());
        let opaque = oracle.map(|oracle| Opaque::new(oracle, memory.clone(), Rc::clone(&may_verify)));
        let tokens = (!issuers.is_empty()).then(|| Tokens::new(issuers, memory, may_verify));
        Self { tokens, opaque, ..self }
    }

    /// One that knows callers by the certificates of their connections, too.
    pub fn with_certificates(self, certificates: Certificates) -> Self {
        Self { certificates: Some(certificates), ..self }
    }

    /// One that takes these API keys, too.
    pub fn with_keys(self, keys: SharedKeys) -> Self {
        Self { keys: Some(ApiKeys::new(keys)), ..self }
    }

    /// One that counts API keys that are not taken.
    pub fn counting(self, telemetry: &Rc<Telemetry>) -> Self {
        Self { counts: Some(Rc::clone(telemetry)), ..self }
    }

    /// Looks at what a request shows.
    ///
    /// # Errors
    /// `unauthenticated` where nobody may call without credentials, or those that are there do not do.
    pub fn check<'a>(&'a self, presented: &Presented<'a>, place: &'a Place) -> Looked<'a> {
        let credential = if self.kinds().any() { Credential::of(presented.headers) } else { Ok(Credential::None) };
        if let (Ok(Credential::Bearer(text) | Credential::ApiKey(text)), Some(keys)) = (credential, &self.keys)
            && is_like_a_key(text)
        {
            let found = keys.check(text);
            let found = found.map_err(|flaw| {
                if let Some(telemetry) = &self.counts {
                    telemetry.core().takes_no_key(flaw);
                }
                place.refusal(Some("invalid_token"), api_keys::advice(flaw)).noted(api_keys::note(flaw))
            });
            return Looked::Done(found.and_then(|principal| Identified::at(place, principal)));
        }
        if let Ok(Credential::Bearer(token)) = credential {
            match (&self.tokens, &self.opaque) {
                (Some(tokens), _) if Compact::is_like(token) => return tokens.check(token, presented, place),
                (_, Some(opaque)) => return opaque.check(token, presented, place),
                _ => {}
            }
        }
        // Whoever shows a credential of their own is who that says.
        if let (Ok(Credential::None), Some(certificates), Some(shown)) =
            (credential, &self.certificates, presented.certificate)
        {
            let caller = certificates.caller(shown, clock::unix_seconds());
            return Looked::Done(match caller {
                Ok(principal) => Identified::at(place, principal),
                Err(why) => Err(place.refusal(None, NAMES_NOBODY).noted(why.note())),
            });
        }
        Looked::Done(match credential {
            Ok(Credential::None) if place.anonymous => Identified::at(place, self.anonymous.clone()),
            Ok(Credential::None) => Err(place.refusal(None, self.kinds().needed())),
            Ok(Credential::Bearer(_) | Credential::ApiKey(_)) => {
                Err(place.refusal(Some("invalid_token"), self.kinds().unknown()))
            }
            Err(why) => Err(place.refusal(Some("invalid_request"), why)),
        })
    }
}

impl Authenticator {
    fn kinds(&self) -> Kinds {
        Kinds {
            tokens: self.tokens.is_some() || self.opaque.is_some(),
            keys: self.keys.is_some(),
            certificates: self.certificates.is_some(),
        }
    }
}

impl Place {
    /// What a caller is asked for who has shown nothing.
    pub fn challenge(&self) -> Challenge {
        Challenge {
            scope: self.scopes.join(" ").into(),
            resource_metadata: self.metadata.clone(),
            ..Challenge::default()
        }
    }

    /// The refusal of a caller who has not shown who they are.
    fn refusal(&self, error: Option<&'static str>, why: &'static str) -> Refusal {
        self.challenged(Reason::Unauthenticated, error, why)
    }

    /// A refusal that says what to show.
    fn challenged(&self, reason: Reason, error: Option<&'static str>, why: &'static str) -> Refusal {
        let challenge = Challenge {
            error,
            description: if error.is_some() { why.into() } else { "".into() },
            scope: self.scopes.join(" ").into(),
            resource_metadata: self.metadata.clone(),
        };
        Refusal::new(reason, why).challenging(challenge)
    }
}
