//! The thread of the store: takes what waits, does each with a connection of the pool, and answers.

use std::pin::Pin;
use std::thread;
use std::time::Duration;

use deadpool_postgres::{Client, Pool};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::super::StoreError;
use super::PATIENCE;
use super::trouble::{Trouble, unconnected};

/// What may wait, and what may be under way; whoever comes then waits for room.
const WAITING: usize = 1024;

/// How long an end waits for what is under way.
const LAST: Duration = Duration::from_secs(2);

/// A piece of work: what it does with the pool, and then answers.
pub(super) type Work = Box<dyn FnOnce(String, Pool) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// The way to the thread. Dropped, it lets it end.
#[derive(Debug)]
pub(super) struct Writer {
    way: Option<mpsc::Sender<Work>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    pub(super) fn way() -> (mpsc::Sender<Work>, mpsc::Receiver<Work>) {
        mpsc::channel(WAITING)
    }

    pub(super) fn new(way: mpsc::Sender<Work>, thread: thread::JoinHandle<()>) -> Self {
        Self { way: Some(way), thread: Some(thread) }
    }

    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let asked: Work = Box::new(move |at, pool| {
            Box::pin(async move {
                // Whoever asked may have gone; it is done all the same.
                let _ = answer.send(done(&at, &pool, work).await);
            })
        });
        let way = self.way.as_ref().ok_or(StoreError::Gone)?;
        way.send(asked).await.map_err(|_| StoreError::Gone)?;
        answered.await.unwrap_or(Err(StoreError::Gone))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.way = None;
        // What it was told has been done when this returns, where the database answers.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn done<T>(
    at: &str,
    pool: &Pool,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, Trouble>,
) -> Result<T, StoreError> {
    let mut client = pool.get().await.map_err(|error| unconnected(at, error))?;
    match timeout(PATIENCE, work(&mut client)).await {
        Ok(done) => done.map_err(|trouble| trouble.at(at)),
        Err(_) => {
            // Who did not answer once is not asked again: the next one would wait behind this.
            drop(Client::take(client));
            Err(StoreError::Late(at.to_owned()))
        }
    }
}

pub(super) async fn serve(at: &str, pool: &Pool, mut work: mpsc::Receiver<Work>) {
    let mut under_way = JoinSet::new();
    while let Some(work) = work.recv().await {
        under_way.spawn_local(work(at.to_owned(), pool.clone()));
        while under_way.try_join_next().is_some() {}
        if under_way.len() >= WAITING {
            under_way.join_next().await;
        }
    }
    // Where the database does not answer nobody waits for it to the end.
    let _ = timeout(LAST, async { while under_way.join_next().await.is_some() {} }).await;
}
