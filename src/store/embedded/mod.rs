//! The store in the data directory: SQLite, compiled in.
//!
//! ```text
//! DATA/            made with mode 0700 where it is missing
//!   store/         the same
//!     weir.db      mode 0600, as are `weir.db-wal` and `weir.db-shm` beside it
//!     lock         held for as long as a process has the store
//! ```
//!
//! One thread writes, and whoever wants something of it sends it there and awaits the answer. Whatever waits when it comes
//! round is one transaction: one `fsync` for all of them, and none is answered before it. Journal in WAL mode with
//! `synchronous = FULL`, so that what was answered outlives a crash and a power cut.

mod backup;
mod keys;
mod migrations;
mod open;
mod rules;
mod writer;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;

use super::StoreError;

use writer::Writer;

/// How long opening waits for another process to let go of the store: a command beside us takes it for a moment.
pub const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// The embedded store. The last one that is dropped writes down what it was told, and lets go of the files.
#[derive(Debug)]
pub struct Embedded {
    path: PathBuf,
    writer: Writer,
    /// Moves on with each change of keys.
    keys: watch::Sender<u64>,
    /// The same of rules.
    rules: watch::Sender<u64>,
}

impl Embedded {
    /// The store in `data`, made if there is none; another process that has it is waited for that long.
    ///
    /// # Errors
    /// Why it cannot be used; nothing was changed.
    pub fn open(data: &Path, patience: Duration) -> Result<Self, StoreError> {
        let (path, lock, connection) = open::open(data, patience)?;
        let writer = Writer::start(path.clone(), connection, lock)?;
        Ok(Self { path, writer, keys: watch::Sender::default(), rules: watch::Sender::default() })
    }

    /// Whether there is one in `data`; changes nothing.
    ///
    /// # Errors
    /// There is none.
    pub fn is_there(data: &Path) -> Result<(), StoreError> {
        match data.join("store/weir.db").try_exists() {
            Ok(false) => Err(StoreError::None(data.to_owned())),
            _ => Ok(()),
        }
    }

    /// Copies all of it to a new file while it is in use, and gives how long that is. The copy is one moment's, with what
    /// was answered before.
    ///
    /// # Errors
    /// Why there is no copy, nor a part of one.
    pub async fn backup(&self, to: &Path) -> Result<u64, StoreError> {
        let (from, to) = (self.path.clone(), to.to_owned());
        self.writer.beside(move || backup::copy(&from, &to)).await
    }

    /// Does this on the thread of the store, and answers once it is on disk.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.ask(work).await
    }
}

/// Why a piece of work was not done.
#[derive(Debug)]
enum Trouble {
    /// It is to be answered so.
    Said(StoreError),
    /// The engine says no.
    Engine(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

impl Trouble {
    fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Said(error) => error,
            Self::Engine(error) => engine(path, &error),
        }
    }
}

/// Tells whoever watches that something has changed.
fn moved(watched: &watch::Sender<u64>) {
    watched.send_modify(|number| *number = number.wrapping_add(1));
}

/// What the engine says, in our words.
fn engine(path: &Path, error: &rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase};
    match error.sqlite_error_code() {
        Some(DiskFull) => StoreError::Full(path.to_owned()),
        Some(DatabaseCorrupt | NotADatabase) => StoreError::Corrupt(path.to_owned(), error.to_string()),
        Some(DatabaseBusy | DatabaseLocked) => StoreError::Held(path.to_owned()),
        _ => StoreError::failed(path, error.to_string()),
    }
}
