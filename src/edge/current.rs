//! The front that is in force on a core. A request keeps the one that it began with.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use http::Request;

use crate::net::client::{Handler, Peer, Reply, RequestBody, TurnedAway};
use crate::net::drain::Drain;

use super::front::Front;
use super::outgoing::Outgoing;
use super::pair::Fronts;

/// What the connections of a core ask; the front behind it changes with the configuration.
pub struct Current(Fronts);

impl Current {
    /// The first front of a core.
    pub fn new(front: Front) -> Self {
        Self(Rc::new(RefCell::new(Rc::new(front))))
    }

    /// Requests that begin from now on are answered by this one.
    pub fn switch(&self, front: Front) {
        let before = self.0.replace(Rc::new(front));
        // What its end sets off must not find the cell borrowed.
        drop(before);
    }
}

impl Handler for Current {
    type Stream = Outgoing;

    fn handle(
        &self,
        request: Request<RequestBody>,
        peer: Peer,
        drain: &Drain,
    ) -> impl Future<Output = Reply<Outgoing>> {
        let front = Rc::clone(&self.0.borrow());
        front.answer(&self.0, request, peer, drain)
    }

    fn turned_away(&self, peer: &Peer, turned: TurnedAway) {
        self.0.borrow().below(peer, turned);
    }
}
