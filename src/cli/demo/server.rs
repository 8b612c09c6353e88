//! The sample server's threads: a runtime and a socket a core, as the gateway's own data cores have them.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::task::spawn_local;
use tokio::time::{interval, timeout};

use crate::net::admission::Admission;
use crate::net::client::{self, Limits, Peer};
use crate::net::drain::Drain;
use crate::net::guard::HeadLimits;
use crate::net::listen;

use super::handler::Front;
use super::site::Site;

/// Connections that are served at once; further ones are closed.
const CONNECTIONS: usize = 20_000;
/// How long what runs may take to come to its end.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often an ending core looks whether it is empty.
const LOOK: Duration = Duration::from_millis(10);

const LIMITS: Limits = Limits {
    head: HeadLimits { head: 8 * 1024, headers: 64 },
    head_timeout: Duration::from_secs(10),
    body_rate: 1024,
    body_grace: Duration::from_secs(10),
    write_stall: Duration::from_secs(30),
    // Longer than a gateway keeps a connection, so that it is never the server that closes under a request.
    idle: Duration::from_secs(300),
    keepalive: Duration::from_secs(15),
    // It speaks HTTP/1.1 alone.
    streams: 1,
    memory: 0,
};

/// A sample server that runs.
pub(super) struct Server {
    address: SocketAddr,
    site: Arc<Site>,
    end: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts it on `cores` threads, its notes in `directory`.
    ///
    /// # Errors
    /// The address or the directory cannot be had, or no thread.
    pub(super) fn start(address: SocketAddr, cores: usize, directory: &Path) -> io::Result<Self> {
        let site = Arc::new(Site::open(directory)?);
        let sockets = listen::bind_shared(address, cores)?;
        let address = sockets[0].local_addr()?;
        let (end, ending) = watch::channel(false);
        let admission = Admission::new(CONNECTIONS, CONNECTIONS);
        let mut threads = Vec::new();
        for (number, socket) in sockets.into_iter().enumerate() {
            let core = Core { site: Arc::clone(&site), admission: Arc::clone(&admission), ending: ending.clone() };
            let body = move || match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
                Ok(runtime) => runtime.block_on(core.run(socket)),
                Err(error) => tracing::error!(%error, "the sample server has no runtime"),
            };
            threads.push(thread::Builder::new().name(format!("weir-sample-{number}")).spawn(body)?);
        }
        Ok(Self { address, site, end, threads })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What tells calls that run, and streams, to come to their end.
    pub(super) fn stop(&self) -> watch::Sender<bool> {
        self.site.stop.clone()
    }

    /// Stops: what runs comes to its end, at most for two seconds.
    pub(super) fn end(self) {
        self.site.stop.send_replace(true);
        self.end.send_replace(true);
        for thread in self.threads {
            // A thread that ended by a defect has said so.
            let _ = thread.join();
        }
    }
}

/// One thread of it.
struct Core {
    site: Arc<Site>,
    admission: Arc<Admission>,
    ending: watch::Receiver<bool>,
}

impl Core {
    async fn run(mut self, socket: StdListener) {
        let listener = TcpListener::from_std(socket).expect("the socket is a bound TCP socket without blocking");
        let serving = Rc::new((Front::new(Arc::clone(&self.site)), Drain::default()));
        let scratch = client::scratch();
        loop {
            let (stream, remote) = tokio::select! {
                accepted = listen::accept(&listener) => accepted,
                _ = self.ending.wait_for(|ending| *ending) => break,
            };
            let (Ok(local), Some(permit)) = (stream.local_addr(), self.admission.admit(Some(remote.ip()))) else {
                continue;
            };
            let (serving, scratch) = (Rc::clone(&serving), Rc::clone(&scratch));
            spawn_local(async move {
                let (front, drain) = &*serving;
                let peer = Peer::new(remote.into(), Some(local));
                client::serve(stream, peer, &LIMITS, front, drain, scratch).await;
                drop(permit);
            });
        }
        drop(listener);
        let (_, drain) = &*serving;
        drain.begin();
        let mut looks = interval(LOOK);
        // What is not over by then is cut with the runtime.
        let _ = timeout(PATIENCE, async {
            while drain.open() > 0 {
                looks.tick().await;
            }
        })
        .await;
    }
}
