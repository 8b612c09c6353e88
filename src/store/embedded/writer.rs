//! The thread of the store: takes what waits, does it in one transaction, and answers once that is on disk.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::super::StoreError;
use super::{Trouble, engine};

/// What may wait; whoever comes then waits for room.
const WAITING: usize = 1024;
/// Most pieces of work in one transaction.
const GROUP: usize = 256;

/// The way to the thread. Dropped, it lets it end, once it has done what waits.
#[derive(Debug)]
pub(super) struct Writer {
    way: Option<mpsc::Sender<Box<dyn Work>>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// A piece of work on its way.
trait Work: Send {
    /// Does it, within a transaction.
    fn run(&mut self, connection: &Connection) -> Result<(), ()>;
    /// Answers, once the transaction is on disk or has failed.
    fn tell(self: Box<Self>, path: &Path, kept: Result<(), StoreError>);
}

struct Asked<T, F> {
    work: Option<F>,
    done: Option<Result<T, Trouble>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T, Trouble> + Send> Work for Asked<T, F> {
    fn run(&mut self, connection: &Connection) -> Result<(), ()> {
        self.done = self.work.take().map(|work| work(connection));
        if let Some(Ok(_)) = self.done { Ok(()) } else { Err(()) }
    }

    fn tell(self: Box<Self>, path: &Path, kept: Result<(), StoreError>) {
        let done = match self.done {
            Some(done) => done.map_err(|trouble| trouble.at(path)),
            // One before it in the transaction took all of it with it.
            None => Err(kept.clone().err().unwrap_or(StoreError::Gone)),
        };
        // Whoever asked may have gone.
        let _ = self.answer.send(done.and_then(|done| kept.map(|()| done)));
    }
}

impl Writer {
    pub(super) fn start(path: PathBuf, connection: Connection, lock: File) -> Result<Self, StoreError> {
        let (way, work) = mpsc::channel(WAITING);
        let at = path.clone();
        let body = move || {
            serve(&at, &connection, work);
            // Nobody else may come in before the files are closed.
            drop(connection);
            drop(lock);
        };
        let thread = thread::Builder::new().name("weir-store".to_owned()).spawn(body);
        let thread = thread.map_err(StoreError::io("start a thread for", path))?;
        Ok(Self { way: Some(way), thread: Some(thread) })
    }

    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let asked = Box::new(Asked { work: Some(work), done: None, answer });
        let way = self.way.as_ref().ok_or(StoreError::Gone)?;
        way.send(asked).await.map_err(|_| StoreError::Gone)?;
        answered.await.unwrap_or(Err(StoreError::Gone))
    }

    /// Does what takes long on a thread of its own, beside the one that writes.
    pub(super) async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let body = move || _ = answer.send(work());
        let spawned = thread::Builder::new().name("weir-backup".to_owned()).spawn(body);
        spawned
            .map_err(|error| StoreError::Failed("the store".to_owned(), format!("cannot start a thread: {error}")))?;
        answered.await.unwrap_or(Err(StoreError::Gone))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.way = None;
        // What it was told is on disk, and the lock is free, when this returns.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(path: &Path, connection: &Connection, mut work: mpsc::Receiver<Box<dyn Work>>) {
    let mut group = Vec::with_capacity(GROUP);
    while work.blocking_recv_many(&mut group, GROUP) > 0 {
        let kept = transact(connection, &mut group).map_err(|error| engine(path, &error));
        if let Err(why) = &kept {
            tracing::error!(%why, "the store did not keep what it was told");
        }
        for work in group.drain(..) {
            work.tell(path, kept.clone());
        }
    }
}

/// All of them, each whole or not at all, and nothing of what fails holds up the others.
fn transact(connection: &Connection, group: &mut [Box<dyn Work>]) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let done = group.iter_mut().try_for_each(|work| {
        connection.execute_batch("SAVEPOINT work")?;
        match work.run(connection) {
            Ok(()) => connection.execute_batch("RELEASE work"),
            // Where the engine has rolled back all of it (a full disk), there is no savepoint left.
            Err(()) => connection.execute_batch("ROLLBACK TO work; RELEASE work"),
        }
    });
    let done = done.and_then(|()| connection.execute_batch("COMMIT"));
    if done.is_err() && !connection.is_autocommit() {
        // It says only that there is nothing to roll back.
        let _ = connection.execute_batch("ROLLBACK");
    }
    done
}
