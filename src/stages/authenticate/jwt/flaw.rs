//! Why a token is not taken: for the log in full, for its bearer as far as it helps them.

use std::fmt;

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Longer than any that we read.
    TooLong,
    /// Not three parts with something in each.
    Parts,
    /// A part is no Base64url, or has padding or bits left over.
    Base64,
    /// The header or the claims are no JSON object that is read in one way only.
    Json,
    /// `alg` is absent, `none`, symmetric, or one that is not configured for its issuer.
    Algorithm,
    /// `crit` or `b64`: an extension that has to be understood and is not.
    Critical,
    /// `typ` says that it is something else than an access token.
    Kind,
    /// `kid` is no text, or a long one.
    KeyId,
    /// `iss` is absent or none of ours.
    Issuer,
    /// No key of the issuer's has this `kid`.
    UnknownKey,
    /// No key of the issuer's is for this algorithm.
    NoKey,
    /// The signature is not from a key of the issuer.
    Signature,
    /// Its issuer says that it does not count, or knows nothing of it.
    Inactive,
    /// A claim is there that only other kinds of token have.
    OtherToken,
    /// Bound to a key that its bearer has to prove, which nobody here can check.
    Bound,
    /// A time is no number, or out of all bounds.
    Time,
    /// `exp` is absent.
    Endless,
    /// `exp` has passed.
    Expired,
    /// `nbf` is to come.
    NotYet,
    /// `iat` is to come.
    FromTheFuture,
    /// `aud` is absent or for somebody else.
    Audience,
    /// The claim that names the caller is absent, empty, long, or no plain text.
    Subject,
    /// The claim of roles, or that of scopes, holds something else than texts.
    Granted,
}

impl Flaw {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::TooLong,
        Self::Parts,
        Self::Base64,
        Self::Json,
        Self::Algorithm,
        Self::Critical,
        Self::Kind,
        Self::KeyId,
        Self::Issuer,
        Self::UnknownKey,
        Self::NoKey,
        Self::Signature,
        Self::Inactive,
        Self::OtherToken,
        Self::Bound,
        Self::Time,
        Self::Endless,
        Self::Expired,
        Self::NotYet,
        Self::FromTheFuture,
        Self::Audience,
        Self::Subject,
        Self::Granted,
    ];

    /// What the log says. Nothing of the token is in it.
    pub fn note(self) -> &'static &'static str {
        match self {
            Self::TooLong => &"token: longer than 16 KiB",
            Self::Parts => &"token: not three parts",
            Self::Base64 => &"token: a part is no Base64url without padding",
            Self::Json => &"token: header or claims are no JSON object that is read in one way only",
            Self::Algorithm => &"token: `alg` is absent, or not configured for its issuer",
            Self::Critical => &"token: `crit` or `b64` asks for an extension that is not known",
            Self::Kind => &"token: `typ` is not that of an access token",
            Self::KeyId => &"token: `kid` is no text of at most 256 bytes",
            Self::Issuer => &"token: `iss` is absent, or of no issuer that is configured",
            Self::UnknownKey => &"token: `kid` is of no key of its issuer",
            Self::NoKey => &"token: its issuer has no key for its `alg`",
            Self::Signature => &"token: the signature is not its issuer's",
            Self::Inactive => &"token: its issuer says that it is not active",
            Self::OtherToken => &"token: its claims are those of an ID token or of an event, not of an access token",
            Self::Bound => &"token: `cnf` binds it to a key, which is not checked here",
            Self::Time => &"token: `exp`, `nbf` or `iat` is no number of seconds since 1970",
            Self::Endless => &"token: `exp` is absent",
            Self::Expired => &"token: expired",
            Self::NotYet => &"token: not valid yet (`nbf`)",
            Self::FromTheFuture => &"token: issued in the future (`iat`): compare the clocks",
            Self::Audience => &"token: `aud` does not name this route",
            Self::Subject => &"token: the claim that names the caller is absent, or no plain text of at most 512 bytes",
            Self::Granted => &"token: the claim of roles or scopes holds something else than texts",
        }
    }

    /// What its bearer is told: what to do, and nothing of what is configured here.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Expired => "the token has expired: get a new one",
            Self::NotYet | Self::FromTheFuture => "the token is not valid yet: compare the clocks, or wait",
            Self::Audience => {
                "the token is not meant for this URL: ask for one with this URL as its resource (RFC 8707)"
            }
            Self::Bound => "the token is bound to a key: ask for a plain bearer token",
            _ => "the token is not accepted here: get a new one for this URL",
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.note())
    }
}
