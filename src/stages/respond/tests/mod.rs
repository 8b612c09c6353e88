//! What of a server's words passes, in both eras, whole, while it passes, and event by event.

mod sealing;
mod streams;
mod unseen;
mod wholes;

use std::sync::Arc;

use tokio::sync::mpsc;

use super::*;
use crate::catalog::{Catalog, Observer, Seen, Sighting};
use crate::protocol::message::{Body, Limits, OwnedId, read_client};
use crate::protocol::method::Method;
use crate::protocol::revision::Era;

const ERAS: [Era; 2] = [Era::Legacy, Era::Modern];

/// An observer whose sightings go where the receiver is.
fn observer() -> (Observer, mpsc::Receiver<Sighting>) {
    let (sender, receiver) = mpsc::channel(8);
    (Observer::new(Arc::new(Catalog::new(1)), sender), receiver)
}

/// The id that is written so.
fn id(token: &str) -> OwnedId {
    let text = format!(r#"{{"jsonrpc":"2.0","id":{token},"method":"x"}}"#);
    let Ok(Body::One(message)) = read_client(text.as_bytes(), &Limits::default()) else { panic!("{token}") };
    OwnedId::of(&message.id.expect("it has one"), text.as_bytes())
}

fn awaiting(awaited: Awaited, era: Era, method: Method) -> Expected {
    Expected::new(awaited, era, Some(method), Limits::default()).teaching(Lesson { server: 0, first_page: true })
}

/// The answer to a request of id 1.
fn one(era: Era) -> Expected {
    awaiting(Awaited::Request(id("1")), era, Method::Other)
}

/// The answers to a batch of these ids.
fn several(ids: &[&str]) -> Expected {
    Expected::new(Awaited::Batch(ids.iter().map(|token| id(token)).collect()), Era::Legacy, None, Limits::default())
}

fn answer(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#)
}

fn error(id: &str) -> String {
    let id = if id.is_empty() { String::new() } else { format!(r#""id":{id},"#) };
    format!(r#"{{"jsonrpc":"2.0",{id}"error":{{"code":-32000,"message":"no"}}}}"#)
}

const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#;
const REQUEST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#;
