//! Who is calling, from the head alone: a stranger cannot make us buffer a body.

mod api_keys;
mod cache;
mod credential;
pub mod jwt;
mod scopes;
mod tokens;

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use http::HeaderMap;
use tokio::sync::mpsc;

use crate::model::{Challenge, Principal, Reason, Refusal};
use crate::seal::is_like_a_key;

use api_keys::ApiKeys;
use credential::Credential;
use jwt::{Compact, Issuer};
use tokens::Tokens;

pub use api_keys::{ISSUER as KEY_ISSUER, KeyTable, SharedKeys};
pub use tokens::{MayVerify, Wanted};

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

/// What a request shows of its caller.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// Its fields.
    pub headers: &'a HeaderMap,
    /// Where it comes from, if that has an address: what is not verified yet is limited by it.
    pub address: Option<IpAddr>,
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

/// What those are told who show nothing.
const NEEDED: &str = "a credential is needed here: send a token of yours as `Authorization: Bearer TOKEN`";
const NEEDED_KEY: &str =
    "a credential is needed here: send an API key of yours as `Authorization: Bearer KEY`, or `X-API-Key`";
/// What those are told whose credential is of no kind that is taken.
const UNKNOWN: &str = "the credential is of no kind that is taken here: send a token as `Authorization: Bearer TOKEN`";
const UNKNOWN_KEY: &str =
    "the credential is of no kind that is taken here: send an API key as `Authorization: Bearer KEY`, or `X-API-Key`";

/// Finds out who is calling, on one core.
#[derive(Debug)]
pub struct Authenticator {
    anonymous: Principal,
    /// JSON Web Tokens, where they are taken. Where no kind of credential is they are not looked at.
    tokens: Option<Tokens>,
    /// The same of API keys.
    keys: Option<ApiKeys>,
}

impl Authenticator {
    /// One that knows no credentials: whoever calls is anonymous, with these roles.
    pub fn without_credentials(roles: Box<[Box<str>]>) -> Self {
        Self { anonymous: Principal::anonymous(roles), tokens: None, keys: None }
    }

    /// One that takes the tokens of these issuers, too. `keeper` can get newer keys of theirs.
    pub fn with_tokens(
        self,
        issuers: Vec<Arc<Issuer>>,
        may_verify: MayVerify,
        keeper: Option<mpsc::Sender<Wanted>>,
    ) -> Self {
        Self { tokens: Some(Tokens::new(issuers, may_verify, keeper)), ..self }
    }

    /// One that takes these API keys, too.
    pub fn with_keys(self, keys: SharedKeys) -> Self {
        Self { keys: Some(ApiKeys::new(keys)), ..self }
    }

    /// Looks at what a request shows.
    ///
    /// # Errors
    /// `unauthenticated` where nobody may call without credentials, or those that are there do not do.
    pub fn check<'a>(&'a self, presented: &Presented<'a>, place: &'a Place) -> Looked<'a> {
        let credential = match self.tokens.is_some() || self.keys.is_some() {
            true => Credential::of(presented.headers),
            false => Ok(Credential::None),
        };
        if let (Ok(Credential::Bearer(token)), Some(tokens)) = (credential, &self.tokens)
            && Compact::is_like(token)
        {
            return tokens.check(token, presented, place);
        }
        if let (Ok(Credential::Bearer(text) | Credential::ApiKey(text)), Some(keys)) = (credential, &self.keys)
            && is_like_a_key(text)
        {
            let found =
                keys.check(text).map_err(|flaw| place.refusal(Some("invalid_token"), flaw.advice()).noted(flaw.note()));
            return Looked::Done(found.and_then(|principal| Identified::at(place, principal)));
        }
        let (needed, unknown) = if self.tokens.is_some() { (NEEDED, UNKNOWN) } else { (NEEDED_KEY, UNKNOWN_KEY) };
        Looked::Done(match credential {
            Ok(Credential::None) if place.anonymous => Identified::at(place, self.anonymous.clone()),
            Ok(Credential::None) => Err(place.refusal(None, needed)),
            Ok(Credential::Bearer(_) | Credential::ApiKey(_)) => Err(place.refusal(Some("invalid_token"), unknown)),
            Err(why) => Err(place.refusal(Some("invalid_request"), why)),
        })
    }
}

impl Place {
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
