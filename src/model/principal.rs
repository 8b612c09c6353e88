//! Who is calling.

use std::rc::Rc;

/// How a caller has shown who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// Not at all: `[auth.anonymous]`, or a loopback listener without `[auth]`.
    Anonymous,
    /// A JSON Web Token of an issuer in `[[auth.jwt]]`.
    Jwt,
    /// A token whose issuer was asked, `[[auth.introspection]]`.
    Opaque,
    /// A token that `weir token` made, `[auth.local]`.
    Local,
    /// The certificate of their connection, `[auth.mtls]`.
    Certificate,
    /// An API key, `[auth.api_keys]`.
    ApiKey,
}

impl Means {
    /// What a server is told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Jwt => "jwt",
            Self::Opaque => "opaque",
            Self::Local => "local",
            Self::Certificate => "certificate",
            Self::ApiKey => "api_key",
        }
    }
}

/// What a credential says of its bearer, once it has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// How they have shown it.
    pub means: Means,
    /// Who vouches for the subject; not empty, save for the anonymous one.
    pub issuer: Box<str>,
    /// The name that the issuer gave; not empty, save for the anonymous one.
    pub subject: Box<str>,
    /// The roles that the credential names. Those that the configuration does not know grant nothing.
    pub roles: Box<[Box<str>]>,
    /// The scopes that the credential was given.
    pub scopes: Box<[Box<str>]>,
}

/// The caller of a message, as `authenticate` found it. Cheap to clone; it stays on its core.
///
/// Two are the same where issuer and subject are: never by the subject alone, which another issuer may give to somebody
/// else.
#[derive(Clone, Debug)]
pub struct Principal(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    caller: Caller,
    key: Box<str>,
}

impl Principal {
    /// Whoever a verified credential names.
    pub fn new(caller: Caller) -> Self {
        // With the issuer's length, so that no two pairs give one text; and so never that of the anonymous caller.
        let key = match caller.means {
            Means::Anonymous => Box::from("anonymous"),
            // Who vouches is an authority of X.509 then, whatever it is called, and no issuer of tokens.
            Means::Certificate => format!("x509:{}:{}:{}", caller.issuer.len(), caller.issuer, caller.subject).into(),
            _ => format!("{}:{}:{}", caller.issuer.len(), caller.issuer, caller.subject).into(),
        };
        Self(Rc::new(Inner { caller, key }))
    }

    /// Nobody in particular, with these roles.
    pub fn anonymous(roles: Box<[Box<str>]>) -> Self {
        let (issuer, subject, scopes) = (Box::default(), Box::default(), Box::default());
        Self::new(Caller { means: Means::Anonymous, issuer, subject, roles, scopes })
    }

    /// The text that sealed ids are bound to. It is unique among principals and stays the same over restarts.
    pub fn key(&self) -> &str {
        &self.0.key
    }

    /// Whether nobody in particular calls: what is theirs is everybody's.
    pub fn is_anonymous(&self) -> bool {
        self.0.caller.means == Means::Anonymous
    }

    /// What logs call the caller, beside the issuer.
    pub fn shown(&self) -> &str {
        match self.0.caller.means {
            Means::Anonymous => "anonymous",
            _ => &self.0.caller.subject,
        }
    }

    /// What the credential says.
    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }
}

impl PartialEq for Principal {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Principal {}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(issuer: &str, subject: &str) -> Principal {
        let (roles, scopes) = (Box::default(), Box::default());
        let (issuer, subject) = (issuer.into(), subject.into());
        Principal::new(Caller { means: Means::Jwt, issuer, subject, roles, scopes })
    }

    #[test]
    fn the_issuer_is_part_of_the_name() {
        assert_eq!(named("https://a", "ann"), named("https://a", "ann"));
        assert_ne!(named("https://a", "ann"), named("https://b", "ann"));
        assert_ne!(named("https://a", ":ann"), named("https://a:", "ann"));
    }

    #[test]
    fn nobody_can_be_called_anonymous() {
        let nobody = Principal::anonymous(Box::default());
        assert_ne!(named("", "anonymous"), nobody);
        assert_ne!(named("anonymous", ""), nobody);
    }
}
