//! Clients of all kinds, all the time, while the number of cores changes.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::{EMPTY, answered, config, has_threads, page};
use crate::reload::{reached, reload};
use crate::support::{Client, Gateway, Request, Scripted, count, only_through_weir, result, until, within};
use crate::tls_clients::Authority;

/// How a listener is reached.
#[derive(Clone)]
pub(super) enum Way {
    Plain(SocketAddr),
    Tls(SocketAddr, Arc<ClientConfig>),
    Unix(PathBuf),
}

impl Way {
    /// A new connection. Whoever is refused fails the test.
    pub(super) async fn connect(&self) -> Client {
        match self {
            Self::Plain(address) => Client::connect(*address).await,
            Self::Tls(address, config) => {
                let stream = TcpStream::connect(address).await.expect("nobody is refused");
                let name = ServerName::try_from("localhost").expect("a name");
                let session = TlsConnector::from(Arc::clone(config)).connect(name, stream);
                Client::over(within("a handshake", session).await.expect("a session"), "localhost")
            }
            Self::Unix(path) => Client::over(UnixStream::connect(path).await.expect("nobody is refused"), "localhost"),
        }
    }
}

/// A server that knows how often each id was asked of it.
pub(super) struct Server {
    pub(super) scripted: Scripted,
    asked: Arc<Mutex<HashMap<String, usize>>>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let asked = Arc::new(Mutex::new(HashMap::new()));
        let counts = Arc::clone(&asked);
        let answer = move |request: &Request| {
            *counts.lock().expect("no panic").entry(request.id()).or_insert(0) += 1;
            result(&request.id(), EMPTY)
        };
        Self { scripted: Scripted::answering(answer).await, asked }
    }
}

/// Clients of all kinds, all the time.
struct Load {
    way: Way,
    ids: AtomicUsize,
    over: AtomicBool,
    /// Kept connections that were closed between two requests.
    stale: AtomicUsize,
    /// Kept connections that were told that an answer is their last.
    told: AtomicUsize,
}

impl Load {
    fn on(way: Way) -> (Arc<Self>, JoinSet<()>) {
        let [ids, stale, told] = [(); 3].map(|()| AtomicUsize::new(0));
        let load = Arc::new(Self { way, ids, over: AtomicBool::new(false), stale, told });
        let mut tasks = JoinSet::new();
        for _ in 0..4 {
            tasks.spawn(Arc::clone(&load).anew());
            tasks.spawn(Arc::clone(&load).kept(Duration::ZERO));
            // Longer than a connection may stay idle on a core that leaves.
            tasks.spawn(Arc::clone(&load).kept(DRAIN * 2));
        }
        (load, tasks)
    }

    fn next(&self) -> String {
        (self.ids.fetch_add(1, Ordering::Relaxed) + 1).to_string()
    }

    /// A connection a request.
    async fn anew(self: Arc<Self>) {
        while !self.over.load(Ordering::Relaxed) {
            let mut client = self.way.connect().await;
            answered(&mut client, &self.next()).await.expect("who is connected is answered");
        }
    }

    /// Several requests a connection, with a pause after each.
    async fn kept(self: Arc<Self>, pause: Duration) {
        let mut client = self.way.connect().await;
        for turn in 1.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            // Its first connection is on a core that never leaves.
            if turn % 8 == 0 {
                client = self.way.connect().await;
            }
            let id = self.next();
            let last = match answered(&mut client, &id).await {
                Some(last) => last,
                None => {
                    // It was closed while it was idle. Nothing of this request has been done: the server knows.
                    self.stale.fetch_add(1, Ordering::Relaxed);
                    client = self.way.connect().await;
                    answered(&mut client, &id).await.expect("who is connected is answered")
                }
            };
            if last {
                self.told.fetch_add(1, Ordering::Relaxed);
                client = self.way.connect().await;
            }
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// Waits until so many more have been asked.
    async fn goes_on(&self, more: usize) {
        let wanted = self.ids.load(Ordering::Relaxed) + more;
        until("clients are answered", async || self.ids.load(Ordering::Relaxed) >= wanted).await;
    }

    /// Ends it: how many were asked.
    async fn end(&self, tasks: JoinSet<()>) -> usize {
        self.over.store(true, Ordering::Relaxed);
        within("the end of the load", tasks.join_all()).await;
        self.ids.load(Ordering::Relaxed)
    }
}

/// What is waited for at the end of a core under load.
const DRAIN: Duration = Duration::from_millis(150);

/// Changes the number of cores over and over under load.
async fn changes(weir: Gateway, way: Way, more: &str, server: &Server, rounds: usize) {
    let config = |cores| config(cores, DRAIN, more, &server.scripted);
    let (load, tasks) = Load::on(way);
    let (mut seen, mut generation) = (page(&weir).await, 1);
    let mut resident = 0;
    for round in 0..rounds {
        for cores in [4, 2, 1, 3, 1] {
            weir.write(&config(cores));
            weir.hang_up();
            generation += 1;
            reached(&weir, generation).await;
            load.goes_on(10).await;
            let now = page(&weir).await;
            now.follows(&seen);
            seen = now;
        }
        weir.write("[[servers]\n");
        assert_eq!(reload(&weir).await.status(), 422, "a broken file changes nothing");
        load.goes_on(10).await;
        if round == rounds / 2 {
            resident = weir.resident();
        }
    }
    let asked = load.end(tasks).await;
    has_threads(&weir, 1).await;
    let all = [("route", "/mcp"), ("outcome", "answered")];
    until("all are counted", async || page(&weir).await.sum("weir_requests_total", &all) == asked as f64).await;
    let last = page(&weir).await;
    last.follows(&seen);
    assert_eq!(last.sum("weir_connections", &[]), 0.0, "nobody is left");
    let once = |counts: &HashMap<String, usize>| counts.len() == asked && counts.values().all(|count| *count == 1);
    assert!(once(&server.asked.lock().expect("no panic")), "each was asked once, and none twice");
    let (stale, told) = (load.stale.load(Ordering::Relaxed), load.told.load(Ordering::Relaxed));
    let now = weir.resident();
    eprintln!("{asked} asked, {told} told, {stale} closed while idle, {resident} KiB and then {now}");
    assert!(told > 0, "no connection was on a core that left");
    assert!(now < resident + 16 * 1024, "it grows: {resident} KiB, and then {now}");
    weir.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_lost_on_sockets_of_our_own() {
    only_through_weir!();
    let server = Server::start().await;
    let weir = Gateway::config(&config(1, DRAIN, "", &server.scripted)).start().await;
    let way = Way::Plain(weir.address());
    changes(weir, way, "", &server, count(100)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_lost_on_sockets_that_were_handed_over() {
    only_through_weir!();
    for sockets in [1, 2] {
        let server = Server::start().await;
        let sockets: Vec<_> = (0..sockets).map(|_| TcpListener::bind("127.0.0.1:0").expect("free")).collect();
        let way = Way::Plain(sockets[0].local_addr().expect("it is bound"));
        let gateway = Gateway::config(&config(1, DRAIN, "", &server.scripted)).listen("fd:weir");
        let gateway = sockets.into_iter().fold(gateway, |gateway, socket| gateway.hand_over("weir", socket));
        changes(gateway.start().await, way, "", &server, count(40)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_lost_with_tls() {
    only_through_weir!();
    let (server, authority) = (Server::start().await, Authority::new("Authority"));
    authority.issue("weir", &["localhost"], 1, 2100);
    let tls = format!("tls = {}", authority.tls("weir"));
    let weir = Gateway::config(&config(1, DRAIN, &tls, &server.scripted)).start().await;
    let way = Way::Tls(weir.address(), authority.client(None));
    changes(weir, way, &tls, &server, count(40)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_lost_on_a_unix_socket() {
    only_through_weir!();
    let (server, home) = (Server::start().await, tempfile::tempdir().expect("a temporary directory"));
    let path = home.path().join("weir.sock");
    let gateway = Gateway::config(&config(1, DRAIN, "", &server.scripted));
    let weir = gateway.listen(&format!("unix:{}", path.display())).start().await;
    changes(weir, Way::Unix(path), "", &server, count(40)).await;
}
