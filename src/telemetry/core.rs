//! The telemetry of one data core.

use std::cell::RefCell;
use std::rc::Rc;

use super::ended::Ended;
use super::log::Access;
use super::meter::RouteMeter;

/// Where a data core tells what happened. It lives as long as its core, over all reloads.
#[derive(Debug)]
pub struct Telemetry {
    routes: RefCell<Vec<Rc<RouteMeter>>>,
    /// For what was refused before a route was found.
    door: Rc<RouteMeter>,
    access: Access,
}

impl Telemetry {
    /// The telemetry of a core that has not done anything yet.
    pub fn new(access: Access) -> Self {
        let door = Rc::new(RouteMeter { path: String::new(), server: String::new() });
        Self { routes: RefCell::default(), door, access }
    }

    /// The meter of a route: the same one for the same path and server, so that a reload counts on.
    pub fn route(&self, path: &str, server: &str) -> Rc<RouteMeter> {
        let mut routes = self.routes.borrow_mut();
        if let Some(known) = routes.iter().find(|known| known.path == path && known.server == server) {
            return Rc::clone(known);
        }
        let meter = Rc::new(RouteMeter { path: path.to_owned(), server: server.to_owned() });
        routes.push(Rc::clone(&meter));
        meter
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
        self.access.ended(ended);
    }

    /// Hands over what has gathered; to be called several times a second.
    pub fn flush(&self) {
        self.access.flush();
    }
}
