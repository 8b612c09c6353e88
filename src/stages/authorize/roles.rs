//! What the roles of a caller grant: compiled once for a set of roles, and found again with a look-up.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::config::Role;
use crate::model::grants::{Grants, Lists, Sight};
use crate::model::{Caller, Means, Permission, Principal};

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

    /// The names of the roles that a caller has; those that no role has grant nothing.
    pub fn held<'a>(&'a self, principal: &'a Principal) -> &'a [Box<str>] {
        held(principal.caller(), &self.default)
    }

    /// What a caller may use and see of a server.
    pub fn sight(&self, principal: &Principal, server: usize) -> Sight {
        Sight::new(self.grants(self.held(principal)), server)
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

/// The names of the roles that a caller has.
fn held<'a>(caller: &'a Caller, default: &'a [Box<str>]) -> &'a [Box<str>] {
    match caller.means {
        Means::Anonymous => &caller.roles,
        _ if caller.roles.is_empty() => default,
        _ => &caller.roles,
    }
}

/// Whether a caller may do something on the operators' side; `default` are the roles of one whose credential names none.
pub fn permits(roles: &[Role], default: &[Box<str>], caller: &Caller, permission: Permission) -> bool {
    let names = held(caller, default);
    let held = roles.iter().filter(|role| names.iter().any(|name| **name == *role.name));
    held.flat_map(|role| &role.permissions).any(|one| *one == permission)
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known.borrow().sets.len();
        f.debug_struct("Roles").field("roles", &self.roles.len()).field("known", &known).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Settings;
    use crate::model::Pattern;
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
        Principal::new(Caller { means, issuer, subject, roles, scopes: Box::default() })
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
    fn a_permission_is_given_by_a_role_that_is_held_and_by_nothing_else() {
        let text = "[[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:1/mcp\"]\n\
                    [[roles]]\nname = \"ops\"\nincludes = [\"viewer\"]\npermissions = [\"manage:system\"]\n";
        let settings = Settings::parse(text, "weir.toml").unwrap();
        let manages = |names: &[&str], default: &[&str]| {
            let default: Vec<Box<str>> = default.iter().map(|name| Box::from(*name)).collect();
            let of = |means| {
                let caller = caller(means, names);
                permits(&settings.roles, &default, caller.caller(), Permission::ManageSystem)
            };
            (of(Means::Jwt), of(Means::Anonymous))
        };
        assert_eq!(manages(&["ops"], &[]), (true, true));
        assert_eq!(manages(&["viewer", "admin"], &[]), (true, true));
        assert_eq!(manages(&["viewer", "Admin", "nobody"], &["admin"]), (false, false));
        assert_eq!(manages(&[], &["ops"]), (true, false), "the default is of those who show something");
        assert_eq!(manages(&[], &[]), (false, false));
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

    /// A role as it is written: what it includes (of those before it), grants and denies.
    type Written = (Vec<usize>, Vec<String>, Vec<String>);

    fn written() -> impl Strategy<Value = Vec<Written>> {
        let pattern = || prop::collection::vec("((files|other|f\\*|\\*):)?[ab\\*\\?]{1,3}", 0..3);
        prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 0..3), pattern(), pattern()), 1..6)
            .prop_map(|roles| {
                let before = |at: usize, all: Vec<prop::sample::Index>| match at {
                    0 => Vec::new(),
                    _ => all.iter().map(|index| index.index(at)).collect(),
                };
                let numbered = roles.into_iter().enumerate();
                numbered.map(|(at, (includes, allow, deny))| (before(at, includes), allow, deny)).collect()
            })
    }

    fn file(roles: &[Written]) -> String {
        let mut text = String::new();
        for server in ["files", "other"] {
            text += &format!("[[servers]]\nname = \"{server}\"\nendpoints = [\"http://127.0.0.1:1/{server}\"]\n");
        }
        // Those that include stand before what they include, too.
        for (at, (includes, allow, deny)) in roles.iter().enumerate().rev() {
            let includes: Vec<_> = includes.iter().map(|other| format!("r{other}")).collect();
            text += &format!(
                "[[roles]]\nname = \"r{at}\"\nincludes = {includes:?}\ntools = {allow:?}\ndeny_tools = {deny:?}\n"
            );
        }
        text
    }

    /// Whether a list of a role, or of one that it includes, has a pattern for the name.
    fn has(roles: &[Written], at: usize, server: &str, name: &str, list: &dyn Fn(&Written) -> &[String]) -> bool {
        let fits = |text: &String| {
            let pattern = Pattern::parse(text).unwrap();
            pattern.server.matches(server) && pattern.name.matches(name)
        };
        list(&roles[at]).iter().any(fits) || roles[at].0.iter().any(|other| has(roles, *other, server, name, list))
    }

    proptest! {
        #[test]
        fn what_roles_grant_is_what_their_lists_say(
            written in written(),
            held in prop::collection::vec(0..8usize, 0..4),
            names in prop::collection::vec("[ab]{1,3}", 1..5),
        ) {
            let settings = Settings::parse(&file(&written), "weir.toml").unwrap();
            let servers = ["files", "other"];
            let roles = Roles::new(settings.roles.into(), &[], servers);
            let called: Vec<_> = held.iter().map(|at| format!("r{at}")).collect();
            let caller = caller(Means::Jwt, &called.iter().map(String::as_str).collect::<Vec<_>>());
            for (at, server) in servers.into_iter().enumerate() {
                for name in &names {
                    let any = |list: &dyn Fn(&Written) -> &[String]| {
                        held.iter().any(|role| *role < written.len() && has(&written, *role, server, name, list))
                    };
                    let granted = any(&|role| &role.1) && !any(&|role| &role.2);
                    prop_assert_eq!(roles.sight(&caller, at).allows(Named::Tool, name), granted, "{} {}", server, name);
                }
            }
        }
    }
}
