//! What one data core works with. Nothing of it is shared but what is immutable or a relaxed counter.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{Catalog, Observer};
use crate::model::RequestIds;
use crate::net::command::Handle;
use crate::net::upstream::Endpoint;
use crate::protocol::revision::Era;
use crate::seal::{Binder, Sealer};
use crate::stages::arguments::Checks;
use crate::stages::authenticate::{Authenticator, Place};
use crate::stages::authorize::Roles;
use crate::stages::balance::Endpoints;
use crate::stages::limit::Limits;
use crate::stages::respond::{Memo, Remembered};
use crate::stages::upstream::{Client, Patience, Room};
use crate::stages::vouch::Vouch;
use crate::telemetry::{RouteMeter, Telemetry};

use super::keying::Keying;
use super::lookup::Lookup;
use super::mirroring::Mirrors;
use super::pair::Pairs;
use super::policy::Policy;

/// The state of one data core.
pub struct Core {
    /// The routes, as `edge` finds them by path.
    pub routes: Vec<Route>,
    /// The servers behind them.
    pub servers: Vec<Server>,
    /// What calls are made with.
    pub client: Rc<Client>,
    /// What the servers were seen to offer.
    pub catalog: Arc<Catalog>,
    /// Where this core tells what it has seen.
    pub observer: Observer,
    /// The key of session ids.
    pub sealer: Sealer,
    /// The ids of this core's requests.
    pub ids: RequestIds,
    /// Where this core tells what happened.
    pub telemetry: Rc<Telemetry>,
    /// The bounds of messages.
    pub bounds: Bounds,
    /// The streams of the pair of 2024-11-05.
    pub pairs: Pairs,
    /// Who finds out who is calling.
    pub authenticator: Authenticator,
    /// What their roles grant.
    pub roles: Roles,
    /// How much there may be of what they ask for.
    pub limits: Limits,
    /// What limits count by that have an expression.
    pub keying: Keying,
    /// What is said of messages beside that.
    pub policy: Policy,
    /// Where copies of it go.
    pub mirrors: Mirrors,
    /// What was left out of lists for them.
    pub memo: Rc<Memo>,
    /// What calls were promised whose answers come another way.
    pub remembered: Arc<Remembered>,
}

/// Bounds of messages; see `[http]`.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of a request's body.
    pub body: usize,
    /// Nesting of a message, its envelope included.
    pub depth: u16,
    /// Bytes of an event or line of a server, and of an answer that has to be read.
    pub event: usize,
    /// How long a server may leave an event stream open after its answer. It may not say much any more.
    pub after_answer: Duration,
}

/// A path, and what is behind it.
#[derive(Debug)]
pub struct Route {
    /// The path; sealed ids are bound to it.
    pub path: String,
    /// The place of the server in [`Core::servers`].
    pub server: usize,
    /// Its place among the paths of the configuration: [`Core::routes`] begins with one for each.
    pub number: usize,
    /// The places in [`Core::routes`] of the same path with other servers, which rules send messages to. Theirs are empty.
    pub alternates: Box<[usize]>,
    /// Room for calls whose client left. Counted over all cores; this core's handle, since every call takes one.
    pub abandoned: Rc<Room>,
    /// What seals what its callers bring back; `None` where the server's `seal` is off.
    pub binder: Option<Rc<Binder>>,
    /// What it asks of its callers.
    pub place: Place,
    /// What is counted of it.
    pub meter: Rc<RouteMeter>,
    /// What it checks of messages beyond the protocol; `None` where that is nothing.
    pub checks: Option<Rc<Checks>>,
}

/// What a server is reached by.
#[derive(Debug)]
pub enum Behind {
    /// Equal endpoints, by HTTP.
    Endpoints(Endpoints<Arc<Endpoint>>),
    /// A command, by stdio.
    Command(Handle),
}

/// A server, and how long it may take.
#[derive(Debug)]
pub struct Server {
    /// Its name in the configuration.
    pub name: String,
    /// What it is reached by.
    pub behind: Behind,
    /// How long it may take.
    pub patience: Patience,
    /// The era it is pinned to, if it is.
    pub pinned: Option<Era>,
    /// What it is shown of us, and of the caller.
    pub vouch: Vouch,
    /// Who asks it for its tools, on all cores.
    pub lookup: Arc<Lookup>,
}
