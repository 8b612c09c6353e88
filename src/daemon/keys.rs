//! API keys as the daemon holds them: the store behind, and in front of it the table that all cores read. An order has
//! been done once it is in both. What another node has changed in a store that is shared comes in by its news.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::runtime::Builder;
use tokio::sync::{Notify, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::config;
use crate::model::{ApiKey, KeyAnswer, KeyOrder, NewKey, Shown, Undone, clock};
use crate::seal::{KeySecret, key_id};
use crate::stages::authenticate::{KeyTable, SharedKeys};
use crate::store::{Key, KeyBook, Rotation, Store, StoreError};

use super::stores::Stores;

/// How often it is written down when keys were used: what a crash loses of that.
const WRITE_BACK: Duration = Duration::from_secs(10);
/// How long a stop waits for the last of that: the store may be away.
const LAST: Duration = Duration::from_secs(2);
/// How long it rests before keys are read again, where that has failed.
const REST: Duration = Duration::from_secs(1);

/// The keys of a daemon, once anybody needs them. They last as long as it does.
#[derive(Clone)]
pub(super) struct Keys {
    stores: Stores,
    opened: Arc<Mutex<Option<Arc<Book>>>>,
    /// There is somebody to follow.
    open: Arc<Notify>,
}

struct Book {
    store: Arc<Store>,
    shared: SharedKeys,
    /// Taken by whoever changes the store, until the table has it as well: so the last one in is the newest.
    changing: tokio::sync::Mutex<Written>,
}

/// When keys were used, as it is written down.
type Written = HashMap<Box<str>, u64>;

impl Keys {
    pub(super) fn new(stores: Stores) -> Self {
        Self { stores, opened: Arc::default(), open: Arc::default() }
    }

    /// The table in force. Opens the store where that has not been done; that may take a while.
    pub(super) fn open(&self) -> anyhow::Result<SharedKeys> {
        self.book().map(|book| Arc::clone(&book.shared)).context("the store of API keys")
    }

    fn book(&self) -> Result<Arc<Book>, StoreError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(book) = &*opened {
            return Ok(Arc::clone(book));
        }
        let store = self.stores.open()?;
        let keys = waited(store.all())?;
        let written = keys.iter().filter_map(|key| Some((key.facts.id.clone(), key.facts.used?))).collect();
        let shared = Arc::new(ArcSwap::from_pointee(KeyTable::new(keys, &KeyTable::default())));
        let book = Arc::new(Book { store, shared, changing: tokio::sync::Mutex::new(written) });
        *opened = Some(Arc::clone(&book));
        self.open.notify_one();
        Ok(book)
    }

    /// The store, from a task.
    async fn asked(&self) -> Result<Arc<Book>, Undone> {
        let keys = self.clone();
        let book = spawn_blocking(move || keys.book()).await;
        book.map_err(|_| Undone::Draining)?.map_err(refused)
    }

    /// Does what an operator asks for, on a task of its own.
    pub(super) fn obey(&self, order: KeyOrder, answer: oneshot::Sender<Result<KeyAnswer, Undone>>) {
        let keys = self.clone();
        tokio::spawn(async move {
            // Whoever gave it may have gone.
            let _ = answer.send(keys.done(order).await);
        });
    }

    async fn done(&self, order: KeyOrder) -> Result<KeyAnswer, Undone> {
        let book = self.asked().await?;
        let mut written = book.changing.lock().await;
        // What is shown is as new as what was used, where a store takes changes at all.
        match book.write_back(&mut written).await {
            Ok(()) | Err(StoreError::ReadOnly(_)) => {}
            Err(error) => return Err(refused(error)),
        }
        let answer = carry_out(&*book.store, order).await.map_err(refused)?;
        if !matches!(answer, KeyAnswer::Listed(_)) {
            // From here on no core takes what is not taken any more.
            book.take_in().await.map_err(refused)?;
        }
        Ok(answer)
    }

    /// Copies the store for an operator, on a task of its own.
    pub(super) fn back_up(&self, to: PathBuf, answer: oneshot::Sender<Result<u64, Undone>>) {
        let keys = self.clone();
        tokio::spawn(async move {
            let copied = match keys.asked().await {
                Ok(book) => book.store.backup(&to).await.map_err(refused),
                Err(undone) => Err(undone),
            };
            if let Ok(bytes) = copied {
                tracing::info!(to = %to.display(), bytes, "the store was copied");
            }
            let _ = answer.send(copied);
        });
    }

    /// Writes down when keys were used, for as long as the daemon runs.
    pub(super) async fn write_back(self) {
        let mut ticks = interval(WRITE_BACK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // Whoever opens the store may be at it for a while, and then nothing has been used yet.
            let book = self.opened.try_lock().ok().and_then(|opened| opened.clone());
            if let Some(book) = book {
                book.settle().await;
            }
        }
    }

    /// Takes in what others change, for as long as the daemon runs.
    pub(super) async fn follow(self) {
        self.open.notified().await;
        let Some(mut changes) = self.opened().map(|book| book.store.key_changes()) else { return };
        loop {
            changes.borrow_and_update();
            // It is not held on to between two changes: whoever closes it is the last one.
            let Some(book) = self.opened() else { return };
            let read = {
                let _changing = book.changing.lock().await;
                book.take_in().await
            };
            drop(book);
            match read {
                Ok(()) if changes.changed().await.is_err() => return,
                Ok(()) => {}
                Err(why) => {
                    // That it is away is said once, by the store.
                    if !why.is_away() {
                        tracing::warn!(%why, "API keys could not be read again; those that are known stay in force");
                    }
                    sleep(REST).await;
                }
            }
        }
    }

    fn opened(&self) -> Option<Arc<Book>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes down the last uses, and lets go of the store.
    pub(super) async fn close(&self) {
        let book = self.opened.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(book) = book {
            if timeout(LAST, book.settle()).await.is_err() {
                tracing::warn!("it was not written down when API keys were used last: the store does not answer");
            }
            // The files are closed on whichever thread this is; nothing else runs on it any more.
            drop(book);
        }
    }
}

impl Book {
    async fn settle(&self) {
        let mut written = self.changing.lock().await;
        if let Err(why) = self.write_back(&mut written).await {
            tracing::warn!(%why, "it was not written down when API keys were used; it is tried again");
        }
    }

    /// Puts into force what is in the store, by whomever.
    async fn take_in(&self) -> Result<(), StoreError> {
        let keys = self.store.all().await?;
        if !self.shared.load().is_of(&keys) {
            let table = KeyTable::new(keys, &self.shared.load());
            self.shared.store(Arc::new(table));
        }
        Ok(())
    }

    async fn write_back(&self, written: &mut Written) -> Result<(), StoreError> {
        let uses: Vec<(Box<str>, u64)> = {
            let table = self.shared.load();
            let newer = |(key, at): &(&ApiKey, u64)| written.get(&key.id).is_none_or(|known| known < at);
            table.uses().filter(newer).map(|(key, at)| (key.id.clone(), at)).collect()
        };
        if uses.is_empty() {
            return Ok(());
        }
        self.store.used(uses.clone()).await?;
        written.extend(uses);
        Ok(())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("stores", &self.stores).finish_non_exhaustive()
    }
}

/// Does this in the store without a daemon; waits so long for another process that has it.
///
/// # Errors
/// Why it was not done; [`StoreError::Held`] where a process has the store.
pub fn keys_here(
    store: &config::Store,
    data: &Path,
    order: KeyOrder,
    patience: Duration,
) -> Result<KeyAnswer, StoreError> {
    // A mistyped directory should not become one.
    if !matches!(order, KeyOrder::Add(_)) {
        Store::is_there(store, data)?;
    }
    let store = Store::open(store, data, patience)?;
    waited(carry_out(&store, order))
}

/// The same for a copy of the store.
///
/// # Errors
/// As [`keys_here`].
pub fn backup_here(store: &config::Store, data: &Path, to: &Path, patience: Duration) -> Result<u64, StoreError> {
    Store::is_there(store, data)?;
    let store = Store::open(store, data, patience)?;
    waited(store.backup(to))
}

async fn carry_out(book: &impl KeyBook, order: KeyOrder) -> Result<KeyAnswer, StoreError> {
    let now = clock::unix_seconds();
    match order {
        KeyOrder::List => {
            let keys = book.all().await?;
            Ok(KeyAnswer::Listed(keys.into_iter().map(|key| key.facts).collect()))
        }
        KeyOrder::Add(new) => {
            let secret = KeySecret::generate();
            let facts = facts(new, now);
            book.add(Key { facts: facts.clone(), digest: secret.digest(), before: None }).await?;
            tracing::info!(key = %facts.id, owner = %facts.owner, "an API key was made");
            Ok(KeyAnswer::Made(facts, Shown(secret.into_text())))
        }
        KeyOrder::Revoke(id) => {
            let facts = book.revoke(&id, now).await?.facts;
            tracing::info!(key = %facts.id, owner = %facts.owner, "an API key was revoked");
            Ok(KeyAnswer::Revoked(facts))
        }
        KeyOrder::Rotate(id, overlap) => {
            let secret = KeySecret::generate();
            let rotation = Rotation { digest: secret.digest(), at: now, until: now.saturating_add(overlap.as_secs()) };
            let facts = book.rotate(&id, rotation).await?.facts;
            tracing::info!(key = %facts.id, owner = %facts.owner, "an API key was rotated");
            Ok(KeyAnswer::Made(facts, Shown(secret.into_text())))
        }
    }
}

fn facts(new: NewKey, now: u64) -> ApiKey {
    let boxed = |names: Vec<String>| names.into_iter().map(String::into_boxed_str).collect();
    ApiKey {
        id: key_id().into(),
        owner: new.owner.into(),
        roles: boxed(new.roles),
        scopes: boxed(new.scopes),
        created: now,
        expires: new.life.map(|life| now.saturating_add(life.as_secs())),
        used: None,
        revoked: None,
        rotated: None,
    }
}

fn refused(error: StoreError) -> Undone {
    Undone::Refused(error.to_string())
}

/// Waits for the store where there is no runtime to do so, or beside it.
pub(super) fn waited<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let runtime = Builder::new_current_thread().build();
    let failed = |error| StoreError::Failed("the store".to_owned(), format!("cannot wait for the store: {error}"));
    runtime.map_err(failed)?.block_on(asked)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;
    use crate::stages::authenticate::{Authenticator, Looked, Place, Presented};

    async fn made(keys: &Keys, owner: &str) -> Shown {
        let new = NewKey { owner: owner.to_owned(), roles: vec![], scopes: vec![], life: None };
        match keys.done(KeyOrder::Add(new)).await {
            Ok(KeyAnswer::Made(_, secret)) => secret,
            other => panic!("{other:?}"),
        }
    }

    /// Whom a core that reads this table takes for the bearer of a key.
    fn bearer(shared: &SharedKeys, secret: &Shown) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::from_str(&secret.0).unwrap());
        let authenticator = Authenticator::without_credentials(Box::default()).with_keys(Arc::clone(shared));
        match authenticator.check(&Presented { headers: &headers, address: None, certificate: None }, &Place::default())
        {
            Looked::Done(found) => found.ok().map(|found| found.principal().shown().to_owned()),
            Looked::Asking(_) => panic!("nobody is to be asked"),
        }
    }

    #[tokio::test]
    async fn uses_are_written_down_while_it_runs() {
        let data = tempfile::tempdir().unwrap();
        let keys = Keys::new(Stores::new(&config::Store::default(), data.path()));
        let secret = made(&keys, "ann").await;
        let shared = keys.open().unwrap();
        assert_eq!(bearer(&shared, &secret).as_deref(), Some("ann"));
        let running = tokio::spawn(keys.clone().write_back());
        let book = keys.asked().await.unwrap();
        while book.store.all().await.unwrap()[0].facts.used.is_none() {}
        running.abort();
    }

    #[tokio::test]
    async fn of_orders_at_once_none_is_lost() {
        let data = tempfile::tempdir().unwrap();
        let keys = Keys::new(Stores::new(&config::Store::default(), data.path()));
        let owners: Vec<_> = (0..20).map(|number| format!("owner-{number}")).collect();
        let orders = owners.iter().map(|owner| {
            let (keys, owner) = (keys.clone(), owner.clone());
            tokio::spawn(async move { made(&keys, &owner).await })
        });
        let orders: Vec<_> = orders.collect();
        for (order, owner) in orders.into_iter().zip(&owners) {
            let secret = order.await.unwrap();
            assert_eq!(bearer(&keys.open().unwrap(), &secret).as_ref(), Some(owner));
        }
    }
}
