//! A copy of the store while it is in use, by SQLite's own way for that.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::seal::key_id;

use super::super::StoreError;
use super::engine;

/// Copies the store at `from` to `to`, which must not be there, and gives its length. The copy appears whole or not at
/// all, for its owner alone.
pub(super) fn copy(from: &Path, to: &Path) -> Result<u64, StoreError> {
    if to.symlink_metadata().is_ok() {
        return Err(StoreError::Exists(to.to_owned()));
    }
    let draft = beside(to)?;
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft);
    made.map_err(StoreError::io("write", to))?;
    let copied = filled(from, &draft).and_then(|length| {
        // A link, unlike a rename, fails where the name has been taken.
        fs::hard_link(&draft, to).map_err(StoreError::io("write", to)).map(|()| length)
    });
    for file in [draft.clone(), with(&draft, "-journal"), with(&draft, "-wal"), with(&draft, "-shm")] {
        let _ = fs::remove_file(file);
    }
    let length = copied?;
    let directory = to.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|opened| opened.sync_all()).map_err(StoreError::io("sync", directory))?;
    Ok(length)
}

fn filled(from: &Path, draft: &Path) -> Result<u64, StoreError> {
    let read = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, read).map_err(|error| engine(from, &error))?;
    let write = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = |error| engine(draft, &error);
    let mut target = Connection::open_with_flags(draft, write).map_err(failed)?;
    {
        // In one step: it reads one moment's state, and with the write-ahead log it holds up nobody who writes.
        let backup = Backup::new(&source, &mut target).map_err(failed)?;
        match backup.step(-1).map_err(failed)? {
            StepResult::Done => {}
            other => return Err(StoreError::failed(draft, format!("the copy was not finished: {other:?}"))),
        }
    }
    // One file: a copy that needs others beside it is not moved as a whole.
    target.pragma_update(None, "journal_mode", "DELETE").map_err(failed)?;
    target.close().map_err(|(_, error)| failed(error))?;
    let file = File::open(draft).map_err(StoreError::io("read", draft))?;
    file.sync_all().map_err(StoreError::io("sync", draft))?;
    Ok(file.metadata().map_err(StoreError::io("look at", draft))?.len())
}

/// A name beside that nobody else takes.
fn beside(to: &Path) -> Result<PathBuf, StoreError> {
    let name = to.file_name().ok_or_else(|| StoreError::failed(to, "this names no file".to_owned()))?;
    let mut draft = std::ffi::OsString::from(".");
    draft.push(name);
    draft.push(format!(".{}", key_id()));
    Ok(to.with_file_name(draft))
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
