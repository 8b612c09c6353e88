//! What an ordinary call costs in allocations between the client's parsed head and the answer for the client, so that
//! it cannot creep up unseen. Both bounds are what was counted when they were set: who lowers the count lowers them.
//! Five are the answer's: its head's bytes, the count of those who share them, the two halves of its header map, and
//! its body. The sixth is what a sealed session id opens to.
//!
//! Counted is the core's own thread; the server behind it runs on another.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::thread;

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::Full;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use weir::net::drain::Drain;
use weir::pipeline::{Answer, Arrival, Core, Finish, flow};
use weir::stages::wellformed::Verb;
use weir::telemetry::{Controls, Telemetry};

#[path = "support/core.rs"]
mod core;

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Wed, 25 Nov 2026 09:00:00 GMT\r\n\
                      Content-Length: 83\r\n\r\n\
                      {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"forty-two\"}]}}\n";

const SESSION: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMcp-Session-Id: s-1\r\nContent-Length: 78\r\n\r\n\
                       {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocolVersion\":\"2025-11-25\",\"x\":\"abcde\"}}";

/// A server that answers everything alike, but for `initialize`.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        while let Ok((mut socket, _)) = listener.accept() {
            let mut bytes = [0; 16 * 1024];
            while let Ok(read @ 1..) = socket.read(&mut bytes) {
                let opens = bytes[..read].windows(12).any(|window| window == b"\"initialize\"");
                let answer = if opens { SESSION } else { ANSWER };
                if socket.write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    format!("http://{address}/mcp")
}

fn headers(more: &[(&'static str, &str)]) -> HeaderMap {
    let usual = [
        ("host", "127.0.0.1:8080"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("accept-encoding", "gzip, br"),
        ("user-agent", "example/1.0"),
        ("connection", "keep-alive"),
        ("content-length", "400"),
    ];
    let all = usual.iter().chain(more);
    all.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"))).collect()
}

/// A core on a runtime of its own, which makes one call after the other.
struct House {
    runtime: Runtime,
    local: LocalSet,
    core: Rc<Core>,
}

impl House {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self {
            runtime,
            local: LocalSet::new(),
            core: core::core(&server(), Telemetry::new(&Controls::nowhere()), mpsc::channel(1).0),
        }
    }

    fn call(&self, headers: &HeaderMap, body: &Bytes) -> (HeaderMap, AllocationInfo) {
        let arrival = Arrival { route: 0, verb: Verb::Post, headers: headers.clone(), body: Full::new(body.clone()) };
        let mut walk = Box::pin(async {
            let finish = Finish::begin(&self.core, 0, SocketAddr::from(([127, 0, 0, 1], 9)).into());
            match flow::run(&self.core, arrival, &finish, &Drain::default()).await {
                Ok(Answer::Whole(head, _)) => head.headers,
                Ok(Answer::Stream(..)) => panic!("it is in one piece"),
                Err(refused) => panic!("{:?}", refused.0),
            }
        });
        let mut answered = None;
        let counted = measure(|| answered = Some(self.local.block_on(&self.runtime, walk.as_mut())));
        (answered.expect("it has run"), counted)
    }

    /// Calls until everything that is kept has been made, then holds one call against the bound.
    fn hold(&self, headers: &HeaderMap, body: &Bytes, most: u64) {
        for _ in 0..10 {
            self.call(headers, body);
        }
        let (_, counted) = self.call(headers, body);
        assert!(counted.count_total <= most, "{} allocations, at most {most}: {counted:?}", counted.count_total);
    }
}

#[test]
fn a_modern_call_of_a_tool() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","arguments":{"query":"what is it"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let fields = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "look")];
    House::new().hold(&headers(&fields), &Bytes::from_static(body.as_bytes()), 5);
}

#[test]
fn a_legacy_call_of_a_tool_in_a_session() {
    let house = House::new();
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
    let (opened, _) = house.call(&headers(&[]), &Bytes::from_static(initialize.as_bytes()));
    let sealed = opened["mcp-session-id"].to_str().expect("ASCII");
    let body =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","arguments":{"query":"what is it"}}}"#;
    let fields = [("mcp-protocol-version", "2025-11-25"), ("mcp-session-id", sealed)];
    house.hold(&headers(&fields), &Bytes::from_static(body.as_bytes()), 6);
}
