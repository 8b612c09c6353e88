//! What answers the requests of a data core, by one generation of the configuration.

use std::collections::HashMap;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::Full;

use crate::model::{Addressee, Pressure, Reason, Refusal, RequestId, Trusted};
use crate::net::client::{Peer, Reply, RequestBody, TurnedAway};
use crate::net::drain::Drain;
use crate::pipeline::{Answer, Arrival, Core, Ending, Finish, Head, flow};
use crate::telemetry::{Ended, Outcome, Said};

use super::door::{self, Admitted};
use super::errors::Errors;
use super::names::{Greeter, Names};
use super::outgoing::Outgoing;
use super::pair::{self, Fronts};
use super::streaming::Streaming;
use super::{cors, forwarded, limits, metadata, panics};

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// That of the route at this place.
    Route(usize),
    /// Where the route at this place offers the pair of 2024-11-05.
    Pair(usize),
    /// That of the document at this place.
    Document(usize),
}

/// Which path leads where.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    routes: HashMap<String, Place>,
    /// `/mcp` is the federated endpoint of several servers, which is not built into this version.
    federated: Option<String>,
    /// What is told of routes, by their place.
    documents: Vec<(usize, Bytes)>,
}

impl Paths {
    /// Paths by the place of their route; `federated` is the path that would compose several servers.
    pub fn new(routes: impl IntoIterator<Item = (String, usize)>, federated: Option<String>) -> Self {
        let routes = routes.into_iter().map(|(path, at)| (path, Place::Route(at))).collect();
        Self { routes, federated, documents: Vec::new() }
    }

    /// The same, with paths where the pair of 2024-11-05 is offered, by the place of their route.
    pub fn with_pairs(mut self, pairs: impl IntoIterator<Item = (String, usize)>) -> Self {
        self.routes.extend(pairs.into_iter().map(|(path, at)| (path, Place::Pair(at))));
        self
    }

    /// The same, with documents by their path and the place of their route.
    pub fn with_documents(mut self, documents: impl IntoIterator<Item = (String, usize, String)>) -> Self {
        for (path, route, text) in documents {
            self.routes.insert(path, Place::Document(self.documents.len()));
            self.documents.push((route, text.into()));
        }
        self
    }

    /// The place of the route that offers the pair of 2024-11-05 at `path`.
    pub(super) fn pair(&self, path: &str) -> Option<usize> {
        match self.routes.get(path) {
            Some(Place::Pair(route)) => Some(*route),
            Some(Place::Route(_) | Place::Document(_)) | None => None,
        }
    }

    /// Whose place it is, and the methods there.
    fn offers(&self, place: Place) -> (usize, &'static str) {
        match place {
            Place::Route(route) => (route, door::ROUTE),
            Place::Pair(route) => (route, door::PAIR),
            Place::Document(at) => (self.documents[at].0, door::DOCUMENT),
        }
    }

    pub(super) fn find(&self, path: &str) -> Result<Place, Refusal> {
        self.routes.get(path).copied().ok_or_else(|| {
            let message = match &self.federated {
                Some(federated) if federated == path => {
                    "several servers behind one endpoint are not built into this version; use /NAME/mcp"
                }
                _ => "no route has this path",
            };
            Refusal::new(Reason::RouteNotFound, message)
        })
    }
}

/// Answers the requests of one core.
pub struct Front {
    pub(super) core: Rc<Core>,
    names: Greeter,
    pub(super) paths: Paths,
    pressure: Arc<Pressure>,
    errors: Errors,
    trusted: Trusted,
}

impl Front {
    /// `legacy_by_table` is `[http] legacy_status = "table"`; `trusted` are those whose `X-Forwarded-For` counts.
    pub fn new(
        core: Rc<Core>,
        names: Names,
        paths: Paths,
        pressure: Arc<Pressure>,
        legacy_by_table: bool,
        trusted: Trusted,
    ) -> Self {
        let names = Greeter::new(names);
        Self { core, names, paths, pressure, errors: Errors { legacy_by_table }, trusted }
    }

    /// `fronts` is where the front stands that is in force.
    pub(super) async fn answer(
        self: Rc<Self>,
        fronts: &Fronts,
        request: Request<RequestBody>,
        peer: Peer,
        drain: &Drain,
    ) -> Reply<Outgoing> {
        let (head, body) = request.into_parts();
        let peer = Peer { remote: forwarded::client(&head.headers, peer.remote, &self.trusted), ..peer };
        let (origin, admitted) = door::check(&self.names, &self.paths, &self.pressure, &head, &peer);
        let origin = origin.cloned();
        let (route, verb) = match admitted {
            Ok(Admitted::Walk(route, verb)) => (route, verb),
            Ok(Admitted::Listen(route)) => {
                return Box::pin(pair::listen(&self, fronts, route, &head, &peer, origin.as_ref())).await;
            }
            Ok(Admitted::Post(route)) => {
                // Its own box: the usual request need not carry the room for this one.
                return Box::pin(pair::post(&self, route, head, body, &peer, drain, origin.as_ref())).await;
            }
            Ok(Admitted::Options(place)) => {
                let (route, methods) = self.paths.offers(place);
                let response = cors::options(&head.headers, origin.as_ref(), methods);
                Finish::begin(&self.core, route, peer.visitor()).options(response.status());
                return Reply::Whole(response);
            }
            Ok(Admitted::Document(at)) => {
                let (route, document) = &self.paths.documents[at];
                let mut response = metadata::response(document);
                cors::allow(response.headers_mut(), origin.as_ref());
                let sent = if head.method == Method::HEAD { 0 } else { document.len() };
                Finish::begin(&self.core, *route, peer.visitor()).document(response.status(), sent);
                return Reply::Whole(response);
            }
            Err(refusal) => {
                let id = self.core.ids.next();
                let response = self.refuse(&refusal, &Addressee::Nobody, id, origin.as_ref());
                self.at_the_door(id, &peer, response.status().as_u16(), Some(refusal.reason), &refusal.message);
                return Reply::Whole(response);
            }
        };
        let finish = Finish::on_connection(&self.core, route, peer.visitor(), body.fate());
        let arrival = Arrival { route, verb, headers: head.headers, body };
        let walked = {
            // Made in its place, as every large future on this way is: one that is awaited by value is moved first.
            let walk = pin!(flow::run(&self.core, arrival, &finish, drain));
            panics::caught(walk).await
        };
        match walked.unwrap_or_else(|| Err(Box::new((panics::refusal(), Addressee::Nobody)))) {
            Ok(Answer::Whole(mut head, bytes)) => {
                limits::tell_of(&finish, &mut head.headers);
                finish.sends(bytes.len());
                finish.end(&Ending::Answered(head.status));
                Reply::Whole(whole(head, bytes, origin.as_ref()))
            }
            Ok(Answer::Stream(head, relay)) => {
                finish.streams();
                let (mut parts, ()) = Response::new(()).into_parts();
                (parts.status, parts.headers) = (head.status, head.headers);
                limits::tell_of(&finish, &mut parts.headers);
                cors::allow(&mut parts.headers, origin.as_ref());
                let streaming = Streaming::new(Rc::clone(&self.core), relay, finish, head.status);
                Reply::Stream(parts, Outgoing::One(Box::new(streaming)))
            }
            Err(refused) => {
                let (refusal, addressee) = *refused;
                let mut response = self.refuse(&refusal, &addressee, finish.id(), origin.as_ref());
                if refusal.limited.is_none() {
                    limits::tell_of(&finish, response.headers_mut());
                }
                finish.end(&Ending::Refused(&refusal, response.status()));
                Reply::Whole(response)
            }
        }
    }

    pub(super) fn refuse(
        &self,
        refusal: &Refusal,
        addressee: &Addressee,
        id: RequestId,
        origin: Option<&HeaderValue>,
    ) -> Response<Full<Bytes>> {
        let mut response = self.errors.response(refusal, addressee, id);
        cors::allow(response.headers_mut(), origin);
        response
    }

    /// What was no plain HTTP/1.1, or came too slowly, has no reason of ours: it was told no error of MCP.
    pub(super) fn below(&self, peer: &Peer, turned: TurnedAway) {
        self.at_the_door(self.core.ids.next(), peer, turned.status, None, turned.why);
    }

    /// What reached no route is told as well.
    fn at_the_door(&self, id: RequestId, peer: &Peer, status: u16, reason: Option<Reason>, why: &str) {
        self.core.telemetry.ended(&Ended {
            id,
            route: self.core.telemetry.door(),
            peer: peer.remote,
            caller: "",
            issuer: "",
            said: Said::Unread,
            method: "",
            name: "",
            rule: "",
            outcome: Outcome::of_refusal(reason, status),
            reason,
            why,
            limit: "",
            arguments: None,
            span: None,
            asked: None,
            status,
            received: 0,
            sent: 0,
            total: Duration::ZERO,
            server: None,
            added: None,
        });
    }
}

fn whole(head: Head, bytes: Bytes, origin: Option<&HeaderValue>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(bytes));
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    cors::allow(response.headers_mut(), origin);
    response
}
