//! The telemetry of one data core.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::core_meter::{CoreCells, CoreMeter};
use super::ended::Ended;
use super::log::Access;
use super::meter::{RouteCells, RouteMeter};
use super::server::{ServerCells, ServerMeter};

/// Where a data core tells what happened. It lives as long as its core, over all reloads.
#[derive(Debug)]
pub struct Telemetry {
    routes: RefCell<Vec<Rc<RouteMeter>>>,
    servers: RefCell<Vec<(String, Rc<ServerMeter>)>>,
    core: CoreMeter,
    /// For what was refused before a route was found.
    door: Rc<RouteMeter>,
    access: Access,
}

impl Telemetry {
    /// The telemetry of a core that has not done anything yet, and that nobody watches.
    pub fn new(access: Access) -> Self {
        Self::of(Arc::new(CoreCells::new(0)), access)
    }

    pub(super) fn of(cells: Arc<CoreCells>, access: Access) -> Self {
        let nowhere = Arc::new(RouteCells::new("", ""));
        cells.add_route(&nowhere);
        // What reaches no route reaches no server: its connections are none that anybody reads of.
        let none = Rc::new(ServerMeter::new(Arc::new(ServerCells::new(""))));
        let door = Rc::new(RouteMeter::new(nowhere, none));
        Self { routes: RefCell::default(), servers: RefCell::default(), core: CoreMeter::new(cells), door, access }
    }

    /// The meter of a route: the same one for the same path and server, so that a reload counts on.
    pub fn route(&self, path: &str, server: &str) -> Rc<RouteMeter> {
        let mut routes = self.routes.borrow_mut();
        if let Some(known) = routes.iter().find(|known| known.path == path && known.server == server) {
            return Rc::clone(known);
        }
        let cells = Arc::new(RouteCells::new(path, server));
        self.core.cells.add_route(&cells);
        let meter = Rc::new(RouteMeter::new(cells, self.server(server)));
        routes.push(Rc::clone(&meter));
        meter
    }

    /// The meter of a server's connections, shared by all routes that lead to it.
    fn server(&self, name: &str) -> Rc<ServerMeter> {
        let mut servers = self.servers.borrow_mut();
        if let Some((_, known)) = servers.iter().find(|(known, _)| known == name) {
            return Rc::clone(known);
        }
        let cells = Arc::new(ServerCells::new(name));
        self.core.cells.add_server(&cells);
        let meter = Rc::new(ServerMeter::new(cells));
        servers.push((name.to_owned(), Rc::clone(&meter)));
        meter
    }

    /// The meter of the core itself.
    pub fn core(&self) -> &CoreMeter {
        &self.core
    }

    /// The meter of what reaches no route.
    pub fn door(&self) -> &RouteMeter {
        &self.door
    }

    /// Whether the arguments of calls are to be kept until their end.
    pub fn wants_arguments(&self) -> bool {
        self.access.wants_arguments()
    }

    /// A request has ended.
    pub fn ended(&self, ended: &Ended<'_>) {
        ended.route.count(ended);
        self.access.ended(ended);
    }

    /// Hands over what has gathered; to be called several times a second.
    pub fn flush(&self) {
        self.access.flush();
    }
}
