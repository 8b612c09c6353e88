//! Limits that nodes share: this node's turns at the book in the store, on the control runtime. No core waits for them.

use std::fs::{DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::model::leases::NodeId;
use crate::stages::limit::slices::{self, Reply, Request, TERMS};
use crate::stages::limit::{Common, Shared, Turns};
use crate::store::{Store, StoreError};
use crate::telemetry::Sharing as Sample;

use super::stores::Stores;

/// Requests that may be at the store; one that does not answer keeps each for some seconds.
const UNDER_WAY: usize = 4;
/// How long a start, or a reload, waits for a part of limits that are new; and an end to be heard.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often what says nothing any more is looked for in the book.
const SWEEP: Duration = Duration::from_secs(60);
/// Beside it the name of the node that runs in this data directory, locked as long as it does.
const NAME: &str = "node";

/// How limits are shared, for the life of the process.
#[derive(Clone, Debug)]
pub(super) struct Sharing {
    common: Arc<Common>,
    board: Arc<Board>,
    /// Until there is a runtime to take them on.
    waiting: Arc<Mutex<Option<Waiting>>>,
}

#[derive(Debug)]
struct Waiting {
    turns: Turns,
    /// Who ran in this data directory before, and runs no more.
    before: Option<NodeId>,
    /// Locked.
    _name: Option<File>,
}

#[derive(Debug, Default)]
struct Board {
    stands: watch::Sender<Shared>,
    settled: AtomicU64,
    failed: AtomicU64,
}

/// The task that takes the turns.
pub(super) struct Turning {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Sharing {
    /// By the book of this store, where nodes share it.
    pub(super) fn new(stores: &Stores, data: &Path) -> Option<Self> {
        let secret = stores.opened()?.shared()?.lease_secret();
        let id = NodeId(RandomState::new().hash_one(std::process::id()));
        let (before, name) = named(data, id);
        let (common, turns) = Turns::begin(secret, id, TERMS);
        let waiting = Arc::new(Mutex::new(Some(Waiting { turns, before, _name: name })));
        Some(Self { common, board: Arc::default(), waiting })
    }

    /// What cores share.
    pub(super) fn common(&self) -> &Arc<Common> {
        &self.common
    }

    /// Takes the turns from now on.
    fn start(&self, stores: &Stores) -> Option<Turning> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let (stop, stopped) = oneshot::channel();
        let turner = Turner {
            store: stores.opened()?,
            board: Arc::clone(&self.board),
            turns: waiting.turns,
            before: waiting.before,
            joined: false,
            leased: None,
            why: String::new(),
            _name: waiting._name,
        };
        Some(Turning { stop, task: tokio::spawn(turner.run(stopped)) })
    }

    /// Once this node has a part of the limits that are shared, if there are any; or after a while without.
    pub(super) async fn stands(&self) {
        let mut stands = self.board.stands.subscribe();
        let stands = stands.wait_for(|shared| shared.among > 0);
        if self.common.is_needed() && timeout(PATIENCE, stands).await.is_err() {
            tracing::warn!(
                "this node has no part of the limits with `scope = \"cluster\"` yet: it lets in what it has leased, and gets \
                 its part when the store answers and the other nodes have heard of it"
            );
        }
    }

    /// How it goes, where there is anything to share.
    pub(super) fn look(&self) -> Option<Sample> {
        let Shared { among, leased, keys } = *self.board.stands.borrow();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (settled, failed) = (count(&self.board.settled), count(&self.board.failed));
        self.common.is_needed().then_some(Sample { nodes: among, leased, keys: keys as u64, settled, failed })
    }
}

impl Turning {
    /// Begins where there is a store that nodes share, and waits for a part of what is shared.
    pub(super) async fn begin(sharing: Option<&Sharing>, stores: &Stores) -> Option<Self> {
        let turning = sharing?.start(stores);
        sharing?.stands().await;
        turning
    }

    /// Gives back what the node has.
    pub(super) async fn leave(self) {
        let _ = self.stop.send(());
        let _ = timeout(PATIENCE, self.task).await;
    }
}

struct Turner {
    store: Arc<Store>,
    board: Arc<Board>,
    turns: Turns,
    before: Option<NodeId>,
    /// The book knows of this node.
    joined: bool,
    /// Whether leases were in force when that was told last.
    leased: Option<bool>,
    /// Why the last request had no answer.
    why: String,
    _name: Option<File>,
}

type Answered = (Request, Result<Option<Reply>, StoreError>);

impl Turner {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut ticks = interval(Duration::from_millis(TERMS.turn));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sweeps = interval(SWEEP);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut under_way = JoinSet::new();
        if let Some(before) = self.before.take() {
            under_way.spawn(settle(Arc::clone(&self.store), Request::of_gone(before)));
        }
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                _ = ticks.tick() => {
                    // One too many is one that is lost, which is made up for.
                    if let Some(request) = self.turn().filter(|_| under_way.len() < UNDER_WAY) {
                        under_way.spawn(settle(Arc::clone(&self.store), request));
                    }
                }
                Some(Ok(answered)) = under_way.join_next() => self.answered(answered),
                _ = sweeps.tick(), if self.joined => self.sweep(),
            }
            self.tell();
        }
        if self.joined {
            let request = self.turns.leave();
            let _ = timeout(PATIENCE, settle(self.store, request)).await;
        }
    }

    /// A turn, where there is something to share; the last one, where there was.
    fn turn(&mut self) -> Option<Request> {
        if self.turns.is_needed() {
            self.joined = true;
            return self.turns.turn();
        }
        self.leased = None;
        std::mem::take(&mut self.joined).then(|| self.turns.leave())
    }

    fn answered(&mut self, (request, answer): Answered) {
        match answer {
            Ok(Some(reply)) => {
                self.board.settled.fetch_add(1, Ordering::Relaxed);
                self.turns.settled(&request, &reply);
            }
            // A later one has been settled before.
            Ok(None) => {}
            Err(error) => {
                self.board.failed.fetch_add(1, Ordering::Relaxed);
                self.why = error.to_string();
            }
        }
    }

    fn sweep(&self) {
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            let Some(book) = store.shared() else { return };
            // What fails is swept the next time, or by another node.
            if let Err(error) = book.sweep_leases(TERMS.kept).await {
                tracing::debug!(%error, "leases of limits were not swept");
            }
        });
    }

    fn tell(&mut self) {
        let stands = self.turns.look();
        self.board.stands.send_if_modified(|before| std::mem::replace(before, stands) != stands);
        if !self.joined || self.leased == Some(stands.leased) || (self.leased.is_none() && !stands.leased) {
            return;
        }
        match (self.leased.replace(stands.leased), stands.leased) {
            (_, false) => tracing::warn!(
                why = self.why,
                "the store does not keep the leases of limits: this node goes on with its own part of those with \
                 `scope = \"cluster\"`"
            ),
            (Some(_), true) => tracing::info!("the store keeps the leases of limits again"),
            (None, true) => {}
        }
    }
}

async fn settle(store: Arc<Store>, request: Request) -> Answered {
    let Some(book) = store.shared() else { return (request, Ok(None)) };
    let (asked, keys) = (request.clone(), request.asks.iter().map(|ask| ask.key).collect());
    let answer = book.settle(keys, move |rows| slices::settle(rows, &asked, &TERMS)).await;
    (request, answer)
}

/// Writes down what this node is called, and gives who was called so before: it runs no more, since whoever runs holds the
/// lock. Without that, what it held is the others' by time alone.
fn named(data: &Path, id: NodeId) -> (Option<NodeId>, Option<File>) {
    let written = || -> std::io::Result<(Option<NodeId>, File)> {
        DirBuilder::new().recursive(true).mode(0o700).create(data)?;
        let path = data.join(NAME);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        let mut text = String::new();
        // It may be anything; a name has sixteen digits.
        (&mut file).take(64).read_to_string(&mut text)?;
        let before = u64::from_str_radix(text.trim(), 16).ok().map(NodeId);
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{:016x}", id.0)?;
        Ok((before, file))
    };
    match written() {
        Ok((before, file)) => (before, Some(file)),
        Err(error) => {
            tracing::debug!(%error, "what this node is called in the book of leases is not kept in the data directory");
            (None, None)
        }
    }
}
