//! What is known of an API key, beside the key itself: that is shown once, to whoever makes it.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

/// An API key as operators see it. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// What it is called: it names the key and opens nothing.
    pub id: Box<str>,
    /// Whose it is: the subject of its bearer. A rotation does not change it, and an owner may have several keys.
    pub owner: Box<str>,
    /// The roles of its bearer.
    pub roles: Box<[Box<str>]>,
    /// The scopes of its bearer.
    pub scopes: Box<[Box<str>]>,
    /// When it was made.
    pub created: u64,
    /// From when on it is not taken.
    pub expires: Option<u64>,
    /// When it was used last, as far as that has been written down.
    pub used: Option<u64>,
    /// When it was revoked.
    pub revoked: Option<u64>,
    /// When it was rotated last, and until when the secret before that is taken.
    pub rotated: Option<(u64, u64)>,
}

/// What a new key is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// See [`ApiKey`].
    pub owner: String,
    /// See [`ApiKey`].
    pub roles: Vec<String>,
    /// See [`ApiKey`].
    pub scopes: Vec<String>,
    /// How long it is taken; without an end, for ever.
    pub life: Option<Duration>,
}

/// What operators do with keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOrder {
    /// Show all of them.
    List,
    /// Make one.
    Add(NewKey),
    /// Let it be taken no more, for good.
    Revoke(String),
    /// Give it another secret; the one before is taken for so long.
    Rotate(String, Duration),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAnswer {
    /// All keys, the oldest first.
    Listed(Vec<ApiKey>),
    /// A key with a new secret, which nobody is told again.
    Made(ApiKey, Shown),
    /// It was revoked, now or before.
    Revoked(ApiKey),
}

/// A secret on its way to whoever it is made for.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown(pub Zeroizing<String>);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(..)")
    }
}

/// Longest name of an owner, a role or a scope, and most of those.
const MOST_NAME: usize = 256;
const MOST_NAMES: usize = 64;

impl NewKey {
    /// Whether such a key can be.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        let named = |what: &str, name: &str| match (1..=MOST_NAME).contains(&name.len())
            && !name.contains(char::is_control)
            && name.trim() == name
        {
            true => Ok(()),
            false => Err(format!(
                "{what} is a text of 1 to {MOST_NAME} bytes without control characters and outer white space, not {name:?}"
            )),
        };
        named("an owner", &self.owner)?;
        for role in &self.roles {
            named("a role", role)?;
        }
        for scope in &self.scopes {
            named("a scope", scope)?;
            if scope.contains([' ', '"', '\\']) || !scope.is_ascii() {
                return Err(format!("a scope has no spaces and no quotes in it, as {scope:?} has (RFC 6749, 3.3)"));
            }
        }
        if self.roles.len().max(self.scopes.len()) > MOST_NAMES {
            return Err(format!("a key has {MOST_NAMES} roles and scopes at most"));
        }
        match self.life {
            Some(life) if life.as_secs() == 0 => Err("a key lasts a second or longer".to_owned()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(owner: &str, roles: &[&str], scopes: &[&str], life: Option<Duration>) -> Result<(), String> {
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        NewKey { owner: owner.to_owned(), roles: own(roles), scopes: own(scopes), life }.check()
    }

    #[test]
    fn names_fit_on_a_line() {
        assert_eq!(key("ann", &["on call"], &["mcp:tools"], Some(Duration::from_secs(1))), Ok(()));
        assert_eq!(key("ann", &[], &[], None), Ok(()));
        for (owner, role, scope) in
            [("", "a", "a"), ("a\nb", "a", "a"), (" a", "a", "a"), ("a", "b\n", "a"), ("a", "b", "c d")]
        {
            key(owner, &[role], &[scope], None).unwrap_err();
        }
        key("ann", &["a"; 65], &[], None).unwrap_err();
        key("ann", &[], &[], Some(Duration::from_millis(9))).unwrap_err();
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?}", Shown("weir_x".to_owned().into())), "Shown(..)");
    }
}
