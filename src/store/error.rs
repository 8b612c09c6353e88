//! Why a store did not do what it was asked.

use std::error;
use std::fmt;
use std::io;
use std::path::PathBuf;

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
        path: PathBuf,
        /// The number of its last migration.
        found: u32,
        /// The last one that this version knows.
        known: u32,
    },
    /// A migration that was done is another one here.
    Altered(PathBuf, String),
    /// A file may be read or written by others; its mode.
    Open(PathBuf, u32),
    /// There is no room.
    Full(PathBuf),
    /// A file is there already, where one is to be made.
    Exists(PathBuf),
    /// The operating system, or the engine, says no.
    Failed(PathBuf, String),
    /// There is no such key.
    NoSuchKey(String),
    /// The key was revoked.
    Revoked(String),
    /// The key has expired.
    Expired(String),
    /// It has ended; the log says by what.
    Gone,
}

impl StoreError {
    /// What could not be done to a path.
    pub(super) fn io(what: &str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let (what, path) = (what.to_owned(), path.into());
        move |error| match error.kind() {
            io::ErrorKind::AlreadyExists => Self::Exists(path),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(path),
            _ => Self::Failed(path, format!("cannot {what} it: {error}")),
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
                "there is no store in {}: name the data directory of the daemon (--data); `weir keys add` makes one",
                data.display()
            ),
            Self::Corrupt(path, why) => write!(
                f,
                "{}: this is no store of ours, or it is damaged ({why}). Put a copy of `weir backup` in its place, or move \
                 it away: then a new one is made, without keys",
                path.display()
            ),
            Self::Newer { path, found, known } => write!(
                f,
                "{}: a newer version of Weir has written this store (schema {found}, and this one knows {known}): run that \
                 version, or put back a copy from before",
                path.display()
            ),
            Self::Altered(path, name) => write!(
                f,
                "{}: the migration {name} was another one when it was done: this binary is of another line of versions; run \
                 the one that made the store",
                path.display()
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
            Self::Failed(path, why) => write!(f, "{}: {why}", path.display()),
            Self::NoSuchKey(id) => write!(f, "there is no key {id:?}: `weir keys list` shows them"),
            Self::Revoked(id) => write!(f, "the key {id:?} was revoked, which is for good: make another one"),
            Self::Expired(id) => write!(f, "the key {id:?} has expired: make another one"),
            Self::Gone => f.write_str("the store has ended by a defect; the log says which. Restart the daemon"),
        }
    }
}
