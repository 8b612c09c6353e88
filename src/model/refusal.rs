//! Why a message was not carried, as data. Statuses and codes are `edge`'s: it has the only table.

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use super::{Challenge, Limited};

/// Whether the server may have run the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Nothing of it was sent: it may be made again.
    No,
    /// It was sent, and no answer came: the server may have run it.
    Unknown,
}

impl Accepted {
    /// The value of `data.accepted`.
    pub fn as_str(self) -> &'static str {
        match self {
            Accepted::No => "no",
            Accepted::Unknown => "unknown",
        }
    }
}

/// Whose fault a refusal is: it decides who is told, and how loudly it is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The message, or the one who sent it.
    Client,
    /// The server behind us.
    Server,
    /// Weir: a defect, or a limit that is reached.
    Weir,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $blame:ident;)*) => {
        /// The closed list of reasons; `docs/ERRORS.md` is printed from it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason { $($(#[$doc])* $name),* }

        impl Reason {
            /// All of them, in the order of the table.
            pub const ALL: &[Reason] = &[$(Reason::$name),*];

            /// The value of `data.reason`.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$name => $text),* }
            }

            /// Whose fault it is.
            pub fn blame(self) -> Blame {
                match self { $(Reason::$name => Blame::$blame),* }
            }
        }
    };
}

reasons! {
    /// The body is no JSON document, or one that two readers may read differently.
    ParseError = "parse_error", Client;
    /// JSON, but no JSON-RPC message of this revision.
    InvalidRequest = "invalid_request", Client;
    /// A parameter that the protocol asks for is absent or malformed.
    InvalidParams = "invalid_params", Client;
    /// The arguments of a call do not fit its tool's schema.
    InvalidArguments = "invalid_arguments", Client;
    /// A method that this revision has not.
    MethodNotFound = "method_not_found", Client;
    /// A header of the 2026-07-28 era does not say what the body says.
    HeaderMismatch = "header_mismatch", Client;
    /// The client has not declared a capability that this asks for.
    MissingClientCapability = "missing_client_capability", Client;
    /// A revision that this route does not serve.
    UnsupportedVersion = "unsupported_version", Client;
    /// Something broke in Weir.
    Internal = "internal", Weir;
    /// Nobody may call without credentials here, or those that are there do not do.
    Unauthenticated = "unauthenticated", Client;
    /// The issuer that would have to vouch for the caller, or for Weir, is away, and nothing of it is kept.
    IdentityUnavailable = "identity_unavailable", Weir;
    /// The caller's roles do not allow it.
    PolicyDenied = "policy_denied", Client;
    /// The caller's token has not the scopes that the route needs.
    InsufficientScope = "insufficient_scope", Client;
    /// A tool, prompt or resource that does not exist, or that the caller may not see.
    UnknownName = "unknown_name", Client;
    /// A cursor, `requestState` or task id that nobody gave this caller, on this route.
    UnknownValue = "unknown_value", Client;
    /// More than the caller, or their address, may ask for in that time.
    RateLimited = "rate_limited", Client;
    /// The body is larger than `[http] body`.
    TooLarge = "too_large", Client;
    /// `Origin` is present and not allowed.
    OriginNotAllowed = "origin_not_allowed", Client;
    /// `Host` names somebody else.
    HostNotAllowed = "host_not_allowed", Client;
    /// The server's sessions are Weir's, and the message names none.
    SessionRequired = "session_required", Client;
    /// The session id is unknown, expired, or somebody else's.
    SessionNotFound = "session_not_found", Client;
    /// No route has this path.
    RouteNotFound = "route_not_found", Client;
    /// The route does not take this HTTP method.
    MethodNotAllowed = "method_not_allowed", Client;
    /// The body is encoded, or in another charset than UTF-8.
    UnsupportedMediaType = "unsupported_media_type", Client;
    /// The server's answer is none to this request, or no MCP at all.
    UpstreamBadResponse = "upstream_bad_response", Server;
    /// The definition of a tool has a schema that nothing can be checked against.
    UnusableSchema = "unusable_schema", Server;
    /// The server went away after the request was sent.
    UpstreamReset = "upstream_reset", Server;
    /// No endpoint of the server could be reached; nothing was sent.
    UpstreamUnavailable = "upstream_unavailable", Server;
    /// The server took longer than the route allows.
    UpstreamTimeout = "upstream_timeout", Server;
    /// Weir is at its limit; what runs goes on.
    Overloaded = "overloaded", Weir;
    /// Weir is stopping.
    Draining = "draining", Weir;
}

/// One refusal: why, in words that help, and whether to try again. It is as small as a pointer: every step of a call
/// may end with one, and hands on the room for it.
#[derive(Clone, Debug)]
pub struct Refusal(Box<Particulars>);

/// What a refusal says.
#[derive(Clone, Debug)]
pub struct Particulars {
    /// Why.
    pub reason: Reason,
    /// What happened, where, and what to do; never a secret, never a server's own text.
    pub message: Cow<'static, str>,
    /// What the log says in the message's place, where the client is told less. Thin, as refusals are moved about.
    pub note: Option<&'static &'static str>,
    /// Whether the same message may succeed later, or is safe to repeat.
    pub retryable: bool,
    /// How long to wait before trying again.
    pub retry_after: Option<Duration>,
    /// Whether the server may have run it.
    pub accepted: Accepted,
    /// The code in the place of the reason's own, where policy has one; outside -32768 to -32000.
    pub code: Option<i32>,
    /// Further members of `data`, as JSON text without the braces (`"supported":[...]`); empty for most.
    pub data: String,
    /// The result that a call has in an error's place, as JSON text, where it is told in one (SEP-1303).
    pub result: Option<Box<str>>,
    /// The value of `Allow`, where a method was refused.
    pub allow: Option<&'static str>,
    /// What the client is asked for, where its credential is missing or does not do.
    pub challenge: Option<Box<Challenge>>,
    /// The limit that has nothing left.
    pub limited: Option<Box<Limited>>,
}

impl Refusal {
    /// A refusal before anything was sent, not worth repeating.
    pub fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        let accepted = Accepted::No;
        Self(Box::new(Particulars {
            reason,
            message: message.into(),
            note: None,
            retryable: false,
            retry_after: None,
            accepted,
            code: None,
            data: String::new(),
            result: None,
            allow: None,
            challenge: None,
            limited: None,
        }))
    }

    /// What the log says, where the client is told less.
    pub fn noted(mut self, note: &'static &'static str) -> Self {
        self.note = Some(note);
        self
    }

    /// A code in the place of the reason's own.
    pub fn coded(mut self, code: Option<i32>) -> Self {
        self.code = code;
        self
    }

    /// Nothing was sent; the same message may be sent again after `wait`.
    pub fn retryable(mut self, wait: Duration) -> Self {
        self.retryable = true;
        self.retry_after = Some(wait);
        self
    }

    /// The request was sent; `safe` says whether repeating it could do harm.
    pub fn after_sending(mut self, safe: bool) -> Self {
        self.accepted = Accepted::Unknown;
        self.retryable = safe;
        self
    }

    /// Adds members to `data`, as JSON text without braces.
    pub fn with_data(mut self, members: String) -> Self {
        self.data = members;
        self
    }

    /// Told as the result of the call, which is JSON text, and not as an error.
    pub fn as_result(mut self, result: String) -> Self {
        self.result = Some(result.into());
        self
    }

    /// What the client is to show (RFC 6750, 3).
    pub fn challenging(mut self, challenge: Challenge) -> Self {
        self.challenge = Some(Box::new(challenge));
        self
    }

    /// The limit that has nothing left, and how the caller stands with it.
    pub fn limited(mut self, limited: Limited) -> Self {
        self.limited = Some(Box::new(limited));
        self
    }

    /// The methods that the resource takes (RFC 9110, 10.2.1).
    pub fn allowing(mut self, methods: &'static str) -> Self {
        self.allow = Some(methods);
        self
    }
}

impl Deref for Refusal {
    type Target = Particulars;

    fn deref(&self) -> &Particulars {
        &self.0
    }
}

impl DerefMut for Refusal {
    fn deref_mut(&mut self) -> &mut Particulars {
        &mut self.0
    }
}
