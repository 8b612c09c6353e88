//! The telemetry of one data core.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use http::HeaderMap;

use super::core_meter::{CoreCells, CoreMeter};
use super::ended::Ended;
use super::limit::LimitMeter;
use super::log::{Access, Settings, Sink};
use super::meter::RouteMeter;
use super::rules::RuleMeter;
use super::server::{ServerCells, ServerMeter};
use super::trace::{self, Trace, TraceControl, Tracer};

/// Where a data core tells what happened. It lives as long as its core, over all reloads.
pub struct Telemetry {
    routes: RefCell<Vec<Rc<RouteMeter>>>,
    servers: RefCell<Vec<(String, Rc<ServerMeter>)>>,
    limits: RefCell<Vec<(String, Rc<LimitMeter>)>>,
    core: CoreMeter,
    /// For what was refused before a route was found.
    door: Rc<RouteMeter>,
    access: Access,
    tracer: Tracer,
}

/// Where all cores' telemetry goes.
#[derive(Clone, Debug)]
pub struct Controls {
    /// The log.
    pub sink: Sink,
    /// What is logged.
    pub log: Arc<Settings>,
    /// What is traced.
    pub traces: TraceControl,
}

impl Controls {
    /// Nobody reads a log, and nothing is traced.
    pub fn nowhere() -> Self {
        Self::of(Sink::nowhere())
    }

    /// A log that goes to `sink`, and nothing is traced.
    pub fn of(sink: Sink) -> Self {
        // The task that would send spans is not run.
        let (traces, _) = trace::start(None);
        Self { sink, log: Arc::default(), traces }
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("routes", &self.routes.borrow().len()).finish_non_exhaustive()
    }
}

impl Telemetry {
    /// The telemetry of a core that has not done anything yet, and that nobody watches.
    pub fn new(controls: &Controls) -> Self {
        Self::of(Arc::new(CoreCells::new(0)), controls)
    }

    pub(super) fn of(cells: Arc<CoreCells>, controls: &Controls) -> Self {
        let core = CoreMeter::new(cells);
        // What reaches no route reaches no server: its connections are none that anybody reads of.
        let none = Rc::new(ServerMeter::new(Arc::new(ServerCells::new(""))));
        let door = Rc::new(RouteMeter::new(core.route("", ""), none));
        let access = Access::new(controls.sink.clone(), Arc::clone(&controls.log));
        let tracer = Tracer::new(&controls.traces);
        Self {
            routes: RefCell::default(),
            servers: RefCell::default(),
            limits: RefCell::default(),
            core,
            door,
            access,
            tracer,
        }
    }

    /// The meter of a route: the same one for the same path and server, so that a reload counts on.
    pub fn route(&self, path: &str, server: &str) -> Rc<RouteMeter> {
        let mut routes = self.routes.borrow_mut();
        if let Some(known) = routes.iter().find(|known| known.path == path && known.server == server) {
            return Rc::clone(known);
        }
        let meter = Rc::new(RouteMeter::new(self.core.route(path, server), self.server(server)));
        routes.push(Rc::clone(&meter));
        meter
    }

    /// The meter of a server's connections, shared by all routes that lead to it.
    pub fn server(&self, name: &str) -> Rc<ServerMeter> {
        let mut servers = self.servers.borrow_mut();
        if let Some((_, known)) = servers.iter().find(|(known, _)| known == name) {
            return Rc::clone(known);
        }
        let meter = Rc::new(ServerMeter::new(self.core.server(name)));
        servers.push((name.to_owned(), Rc::clone(&meter)));
        meter
    }

    /// The meter of a limit: the same one for the same name, so that a reload counts on.
    pub fn limit(&self, name: &str) -> Rc<LimitMeter> {
        let mut limits = self.limits.borrow_mut();
        if let Some((_, known)) = limits.iter().find(|(known, _)| known == name) {
            return Rc::clone(known);
        }
        let meter = Rc::new(LimitMeter::new(self.core.limit(name)));
        limits.push((name.to_owned(), Rc::clone(&meter)));
        meter
    }

    /// The meter of rules of these names, in this order: what was counted of a name counts on.
    pub fn rules<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Rc<RuleMeter> {
        Rc::new(RuleMeter::new(names.into_iter().map(|name| self.core.rule(name)).collect()))
    }

    /// The meter of the core itself.
    pub fn core(&self) -> &CoreMeter {
        &self.core
    }

    /// The meter of what reaches no route.
    pub fn door(&self) -> &RouteMeter {
        &self.door
    }

    /// What becomes of a request's trace context.
    pub fn trace(&self, headers: &HeaderMap) -> Trace {
        self.tracer.trace(headers)
    }

    /// Whether the arguments of calls are to be kept until their end.
    pub fn wants_arguments(&self) -> bool {
        self.access.wants_arguments()
    }

    /// A request has ended.
    pub fn ended(&self, ended: &Ended<'_>) {
        ended.route.count(ended);
        self.access.ended(ended);
        if let Some(span) = ended.span {
            self.tracer.ended(span, ended);
        }
    }

    /// Hands over what has gathered; to be called several times a second.
    pub fn flush(&self) {
        self.access.flush();
    }
}
