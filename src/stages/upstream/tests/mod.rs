//! Calls over real sockets, to servers that say exactly what a test has them say. Nothing is waited for by time: a
//! test holds both ends, and where a bound of time is meant it is so short that it passes by itself.

mod leaving;
mod repeating;
pub(crate) mod scripted;
mod waiting;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use super::*;
use crate::model::Refusal;
use crate::model::RequestIds;
use crate::net::upstream::{Collected, Endpoint, ResponseHead};
use crate::protocol::revision::Era;
use crate::telemetry::trace::Trace;
use crate::telemetry::{Controls, ServerMeter, Telemetry};
use scripted::{Peer, Server, local, poll_once, until};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A client and the servers that it knows, each an endpoint of its own.
struct House {
    client: Rc<Client>,
    meter: Rc<ServerMeter>,
    endpoints: Vec<Endpoint>,
    patience: Patience,
    manner: Manner,
}

impl House {
    fn new(servers: &[&Server]) -> Self {
        let client = Rc::new(Client {
            pool: Rc::new(Pool::new(servers.len(), 4)),
            abandoned: Rc::new(Abandoned::default()),
            numbers: Numbers::of_core(0),
        });
        tokio::task::spawn_local(Rc::clone(&client.abandoned).run(Rc::clone(&client.pool)));
        let meter = Rc::clone(&Telemetry::new(&Controls::nowhere()).route("/mcp", "files").calls);
        Self {
            client,
            meter,
            endpoints: servers.iter().map(|server| server.endpoint()).collect(),
            patience: Patience { first_byte: None, idle: None, deadline: Duration::from_secs(60) },
            manner: Manner { reads_only: false, outlives: None },
        }
    }

    fn reading(mut self) -> Self {
        self.manner.reads_only = true;
        self
    }

    /// Of the legacy era, with room for so many calls whose client left.
    fn outliving(mut self, most: usize) -> Self {
        self.manner.outlives = Some(Rc::new(Room::new(most)));
        self
    }

    fn patient(mut self, change: impl FnOnce(&mut Patience)) -> Self {
        change(&mut self.patience);
        self
    }

    async fn call(&self) -> Result<(Call, ResponseHead), Refusal> {
        self.call_with(Bytes::from_static(b"{}")).await
    }

    async fn call_with(&self, body: Bytes) -> Result<(Call, ResponseHead), Refusal> {
        let headers = HeaderMap::new();
        let length = Some(body.len());
        let outgoing = Outgoing {
            id: RequestIds::new().next(),
            trace: &Trace::Passes,
            method: "POST",
            headers: &headers,
            era: Era::Legacy,
            name: None,
            session: None,
            shown: [None; 2],
            more: &[],
            encodable: false,
            length,
        };
        let candidates =
            self.endpoints.iter().enumerate().map(|(index, endpoint)| (index, endpoint, index as u64 + 10));
        let told = Told { meter: &self.meter, sent: &Cell::new(false) };
        make(&self.client, told, candidates, &outgoing, &body, self.patience, self.manner.clone()).await
    }

    /// A whole exchange; the connection is kept afterwards.
    async fn exchange(&self, peer: &mut Peer) {
        let (called, ()) = tokio::join!(self.call(), async {
            peer.hear().await;
            peer.say(OK).await;
        });
        let mut call = called.expect("it is answered").0;
        assert_eq!(call.whole(10).await.unwrap(), Collected::Whole(Bytes::from_static(b"ok")));
        call.finish();
    }
}
