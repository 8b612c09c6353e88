//! Files that the configuration was made of, watched: a change reloads.
//!
//! Directories are watched, not files: editors, package managers and mounted secrets replace a file by another of the
//! same name. What happened in a directory may concern other files, so contents decide; and a file may be half written,
//! so they are looked at once it has been quiet for a moment. A thread of its own waits for the kernel's events, and
//! files are read beside the runtime: a file system that hangs holds up nothing but the watching.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::retry_on_intr;
use tokio::sync::{Notify, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::sources::{Files, contents, marked};

/// How long it has to be quiet in the directories, and the longest that is waited for it.
const QUIET: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(3);

/// Has files watched. Nothing here touches a file.
pub(super) struct Watch {
    wanted: watch::Sender<Wanted>,
    /// The number of what has changed.
    seen: watch::Receiver<u64>,
}

/// What is to be watched; the number tells one from the next.
#[derive(Clone, Default)]
struct Wanted {
    number: u64,
    files: Files,
}

/// What the task that watches holds, and hands to whoever reads files for it.
struct Watched {
    files: BTreeMap<PathBuf, u64>,
    kernel: Option<Kernel>,
    happened: Arc<Notify>,
}

/// The kernel's side of it.
struct Kernel {
    events: Arc<OwnedFd>,
    directories: BTreeMap<PathBuf, i32>,
}

impl Watch {
    /// Watches nothing yet.
    pub(super) fn new() -> Self {
        let (wanted, asked) = watch::channel(Wanted::default());
        let (tell, seen) = watch::channel(0);
        tokio::spawn(run(asked, tell));
        Self { wanted, seen }
    }

    /// Watches these files from now on.
    pub(super) fn watch(&mut self, files: Files) {
        self.wanted.send_modify(|wanted| *wanted = Wanted { number: wanted.number + 1, files });
    }

    /// Returns when one of the files has changed, and until others are watched.
    pub(super) async fn changed(&mut self) {
        let number = self.wanted.borrow().number;
        if self.seen.wait_for(|seen| *seen == number).await.is_err() {
            // Whoever watched ended by a defect, which it has told.
            std::future::pending().await
        }
    }
}

async fn run(mut asked: watch::Receiver<Wanted>, tell: watch::Sender<u64>) {
    let happened = Arc::new(Notify::new());
    let mut watched = Watched { files: BTreeMap::new(), kernel: None, happened: Arc::clone(&happened) };
    let mut number = 0;
    loop {
        let wanted = tokio::select! {
            asked_for = asked.changed() => match asked_for {
                Ok(()) => Some(asked.borrow_and_update().clone()),
                Err(_) => return,
            },
            // Each event begins the quiet anew.
            () = happened.notified() => {
                let quiet = async { while timeout(QUIET, happened.notified()).await.is_ok() {} };
                let _ = timeout(PATIENCE, quiet).await;
                None
            }
        };
        let others = wanted.is_some();
        number = wanted.as_ref().map_or(number, |wanted| wanted.number);
        let looked = spawn_blocking(move || {
            let changed = watched.look(wanted);
            (watched, changed)
        });
        let Ok((back, changed)) = looked.await else { return };
        watched = back;
        match (changed, others) {
            (true, false) => _ = tell.send_replace(number),
            // What changed before it was watched made no event, and may be half written all the same.
            (true, true) => happened.notify_one(),
            (false, _) => {}
        }
    }
}

impl Watched {
    /// Watches what is wanted, or what was, and says whether it has changed since it was read.
    fn look(&mut self, wanted: Option<Wanted>) -> bool {
        match wanted {
            Some(Wanted { files, .. }) => {
                if let Err(error) = self.watch(directories(files.keys())) {
                    tracing::warn!(%error, "files cannot be watched; SIGHUP and POST /api/v1/reload still reload");
                }
                self.files = marked(files).into_iter().filter_map(|(file, mark)| Some((file, mark?))).collect();
            }
            // A directory may have been replaced, or be back. What cannot be watched was told when that was asked for.
            None => _ = self.watch(directories(self.files.keys())),
        }
        self.files.iter().any(|(file, mark)| contents(file) != *mark)
    }

    fn watch(&mut self, directories: BTreeSet<PathBuf>) -> io::Result<()> {
        if self.kernel.is_none() && !directories.is_empty() {
            self.kernel = Some(Kernel::start(Arc::clone(&self.happened))?);
        }
        self.kernel.as_mut().map_or(Ok(()), |kernel| kernel.watch(directories))
    }
}

impl Kernel {
    fn start(told: Arc<Notify>) -> io::Result<Self> {
        let events = Arc::new(inotify::init(CreateFlags::CLOEXEC)?);
        let read = Arc::clone(&events);
        let wait = move || {
            // Which event it was says less than the files themselves.
            while retry_on_intr(|| rustix::io::read(&read, &mut [0u8; 4096])).is_ok() {
                told.notify_one();
            }
        };
        thread::Builder::new().name("weir-watch".into()).spawn(wait)?;
        Ok(Self { events, directories: BTreeMap::new() })
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::mark;

    /// Watches these files as they are now.
    fn now<const N: usize>(watch: &mut Watch, files: [&PathBuf; N]) {
        watch.watch(marked(files.map(|file| (file.clone(), None)).into()));
    }

    async fn seen(watch: &mut Watch) {
        timeout(Duration::from_secs(60), watch.changed()).await.expect("it is seen");
        let files = watch.wanted.borrow().files.keys().map(|file| (file.clone(), None)).collect();
        watch.watch(marked(files));
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
        now(&mut watch, [&file, &link]);
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
        now(&mut watch, [&file, &link.join("a")]);
        fs::remove_dir_all(&there).unwrap();
        seen(&mut watch).await;
        now(&mut watch, [&file]);
        fs::create_dir(&there).unwrap();
        fs::write(&file, "1").unwrap();
        seen(&mut watch).await;
        now(&mut watch, [&file, &link.join("a")]);
        // The same again is no change, and yet another directory.
        fs::rename(&there, &away).unwrap();
        fs::create_dir(&there).unwrap();
        fs::write(&file, "1").unwrap();
        assert!(timeout(QUIET * 4, watch.changed()).await.is_err(), "the same text is no change");
        fs::write(&file, "2").unwrap();
        seen(&mut watch).await;
        let mut watch = Watch::new();
        now(&mut watch, [&link.join("a")]);
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
        now(&mut watch, [&file]);
        fs::write(root.path().join("log"), "x").unwrap();
        fs::write(&file, "1").unwrap();
        let changed = timeout(QUIET * 4, watch.changed()).await;
        assert!(changed.is_err(), "the same text is no change");
        fs::write(&file, "2").unwrap();
        seen(&mut watch).await;
    }
}
