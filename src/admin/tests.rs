//! The operators' side over real sockets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::model::stored::InForce;
use crate::model::{Generation, Undone};
use crate::net::listen::{At, Sockets};
use crate::stages::authenticate::{Authenticator, Place};
use crate::stages::limit::Unverified;
use crate::telemetry::Fold;

const LONG: Duration = Duration::from_secs(3600);

async fn started(most: usize, life: Duration) -> (SocketAddr, Arc<Readiness>) {
    started_with(most, life, mpsc::channel(1).0).await
}

async fn started_with(most: usize, life: Duration, commands: mpsc::Sender<Command>) -> (SocketAddr, Arc<Readiness>) {
    let sockets = Sockets::bind_alone("127.0.0.1:0".parse().unwrap()).unwrap();
    let At::Tcp(address) = sockets.addresses().unwrap()[0] else { panic!("it is bound to an address") };
    let data = tempfile::tempdir().unwrap();
    let admin = Admin { commands, ..admin(&data) };
    let readiness = Arc::clone(&admin.readiness);
    KEYS.lock().unwrap().insert(address, std::fs::read_to_string(data.path().join("keys/admin")).unwrap());
    let acceptor = sockets.whole().unwrap().accept().unwrap();
    tokio::spawn(serve_on(Bounded::with(acceptor, most, life), admin, std::future::pending()));
    (address, readiness)
}

/// An operators' side whose key is made in that directory.
pub(super) fn admin(data: &tempfile::TempDir) -> Admin {
    let key = OperatorKey::open_or_create(data.path()).unwrap();
    let observed = Observed::new();
    Admin {
        hosts: Arc::new(["ops.internal".to_owned()]),
        key: Some(Arc::new(key)),
        access: watch::channel(Arc::new(access())).1,
        readiness: Arc::default(),
        log: LogControl::detached(),
        exposition: Fold::new(observed.clone()).exposition(),
        observed,
        commands: mpsc::channel(1).0,
        status: watch::channel(Status { generation: Generation { number: 1, since: 0 }, reload: None }).1,
    }
}

/// A connection that came in there.
pub(super) fn peer(came: Came) -> Local {
    Local::new(came, "127.0.0.1:1".parse::<SocketAddr>().unwrap().into())
}

/// The keys of those that were started, by where they are.
static KEYS: Mutex<BTreeMap<SocketAddr, String>> = Mutex::new(BTreeMap::new());

/// Nobody but the key is let in, and one wrong key a minute is answered.
fn access() -> Access {
    let unverified = Unverified::new();
    unverified.bound(Some((1, Duration::from_secs(60))));
    Access {
        authenticator: Box::new(|| Authenticator::without_credentials(Box::default())),
        place: Place::default(),
        roles: Arc::new([]),
        default_roles: Box::default(),
        open: true,
        unverified: Arc::new(unverified),
        explains: Arc::new(|_| Err("there is nothing to explain by".to_owned())),
        rules: Arc::new(|| Ok(InForce::default())),
    }
}

/// The field that shows the key.
fn shows_key(address: SocketAddr) -> String {
    format!("authorization: Bearer {}\r\n", KEYS.lock().unwrap()[&address].trim_end())
}

async fn asked(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let key =
        if head.contains(" /api/") && !head.contains("authorization") { shows_key(address) } else { String::new() };
    stream.write_all(format!("{head}{key}connection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut came = String::new();
    stream.read_to_string(&mut came).await.unwrap();
    came
}

#[tokio::test]
async fn health_and_readiness_are_told() {
    let (address, readiness) = started(8, LONG).await;
    let health = async |path: &str| asked(address, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n")).await;
    assert!(health("/healthz").await.starts_with("HTTP/1.1 200 "));
    let told = health("/readyz").await;
    assert!(
        told.starts_with("HTTP/1.1 503 ") && told.ends_with("{\"ready\":false,\"missing\":[\"starting\"]}\n"),
        "{told}"
    );
    readiness.ready();
    let told = health("/readyz").await;
    assert!(told.starts_with("HTTP/1.1 200 ") && told.ends_with("{\"ready\":true}\n"), "{told}");
    assert!(told.contains("cache-control: no-store") && told.contains("content-type: application/json"), "{told}");
    readiness.draining();
    let told = health("/readyz").await;
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("draining"), "{told}");
    assert!(health("/healthz").await.starts_with("HTTP/1.1 200 "), "alive while draining");
}

#[tokio::test]
async fn methods_paths_and_names() {
    let (address, _) = started(8, LONG).await;
    let port = address.port();
    for (head, status) in [
        ("HEAD /healthz HTTP/1.1\r\nhost: localhost\r\n".to_owned(), 200),
        ("POST /healthz HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n".to_owned(), 405),
        ("GET / HTTP/1.1\r\nhost: localhost\r\n".to_owned(), 404),
        ("GET /healthz/ HTTP/1.1\r\nhost: localhost\r\n".to_owned(), 404),
        (format!("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"), 200),
        ("GET /healthz HTTP/1.1\r\nhost: [::1]\r\n".to_owned(), 200),
        ("GET /healthz HTTP/1.1\r\nhost: OPS.internal:1\r\n".to_owned(), 200),
        ("GET /healthz HTTP/1.1\r\nhost: evil.example\r\n".to_owned(), 403),
        ("GET /healthz HTTP/1.1\r\nhost: 10.0.0.1\r\n".to_owned(), 403),
        ("GET /healthz HTTP/1.1\r\nhost: x@localhost\r\n".to_owned(), 403),
        ("GET /gone HTTP/1.1\r\nhost: evil.example\r\n".to_owned(), 403),
        ("GET /healthz HTTP/1.0\r\n".to_owned(), 403),
        (format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost:{port}\r\n"), 200),
        ("GET /healthz HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example\r\n".to_owned(), 403),
        ("GET /healthz HTTP/1.1\r\nhost: localhost\r\norigin: null\r\n".to_owned(), 403),
    ] {
        let came = asked(address, &head).await;
        assert_eq!(came.get(9..12), Some(&*status.to_string()), "{head:?}: {came}");
    }
}

#[test]
fn off_loopback_localhost_is_somebody_else() {
    let names = Names { hosts: Arc::new([]) };
    let asked = |host: &str, local: &str| {
        let headers = axum::http::HeaderMap::from_iter([(axum::http::header::HOST, host.parse().unwrap())]);
        names.check(&headers, local.parse().ok()).is_ok()
    };
    assert!(asked("10.0.0.1:9901", "10.0.0.1:9901") && asked("10.0.0.1", "[::ffff:10.0.0.1]:9901"));
    assert!(
        !asked("localhost", "10.0.0.1:9901")
            && !asked("127.0.0.1", "10.0.0.1:9901")
            && !asked("10.0.0.2", "10.0.0.1:1")
    );
}

const RELOAD: &str = "POST /api/v1/reload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n";

#[tokio::test]
async fn who_waits_for_us_gives_way_to_nobody_and_who_is_slow_does() {
    let (commands, mut asked_for) = mpsc::channel(1);
    let (address, _) = started_with(4, LONG, commands).await;
    let waiting = tokio::spawn(async move { asked(address, RELOAD).await });
    let Some(Command::Reload(answer)) = asked_for.recv().await else { panic!("a reload") };
    let mut slow = Vec::new();
    for half in ["", "POST /api", "POST /api/v1/reload HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{"] {
        let half = half.replace("host:", &format!("{}host:", shows_key(address)));
        for _ in 0..8 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(half.as_bytes()).await.unwrap();
            slow.push(stream);
        }
        let told = asked(address, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n").await;
        assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
    }
    assert!(asked_for.try_recv().is_err(), "half a request is no order");
    let generation = Generation { number: 2, since: 0 };
    answer.send(Err(Undone::Hangs { generation, why: "data core 1 hangs".to_owned() })).unwrap();
    let told = waiting.await.unwrap();
    assert!(told.starts_with("HTTP/1.1 500 ") && told.contains("core_hangs") && told.contains("data core 1"), "{told}");
}

#[tokio::test]
async fn nobody_waits_to_give_a_command() {
    let (commands, mut asked_for) = mpsc::channel(1);
    let (address, _) = started_with(4, LONG, commands).await;
    let waiting = tokio::spawn(async move { asked(address, RELOAD).await });
    while asked_for.is_empty() {
        tokio::task::yield_now().await;
    }
    let told = asked(address, RELOAD).await;
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("\"busy\""), "{told}");
    let Some(Command::Reload(answer)) = asked_for.recv().await else { panic!("a reload") };
    answer.send(Ok(Generation { number: 2, since: 0 })).unwrap();
    assert!(waiting.await.unwrap().starts_with("HTTP/1.1 200 "));
    drop(asked_for);
    let told = asked(address, RELOAD).await;
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("\"draining\""), "{told}");
}

#[tokio::test]
async fn silent_connections_end_and_make_room() {
    let (address, _) = started(2, Duration::from_millis(50)).await;
    let mut silent = Vec::new();
    for _ in 0..2 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let told = asked(address, "GET /healthz HTTP/1.1\r\nhost: localhost\r\n").await;
    assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
    for mut stream in silent {
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    }
}

/// The table is what there is: each endpoint answers to its method, and none that asks for a permission to a stranger.
#[tokio::test]
async fn every_endpoint_but_the_open_ones_asks_who_it_is() {
    let (address, readiness) = started(8, LONG).await;
    readiness.ready();
    for endpoint in ENDPOINTS {
        let Endpoint { method, path, asks, .. } = endpoint;
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n");
        let told = asked(address, &format!("{head}authorization: Basic eDp5\r\n")).await;
        match asks {
            Asks::Nothing => assert!(told.starts_with("HTTP/1.1 200 "), "{method} {path}: {told}"),
            Asks::May(_) => {
                assert!(told.starts_with("HTTP/1.1 401 "), "{method} {path}: {told}");
                assert!(told.contains("www-authenticate: Bearer"), "{told}");
                assert!(told.contains("{\"error\":{\"code\":\"unauthenticated\""), "{told}");
                let told = asked(address, &head).await;
                assert!(!["401", "403", "404", "405"].contains(&&told[9..12]), "{method} {path}: {told}");
            }
        }
    }
}

#[tokio::test]
async fn wrong_keys_are_bounded_and_keep_nobody_out() {
    let (address, _) = started(8, LONG).await;
    let head = "GET /api/v1/status HTTP/1.1\r\nhost: localhost\r\n";
    let wrong = format!("{head}authorization: Bearer weir_admin_AAAA\r\n");
    let told = asked(address, &wrong).await;
    assert!(told.starts_with("HTTP/1.1 401 ") && told.contains("error=\"invalid_token\""), "{told}");
    let told = asked(address, &wrong).await;
    assert!(told.starts_with("HTTP/1.1 429 ") && told.contains("retry-after: "), "{told}");
    let twice = format!("{head}{}{}", shows_key(address), shows_key(address));
    assert!(asked(address, &twice).await.starts_with("HTTP/1.1 401 "), "one of two may be another's");
    assert!(asked(address, head).await.starts_with("HTTP/1.1 200 "));
}
