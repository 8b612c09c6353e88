//! Files that the configuration was made of, watched: a change reloads.
//!
//! Directories are watched, not files: editors, package managers and mounted secrets replace a file by another of the
//! same name. What happened in a directory may concern other files, so contents decide; and a file may be half written,
//! so they are looked at once it has been quiet for a moment. A thread of its own waits for the kernel's events.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::retry_on_intr;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::config::{mark, mark_of_names, read_file};

/// How long it has to be quiet in the directories, and the longest that is waited for it.
const QUIET: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(3);
/// No file of a configuration is longer.
const MOST_BYTES: usize = 16 << 20;

/// The files of the generation in force, each with the mark of what was in it when it was read.
pub(super) struct Watch {
    files: BTreeMap<PathBuf, u64>,
    kernel: Option<Kernel>,
}

/// The kernel's side of it.
struct Kernel {
    events: Arc<OwnedFd>,
    happened: Arc<Notify>,
    directories: BTreeMap<PathBuf, i32>,
}

impl Watch {
    /// Watches nothing yet.
    pub(super) fn new() -> Self {
        Self { files: BTreeMap::new(), kernel: None }
    }

    /// Watches these files from now on. Of some it is known what was read, of the others it is what is in them now.
    pub(super) fn watch(&mut self, files: BTreeMap<PathBuf, Option<u64>>) {
        let watched = match (&mut self.kernel, files.is_empty()) {
            (None, true) => Ok(()),
            (Some(kernel), _) => kernel.watch(directories(files.keys())),
            (None, false) => Kernel::start().and_then(|mut kernel| {
                kernel.watch(directories(files.keys()))?;
                self.kernel = Some(kernel);
                Ok(())
            }),
        };
        if let Err(error) = watched {
            tracing::warn!(%error, "files cannot be watched; SIGHUP and POST /api/v1/reload still reload");
        }
        let known = std::mem::take(&mut self.files);
        let marked = files.into_iter().map(|(file, read)| {
            let mark = read.or_else(|| known.get(&file).copied()).unwrap_or_else(|| contents(&file));
            (file, mark)
        });
        self.files = marked.collect();
        // What changed before its directory was watched made no event.
        if let Some(kernel) = self.kernel.as_ref().filter(|_| self.is_changed()) {
            kernel.happened.notify_one();
        }
    }

    /// What is in the files now is about to be read.
    pub(super) fn note(&mut self) {
        self.files.iter_mut().for_each(|(file, mark)| *mark = contents(file));
    }

    fn is_changed(&self) -> bool {
        self.files.iter().any(|(file, mark)| contents(file) != *mark)
    }

    /// Returns when one of the files has changed.
    pub(super) async fn changed(&mut self) {
        loop {
            let Some(kernel) = &mut self.kernel else { return pending().await };
            let happened = Arc::clone(&kernel.happened);
            happened.notified().await;
            // Each event begins the quiet anew.
            let quiet = async { while timeout(QUIET, happened.notified()).await.is_ok() {} };
            let _ = timeout(PATIENCE, quiet).await;
            // A directory may have been replaced, or be back. What cannot be watched was told when that was asked for.
            let _ = kernel.watch(directories(self.files.keys()));
            if self.is_changed() {
                return;
            }
        }
    }
}

impl Kernel {
    fn start() -> io::Result<Self> {
        let events = Arc::new(inotify::init(CreateFlags::CLOEXEC)?);
        let happened = Arc::new(Notify::new());
        let (read, told) = (Arc::clone(&events), Arc::clone(&happened));
        let wait = move || {
            // Which event it was says less than the files themselves.
            while retry_on_intr(|| rustix::io::read(&read, &mut [0u8; 4096])).is_ok() {
                told.notify_one();
            }
        };
        thread::Builder::new().name("weir-watch".into()).spawn(wait)?;
        Ok(Self { events, happened, directories: BTreeMap::new() })
    }

    /// Watches these directories and no others. One that was replaced meanwhile is watched anew.
    fn watch(&mut self, wanted: BTreeSet<PathBuf>) -> io::Result<()> {
        let of = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVE_SELF
            | WatchFlags::DELETE_SELF
            | WatchFlags::DELETE;
        let (mut watched, mut failed) = (BTreeMap::new(), None);
        for directory in wanted {
            match inotify::add_watch(&*self.events, &directory, of) {
                Ok(number) => _ = watched.insert(directory, number),
                // One that may not be listed is no reason to lose the others.
                Err(error) => failed = Some(error),
            }
        }
        for number in self.directories.values().filter(|number| !watched.values().any(|kept| kept == *number)) {
            // It is gone already where its directory is.
            let _ = inotify::remove_watch(&*self.events, *number);
        }
        self.directories = watched;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// The directories where the files are, and where those are that links lead to; of a directory that is gone the next one
/// above it, where it would come back. A link on the way is watched where it is.
fn directories<'a>(files: impl Iterator<Item = &'a PathBuf>) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    for file in files {
        let linked = file.canonicalize().ok();
        let links = file.ancestors().filter(|path| path.is_symlink());
        for path in links.chain([file.as_path()]).chain(linked.as_deref()) {
            let behind = usize::from(path.is_symlink() || !path.is_dir());
            let above =
                path.ancestors().skip(behind).map(|at| if at.as_os_str().is_empty() { Path::new(".") } else { at });
            all.extend(above.into_iter().find(|at| at.is_dir()).map(Path::to_owned));
        }
    }
    all
}

/// The mark of what is in a file; of a directory, of the names that are in it.
fn contents(path: &Path) -> u64 {
    if let Some(mark) = mark_of_names(path) {
        return mark;
    }
    // A file that is gone differs from every other: no text of ours begins so.
    // Nor is a pipe waited for, whenever it has taken a file's place.
    read_file(path, MOST_BYTES)
        .map_or_else(|error| mark(format!("\0{:?}", error.kind()).as_bytes()), |text| mark(&text))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    async fn seen(watch: &mut Watch) {
        timeout(Duration::from_secs(60), watch.changed()).await.expect("it is seen");
        watch.note();
    }

    #[tokio::test]
    async fn a_file_that_is_written_replaced_or_linked_anew_is_seen() {
        let root = tempfile::tempdir().unwrap();
        let (file, link, next) = (root.path().join("a"), root.path().join("link"), root.path().join("next"));
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(&file, "1").unwrap();
        fs::write(elsewhere.path().join("b"), "1").unwrap();
        std::os::unix::fs::symlink(elsewhere.path().join("b"), &link).unwrap();
        let mut watch = Watch::new();
        watch.watch([(file.clone(), None), (link.clone(), None)].into());
        fs::write(&file, "2").unwrap();
        seen(&mut watch).await;
        fs::write(&next, "3").unwrap();
        fs::rename(&next, &file).unwrap();
        seen(&mut watch).await;
        fs::write(elsewhere.path().join("b"), "2").unwrap();
        seen(&mut watch).await;
        fs::remove_file(&link).unwrap();
        seen(&mut watch).await;
    }

    #[tokio::test]
    async fn a_directory_that_goes_and_comes_back_is_watched_again() {
        let root = tempfile::tempdir().unwrap();
        let (there, away) = (root.path().join("there"), root.path().join("away"));
        let (file, link) = (there.join("a"), root.path().join("link"));
        fs::create_dir(&there).unwrap();
        fs::write(&file, "1").unwrap();
        std::os::unix::fs::symlink(&there, &link).unwrap();
        let mut watch = Watch::new();
        watch.watch([(file.clone(), None), (link.join("a"), None)].into());
        fs::remove_dir_all(&there).unwrap();
        seen(&mut watch).await;
        watch.watch([(file.clone(), None)].into());
        fs::create_dir(&there).unwrap();
        fs::write(&file, "1").unwrap();
        seen(&mut watch).await;
        watch.watch([(file.clone(), None), (link.join("a"), None)].into());
        // The same again is no change, and yet another directory.
        fs::rename(&there, &away).unwrap();
        fs::create_dir(&there).unwrap();
        fs::write(&file, "1").unwrap();
        assert!(timeout(QUIET * 4, watch.changed()).await.is_err(), "the same text is no change");
        fs::write(&file, "2").unwrap();
        seen(&mut watch).await;
        let mut watch = Watch::new();
        watch.watch([(link.join("a"), None)].into());
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&away, &link).unwrap();
        seen(&mut watch).await;
    }

    #[tokio::test]
    async fn what_changed_before_it_was_watched_is_seen_and_a_pipe_is_not_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let (file, pipe) = (root.path().join("a"), root.path().join("pipe"));
        fs::write(&file, "2").unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let mut watch = Watch::new();
        watch.watch([(file.clone(), Some(mark(b"1"))), (pipe.clone(), None)].into());
        seen(&mut watch).await;
        // A pipe takes a file's place, and a file a pipe's.
        fs::rename(&pipe, &file).unwrap();
        seen(&mut watch).await;
        fs::write(&pipe, "3").unwrap();
        fs::rename(&pipe, &file).unwrap();
        seen(&mut watch).await;
    }

    #[tokio::test]
    async fn what_happens_beside_the_files_is_nothing() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a");
        fs::write(&file, "1").unwrap();
        let mut watch = Watch::new();
        watch.watch([(file.clone(), None)].into());
        fs::write(root.path().join("log"), "x").unwrap();
        fs::write(&file, "1").unwrap();
        let changed = timeout(QUIET * 4, watch.changed()).await;
        assert!(changed.is_err(), "the same text is no change");
        fs::write(&file, "2").unwrap();
        seen(&mut watch).await;
    }
}
