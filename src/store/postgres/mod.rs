//! The store that nodes share: a database of PostgreSQL, in a schema of its own.
//!
//! ```text
//! any task --ask--> channel --> the store's thread: a task each --> pool of connections --> PostgreSQL
//!                                                    listener   <-- one connection more  <-- NOTIFY, by triggers
//! watch channels <-- news: what has changed, by whomever; board: whether the database is there
//! ```
//!
//! Connections belong to the runtime that opened them, so the store has a thread with one of its own, and whoever wants
//! something sends it there and awaits the answer. Everything has an end: a connection [`CONNECT`](url), a piece of work
//! [`PATIENCE`], and a connection that did not answer is not used again. Nothing on the data path waits for any of it.

mod keys;
mod leases;
mod listener;
mod login;
mod migrations;
mod open;
mod rules;
mod tls;
mod trouble;
mod url;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{Client, Pool};
use tokio::sync::watch;

use crate::config;
use crate::model::leases::Secret;

use super::StoreError;

use trouble::Trouble;
use writer::Writer;

pub use open::{Probed, probe};

/// How long a piece of work may take, once it has a connection; and how long it waits for one.
const PATIENCE: Duration = Duration::from_secs(5);

/// A database of PostgreSQL. The last one that is dropped lets go of its connections.
#[derive(Debug)]
pub struct Postgres {
    at: String,
    writer: Writer,
    news: Arc<News>,
    board: Arc<Board>,
    pool: Pool,
    /// What keys of limits are hashed with on all nodes.
    secret: Secret,
}

/// What has changed in the database, by whomever: a number that moves on.
#[derive(Debug, Default)]
struct News {
    keys: watch::Sender<u64>,
    rules: watch::Sender<u64>,
}

/// How the database fares.
#[derive(Debug, Default)]
struct Board {
    /// Why it is away, where it is.
    away: watch::Sender<Option<String>>,
    asked: AtomicU64,
    failed: AtomicU64,
}

/// What is seen of the store from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether the database is away.
    pub away: bool,
    /// Pieces of work that were asked for.
    pub asked: u64,
    /// Those of them that the database did not do.
    pub failed: u64,
    /// Connections that are open, but for the one that listens.
    pub open: u64,
    /// Those of them that nobody uses.
    pub idle: u64,
    /// How many wait for one.
    pub waiting: u64,
}

impl Postgres {
    /// The database that these settings name, its schema made or brought up to date. One that is away is waited for that
    /// long. Blocks: not for a task.
    ///
    /// # Errors
    /// Why it cannot be used; nothing was changed.
    pub fn open(settings: &config::Postgres, patience: Duration) -> Result<Self, StoreError> {
        open::open(settings, patience, listener::ANEW)
    }

    /// What is wrong with the place of the URL, and with the URL; nobody is asked.
    ///
    /// # Errors
    /// In words, without any of it.
    pub fn check(settings: &config::Postgres) -> Result<(), StoreError> {
        login::read(&settings.url).map(|_| ())
    }

    /// Where it is, without the password.
    pub fn at(&self) -> &str {
        &self.at
    }

    /// Whether it is away, and why; moves on as that changes.
    pub fn away(&self) -> watch::Receiver<Option<String>> {
        self.board.away.subscribe()
    }

    /// How it fares.
    pub fn look(&self) -> Seen {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let pool = self.pool.status();
        Seen {
            away: self.board.away.borrow().is_some(),
            asked: count(&self.board.asked),
            failed: count(&self.board.failed),
            open: pool.size as u64,
            idle: pool.available as u64,
            waiting: pool.waiting as u64,
        }
    }

    /// Does this with a connection, on the thread of the store.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.board.asked.fetch_add(1, Ordering::Relaxed);
        let done = self.writer.ask(work).await;
        // What is the caller's own mistake is none of the database's.
        let failed = matches!(
            done,
            Err(StoreError::Away(..)
                | StoreError::Late(_)
                | StoreError::Denied(..)
                | StoreError::ReadOnly(_)
                | StoreError::Failed(..)
                | StoreError::Gone)
        );
        self.board.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
        done
    }
}
