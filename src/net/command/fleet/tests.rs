//! What a fleet remembers of sessions and of subscriptions, without any process.

use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::super::ask::Said;
use super::super::exchange::{Exchange, exchange};
use super::super::key::Per;
use super::super::process::How;
use super::super::spec::Means;
use super::super::traffic::Traffic;
use super::*;
use crate::net::process::CommandLine;
use crate::protocol::message::{self, Body, Limits};

const INITIALIZE: &str =
    r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}"#;

/// A fleet that starts nothing.
fn fleet(per: Per) -> Shared {
    let means = Means::Command(CommandLine::default());
    let [idle, start, wait, deadline, keepalive] = [Duration::from_secs(1); 5];
    let (name, limit, warm, line_limit, depth) = ("server".to_owned(), 0, 0, 1024, 64);
    let spec = Spec { name, means, per, limit, warm, idle, start, wait, deadline, line_limit, depth, keepalive };
    let keeper = Keeper::new("/nowhere", 0, &Handle::current());
    let (numbers, scratch) = (Rc::new(Numbers::of_nobody()), Rc::new(RefCell::new(Box::default())));
    Rc::new(RefCell::new(Fleet::new(Arc::new(spec), Arc::default(), numbers, 0, keeper, scratch)))
}

/// A client that opens a session by an exchange of that number.
fn opens(fleet: &Shared, number: u64, lefts: &UnboundedSender<Left>) -> Exchange {
    let bytes = Bytes::from_static(INITIALIZE.as_bytes());
    let Ok(Body::One(message)) = message::read_client(&bytes, &Limits::default()) else { panic!("a sound message") };
    let said = Said::of(&message, &bytes, false, &Numbers::of_core(1)).expect("a client may say it");
    let (exchange, sink) = exchange(number, lefts);
    let (era, caller, session) = (Era::Legacy, "anonymous".to_owned(), None);
    Fleet::take(fleet, Ask { number, era, caller, session, what: What::Say(vec![said]), takes_events: true, sink });
    exchange
}

#[expect(clippy::disallowed_methods, reason = "a test leaves a few exchanges")]
fn lefts() -> UnboundedSender<Left> {
    unbounded_channel().0
}

/// A shared process that runs, for those who opened as [`INITIALIZE`] does.
fn runs(fleet: &Shared) -> (Key, Rc<Process>) {
    let opening = Opening { revision: "2025-11-25".into(), capabilities: "{}".into() };
    let key = Key::Opened { caller: None, opening };
    let traffic = Traffic::new(key.clone(), Limits::default(), Rc::new(Numbers::of_nobody()));
    let process = Rc::new(Process::new(traffic, clock::now()));
    fleet.borrow_mut().processes.insert(key.clone(), Rc::clone(&process));
    (key, process)
}

#[tokio::test]
async fn whoever_leaves_before_there_is_a_process_leaves_no_session() {
    let (fleet, lefts) = (fleet(Per::Session), lefts());
    let waits = opens(&fleet, 7, &lefts);
    fleet.borrow_mut().close_unknown();
    assert_eq!((fleet.borrow().waiting.len(), fleet.borrow().sessions.len()), (1, 1), "it is waited for");
    drop(waits);
    fleet.borrow_mut().left(Left { exchange: 7, goes_on: None });
    fleet.borrow_mut().close_unknown();
    assert_eq!((fleet.borrow().waiting.len(), fleet.borrow().sessions.len()), (0, 0));
}

#[tokio::test]
async fn whoever_is_refused_while_a_shared_process_starts_leaves_no_session() {
    let (fleet, lefts) = (fleet(Per::Shared), lefts());
    let (_, process) = runs(&fleet);
    let mut opening = opens(&fleet, 7, &lefts);
    fleet.borrow_mut().close_unknown();
    assert_eq!(fleet.borrow().sessions.len(), 1, "it is being opened");
    Fleet::ended(&fleet, &process, &How::Broke("it fell".into()));
    opening.head().await.expect_err("it was refused");
    fleet.borrow_mut().close_unknown();
    assert_eq!(fleet.borrow().sessions.len(), 0);
}

#[tokio::test]
async fn a_session_that_its_client_knows_is_kept() {
    let (fleet, lefts) = (fleet(Per::Shared), lefts());
    let (_, process) = runs(&fleet);
    let mut opening = opens(&fleet, 7, &lefts);
    let sent = std::mem::take(&mut process.traffic.borrow_mut().out);
    let id = String::from_utf8(sent).unwrap().split_once("\"id\":").unwrap().1.split(',').next().unwrap().to_owned();
    let answer = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"protocolVersion":"2025-11-25"}}}}"#);
    fleet.borrow_mut().hear(&process, answer.as_bytes());
    assert_eq!(opening.head().await.expect("it was answered").0, StatusCode::OK);
    fleet.borrow_mut().close_unknown();
    assert_eq!(fleet.borrow().sessions.len(), 1);
}

#[tokio::test]
async fn what_is_subscribed_to_is_there_for_the_next_process_before_the_last_one_has_ended() {
    let fleet = fleet(Per::Shared);
    let (key, process) = runs(&fleet);
    process.traffic.borrow_mut().subscribed.insert("test://a".into(), vec![1, 2]);
    fleet.borrow_mut().overlong(&process);
    let subscribed = |fleet: &Shared| fleet.borrow().bereft.get(&key).cloned().unwrap_or_default();
    assert_eq!(subscribed(&fleet), HashMap::from([("test://a".to_owned(), vec![1, 2])]));
    // A session that ends meanwhile is subscribed for no more.
    for number in [1, 2] {
        fleet.borrow_mut().sessions.insert(number, Session::new(key.clone(), clock::now()));
    }
    fleet.borrow_mut().close(1);
    assert_eq!(subscribed(&fleet), HashMap::from([("test://a".to_owned(), vec![2])]));
    fleet.borrow_mut().close(2);
    Fleet::ended(&fleet, &process, &How::Ended("it was told to".into()));
    assert_eq!(subscribed(&fleet), HashMap::new());
}

#[tokio::test]
async fn who_listens_on_a_shared_process_is_let_go_with_it_when_there_will_be_no_other() {
    let (fleet, lefts) = (fleet(Per::Shared), lefts());
    let (key, process) = runs(&fleet);
    let (mut listener, sink) = exchange(7, &lefts);
    let mut session = Session::new(key, clock::now());
    session.known = true;
    session.listen(7, sink, None);
    fleet.borrow_mut().sessions.insert(1, session);
    Fleet::tick(&fleet);
    assert_eq!(listener.head().await.expect("a stream").0, StatusCode::OK);
    assert!(fleet.borrow().sessions[&1].is_heard() && process.ending().is_none());
    fleet.borrow_mut().retire();
    Fleet::tick(&fleet);
    assert!(process.ending().is_some());
    assert_eq!(listener.chunk().await.expect("an end"), None);
}
