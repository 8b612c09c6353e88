//! A core in this process, for the tests that count what a call costs: one route to one server, everyone may call, as far as
//! rules and limits let them.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use weir::catalog::{Catalog, Observer, Sighting};
use weir::config::Settings;
use weir::model::RequestIds;
use weir::net::command::Numbers;
use weir::net::upstream::{Endpoint, Pool};
use weir::pipeline::pair::Pairs;
use weir::pipeline::{Behind, Bounds, Core, Keying, Mirrors, Policy, Route, Server};
use weir::seal::{KeyRing, Purpose};
use weir::stages::authenticate::{Authenticator, Place};
use weir::stages::authorize::Roles;
use weir::stages::balance::{Endpoints, Listed};
use weir::stages::limit::Ledger;
use weir::stages::rules::{Book, Rules};
use weir::stages::upstream::{Abandoned, Client, Patience, Room};
use weir::stages::vouch::Vouch;
use weir::telemetry::Telemetry;

/// What `reader` may call.
const ROLES: &str = r#"
[[servers]]
name = "files"
endpoints = ["http://127.0.0.1:1/mcp"]
[[roles]]
name = "reader"
tools = ["files:e*", "search"]
deny_tools = ["*:*_delete"]
"#;

/// A core whose only route, `/mcp`, leads to the server at `url`. What it sees of that goes to `sightings`. Everyone has the
/// role `role`: one that is built in, or `reader`, who may call what is named here. `policy` is rules and limits, as the
/// configuration has them.
pub(crate) fn core(role: &str, policy: &str, url: &str, telemetry: Telemetry, sightings: Sender<Sighting>) -> Rc<Core> {
    let settings = Settings::parse(&format!("{ROLES}{policy}"), "weir.toml").expect("they are sound");
    let limits = Ledger::build(&settings.limits, None).on_core(|name| telemetry.limit(name));
    let endpoint = Endpoint::new(Endpoint::parse(url).expect("a sound URL"), || Err("no TLS"), Duration::from_secs(5));
    let listed = Listed { index: 0, endpoint: Arc::new(endpoint.expect("plain")), fingerprint: 7 };
    let catalog = Arc::new(Catalog::new(1));
    let sealer = |purpose| KeyRing::parse(&KeyRing::generate_text()).expect("a ring").sealer(purpose);
    let served = [("/mcp", "files")];
    let book = Book::compile(Arc::new(settings.rules), served.map(|(path, _)| path), served.map(|(_, name)| name));
    let book = Arc::new(book.expect("they are sound"));
    let policy = Policy::new(Rules::new(Arc::clone(&book)), telemetry.rules(book.all_names()));
    Rc::new(Core {
        routes: vec![Route {
            path: "/mcp".into(),
            server: 0,
            number: 0,
            alternates: Box::default(),
            abandoned: Rc::new(Room::new(9)),
            meter: telemetry.route("/mcp", "files"),
            binder: None,
            checks: None,
            place: Place { anonymous: true, ..Place::default() },
        }],
        servers: vec![Server {
            name: "files".into(),
            behind: Behind::Endpoints(Endpoints::new(vec![listed], 0)),
            patience: Patience { first_byte: None, idle: None, deadline: Duration::from_secs(60) },
            pinned: None,
            vouch: Vouch::default(),
            lookup: Arc::default(),
        }],
        client: Rc::new(Client {
            pool: Rc::new(Pool::new(1, 4)),
            abandoned: Rc::new(Abandoned::default()),
            numbers: Numbers::of_core(0),
        }),
        observer: Observer::new(Arc::clone(&catalog), sightings),
        catalog,
        sealer: sealer(Purpose::Session),
        pairs: Pairs::new(Arc::default(), sealer(Purpose::Pair)),
        ids: RequestIds::new(),
        telemetry: Rc::new(telemetry),
        bounds: Bounds { body: 1 << 20, depth: 64, event: 1 << 20, after_answer: Duration::from_secs(5) },
        authenticator: Authenticator::without_credentials([role.into()].into()),
        roles: Roles::new(settings.roles.into(), &[], ["files"]),
        limits,
        keying: Keying::default(),
        policy,
        mirrors: Mirrors::default(),
        memo: Rc::default(),
        remembered: Arc::default(),
    })
}
