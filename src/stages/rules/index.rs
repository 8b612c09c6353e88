//! Which rules may match, by what is decided by look-up: worked out once for a route, server, method, name and set of roles,
//! and remembered on a core.
//!
//! ```text
//! route, server, kind, roles      -> the rules that fit whatever the name is      (configuration bounds how many there are)
//!   name, or an unknown method    -> those of them that fit this name            (clients choose: so many are remembered)
//! ```

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use crate::model::grants::Named;
use crate::protocol::method::Method;

use super::asked::{Asked, Said};
use super::book::Book;
use super::expression::{Budget, Failed};

/// Lists that a core remembers. Clients choose the names, and credentials the roles, so there may be any number.
const REMEMBERED: usize = 4096;
/// Longer names are worked out each time, in bytes.
const LONGEST: usize = 256;

/// The steps of a look-up that finds nothing yet, beside what it is held against.
const LOOK_UP: u32 = 12;
/// So many rules are held against a name in a step, beside what their patterns take.
const TOGETHER: u32 = 4;

/// The rules that may match, in their order: those that every message begins with, then those of each group.
pub(super) type Lists = Rc<[Box<[u32]>]>;

/// What a core remembers.
#[derive(Default)]
pub(super) struct Known {
    places: HashMap<Place, There, BuildHasherDefault<Mix>>,
    count: usize,
}

/// All that is decided by look-up but for the name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    route: usize,
    server: usize,
    kind: Kind,
    named: Option<Named>,
    roles: u128,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Method(Method),
    Answer,
    Get,
    Delete,
}

/// A cheap hash, for keys that no client chooses: there are as many as the configuration has places, and sets of roles as
/// credentials have. Names are the clients', and hashed with a key.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        // The map looks at the upper bits, and at the lower.
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word as u64);
    }
}

struct There {
    whatever: Lists,
    by_name: HashMap<Box<str>, (Lists, u32)>,
}

impl Known {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    fn room(&mut self) {
        if self.count >= REMEMBERED {
            *self = Self::default();
        }
        self.count += 1;
    }
}

/// The rules that may match. What is remembered is paid for like what is worked out, so that a message is decided on in the
/// same way each time.
///
/// # Errors
/// The rule at which the budget was spent.
pub(super) fn lists(
    book: &Book,
    known: &RefCell<Known>,
    asked: &Asked<'_>,
    budget: &mut Budget,
) -> Result<Lists, (usize, Failed)> {
    let held = book.held(asked.roles);
    let base = LOOK_UP + u32::try_from(asked.named.map_or(0, |(_, name)| name.len()) / 128).unwrap_or(u32::MAX);
    budget.pay(base).map_err(|spent| (first(&book.lists), spent))?;
    let (kind, name) = match asked.said {
        Said::Method(method) => (Kind::Method(method), asked.named.map_or("", |(_, name)| name)),
        Said::Other(name) => (Kind::Method(Method::Other), name),
        Said::Answer => (Kind::Answer, ""),
        Said::Get => (Kind::Get, ""),
        Said::Delete => (Kind::Delete, ""),
    };
    let named = asked.named.map(|(named, _)| named);
    let place = Place { route: asked.route, server: asked.server, kind, named, roles: held };
    if let Some((lists, steps)) = known.borrow().places.get(&place).and_then(|there| there.by_name.get(name)) {
        budget.pay(*steps).map_err(|spent| (first(lists), spent))?;
        return Ok(Rc::clone(lists));
    }
    let known = &mut *known.borrow_mut();
    if !known.places.contains_key(&place) {
        known.room();
        let whatever = filtered(&book.lists, |rule| Ok(book.rules[rule].fits_place(asked, held)), |_| false)?;
        known.places.insert(place, There { whatever, by_name: HashMap::new() });
    }
    let there = known.places.get(&place).expect("it is there, or was just put there");
    let before = budget.left();
    let mut at = 0;
    let fits = |rule: usize| {
        at += 1;
        budget.pay(u32::from(at % TOGETHER == 1))?;
        book.rules[rule].fits_name(asked, budget)
    };
    let lists = filtered(&there.whatever, fits, |rule| book.ends(rule))?;
    if name.len() <= LONGEST {
        known.room();
        // Where room was made, its place is gone with everything else, and is worked out again when it is asked for next.
        if let Some(there) = known.places.get_mut(&place) {
            there.by_name.insert(name.into(), (Rc::clone(&lists), before - budget.left()));
        }
    }
    Ok(lists)
}

/// The first of the rules, for who has to name one.
fn first(lists: &[Box<[u32]>]) -> usize {
    lists.iter().flatten().next().map_or(0, |rule| *rule as usize)
}

/// The rules of each list that fit, up to the first one behind which none is asked.
fn filtered(
    lists: &[Box<[u32]>],
    mut fits: impl FnMut(usize) -> Result<bool, Failed>,
    ends: impl Fn(usize) -> bool,
) -> Result<Lists, (usize, Failed)> {
    let mut kept = |list: &[u32]| {
        let mut kept = Vec::new();
        for rule in list.iter().copied() {
            if fits(rule as usize).map_err(|spent| (rule as usize, spent))? {
                kept.push(rule);
                if ends(rule as usize) {
                    break;
                }
            }
        }
        Ok(kept.into_boxed_slice())
    };
    lists.iter().map(|list| kept(list)).collect()
}
