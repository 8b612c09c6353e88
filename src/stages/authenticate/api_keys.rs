//! API keys on one core: a look-up in what all cores share, which is replaced whole wherever a key is made, rotated or
//! revoked. Nothing here waits for the store.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use aws_lc_rs::constant_time;

use crate::model::{ApiKey, Caller, Means, Principal, clock};
use crate::seal::{KeyDigest, key_digest};
use crate::store::Key;
use crate::telemetry::UntakenKey as Flaw;

/// Who vouches for the owner of a key. No issuer of tokens is called so: the configuration refuses it.
pub const ISSUER: &str = "weir-api-keys";

/// All keys, as they are now. It is replaced whole; what counts uses stays.
#[derive(Debug, Default)]
pub struct KeyTable {
    keys: Box<[Held]>,
    /// By the first bytes of what is kept of a secret: the places of the secrets that begin so.
    secrets: HashMap<u64, Vec<Secret>, BuildHasherDefault<Prefix>>,
}

#[derive(Debug)]
struct Held {
    facts: ApiKey,
    used: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Secret {
    digest: KeyDigest,
    /// The place of its key.
    key: usize,
    /// From when on it is not taken, and why.
    until: u64,
    then: Flaw,
}

/// What the caller is told. Who has a key that was one learns no more of it than who has guessed.
pub(super) fn advice(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Mistyped => "the API key is not whole: a letter of it is wrong, or missing",
        _ => "the API key is not taken: ask whoever runs this gateway for another one",
    }
}

/// What the log says.
pub(super) fn note(flaw: Flaw) -> &'static &'static str {
    match flaw {
        Flaw::Mistyped => &"the API key is mistyped: its checksum is another one",
        Flaw::Unknown => &"there is no such API key",
        Flaw::Expired => &"the API key has expired",
        Flaw::Rotated => &"the API key was rotated, and this is the secret of before",
        Flaw::Revoked => &"the API key was revoked",
    }
}

impl KeyTable {
    /// These keys. What is known in `before` goes on counting its uses.
    pub fn new(keys: Vec<Key>, before: &Self) -> Self {
        let known: HashMap<&str, &Arc<AtomicU64>> =
            before.keys.iter().map(|held| (&*held.facts.id, &held.used)).collect();
        let mut table = Self::default();
        let mut held = Vec::with_capacity(keys.len());
        for Key { facts, digest, before } in keys {
            let at = held.len();
            let end = facts.expires.unwrap_or(u64::MAX);
            table.put(Secret { digest, key: at, until: end, then: Flaw::Expired }, &facts);
            if let (Some(digest), Some((_, until))) = (before, facts.rotated) {
                let (until, then) = if end < until { (end, Flaw::Expired) } else { (until, Flaw::Rotated) };
                table.put(Secret { digest, key: at, until, then }, &facts);
            }
            let used = known.get(&*facts.id).map(|used| Arc::clone(used));
            let used = used.unwrap_or_else(|| Arc::new(AtomicU64::new(facts.used.unwrap_or(0))));
            held.push(Held { facts, used });
        }
        table.keys = held.into();
        table
    }

    /// Whether it is of these keys, whenever they were used: then nothing has to take its place.
    pub fn is_of(&self, keys: &[Key]) -> bool {
        let known = |secret: &KeyDigest, at| {
            let alike = self.secrets.get(&prefix(secret)).map_or(&[][..], Vec::as_slice);
            alike.iter().any(|known| known.key == at && known.digest == *secret)
        };
        let same = |(at, (held, key)): (usize, (&Held, &Key))| {
            let facts = ApiKey { used: held.facts.used, ..key.facts.clone() };
            facts == held.facts && known(&key.digest, at) && key.before.is_none_or(|before| known(&before, at))
        };
        self.keys.len() == keys.len() && self.keys.iter().zip(keys).enumerate().all(same)
    }

    fn put(&mut self, mut secret: Secret, facts: &ApiKey) {
        if facts.revoked.is_some() {
            (secret.until, secret.then) = (0, Flaw::Revoked);
        }
        self.secrets.entry(prefix(&secret.digest)).or_default().push(secret);
    }

    /// The place of the key that has this secret.
    fn find(&self, digest: &KeyDigest, now: u64) -> Result<usize, Flaw> {
        let alike = self.secrets.get(&prefix(digest)).map_or(&[][..], Vec::as_slice);
        let equal = |secret: &&Secret| constant_time::verify_slices_are_equal(&secret.digest, digest).is_ok();
        let secret = alike.iter().find(equal).ok_or(Flaw::Unknown)?;
        if now < secret.until { Ok(secret.key) } else { Err(secret.then) }
    }

    /// When which key was used last, of those that were.
    pub fn uses(&self) -> impl Iterator<Item = (&ApiKey, u64)> {
        self.keys.iter().map(|held| (&held.facts, held.used.load(Ordering::Relaxed))).filter(|(_, used)| *used > 0)
    }
}

/// All cores' way to the keys in force.
pub type SharedKeys = Arc<ArcSwap<KeyTable>>;

/// The same on one core, with the principals that it has met.
pub(super) struct ApiKeys {
    shared: SharedKeys,
    here: RefCell<Here>,
}

struct Here {
    table: Arc<KeyTable>,
    /// By the place of the key.
    principals: Box<[OnceCell<Principal>]>,
}

impl Here {
    fn of(table: Arc<KeyTable>) -> Self {
        let principals = table.keys.iter().map(|_| OnceCell::new()).collect();
        Self { table, principals }
    }
}

impl ApiKeys {
    pub(super) fn new(shared: SharedKeys) -> Self {
        let here = RefCell::new(Here::of(shared.load_full()));
        Self { shared, here }
    }

    /// Whose key this is.
    pub(super) fn check(&self, text: &str) -> Result<Principal, Flaw> {
        let digest = key_digest(text).ok_or(Flaw::Mistyped)?;
        let mut here = self.here.borrow_mut();
        {
            // What is in force now, and not what this core has met last: a key that was revoked is one for nobody.
            let table = self.shared.load();
            if !Arc::ptr_eq(&table, &here.table) {
                *here = Here::of(Arc::clone(&table));
            }
        }
        let now = clock::unix_seconds();
        let at = here.table.find(&digest, now)?;
        let held = &here.table.keys[at];
        // Cores share this line of memory, and change it once a second at most.
        if held.used.load(Ordering::Relaxed) < now {
            held.used.store(now, Ordering::Relaxed);
        }
        Ok(here.principals[at].get_or_init(|| principal(&held.facts)).clone())
    }
}

/// Whoever has a key is its owner: that stays the same when it is rotated, and with another key of theirs.
fn principal(facts: &ApiKey) -> Principal {
    Principal::new(Caller {
        means: Means::ApiKey,
        issuer: ISSUER.into(),
        subject: facts.owner.clone(),
        roles: facts.roles.clone(),
        scopes: facts.scopes.clone(),
    })
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").field("keys", &self.here.borrow().table.keys.len()).finish_non_exhaustive()
    }
}

fn prefix(digest: &KeyDigest) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_ne_bytes(first)
}

/// The beginning of a digest is as good as any hash of it; and nobody chooses it who cannot turn SHA-256 around.
#[derive(Debug, Default)]
struct Prefix(u64);

impl Hasher for Prefix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |sum, byte| (sum << 8) ^ u64::from(*byte));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::KeySecret;

    fn key(id: &str, secret: &KeySecret) -> Key {
        let facts = ApiKey {
            id: id.into(),
            owner: "ann".into(),
            roles: ["user".into()].into(),
            scopes: Box::default(),
            created: 1,
            expires: None,
            used: None,
            revoked: None,
            rotated: None,
        };
        Key { facts, digest: secret.digest(), before: None }
    }

    fn shared(keys: Vec<Key>) -> SharedKeys {
        Arc::new(ArcSwap::from_pointee(KeyTable::new(keys, &KeyTable::default())))
    }

    fn now() -> u64 {
        clock::unix_seconds()
    }

    #[test]
    fn a_key_is_its_owner_until_it_is_revoked() {
        let secret = KeySecret::generate();
        let shared = shared(vec![key("a", &secret)]);
        let cores = [ApiKeys::new(Arc::clone(&shared)), ApiKeys::new(Arc::clone(&shared))];
        for core in &cores {
            let caller = core.check(secret.text()).unwrap().caller().clone();
            assert_eq!((caller.means, &*caller.issuer, &*caller.subject), (Means::ApiKey, ISSUER, "ann"));
            assert_eq!(core.check(KeySecret::generate().text()), Err(Flaw::Unknown));
            assert_eq!(core.check(&secret.text().to_lowercase()), Err(Flaw::Mistyped));
        }
        let mut revoked = key("a", &secret);
        revoked.facts.revoked = Some(5);
        let next = KeyTable::new(vec![revoked], &shared.load());
        shared.store(Arc::new(next));
        for core in &cores {
            assert_eq!(core.check(secret.text()), Err(Flaw::Revoked));
        }
    }

    #[test]
    fn a_table_is_of_its_keys_and_of_no_others() {
        let (one, other) = (KeySecret::generate(), KeySecret::generate());
        let keys = vec![key("a", &one), key("b", &other)];
        let table = KeyTable::new(keys.clone(), &KeyTable::default());
        let with = |change: fn(&mut Vec<Key>)| {
            let mut keys = keys.clone();
            change(&mut keys);
            table.is_of(&keys)
        };
        assert!(with(|_| {}) && with(|keys| keys[0].facts.used = Some(7)), "that a key was used changes nothing");
        assert!(
            !with(|keys| _ = keys.pop()) && !with(|keys| keys.push(keys[0].clone())) && !with(|keys| keys.swap(0, 1))
        );
        assert!(!with(|keys| keys[1].facts.revoked = Some(5)) && !with(|keys| keys[1].facts.roles = Box::default()));
        assert!(!with(|keys| keys[0].digest = [7; 32]) && !with(|keys| keys[0].digest = keys[1].digest));
        assert!(!with(|keys| keys[0].before = Some([7; 32])));
    }

    #[test]
    fn a_rotated_key_is_the_same_caller_and_the_secret_of_before_ends() {
        let (old, new) = (KeySecret::generate(), KeySecret::generate());
        let mut rotated = key("a", &new);
        rotated.before = Some(old.digest());
        for (until, expires, before) in [
            (now() + 60, None, Ok(())),
            (now(), None, Err(Flaw::Rotated)),
            (now() + 60, Some(now()), Err(Flaw::Expired)),
        ] {
            (rotated.facts.rotated, rotated.facts.expires) = (Some((1, until)), expires);
            let core = ApiKeys::new(shared(vec![rotated.clone()]));
            assert_eq!(core.check(old.text()).map(|_| ()), before);
            let same = before.is_ok().then(|| core.check(old.text()) == core.check(new.text()));
            assert!(same.unwrap_or(true));
            assert_eq!(core.check(new.text()).is_ok(), expires.is_none());
        }
    }

    #[test]
    fn uses_are_counted_over_another_table() {
        let secret = KeySecret::generate();
        let shared = shared(vec![key("a", &secret), key("b", &KeySecret::generate())]);
        let core = ApiKeys::new(Arc::clone(&shared));
        let began = now();
        core.check(secret.text()).unwrap();
        let next = KeyTable::new(vec![key("a", &secret)], &shared.load());
        shared.store(Arc::new(next));
        let table = shared.load();
        let uses: Vec<_> = table.uses().map(|(facts, used)| (&*facts.id, used >= began)).collect();
        assert_eq!(uses, [("a", true)]);
    }

    #[test]
    fn keys_that_begin_alike_are_told_apart() {
        let mut table = KeyTable::default();
        let facts = key("a", &KeySecret::generate()).facts;
        let [one, other] = [1, 2].map(|last| {
            let mut digest = [7; 32];
            digest[31] = last;
            digest
        });
        for (key, digest) in [one, other].into_iter().enumerate() {
            table.put(Secret { digest, key, until: 9, then: Flaw::Expired }, &facts);
        }
        assert_eq!(
            (table.find(&one, 8), table.find(&other, 8), table.find(&other, 9)),
            (Ok(0), Ok(1), Err(Flaw::Expired))
        );
        assert_eq!(table.find(&[7; 32], 1), Err(Flaw::Unknown));
    }
}
