//! What the roles of a caller grant: compiled once for a set of roles, and found again with a look-up.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::config::Role;
use crate::model::grants::{Grants, Lists, Sight};
use crate::model::{Means, Principal};

/// Sets of roles that a core remembers. Credentials choose them, so there may be any number.
const REMEMBERED: usize = 1024;

/// The roles of one configuration, on one core.
pub struct Roles {
    roles: Arc<[Role]>,
    /// Of callers whose credential names none.
    default: Box<[Box<str>]>,
    servers: Box<[Box<str>]>,
    known: RefCell<Known>,
}

#[derive(Default)]
struct Known {
    /// By the names as a credential has them.
    named: HashMap<Box<[Box<str>]>, Rc<Grants>>,
    /// By the places of the roles that they are.
    sets: HashMap<Box<[usize]>, Rc<Grants>>,
}

impl Roles {
    /// These roles on servers of these names; `default` are those of an authenticated caller whose credential names none.
    pub fn new<'a>(roles: Arc<[Role]>, default: &[String], servers: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            roles,
            default: default.iter().map(|name| name.as_str().into()).collect(),
            servers: servers.into_iter().map(Box::from).collect(),
            known: RefCell::default(),
        }
    }

    /// What a caller may use and see of a server.
    pub fn sight(&self, principal: &Principal, server: usize) -> Sight {
        let caller = principal.caller();
        let names = match caller.means {
            Means::Anonymous => &caller.roles,
            _ if caller.roles.is_empty() => &self.default,
            _ => &caller.roles,
        };
        Sight::new(self.grants(names), server)
    }

    /// What roles of these names grant together. Names that no role has grant nothing.
    fn grants(&self, names: &[Box<str>]) -> Rc<Grants> {
        if let Some(known) = self.known.borrow().named.get(names) {
            return Rc::clone(known);
        }
        let place = |name: &str| self.roles.iter().position(|role| role.name == name);
        let mut set: Vec<_> = names.iter().filter_map(|name| place(name)).collect();
        set.sort_unstable();
        set.dedup();
        let mut known = self.known.borrow_mut();
        if known.named.len() >= REMEMBERED {
            *known = Known::default();
        }
        let grants = known.sets.entry(set.into()).or_insert_with_key(|set| Rc::new(self.compile(set)));
        let grants = Rc::clone(grants);
        known.named.insert(names.into(), Rc::clone(&grants));
        grants
    }

    fn compile(&self, set: &[usize]) -> Grants {
        let mut lists = Lists::default();
        for role in set.iter().map(|at| &self.roles[*at]) {
            lists.add(&role.lists);
        }
        Grants::compile(&lists, self.servers.iter().map(|name| &**name))
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known.borrow().sets.len();
        f.debug_struct("Roles").field("roles", &self.roles.len()).field("known", &known).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::model::Caller;
    use crate::model::grants::Named;

    fn roles(default: &[&str]) -> Roles {
        let text = "[[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:1/mcp\"]\n\
                    [[roles]]\nname = \"reader\"\ntools = [\"read_*\"]\n\
                    [[roles]]\nname = \"careful\"\nincludes = [\"user\"]\ndeny_tools = [\"rm\"]\n";
        let settings = Settings::parse(text, "weir.toml").unwrap();
        let default: Vec<_> = default.iter().map(|name| (*name).to_owned()).collect();
        Roles::new(settings.roles.into(), &default, ["files"])
    }

    fn caller(means: Means, names: &[&str]) -> Principal {
        let roles = names.iter().map(|name| Box::from(*name)).collect();
        let (issuer, subject) = ("i".into(), "s".into());
        Principal::new(Caller { means, issuer, subject, roles, scopes: Box::default(), expires: None })
    }

    fn may(roles: &Roles, means: Means, names: &[&str]) -> Vec<&'static str> {
        let sight = roles.sight(&caller(means, names), 0);
        ["read_a", "rm"].into_iter().filter(|tool| sight.allows(Named::Tool, tool)).collect()
    }

    #[test]
    fn roles_add_up_and_what_one_denies_is_denied() {
        let all = roles(&["reader"]);
        for (names, granted) in [
            (&["user"][..], &["read_a", "rm"][..]),
            (&["reader"], &["read_a"]),
            (&["reader", "user"], &["read_a", "rm"]),
            (&["careful"], &["read_a"]),
            (&["user", "careful", "user"], &["read_a"]),
            (&["viewer"], &[]),
            (&["Reader", "nobody"], &[]),
            (&["nobody", "reader"], &["read_a"]),
        ] {
            assert_eq!(may(&all, Means::Jwt, names), granted, "{names:?}");
        }
        assert_eq!(may(&all, Means::Jwt, &[]), ["read_a"], "the default");
        assert_eq!(may(&all, Means::Anonymous, &[]), [""; 0], "of those who have a credential");
        assert_eq!(may(&roles(&[]), Means::Jwt, &[]), [""; 0]);
    }

    #[test]
    fn a_set_is_compiled_once_and_only_so_many_are_remembered() {
        let all = roles(&[]);
        let names = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect::<Box<[Box<str>]>>();
        let one = all.grants(&names(&["user", "reader"]));
        for same in [&["user", "reader"][..], &["reader", "user"], &["reader", "x", "user", "user"]] {
            assert!(Rc::ptr_eq(&one, &all.grants(&names(same))), "{same:?}");
        }
        for other in 0..3 * REMEMBERED {
            let _ = all.grants(&names(&["user", &other.to_string()]));
        }
        assert!(all.known.borrow().named.len() <= REMEMBERED);
    }
}
