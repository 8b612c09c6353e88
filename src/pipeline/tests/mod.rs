//! The whole flow over real sockets, to servers that say exactly what a test has them say.

mod answers;
mod conversations;
mod granted;
mod listening;
mod streams;
mod telling;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::Full;
use tokio::sync::mpsc;

use super::core::{Behind, Server as Fronted};
use super::pair::Pairs;
use super::{Answer, Arrival, Bounds, Core, Ending, Finish, Head, Keying, Mirrors, Policy, Relay, Route, Step, flow};
use crate::catalog::{Catalog, Observer};
use crate::config::Settings;
use crate::model::{Reason, Refusal, Remote, RequestIds};
use crate::net::command::Numbers;
use crate::net::drain::Drain;
use crate::net::upstream::{Endpoint, Pool};
use crate::protocol::revision::Era;
use crate::seal::{KeyRing, Purpose, Sealer};
use crate::stages::authenticate::{Authenticator, Place};
use crate::stages::authorize::Roles;
use crate::stages::balance::{Endpoints, Listed, fingerprint};
use crate::stages::limit::Limits;
use crate::stages::rules::{Book, Rules};
use crate::stages::upstream::tests::scripted::{Peer, Server, local, poll_once, until};
use crate::stages::upstream::{Abandoned, Client, Patience, Room};
use crate::stages::vouch::Vouch;
use crate::stages::wellformed::Verb;
use crate::telemetry::log::{Ear, Sink};
use crate::telemetry::{Controls, Telemetry};

/// Who connects in the tests.
const PEER: Remote = Remote::Tcp(SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9));

/// `[http] event` of the tests.
const EVENT: usize = 256 * 1024;

/// Roles beside those that are built in.
const ROLES: &str = r#"
[[servers]]
name = "files"
endpoints = ["http://127.0.0.1:1/mcp"]
[[roles]]
name = "reader"
tools = ["files:read_*", "search"]
prompts = ["hello"]
resources = ["files:notes://ada/*", "*:notes://list"]
deny_tools = ["*:*_secret"]
"#;

/// What a core is made of, as far as the tests differ.
struct Plan {
    urls: Vec<String>,
    sealer: Sealer,
    patience: Patience,
    pinned: Option<Era>,
    anonymous: bool,
    roles: Vec<&'static str>,
}

impl Plan {
    fn of(servers: &[&Server]) -> Self {
        Self {
            urls: servers.iter().map(|server| server.url()).collect(),
            sealer: KeyRing::parse(&KeyRing::generate_text()).expect("a ring").sealer(Purpose::Session),
            patience: Patience { first_byte: None, idle: None, deadline: Duration::from_secs(60) },
            pinned: None,
            anonymous: true,
            roles: vec!["user"],
        }
    }

    fn core(&self) -> Rc<Core> {
        self.core_telling(Sink::nowhere())
    }

    /// A core, and what it tells.
    fn heard(&self) -> (Rc<Core>, Ear) {
        let (sink, ear) = Ear::new();
        (self.core_telling(sink), ear)
    }

    fn core_telling(&self, sink: Sink) -> Rc<Core> {
        let settings = Settings::parse(ROLES, "weir.toml").expect("they are sound");
        let listed = self.urls.iter().enumerate().map(|(index, url)| {
            let parsed = Endpoint::parse(url).expect("a sound URL");
            let endpoint = Endpoint::new(parsed, || Err("no TLS at http"), Duration::from_secs(10)).expect("plain");
            Listed { index, endpoint: Arc::new(endpoint), fingerprint: fingerprint("files", url) }
        });
        let server = Fronted {
            name: "files".into(),
            behind: Behind::Endpoints(Endpoints::new(listed.collect(), 0)),
            patience: self.patience,
            pinned: self.pinned,
            vouch: Vouch::default(),
            lookup: Arc::default(),
        };
        let pool = Rc::new(Pool::new(self.urls.len(), 4));
        let client = Rc::new(Client { pool, abandoned: Rc::new(Abandoned::default()), numbers: Numbers::of_core(0) });
        tokio::task::spawn_local(Rc::clone(&client.abandoned).run(Rc::clone(&client.pool)));
        let catalog = Arc::new(Catalog::new(1));
        let telemetry = Rc::new(Telemetry::new(&Controls::of(sink)));
        let no_rules = Book::compile(Arc::default(), ["/mcp"], ["files"]).expect("there is none");
        let policy = Policy::new(Rules::new(Arc::new(no_rules)), telemetry.rules([]));
        Rc::new(Core {
            routes: vec![Route {
                path: "/mcp".into(),
                server: 0,
                number: 0,
                alternates: Box::default(),
                binder: None,
                checks: None,
                place: Place { anonymous: self.anonymous, ..Place::default() },
                abandoned: Rc::new(Room::new(9)),
                meter: telemetry.route("/mcp", "files"),
            }],
            servers: vec![server],
            client,
            observer: Observer::new(Arc::clone(&catalog), mpsc::channel(1).0),
            catalog,
            sealer: self.sealer.clone(),
            pairs: Pairs::new(Arc::default(), self.sealer.clone()),
            ids: RequestIds::new(),
            telemetry,
            bounds: Bounds { body: 1 << 20, depth: 64, event: EVENT, after_answer: Duration::from_millis(300) },
            authenticator: Authenticator::without_credentials(self.roles.iter().map(|role| (*role).into()).collect()),
            roles: Roles::new(settings.roles.into(), &[], ["files"]),
            limits: Limits::none(),
            keying: Keying::default(),
            policy,
            mirrors: Mirrors::default(),
            memo: Rc::default(),
            remembered: Arc::default(),
        })
    }
}

/// What a client sends.
#[derive(Clone)]
struct Request {
    verb: Verb,
    headers: HeaderMap,
    body: String,
}

impl Request {
    fn new(verb: Verb) -> Self {
        Self { verb, headers: HeaderMap::new(), body: String::new() }
    }

    /// A POST of the legacy era.
    fn post(body: impl Into<String>) -> Self {
        Self { body: body.into(), ..Self::new(Verb::Post) }
    }

    /// A request of the legacy era, of id 1.
    fn legacy(method: &str) -> Self {
        Self::post(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{}}}}"#))
    }

    /// A request of the modern era, of id 1.
    fn modern(method: &'static str) -> Self {
        let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
        Self::post(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"_meta":{meta}}}}}"#))
            .with("mcp-protocol-version", "2026-07-28")
            .with("mcp-method", method)
    }

    fn of(era: Era, method: &'static str) -> Self {
        if era == Era::Modern { Self::modern(method) } else { Self::legacy(method) }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"));
        self
    }

    async fn walk(self, core: &Rc<Core>) -> Result<Answer, Refusal> {
        let finish = Finish::begin(core, 0, PEER.into());
        let Self { verb, headers, body } = self;
        let arrival = Arrival { route: 0, verb, headers, body: Full::new(Bytes::from(body)) };
        flow::run(core, arrival, &finish, &Drain::default()).await.map_err(|refused| refused.0)
    }

    /// Walks while a server, over a new connection, says this.
    async fn met(self, core: &Rc<Core>, server: &Server, said: impl AsRef<[u8]>) -> (Result<Answer, Refusal>, Peer) {
        tokio::join!(self.walk(core), async {
            let mut peer = server.accept().await;
            peer.hear().await;
            peer.say(said).await;
            peer
        })
    }
}

/// What came of a walk, or its reason.
fn whole(answer: Result<Answer, Refusal>) -> Result<(u16, HeaderMap, String), Reason> {
    match answer.map_err(|refusal| refusal.reason)? {
        Answer::Whole(head, bytes) => {
            Ok((head.status.as_u16(), head.headers, String::from_utf8(bytes.to_vec()).expect("text")))
        }
        Answer::Stream(..) => panic!("it is in one piece"),
    }
}

fn streaming(answer: Result<Answer, Refusal>) -> (Head, Relay) {
    match answer.expect("it passes") {
        Answer::Stream(head, relay) => (head, *relay),
        Answer::Whole(head, _) => panic!("it is a stream: {head:?}"),
    }
}

/// The next piece, and what came with it.
async fn next(relay: &mut Relay, core: &Core) -> (String, Step) {
    let mut out = Vec::new();
    let step = relay.next(&mut out, &core.observer).await;
    (String::from_utf8(out).expect("text"), step)
}

/// All that is left, and how it ended.
async fn rest(relay: &mut Relay, core: &Core) -> (String, Step) {
    let mut all = String::new();
    loop {
        let (piece, step) = next(relay, core).await;
        all.push_str(&piece);
        if !matches!(step, Step::More) {
            return (all, step);
        }
    }
}

/// An HTTP answer of a known length.
fn http(status: &str, fields: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn json(status: &str, body: &str) -> String {
    http(status, "Content-Type: application/json\r\n", body)
}

/// The head of an event stream in chunks.
const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const END: &str = "0\r\n\r\n";

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#;

/// An answer to the request of id `id` that has about `size` bytes.
fn long(id: &str, size: usize) -> String {
    format!(r#"{{"jsonrpc":"2.0","result":{{"text":"{}"}},"id":{id}}}"#, "x".repeat(size))
}
