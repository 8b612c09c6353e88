//! What an ordinary call costs in allocations, so that it cannot creep up unseen: between the client's parsed head and
//! the answer for the client, and on the client's connection around that. The bounds are what was counted when they were
//! set: who lowers the count lowers them.
//!
//! Five are the answer's: its head's bytes, the count of those who share them, the two halves of its header map, and
//! its body. The sixth is what a sealed session id opens to. On the connection they are the request's: its bytes, head
//! and body in one, the count of those who share them, and the two halves of its header map.
//!
//! Counted is the core's own thread; the server behind it runs on another.

use std::future::poll_fn;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::Full;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::LocalSet;
use weir::config::{Secret, Settings};
use weir::model::{ApiKey, Caller, Challenge, Means, Principal};
use weir::net::client::{self, End, Handler, Limits, Next, Peer, Reply, RequestBody, Source, Stop, TurnedAway};
use weir::net::drain::Drain;
use weir::net::fetch::{Fetcher, Policy};
use weir::net::grant::{self, Book, Client, Runner, Terms};
use weir::net::guard::HeadLimits;
use weir::pipeline::{Answer, Arrival, Core, Expressions, Finish, Keying, flow};
use weir::protocol::message;
use weir::seal::{KeyRing, KeySecret};
use weir::stages::authenticate::{self, Authenticator, KeyTable, Place, Presented};
use weir::stages::limit::{Asked, Ledger, Ruled, Said, Taken};
use weir::stages::vouch::{Asserting, Exchanging, Looked, Shown, Shows, Vouch};
use weir::stages::wellformed::Verb;
use weir::store::Key;
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
        Self::for_role("user")
    }

    /// Where everyone has this role.
    fn for_role(role: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self {
            runtime,
            local: LocalSet::new(),
            core: core::core(role, "", &server(), Telemetry::new(&Controls::nowhere()), mpsc::channel(1).0),
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

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","arguments":{"query":"what is it"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
const CALL_FIELDS: [(&str, &str); 3] =
    [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "look")];

#[test]
fn a_modern_call_of_a_tool() {
    House::new().hold(&headers(&CALL_FIELDS), &Bytes::from_static(CALL.as_bytes()), 5);
}

/// What a limit counts by is put together in room that its core keeps.
#[test]
fn a_call_that_is_counted_by_an_expression() {
    let text = "[[limits]]\nname = \"a\"\nrate = \"1000/s\"\n\
                key_expression = 'principal.subject + \"/\" + message.name + \"/\" + arguments.query'\n\
                [[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:1/mcp\"]\n";
    let settings = Settings::parse(text, "weir.toml").expect("it is sound");
    let expressions = Arc::new(Expressions::compile(&settings.limits).expect("it is sound"));
    let telemetry = Telemetry::new(&Controls::nowhere());
    let ledger = Ledger::build(&settings.limits, None).asking(|limit| expressions.asks(limit));
    let mut house = House::new();
    let core = Rc::get_mut(&mut house.core).expect("nobody else has it");
    core.limits = ledger.on_core(|name| telemetry.limit(name));
    core.keying = Keying::new(expressions);
    house.hold(&headers(&CALL_FIELDS), &Bytes::from_static(CALL.as_bytes()), 5);
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

/// What roles grant is found again with a look-up.
#[test]
fn a_call_of_somebody_who_may_make_only_some() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"execute","arguments":{"query":"what is it"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let fields = [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "execute")];
    House::for_role("reader").hold(&headers(&fields), &Bytes::from_static(body.as_bytes()), 5);
}

/// A token of the caller's exchanged, and who calls asserted: both are found again.
#[test]
fn what_a_server_is_shown_is_there_once_it_was_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
    let url = format!("http://{}/token", listener.local_addr().expect("it is bound"));
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("it is asked once");
        let mut asked = [0; 16 * 1024];
        let mut read = 0;
        // The form is what comes last.
        while !asked[..read].windows(8).any(|window| window == b"audience") {
            read += socket.read(&mut asked[read..]).expect("a form");
        }
        let text = r#"{"access_token":"ours","token_type":"Bearer","expires_in":600}"#;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
        let _ = socket.write_all(format!("{head}\r\nContent-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    });
    let file = tempfile::NamedTempFile::new().expect("a file");
    let terms = Terms {
        server: "files".to_owned(),
        source: grant::Source::Url(url),
        client: Client {
            id: "weir".to_owned(),
            secret: Secret::File(file.path().to_owned()).read().expect("it is there"),
            in_form: false,
        },
        scope: String::new(),
        audience: Some("files".to_owned()),
        resource: None,
        fetcher: Arc::new(Fetcher::new(Policy::default()).expect("it trusts nobody else")),
        room: Semaphore::new(Terms::AT_ONCE),
    };
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let runner = Arc::new(Runner::default());
    runtime.block_on(async { runner.run_here() });
    let ring = KeyRing::parse(&KeyRing::generate_text()).expect("a ring");
    let vouch = Vouch::new(
        Shows::Exchanged(Exchanging::new(Arc::new(Book::new(Arc::new(terms), runner)), "jwt")),
        Some(Asserting::new(Arc::new(ring.asserter()), "https://gateway.test", "files", &[])),
    );
    let (issuer, subject) = ("https://id.test/".into(), "ann".into());
    let (roles, scopes) = (["user".into()].into(), ["a".into()].into());
    let ann = Principal::new(Caller { means: Means::Jwt, issuer, subject, roles, scopes });
    let shown = headers(&[("authorization", "Bearer theirs")]);
    let look = || match vouch.look(&ann, &shown, Challenge::default) {
        Looked::Done(done) => done.expect("it is there"),
        Looked::Asking(asking) => runtime.block_on(asking).expect("it is given"),
    };
    let lines = |shown: &Shown| shown.fields().map(|field| field.expect("both").line().to_vec());
    let first = lines(&look());
    assert_eq!(first[0], b"authorization: Bearer ours\r\n");
    let mut again = None;
    let counted = measure(|| again = Some(look()));
    assert_eq!(lines(&again.expect("it was looked for")), first);
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

/// An API key that this core has met: its owner is found, and nothing is made.
#[test]
fn the_second_use_of_an_api_key() {
    let secret = KeySecret::generate();
    let facts = ApiKey {
        id: "key".into(),
        owner: "ann".into(),
        roles: ["user".into()].into(),
        scopes: Box::default(),
        created: 1,
        expires: None,
        used: None,
        revoked: None,
        rotated: None,
    };
    let key = Key { facts, digest: secret.digest(), before: None };
    let table = Arc::new(ArcSwap::from_pointee(KeyTable::new(vec![key], &KeyTable::default())));
    let authenticator = Authenticator::without_credentials(Box::default()).with_keys(table);
    let (headers, place) = (headers(&[("x-api-key", secret.text())]), Place::default());
    let presented = Presented { headers: &headers, address: None, certificate: None };
    let check = || match authenticator.check(&presented, &place) {
        authenticate::Looked::Done(found) => assert_eq!(found.expect("a key").principal().shown(), "ann"),
        authenticate::Looked::Asking(_) => panic!("nobody is to be asked"),
    };
    check();
    let counted = measure(check);
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

/// Limits that this core has counted the caller by: their cells are found, and nothing is made.
#[test]
fn the_second_call_under_limits() {
    let limit =
        |key: &str, more: &str| format!("[[limits]]\nname = \"{key}\"\nkey = \"{key}\"\nrate = \"9/s\"\n{more}\n");
    let text = format!(
        "{}{}{}[[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:1/mcp\"]\n",
        limit("client_ip", ""),
        limit("principal", "concurrent = 9\nquota = \"900/day\""),
        limit("principal+tool", "tools = [\"files:l*\"]\nroles = [\"user\"]"),
    );
    let settings = Settings::parse(&text, "weir.toml").expect("it is sound");
    let telemetry = Telemetry::new(&Controls::nowhere());
    let limits = Ledger::build(&settings.limits, None).on_core(|name| telemetry.limit(name));
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look"}}"#;
    let read = message::read_client(body, &message::Limits::default());
    let Ok(message::Body::One(call)) = read else { panic!("it is a message") };
    let (principal, messages) = (Principal::anonymous(["user".into()].into()), [call]);
    let (address, roles) = (Some([192, 0, 2, 1].into()), &*principal.caller().roles);
    let said = Said::Messages(&messages, body);
    let asked = Asked { address, principal: &principal, roles, server: "files", session: None, said, keys: None };
    let check = || {
        let mut taken = Taken::default();
        let tried = limits.address(address, &mut taken).expect("there is enough");
        let called = limits.caller(&asked, &mut taken).expect("there is enough");
        let admitted = limits.target(&asked, Ruled { class: None, cost: 1 }, &mut taken).expect("there is enough");
        assert!(taken.standing().is_some());
        drop((tried, called, admitted));
    };
    check();
    let counted = measure(check);
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

/// What a limit remembers of a key, on the core that met it and on the node.
#[test]
fn a_key_of_a_limit_takes_little_memory() {
    const KEYS: u32 = 100_000;
    let text = "[[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:1/mcp\"]\n\
                [[limits]]\nname = \"a\"\nkey = \"client_ip\"\nrate = \"1/h\"\n";
    let settings = Settings::parse(text, "weir.toml").expect("it is sound");
    let telemetry = Telemetry::new(&Controls::nowhere());
    let limits = Ledger::build(&settings.limits, None).on_core(|name| telemetry.limit(name));
    let counted = measure(|| {
        for key in 0..KEYS {
            let mut taken = Taken::default();
            drop(limits.address(Some(key.to_be_bytes().into()), &mut taken).expect("its first"));
        }
    });
    let each = counted.bytes_current / i64::from(KEYS);
    assert!(each <= 250, "{each} bytes: {counted:?}");
}

/// Answers with the body of the request.
#[derive(Default)]
struct Echo(Notify);

/// It never streams.
enum Never {}

impl Handler for Echo {
    type Stream = Never;

    async fn handle(&self, request: Request<RequestBody>, _: Peer, _: &Drain) -> Reply<Never> {
        let mut body = request.into_body();
        let first = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        let bytes = first.expect("a body").ok().and_then(|frame| frame.into_data().ok()).expect("data");
        assert!(body.is_end_stream(), "it came at once");
        self.0.notify_one();
        Reply::Whole(Response::new(Full::new(bytes)))
    }

    fn turned_away(&self, _: &Peer, turned: TurnedAway) {
        panic!("{turned:?}");
    }
}

impl Source for Never {
    async fn next(&mut self, _: &mut Vec<u8>) -> Next {
        match *self {}
    }

    fn keepalive(&self) -> Option<&'static [u8]> {
        match *self {}
    }

    fn is_endless(&self) -> bool {
        match *self {}
    }

    fn stop(&mut self, _: &mut Vec<u8>) -> Stop {
        match *self {}
    }

    fn length(&self) -> Option<u64> {
        match *self {}
    }

    fn finished(self, _: End) {
        match self {}
    }
}

const LIMITS: Limits = Limits {
    head: HeadLimits { head: 8192, headers: 64 },
    head_timeout: Duration::from_secs(60),
    body_rate: 1,
    body_grace: Duration::from_secs(60),
    write_stall: Duration::from_secs(60),
    idle: Duration::from_secs(60),
    keepalive: Duration::from_secs(60),
    streams: 1,
    memory: 0,
};

#[test]
fn a_request_on_a_kept_connection() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = LocalSet::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
    let mut client = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    let (stream, remote) = listener.accept().expect("it was connected");
    stream.set_nonblocking(true).expect("a socket");
    let echo = Rc::new(Echo::default());
    let serving = Rc::clone(&echo);
    local.block_on(&runtime, async {
        let stream = tokio::net::TcpStream::from_std(stream).expect("it is in a runtime");
        tokio::task::spawn_local(async move {
            let peer = Peer::new(remote.into(), None);
            client::serve(stream, peer, &LIMITS, &*serving, &Drain::default(), client::scratch()).await;
        });
    });
    let fields = "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\nUser-Agent: x\r\n\
                  MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: look\r\n";
    let request = format!("POST /mcp HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: 5\r\n\r\nhello");
    let mut bytes = [0; 1024];
    let mut exchange = || {
        client.write_all(request.as_bytes()).expect("it is open");
        let counted = measure(|| local.block_on(&runtime, echo.0.notified()));
        let read = client.read(&mut bytes).expect("it was answered");
        assert!(bytes[..read].ends_with(b"\r\n\r\nhello"), "{:?}", String::from_utf8_lossy(&bytes[..read]));
        counted
    };
    for _ in 0..10 {
        exchange();
    }
    let counted = exchange();
    assert!(counted.count_total <= 4, "{} allocations, at most 4: {counted:?}", counted.count_total);
}
