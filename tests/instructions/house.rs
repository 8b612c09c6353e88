//! A whole core on this thread: from a client's socket to the server's and back, as the daemon has it.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use weir::catalog;
use weir::config::{Log, LogFormat};
use weir::edge::{Current, Front, Names, Paths};
use weir::model::Trusted;
use weir::net::client::{self, Limits, Peer};
use weir::net::drain::Drain;
use weir::net::guard::HeadLimits;
use weir::telemetry::log::LogControl;
use weir::telemetry::{Controls, Telemetry};

use super::core::core;
use super::peers::{Peers, Play};

/// A core, its client and its server.
pub(crate) struct House {
    runtime: LocalRuntime,
    peers: Arc<Mutex<Peers>>,
}

impl House {
    /// `logs`: each call has its access line, as JSON. `policy`: rules and limits, as the configuration has them.
    pub(crate) fn new(logs: bool, policy: &str) -> Self {
        let (accepted, peers, server) = Peers::new();
        let peers = Arc::new(Mutex::new(peers));
        let playing = Arc::clone(&peers);
        let mut builder = Builder::new_current_thread();
        builder.enable_all().on_thread_park(move || Peers::take_turn(&playing));
        let runtime = builder.build_local(LocalOptions::default()).expect("a runtime");
        let house = Self { runtime, peers };
        house.runtime.block_on(serve(accepted, server, logs, policy));
        house
    }

    /// Makes one call and gives what the client heard.
    pub(crate) fn ask(&self, play: &Play) -> String {
        self.call(play, 1);
        let peers = self.peers.lock().expect("nobody panics with it");
        String::from_utf8(peers.heard().to_vec()).expect("it is text")
    }

    /// Makes the same call so often.
    pub(crate) fn call(&self, play: &Play, calls: usize) {
        let done = self.peers.lock().expect("nobody panics with it").begin(play, calls);
        self.runtime.block_on(done.notified());
    }
}

/// Has a connection served from now on.
async fn serve(accepted: std::net::TcpStream, server: SocketAddr, logs: bool, policy: &str) {
    let control = LogControl::detached();
    control.apply(&Log { level: "info", format: LogFormat::Json, access: logs, arguments: false, redact: Vec::new() });
    let telemetry = Telemetry::new(&Controls { log: control.settings(), ..Controls::nowhere() });
    let (names, paths) = (Names::new(vec![], vec![], true), Paths::new([("/mcp".to_owned(), 0)], None));
    let (sightings, seen) = mpsc::channel(8);
    spawn_local(catalog::publish(seen));
    let core = core("user", policy, &format!("http://{server}/mcp"), telemetry, sightings);
    let current = Current::new(Front::new(core, names, paths, Arc::default(), false, Trusted::default()));
    let remote = accepted.peer_addr().expect("it is connected").into();
    let peer = Peer::new(remote, Some(accepted.local_addr().expect("it is bound")));
    accepted.set_nonblocking(true).expect("a socket can");
    let stream = TcpStream::from_std(accepted).expect("in a runtime");
    let drain = Rc::new(Drain::default());
    spawn_local(async move { client::serve(stream, peer, &limits(), &current, &drain, client::scratch()).await });
}

/// No bound on time is near: the machine under valgrind is slow.
fn limits() -> Limits {
    let long = Duration::from_secs(600);
    Limits {
        head: HeadLimits { head: 65_536, headers: 100 },
        head_timeout: long,
        body_rate: 1,
        body_grace: long,
        write_stall: long,
        idle: long,
        keepalive: long,
        streams: 100,
        memory: 1 << 24,
    }
}
