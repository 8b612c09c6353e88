//! The service manager's side: what it is told, the sockets that it hands over, and restarts that nobody notices.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use socket2::{Domain, Socket, Type};
use tempfile::TempDir;
use tokio::net::UnixDatagram;
use tokio::task::JoinHandle;

use crate::support::{Client, Gateway, Scripted, call, count, only_through_weir, result, until, within};

const NOBODY: &str = "http://127.0.0.1:9/mcp";

/// A service manager that listens.
struct Manager {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket in it");
        Self { socket, folder }
    }

    fn name(&self) -> String {
        self.folder.path().join("notify").to_str().expect("the path is UTF-8").to_owned()
    }

    /// The lines of the next message that is not about the watchdog.
    async fn told(&self) -> Vec<String> {
        loop {
            let lines = self.next().await;
            if lines != ["WATCHDOG=1"] {
                return lines;
            }
        }
    }

    async fn next(&self) -> Vec<String> {
        let mut message = [0; 4096];
        let length = within("a word to the service manager", self.socket.recv(&mut message)).await.expect("a message");
        String::from_utf8_lossy(&message[..length]).lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn it_tells_the_service_manager_where_it_stands() {
    only_through_weir!();
    let manager = Manager::new();
    let config = format!("[drain]\ntimeout = \"7s\"\n[[servers]]\nname = \"files\"\nendpoints = [{NOBODY:?}]\n");
    let mut weir =
        Gateway::config(&config).with("NOTIFY_SOCKET", &manager.name()).with("WATCHDOG_USEC", "200000").start().await;
    let ready = manager.told().await;
    assert_eq!((ready[0].as_str(), ready[1].contains(&weir.address().to_string())), ("READY=1", true), "{ready:?}");
    for _ in 0..3 {
        assert_eq!(manager.next().await, ["WATCHDOG=1"]);
    }
    weir.terminate();
    let stopping = manager.told().await;
    assert_eq!(stopping[0], "STOPPING=1");
    let extended: u64 = stopping[1].strip_prefix("EXTEND_TIMEOUT_USEC=").expect("a bound").parse().expect("a number");
    assert!((7_000_001..20_000_000).contains(&extended), "longer than the drain may take: {extended}");
    assert_eq!(weir.exit().await.code(), Some(0));
}

#[tokio::test]
async fn without_a_watchdog_none_is_fed() {
    only_through_weir!();
    let manager = Manager::new();
    let weir = Gateway::to(NOBODY).with("NOTIFY_SOCKET", &manager.name()).start().await;
    assert_eq!(manager.next().await[0], "READY=1");
    weir.terminate();
    assert_eq!(manager.next().await[0], "STOPPING=1");
}

/// A listener as a socket unit has it; with `shared`, one of several on its address (`ReusePort=yes`).
fn listener(address: SocketAddr, shared: bool) -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_port(shared).expect("a socket takes SO_REUSEPORT");
    socket.bind(&address.into()).and_then(|()| socket.listen(4096)).expect("a free port");
    socket.into()
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn copy(socket: &TcpListener) -> TcpListener {
    socket.try_clone().expect("our own socket")
}

/// A server that gives back the id it was asked with.
async fn echo() -> Scripted {
    Scripted::answering(|request| result(&request.id(), r#"{"resultType":"complete","content":[]}"#)).await
}

fn configuration(server: &Scripted, more: &str) -> String {
    format!(
        "[listen]\naddress = \"fd:weir\"\ncores = 2\n{more}\n[[servers]]\nname = \"files\"\nendpoints = [{:?}]\n",
        server.url()
    )
}

/// A gateway on handed-over sockets; `--listen` says so, over what the file says.
async fn on(server: &Scripted, sockets: &[TcpListener]) -> Gateway {
    let gateway = Gateway::config(&configuration(server, "")).listen("fd:weir");
    sockets.iter().fold(gateway, |gateway, socket| gateway.hand_over("weir", copy(socket))).start().await
}

#[tokio::test]
async fn handed_over_sockets_are_served_by_all_cores_whatever_their_number() {
    only_through_weir!();
    let server = echo().await;
    for number in [1, 2, 3] {
        let sockets: Vec<_> = (0..number).map(|_| listener(any(), false)).collect();
        // Somebody who came before Weir was there waits in the socket.
        let addresses: Vec<_> = sockets.iter().map(|socket| socket.local_addr().expect("it is bound")).collect();
        let mut early = Client::connect(addresses[0]).await;
        early.post(&call("0", "echo", "{}")).await;
        let weir = on(&server, &sockets).await;
        assert_eq!(early.answer().await.status(), 200);
        for address in addresses {
            for id in ["1", "2", "3"] {
                let answer = Client::connect(address).await.ask(&call(id, "echo", "{}")).await;
                assert_eq!(answer.json()["id"].to_string(), id);
            }
        }
        weir.stop().await;
    }
}

#[tokio::test]
async fn what_waits_in_a_handed_over_socket_is_the_next_processes() {
    only_through_weir!();
    let server = echo().await;
    let socket = [listener(any(), false)];
    let weir = on(&server, &socket).await;
    weir.stop().await;
    let mut waiting = Client::connect(socket[0].local_addr().expect("it is bound")).await;
    waiting.post(&call("7", "echo", "{}")).await;
    let weir = on(&server, &socket).await;
    assert_eq!(waiting.answer().await.json()["id"], 7);
    weir.stop().await;
}

#[tokio::test]
async fn a_socket_that_is_not_there_or_unfit_is_refused_with_2() {
    only_through_weir!();
    let gateway = || Gateway::to(NOBODY).listen("fd:weir");
    let datagrams = || UdpSocket::bind(any()).expect("a free port");
    let bound = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    for (gateway, words) in [
        (gateway(), &["fd:weir", "LISTEN_FDS"][..]),
        (gateway().hand_over("web", listener(any(), false)), &["fd:weir", "\"web\""]),
        (gateway().hand_over("weir", datagrams()), &["\"weir\"", "no socket of TCP"]),
        (gateway().hand_over("weir", bound()), &["\"weir\"", "does not listen"]),
        (gateway().hand_over("weir", listener(any(), false)).with("LISTEN_PID", "1"), &["process 1", "LISTEN_PID"]),
        // Who can reach it is the socket's matter, and seen there.
        (gateway().hand_over("weir", listener(SocketAddr::from(([0; 4], 0)), false)), &["not loopback", "really"]),
    ] {
        let (code, said) = gateway.refused().await;
        assert_eq!(code, Some(2), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{words:?} are not all in: {said}");
    }
}

#[tokio::test]
async fn a_socket_that_nobody_asked_for_is_told_once() {
    only_through_weir!();
    let mut weir = Gateway::to(NOBODY).hand_over("web", listener(any(), false)).start().await;
    weir.terminate();
    assert_eq!(weir.exit().await.code(), Some(0));
    let said = weir.said();
    assert_eq!(said.matches("nothing listens on").count(), 1, "{said}");
    assert!(said.contains("web"), "{said}");
}

#[tokio::test]
async fn a_reload_moves_to_a_handed_over_socket_and_back() {
    only_through_weir!();
    let (server, socket) = (echo().await, listener(any(), false));
    let handed = socket.local_addr().expect("it is bound");
    let free = listener(any(), false).local_addr().expect("it is bound");
    let at = |address: &str| configuration(&server, "").replace("fd:weir", address);
    let gateway = Gateway::config(&at(&free.to_string())).listening_by_file();
    let weir = gateway.hand_over("weir", copy(&socket)).start().await;
    let mut kept = Client::connect(free).await;
    assert_eq!(kept.ask(&call("0", "echo", "{}")).await.status(), 200);
    let generation = async |wanted: u64| {
        let mut admin = weir.admin().await;
        admin.bytes(&weir.order("POST", "/api/v1/reload", "")).await;
        let answer = admin.answer().await;
        assert_eq!(answer.json()["generation"]["number"], wanted, "{answer:?}");
    };
    for round in 0..3 {
        // Who came before Weir listens there waits in the socket.
        let mut early = Client::connect(handed).await;
        early.post(&call("1", "echo", "{}")).await;
        weir.write(&at("fd:weir"));
        generation(2 * round + 2).await;
        assert_eq!(early.answer().await.status(), 200);
        for id in ["2", "3", "4"] {
            assert_eq!(Client::connect(handed).await.ask(&call(id, "echo", "{}")).await.status(), 200);
        }
        assert!(Client::try_connect(free).await.is_none(), "the address is closed");
        weir.write(&at(&free.to_string()));
        generation(2 * round + 3).await;
        for id in ["5", "6", "7"] {
            assert_eq!(Client::connect(free).await.ask(&call(id, "echo", "{}")).await.status(), 200);
        }
        assert_eq!(kept.ask(&call("8", "echo", "{}")).await.status(), 200, "who was in stays in");
        assert_eq!(early.ask(&call("9", "echo", "{}")).await.status(), 200, "and who came by the socket");
    }
    weir.write(&at("fd:gone"));
    let mut admin = weir.admin().await;
    admin.bytes(&weir.order("POST", "/api/v1/reload", "")).await;
    let answer = admin.answer().await;
    assert!(answer.status() == 422 && answer.text().contains("gone"), "{answer:?}");
    weir.stop().await;
}

#[tokio::test]
async fn a_reload_while_it_drains_is_refused_and_told_to_nobody() {
    only_through_weir!();
    let (go, wait) = tokio::sync::watch::channel(false);
    let server = Scripted::start(move |exchange| {
        let mut wait = wait.clone();
        async move {
            let _ = wait.wait_for(|go| *go).await;
            exchange.json(result("1", r#"{"resultType":"complete","content":[]}"#)).await
        }
    })
    .await;
    let (manager, text) = (Manager::new(), configuration(&server, "").replace("fd:weir", "127.0.0.1:0"));
    let mut weir = Gateway::config(&text).with("NOTIFY_SOCKET", &manager.name()).start().await;
    assert_eq!(manager.told().await[0], "READY=1");
    let mut client = weir.client().await;
    client.post(&call("1", "echo", "{}")).await;
    server.request().await;
    weir.terminate();
    assert_eq!(manager.told().await[0], "STOPPING=1");
    weir.write("this is read by nobody");
    weir.hang_up();
    until("SIGHUP is refused", async || {
        weir.said().lines().any(|line| line.contains("by=\"SIGHUP\"") || line.contains("by=SIGHUP"))
    })
    .await;
    let mut admin = weir.admin().await;
    admin.bytes(&weir.order("POST", "/api/v1/reload", "")).await;
    let answer = admin.answer().await;
    assert_eq!((answer.status(), answer.json()["error"]["code"].as_str()), (503, Some("draining")), "{answer:?}");
    assert_eq!(answer.json()["error"]["retryable"], true);
    go.send_replace(true);
    assert_eq!(client.answer().await.status(), 200);
    assert_eq!(weir.exit().await.code(), Some(0));
    assert!(weir.said().contains("draining") && !weir.said().contains("weir.toml:1"), "{}", weir.said());
    let mut message = [0; 4096];
    if let Ok(length) = manager.socket.try_recv(&mut message) {
        panic!("told after STOPPING: {}", String::from_utf8_lossy(&message[..length]));
    }
}

/// What the clients of the restarts have seen.
#[derive(Default)]
struct Load {
    over: AtomicBool,
    answered: AtomicUsize,
    reopened: AtomicUsize,
}

impl Load {
    /// Asks without a pause until it is over. A connection that is found closed where another request had been answered
    /// on it may be opened anew, as every client does; nothing else is tried again.
    async fn keep_asking(self: Arc<Self>, address: SocketAddr, number: usize, keeps: bool) {
        let (mut client, mut used) = (Client::connect(address).await, false);
        let mut asked = 0;
        while !self.over.load(Ordering::Relaxed) {
            let id = format!("\"{number}-{asked}\"");
            client.post(&call(&id, "echo", "{}")).await;
            let Some(head) = client.try_head().await else {
                assert!(used, "request {id} over a new connection was lost");
                self.reopened.fetch_add(1, Ordering::Relaxed);
                (client, used) = (Client::connect(address).await, false);
                continue;
            };
            let body = client.body().await.expect("a whole answer");
            let text = std::str::from_utf8(&body).expect("an answer is UTF-8");
            assert_eq!((head.status(), text), (200, &*result(&id, r#"{"resultType":"complete","content":[]}"#)));
            self.answered.fetch_add(1, Ordering::Relaxed);
            asked += 1;
            used = keeps && head.header("connection") != Some("close");
            if !used {
                client = Client::connect(address).await;
            }
        }
    }
}

/// Restarts under load: one process after the other, and one beside the other, in turns.
async fn restarts(sockets: Vec<TcpListener>) {
    let server = echo().await;
    let address = sockets[0].local_addr().expect("it is bound");
    let load = Arc::new(Load::default());
    let mut weir = on(&server, &sockets).await;
    let clients: Vec<JoinHandle<()>> =
        (0..6).map(|number| tokio::spawn(Arc::clone(&load).keep_asking(address, number, number % 2 == 0))).collect();
    let more = async || {
        let reached = load.answered.load(Ordering::Relaxed) + 100;
        until("a hundred more answers", async || {
            // A client that failed says why.
            clients.iter().all(|client| !client.is_finished()) && load.answered.load(Ordering::Relaxed) >= reached
                || clients.iter().any(JoinHandle::is_finished)
        })
        .await;
    };
    more().await;
    for restart in 0..count(20).max(2) {
        let next = match restart % 2 {
            0 => {
                let next = on(&server, &sockets).await;
                weir.stop().await;
                next
            }
            _ => {
                weir.stop().await;
                on(&server, &sockets).await
            }
        };
        weir = next;
        more().await;
    }
    load.over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("no request was refused, lost or answered wrongly");
    }
    let (answered, reopened) = (load.answered.load(Ordering::Relaxed), load.reopened.load(Ordering::Relaxed));
    eprintln!("{answered} answered, {reopened} kept connections opened anew");
    weir.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_on_a_shared_socket_refuses_nobody() {
    only_through_weir!();
    restarts(vec![listener(any(), false)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_on_a_socket_a_core_refuses_nobody() {
    only_through_weir!();
    let first = listener(any(), true);
    let second = listener(first.local_addr().expect("it is bound"), true);
    restarts(vec![first, second]).await;
}
