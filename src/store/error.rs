//! Why a store did not do what it was asked.

use std::error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why something is not in the store, or not out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Another process has it.
    Held(PathBuf),
    /// There is none in this data directory.
    None(PathBuf),
    /// Its file is no store of ours, or is damaged: which one, and what was found.
    Corrupt(PathBuf, String),
    /// A newer version has written it: which schema it has, and which one is known here.
    Newer {
        /// Where it is.
        at: String,
        /// The number of its last migration.
        found: u32,
        /// The last one that this version knows.
        known: u32,
    },
    /// A migration that was done is another one here.
    Altered(String, String),
    /// A file may be read or written by others; its mode.
    Open(PathBuf, u32),
    /// There is no room.
    Full(PathBuf),
    /// A file is there already, where one is to be made.
    Exists(PathBuf),
    /// The operating system, or the engine, says no: where, and why.
    Failed(String, String),
    /// The database is out of reach; it may be back at any time.
    Away(String, String),
    /// The database does not let us in, or is not the one that it should be.
    Denied(String, String),
    /// The database did not answer in time: whether it was done is not known.
    Late(String),
    /// The database takes no changes.
    ReadOnly(String),
    /// A copy of a database is made by its own tools.
    ByItsTools(String),
    /// What its URL says cannot be used; nothing of it is shown.
    Url(String),
    /// There is no such key.
    NoSuchKey(String),
    /// The key was revoked.
    Revoked(String),
    /// The key has expired.
    Expired(String),
    /// Rules were to be changed at a version, and another one is in force.
    Moved {
        /// The version that was named.
        on: u64,
        /// The version in force.
        found: u64,
    },
    /// There is no such rule.
    NoSuchRule(String),
    /// There is no such version of the rules, or not any more.
    NoSuchVersion(u64),
    /// A change of the rules does not fit them, or is too large: why.
    Unfit(String),
    /// It has ended; the log says by what.
    Gone,
}

impl StoreError {
    /// Something went wrong with a file.
    pub(super) fn failed(path: &Path, why: String) -> Self {
        Self::Failed(path.display().to_string(), why)
    }

    /// Whether it may be otherwise in a moment, without anybody mending anything here.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away(..) | Self::Late(_))
    }

    /// What could not be done to a path.
    pub(super) fn io(what: &str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let (what, path) = (what.to_owned(), path.into());
        move |error| match error.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists(path),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(path),
            _ => Self::failed(&path, format!("cannot {what} it: {error}")),
        }
    }
}

impl error::Error for StoreError {}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(path) => write!(
                f,
                "{}: another process has this store: a Weir that runs with the same data directory. Ask that one, or stop it",
                path.display()
            ),
            Self::None(data) => write!(
                f,
                "there is no store in {}: name the data directory of the daemon (--data); the first key or stored rule makes one",
                data.display()
            ),
            Self::Corrupt(path, why) => write!(
                f,
                "{}: this is no store of ours, or it is damaged ({why}). Put a copy of `weir backup` in its place, or move \
                 it away: then a new one is made, without keys",
                path.display()
            ),
            Self::Newer { at, found, known } => write!(
                f,
                "{at}: a newer version of Weir has written this store (schema {found}, and this one knows {known}): run that \
                 version, or put back a copy from before"
            ),
            Self::Altered(at, name) => write!(
                f,
                "{at}: the migration {name} was another one when it was done: this binary is of another line of versions; run \
                 the one that made the store"
            ),
            Self::Open(path, mode) => write!(
                f,
                "{} may be read or changed by others (mode {mode:04o}), and whoever changes it can let themselves in: chmod \
                 go= it",
                path.display()
            ),
            Self::Full(path) => {
                write!(f, "{}: there is no room for it; nothing was changed. Make room and try again", path.display())
            }
            Self::Exists(path) => write!(f, "{} is there already, and is not written over", path.display()),
            Self::Failed(at, why) => write!(f, "{at}: {why}"),
            Self::Away(at, why) => write!(f, "{at} is out of reach: {why}"),
            Self::Denied(at, why) => write!(f, "{at} cannot be used: {why}"),
            Self::Late(at) => {
                write!(f, "{at} did not answer in time; whether it was done is not known: look, and try again")
            }
            Self::ReadOnly(at) => write!(
                f,
                "{at} takes no changes: it is read-only (a standby, or default_transaction_read_only); nothing was changed"
            ),
            Self::ByItsTools(at) => write!(
                f,
                "{at} has the store ([store] postgres), and `weir backup` copies the embedded one alone: use pg_dump \
                 (pg_dump --schema=weir --format=custom --file=FILE URL), and pg_restore to put it back"
            ),
            Self::Url(why) => write!(f, "[store] postgres: url: {why}"),
            Self::NoSuchKey(id) => write!(f, "there is no key {id:?}: `weir keys list` shows them"),
            Self::Revoked(id) => write!(f, "the key {id:?} was revoked, which is for good: make another one"),
            Self::Expired(id) => write!(f, "the key {id:?} has expired: make another one"),
            Self::Moved { on, found } => {
                write!(f, "the rules are at version {found}, and not at {on} any more: look at them, and try again")
            }
            Self::NoSuchRule(id) => write!(f, "there is no stored rule {id:?}"),
            Self::NoSuchVersion(version) => {
                write!(f, "there is no version {version} of the rules: it is not made yet, or is forgotten")
            }
            Self::Unfit(why) => f.write_str(why),
            Self::Gone => f.write_str("the store has ended by a defect; the log says which. Restart the daemon"),
        }
    }
}
