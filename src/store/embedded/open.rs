//! Opening the store: who has it, who may read it, what it is.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::model::clock;

use super::super::StoreError;
use super::{engine, migrations};

/// How often a lock is tried for.
const LOOK: Duration = Duration::from_millis(20);
/// What tells a store of ours from other files of SQLite: "WEIR".
const APPLICATION: i32 = 0x5745_4952;

/// The path of the store, the lock that keeps others out, and the way to it.
pub(super) fn open(data: &Path, patience: Duration) -> Result<(PathBuf, File, Connection), StoreError> {
    let directory = data.join("store");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .map_err(StoreError::io("make the directory of", &directory))?;
    private(&directory, 0o022)?;
    let path = directory.join("weir.db");
    let lock = locked(&directory.join("lock"), patience).map_err(|error| match error {
        StoreError::Held(_) => StoreError::Held(path.clone()),
        other => other,
    })?;
    // SQLite gives the files beside it the mode of this one.
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    file.and_then(|file| file.sync_all()).map_err(StoreError::io("make", &path))?;
    private(&path, 0o077)?;
    let connection = connect(&path)?;
    File::open(&directory).and_then(|opened| opened.sync_all()).map_err(StoreError::io("sync", &directory))?;
    Ok((path, lock, connection))
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let failed = |error| engine(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    let empty = fs::metadata(path).map_err(StoreError::io("look at", path))?.len() == 0;
    if !empty && application != APPLICATION {
        return Err(StoreError::Corrupt(path.to_owned(), "another program's database".to_owned()));
    }
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        return Err(StoreError::failed(path, "the file system carries no write-ahead log".to_owned()));
    }
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    // No file of another's making gets our functions to run.
    connection.pragma_update(None, "trusted_schema", false).map_err(failed)?;
    let checked: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0)).map_err(failed)?;
    if checked != "ok" {
        return Err(StoreError::Corrupt(path.to_owned(), checked));
    }
    if application != APPLICATION {
        connection.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
    }
    migrations::run(path, &mut connection, migrations::ALL)?;
    Ok(connection)
}

/// A lock that nobody else has, once nobody has it. The system lets go of it when the process ends, however it does.
fn locked(path: &Path, patience: Duration) -> Result<File, StoreError> {
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    let lock = lock.map_err(StoreError::io("make", path))?;
    let began = clock::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if clock::now() - began < patience => thread::park_timeout(LOOK),
            Err(TryLockError::WouldBlock) => return Err(StoreError::Held(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(StoreError::io("lock", path)(error)),
        }
    }
}

fn private(path: &Path, forbidden: u32) -> Result<(), StoreError> {
    let mode = fs::metadata(path).map_err(StoreError::io("look at", path))?.permissions().mode() & 0o7777;
    if mode & forbidden == 0 { Ok(()) } else { Err(StoreError::Open(path.to_owned(), mode)) }
}
