//! The caller in a short token of ours (RFC 7519), for a server to check against our key set: who calls does not rest on
//! the network between the two of us alone.
//!
//! A table of a fixed size in sets of four, as signing takes longer than all the rest of a call does: an assertion is
//! shown again until half of its life is over.

use std::cell::RefCell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use crate::model::{Caller, Means, Principal, Reason, Refusal, clock};
use crate::net::upstream::Field;
use crate::protocol::json::quoted;
use crate::seal::Asserter;

/// The field that it stands in.
const FIELD: &str = "weir-principal";
/// How long it is valid, and until when it is shown again, in seconds.
const LIFE: u64 = 60;
const SHOWN: u64 = 30;
/// Sets, a power of two, and places in each.
const SETS: usize = 256;
const PLACES: usize = 4;

/// Asserts callers to one server, on one core.
pub struct Asserting {
    asserter: Arc<Asserter>,
    issuer: Box<str>,
    /// The server's name.
    audience: Box<str>,
    /// Of callers whose credential names no role.
    default_roles: Box<[Box<str>]>,
    known: RefCell<Known>,
}

struct Known {
    places: Box<[Option<Entry>]>,
    hasher: RandomState,
}

struct Entry {
    /// All of them, not the name alone: another token of the same caller may carry other roles and scopes.
    principal: Principal,
    field: Rc<Field>,
    /// From then on it is made anew.
    until: u64,
}

impl Asserting {
    /// To the server of that name; `issuer` is what clients call us.
    pub fn new(asserter: Arc<Asserter>, issuer: &str, audience: &str, default_roles: &[String]) -> Self {
        let places = std::iter::repeat_with(|| None).take(SETS * PLACES).collect();
        Self {
            asserter,
            issuer: issuer.into(),
            audience: audience.into(),
            default_roles: default_roles.iter().map(|role| role.as_str().into()).collect(),
            known: RefCell::new(Known { places, hasher: RandomState::new() }),
        }
    }

    /// The assertion of this caller, valid for half a minute at least.
    ///
    /// # Errors
    /// There is more to say of the caller than the head of a request takes.
    pub(super) fn of(&self, principal: &Principal) -> Result<Rc<Field>, Refusal> {
        let too_long =
            || Refusal::new(Reason::Internal, "the roles and scopes of the caller are too many to be asserted");
        self.at(principal, clock::unix_seconds()).ok_or_else(too_long)
    }

    fn at(&self, principal: &Principal, now: u64) -> Option<Rc<Field>> {
        let known = &mut *self.known.borrow_mut();
        let set = known.set(principal);
        if let Some(found) = known.places[set.clone()].iter().flatten().find(|entry| entry.is_of(principal, now)) {
            return Some(Rc::clone(&found.field));
        }
        let token = self.asserter.assertion(&self.claims(principal.caller(), now));
        let field = Rc::new(Field::new(FIELD, token.as_bytes())?);
        let (principal, until) = (principal.clone(), now + SHOWN);
        known.put(set, Entry { principal, field: Rc::clone(&field), until });
        Some(field)
    }

    /// An anonymous caller has no `sub`: a name would be one that an issuer could give to somebody.
    fn claims(&self, caller: &Caller, now: u64) -> String {
        let (roles, scope) = (self.roles(caller), caller.scopes.join(" "));
        let roles: Vec<_> = roles.iter().map(|role| quoted(role)).collect();
        let who = match caller.means {
            Means::Anonymous => String::new(),
            _ => {
                let (issuer, subject) = (quoted(&caller.issuer), quoted(&caller.subject));
                format!(r#""sub":{subject},"sub_id":{{"format":"iss_sub","iss":{issuer},"sub":{subject}}},"#)
            }
        };
        let scope = if scope.is_empty() { String::new() } else { format!(r#""scope":{},"#, quoted(&scope)) };
        format!(
            r#"{{"iss":{},"aud":{},{who}"means":"{}","roles":[{}],{scope}"iat":{now},"exp":{},"jti":"{}"}}"#,
            quoted(&self.issuer),
            quoted(&self.audience),
            caller.means.as_str(),
            roles.join(","),
            now + LIFE,
            Asserter::unique(),
        )
    }

    /// The roles that we go by.
    fn roles<'a>(&'a self, caller: &'a Caller) -> &'a [Box<str>] {
        match caller.means {
            Means::Anonymous => &caller.roles,
            _ if caller.roles.is_empty() => &self.default_roles,
            _ => &caller.roles,
        }
    }
}

impl Known {
    fn set(&self, principal: &Principal) -> Range<usize> {
        let start = (self.hasher.hash_one(principal.key()) as usize % SETS) * PLACES;
        start..start + PLACES
    }

    /// Puts it in the place of none, or of the one in its set that ends first.
    fn put(&mut self, set: Range<usize>, entry: Entry) {
        let ends = |at: &usize| self.places[*at].as_ref().map_or(0, |entry| entry.until);
        let at = set.clone().min_by_key(ends).unwrap_or(set.start);
        self.places[at] = Some(entry);
    }
}

impl Entry {
    fn is_of(&self, principal: &Principal, now: u64) -> bool {
        // A clock that was set back must not keep one in use.
        (self.until.saturating_sub(SHOWN)..self.until).contains(&now) && self.principal.caller() == principal.caller()
    }
}

impl fmt::Debug for Asserting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asserting").field("audience", &self.audience).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::{Value, json};

    use super::*;
    use crate::seal::KeyRing;

    fn asserting() -> Asserting {
        let ring = KeyRing::parse(&KeyRing::generate_text()).unwrap();
        Asserting::new(Arc::new(ring.asserter()), "https://gateway.test", "files", &["user".to_owned()])
    }

    fn caller(means: Means, subject: &str, roles: &[&str], scopes: &[&str]) -> Principal {
        let texts = |texts: &[&str]| texts.iter().map(|text| Box::from(*text)).collect();
        let (issuer, subject) = ("https://id.test/".into(), subject.into());
        Principal::new(Caller { means, issuer, subject, roles: texts(roles), scopes: texts(scopes) })
    }

    fn at(asserting: &Asserting, principal: &Principal, now: u64) -> Rc<Field> {
        asserting.at(principal, now).unwrap()
    }

    fn claims(field: &Field) -> Value {
        let line = std::str::from_utf8(field.line()).unwrap();
        let token = line.strip_prefix("weir-principal: ").unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn it_says_who_calls_and_by_whose_word() {
        let asserting = asserting();
        let mut said = claims(&at(&asserting, &caller(Means::Jwt, "an\"n", &["a", "b"], &["x", "y"]), 1000));
        let jti = said.as_object_mut().unwrap().remove("jti").unwrap();
        assert!(jti.as_str().unwrap().len() >= 16);
        let expected = json!({
            "iss": "https://gateway.test", "aud": "files", "sub": "an\"n",
            "sub_id": { "format": "iss_sub", "iss": "https://id.test/", "sub": "an\"n" },
            "means": "jwt", "roles": ["a", "b"], "scope": "x y", "iat": 1000, "exp": 1060,
        });
        assert_eq!(said, expected);
        let default = claims(&at(&asserting, &caller(Means::Local, "bob", &[], &[]), 1000));
        assert_eq!(
            (&default["roles"], &default["means"], default.get("scope")),
            (&json!(["user"]), &json!("local"), None)
        );
        let nobody = claims(&at(&asserting, &Principal::anonymous(["guest".into()].into()), 1000));
        assert_eq!((&nobody["means"], &nobody["roles"]), (&json!("anonymous"), &json!(["guest"])));
        assert!(nobody.get("sub").is_none() && nobody.get("sub_id").is_none());
    }

    #[test]
    fn it_is_shown_again_until_half_of_its_life_is_over() {
        let (asserting, ann) = (asserting(), caller(Means::Jwt, "ann", &["a"], &[]));
        let first = at(&asserting, &ann, 1000);
        assert!(Rc::ptr_eq(&first, &at(&asserting, &caller(Means::Jwt, "ann", &["a"], &[]), 1029)), "the same caller");
        assert!(!Rc::ptr_eq(&first, &at(&asserting, &ann, 1030)));
        assert!(!Rc::ptr_eq(&first, &at(&asserting, &ann, 999)), "the clock was set back");
        for other in [
            caller(Means::Jwt, "ann", &["b"], &[]),
            caller(Means::Jwt, "ann", &["a"], &["x"]),
            caller(Means::Local, "ann", &["a"], &[]),
            caller(Means::Jwt, "bob", &["a"], &[]),
        ] {
            assert!(!Rc::ptr_eq(&first, &at(&asserting, &other, 1001)), "{other:?}");
        }
    }

    #[test]
    fn what_is_known_is_bounded_and_never_somebody_elses() {
        let asserting = asserting();
        for round in 0..2 {
            for number in 0..3 * SETS * PLACES {
                let subject = format!("s{number}");
                let said = claims(&at(&asserting, &caller(Means::Jwt, &subject, &[], &[]), 1000 + round));
                assert_eq!(said["sub"], subject);
            }
        }
        assert_eq!(asserting.known.borrow().places.len(), SETS * PLACES);
    }

    #[test]
    fn what_no_head_takes_is_refused() {
        let roles: Vec<_> = (0..5000).map(|at| format!("role-{at}")).collect();
        let roles: Vec<_> = roles.iter().map(String::as_str).collect();
        let refusal = asserting().of(&caller(Means::Jwt, "ann", &roles, &[])).unwrap_err();
        assert_eq!(refusal.reason, Reason::Internal);
    }
}
