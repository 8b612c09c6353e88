//! What stands between Weir and a server: it passes everything on, spoils the answers that a call asks it to, and can be
//! unreachable.
//!
//! ```text
//! Weir --> door (can be closed) --> spoiler (`fault:NAME:` in a body) --> server
//!            ^
//!            +-- control: GET /down, GET /up
//! ```

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::Mutex,
    task::JoinSet,
};

use crate::support::{After, Exchange, Request, Scripted};

pub(super) struct Faults {
    door: Arc<Mutex<Door>>,
    control: Scripted,
    _spoiler: Arc<Scripted>,
    address: SocketAddr,
}

impl Faults {
    /// In front of the server at `url`.
    pub(super) async fn before(url: &str) -> Self {
        let server: SocketAddr = url
            .strip_prefix("http://")
            .and_then(|rest| rest.strip_suffix("/mcp")?.parse().ok())
            .unwrap_or_else(|| panic!("a test server has an address: {url}"));
        let spoiler = Arc::new(Scripted::start(move |exchange| spoiled(exchange, server)).await);
        let door = Door::open("127.0.0.1:0".parse().expect("an address"), spoiler.address()).await;
        let address = door.address;
        let door = Arc::new(Mutex::new(door));
        let steered = Arc::clone(&door);
        let control = Scripted::start(move |exchange| steer(exchange, Arc::clone(&steered))).await;
        Self { door, control, _spoiler: spoiler, address }
    }

    /// Where Weir finds the server.
    pub(super) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Where a client closes and opens the door.
    pub(super) fn control(&self) -> String {
        format!("http://{}", self.control.address())
    }

    /// Closes the door and every connection.
    pub(super) async fn stop(self) {
        self.door.lock().await.close().await;
    }
}

/// A listener that passes bytes on, as long as it is open.
struct Door {
    address: SocketAddr,
    behind: SocketAddr,
    tasks: JoinSet<()>,
}

impl Door {
    async fn open(address: SocketAddr, behind: SocketAddr) -> Self {
        // Bound with SO_REUSEADDR, so that it opens again where it was.
        let listener = TcpListener::bind(address).await.expect("a port on loopback");
        let address = listener.local_addr().expect("a bound socket has an address");
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            // They end with the door.
            let mut pipes = JoinSet::new();
            while let Ok((mut front, _)) = listener.accept().await {
                pipes.spawn(async move {
                    if let Ok(mut back) = TcpStream::connect(behind).await {
                        // An end that is no regular one is passed on as an end.
                        let _ = copy_bidirectional(&mut front, &mut back).await;
                    }
                });
            }
        });
        Self { address, behind, tasks }
    }

    async fn close(&mut self) {
        self.tasks.shutdown().await;
    }
}

async fn steer(exchange: Exchange, door: Arc<Mutex<Door>>) -> After {
    let mut door = door.lock().await;
    door.close().await;
    if exchange.request.path() == "/up" {
        *door = Door::open(door.address, door.behind).await;
    }
    exchange.answer("200 OK", "Connection: close\r\n", "").await;
    After::gone()
}

/// Answers as the call asks, or passes it on.
async fn spoiled(exchange: Exchange, server: SocketAddr) -> After {
    let body = String::from_utf8_lossy(&exchange.request.body);
    let fault = body.split_once("fault:").and_then(|(_, rest)| Some(rest.split_once(':')?.0.to_owned()));
    match fault.as_deref() {
        None | Some("mismatch") => passed_on(exchange, server).await,
        Some("reset") => exchange.reset(),
        Some("no http") => exchange.bytes("220 mail.example.com ESMTP\r\n\r\n").await,
        Some("html") => exchange.answer("200 OK", "Content-Type: text/html\r\n", "<h1>It works!</h1>").await,
        Some("no json") => exchange.json("{\"jsonrpc\":").await,
        Some("other id") => exchange.json(r#"{"jsonrpc":"2.0","id":"nobody's","result":{}}"#).await,
        Some("cut") => {
            exchange.bytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{").await;
            After::gone()
        }
        Some("cut stream") => {
            let mut stream = exchange.stream().await;
            stream.send(": on its way\n\n").await;
            stream.cut()
        }
        Some("ended stream") => {
            let mut stream = exchange.stream().await;
            stream.send(": on its way\n\n").await;
            stream.end().await
        }
        Some(other) => panic!("there is no such fault: {other}"),
    }
}

async fn passed_on(mut exchange: Exchange, server: SocketAddr) -> After {
    let mut back = TcpStream::connect(server).await.expect("the server runs");
    back.write_all(&once(&exchange.request)).await.expect("the server reads");
    let mut head = Vec::new();
    let end = loop {
        if let Some(at) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if !matches!(back.read_buf(&mut head).await, Ok(1..)) {
            return After::gone();
        }
    };
    // Each exchange has a connection of its own. Servers say the opposite of event streams, whatever they were asked.
    let lines = String::from_utf8_lossy(&head[..end]).into_owned();
    let kept = lines.split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let lines: Vec<_> = kept.chain(["Connection: close"]).collect();
    exchange.some(lines.join("\r\n")).await;
    exchange.some(&head[end..]).await;
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = back.read(&mut bytes).await {
        exchange.some(&bytes[..read]).await;
    }
    After::gone()
}

/// The request, as the only one of its connection.
fn once(request: &Request) -> Vec<u8> {
    let framing = ["connection", "content-length", "transfer-encoding"];
    let mut head = format!("{}\r\n", request.head.line.join(" "));
    for (name, value) in &request.head.headers {
        if !framing.contains(&name.to_ascii_lowercase().as_str()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str(&format!("Connection: close\r\nContent-Length: {}\r\n\r\n", request.body.len()));
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&request.body);
    bytes
}
