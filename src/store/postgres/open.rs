//! Opening the store: the pool, the schema, the thread.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use crate::config;
use crate::model::clock;
use crate::model::leases::Secret;

use super::super::StoreError;
use super::listener::Listener;
use super::login::Login;
use super::trouble::unconnected;
use super::writer::{self, Writer};
use super::{Board, News, PATIENCE, Postgres, leases, migrations};

/// How often a database that is away is tried for.
const LOOK: Duration = Duration::from_millis(200);
/// What a session of ours is bound by at the other end as well: it gives up when we have.
pub(super) const SESSION: &str = "SET statement_timeout = '5s'; SET lock_timeout = '5s'; \
                                  SET idle_in_transaction_session_timeout = '10s'";

/// What `weir doctor` finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Where it is.
    pub at: String,
    /// The version of the server.
    pub version: String,
    /// Whether the way there is TLS.
    pub tls: bool,
    /// Migrations that a start would do.
    pub missing: usize,
}

/// `anew`: how often everything counts as changed.
pub(super) fn open(settings: &config::Postgres, patience: Duration, anew: Duration) -> Result<Postgres, StoreError> {
    let login = Login::new(&settings.url)?;
    let at = login.at().to_owned();
    let pool = pool(&login, settings.pool)?;
    let (news, board) = (Arc::new(News::default()), Arc::new(Board::default()));
    let (way, work) = Writer::way();
    let (tell, told) = sync_channel(1);
    let listener = Listener { login, news: Arc::clone(&news), board: Arc::clone(&board), anew };
    let (theirs, place) = (pool.clone(), at.clone());
    let body = move || {
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = tell.send(Err(StoreError::Failed(place, format!("cannot make a runtime: {error}"))));
                return;
            }
        };
        let local = LocalSet::new();
        local.block_on(&runtime, async move {
            let ready = prepared(&place, &theirs, patience).await;
            let usable = ready.is_ok();
            if tell.send(ready).is_err() || !usable {
                return;
            }
            let listening = tokio::task::spawn_local(listener.listen());
            writer::serve(&place, &theirs, work).await;
            listening.abort();
        });
        // A resolver that still waits for its answer is not waited for.
        runtime.shutdown_background();
    };
    let failed = |why: String| StoreError::Failed(at.clone(), why);
    let thread = thread::Builder::new().name("weir-store".to_owned()).spawn(body);
    let thread = thread.map_err(|error| failed(format!("cannot start a thread: {error}")))?;
    let secret = told.recv().unwrap_or(Err(StoreError::Gone))?;
    Ok(Postgres { writer: Writer::new(way, thread), at, news, board, pool, secret })
}

/// What there is, without changing it.
///
/// # Errors
/// Why it cannot be used.
pub async fn probe(settings: &config::Postgres) -> Result<Probed, StoreError> {
    let login = Login::new(&settings.url)?;
    let (at, tls) = (login.at().to_owned(), login.tls());
    let asked = async {
        let client = pool(&login, 1)?.get().await.map_err(|error| unconnected(&at, error))?;
        let found = async {
            let version: String = client.query_one("SHOW server_version", &[]).await?.try_get(0)?;
            let missing = migrations::missing(&at, &**client, migrations::ALL).await?;
            Ok((version, missing))
        };
        found.await.map_err(|trouble: super::Trouble| trouble.at(&at))
    };
    let (version, missing) = timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(StoreError::Late(at.clone())))?;
    Ok(Probed { at, version, tls, missing })
}

fn pool(login: &Login, most: usize) -> Result<Pool, StoreError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_connect(login.config().clone(), login.clone(), recycling);
    let timeouts = Timeouts { wait: Some(PATIENCE), create: Some(PATIENCE), recycle: Some(PATIENCE) };
    let pool = Pool::builder(manager).max_size(most).timeouts(timeouts).runtime(Runtime::Tokio1).build();
    pool.map_err(|error| StoreError::Failed(login.at().to_owned(), error.to_string()))
}

/// The schema as this version knows it, and the secret of leases that is kept in it.
async fn prepared(at: &str, pool: &Pool, patience: Duration) -> Result<Secret, StoreError> {
    let began = clock::now();
    loop {
        let tried = async {
            let mut client = pool.get().await.map_err(|error| unconnected(at, error))?;
            let ready = async {
                migrations::run(at, &mut client, migrations::ALL).await?;
                leases::secret(&client).await
            };
            ready.await.map_err(|trouble| trouble.at(at))
        };
        match timeout(2 * PATIENCE, tried).await.unwrap_or_else(|_| Err(StoreError::Late(at.to_owned()))) {
            Err(error) if error.is_away() && clock::now() - began < patience => sleep(LOOK).await,
            done => return done,
        }
    }
}
