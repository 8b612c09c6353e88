//! What would become of a message: the way of [`flow`](super::flow), stage by stage, and nothing is sent.
//!
//! What only a running call can know stays open, and says so: a session, what a client brings back of a server's, which
//! endpoint takes it.

mod argued;
mod limited;

use std::borrow::Cow;
use std::cell::Cell;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::Full;

use crate::catalog::Catalog;
use crate::model::{Case, Explanation, LIMITS, Principal, Reason, Refusal, Ruling, Step};
use crate::protocol::headers::{self, MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION};
use crate::protocol::message::{self, Body, Kind, Limits, Message};
use crate::protocol::revision::Era;
use crate::stages::arguments::Checks;
use crate::stages::authenticate::{self, Place};
use crate::stages::authorize::{self, Roles};
use crate::stages::limit::{Ledger, Ruled};
use crate::stages::rules::{self, Asked, Rules, Subject, Unreadable, Verdict};
use crate::stages::wellformed::{self, Verb, WellFormed};

use super::core::Bounds;
use super::keying::Keying;
use super::ruling;
use super::told::{Around, Told};

/// The stages that say something here, in the order of a request.
pub const STAGES: &[&str] = &[LIMITS, "authenticate", "wellformed", LIMITS, "authorize", "rules", LIMITS, "arguments"];

/// The route that is meant where none is named, and there are several.
const USUAL: &str = "/mcp";

/// What a message is held against.
pub struct House {
    /// The routes.
    pub routes: Vec<Door>,
    /// The names of the servers behind them.
    pub servers: Vec<String>,
    /// Whoever shows no credential.
    pub anonymous: Principal,
    /// What roles grant.
    pub roles: Roles,
    /// What policy says.
    pub rules: Rules,
    /// What limits have counted.
    pub ledger: Arc<Ledger>,
    /// The keys that expressions give for them.
    pub keying: Keying,
    /// What the servers were seen to offer.
    pub catalog: Arc<Catalog>,
    /// The bounds of messages.
    pub bounds: Bounds,
}

/// A route.
pub struct Door {
    /// Its path.
    pub path: String,
    /// Its place among the routes, as rules count them.
    pub number: usize,
    /// The place of its server.
    pub server: usize,
    /// What it asks of callers.
    pub place: Place,
    /// What it checks of messages beyond the protocol; `None` where that is nothing.
    pub checks: Option<Checks>,
}

/// Tells the way of a message.
///
/// # Errors
/// There is no such route, or it has to be said which one is meant; or a header is none.
pub fn explain(house: &House, case: &Case) -> Result<Explanation, String> {
    let door = house.door(case.path.as_deref())?;
    let headers = fields(case, house.bounds.depth)?;
    let mut walk = Walk { house, door, server: door.server, ruled: None, changes: None, steps: Vec::new() };
    // What refuses, or answers, has said so.
    let _ = walk.walk(case, &headers);
    let Walk { server, ruled, steps, .. } = walk;
    Ok(Explanation { path: door.path.clone(), server: house.servers[server].clone(), ruled, steps })
}

impl House {
    fn door(&self, path: Option<&str>) -> Result<&Door, String> {
        let paths = || self.routes.iter().map(|door| door.path.as_str()).collect::<Vec<_>>().join(", ");
        match (path, &self.routes[..]) {
            (Some(path), routes) => routes
                .iter()
                .find(|door| door.path == path)
                .ok_or_else(|| format!("no route has the path {path:?}: there are {}", paths())),
            (None, [door]) => Ok(door),
            (None, routes) => routes
                .iter()
                .find(|door| door.path == USUAL)
                .ok_or_else(|| format!("there are several routes: name the path of one, of {}", paths())),
        }
    }
}

/// A message on its way. What refuses it is the last step.
struct Walk<'a> {
    house: &'a House,
    door: &'a Door,
    /// Where it goes: rules may send it elsewhere.
    server: usize,
    ruled: Option<Ruling>,
    /// What rules change.
    changes: Option<rules::Ruled<'a>>,
    steps: Vec<Step>,
}

/// Who sends what.
struct Request<'a> {
    principal: &'a Principal,
    message: &'a WellFormed,
    headers: &'a HeaderMap,
    address: Option<IpAddr>,
}

/// It goes no further: it is refused, or answered by a rule.
struct Refused;

impl Walk<'_> {
    fn walk(&mut self, case: &Case, headers: &HeaderMap) -> Result<(), Refused> {
        self.count_address(case.address);
        let principal = self.authenticate(case)?;
        let message = self.read(case, headers)?;
        let request = Request { principal: &principal, message: &message, headers, address: case.address };
        self.count_caller(&request)?;
        self.authorize(&principal, &message, headers)?;
        self.rule(&principal, &message, headers, case.address)?;
        self.count_target(&request)?;
        self.argue(&request)
    }

    fn count_address(&mut self, address: Option<IpAddr>) {
        let looked_at = self.house.ledger.explain_address(address);
        self.counted((LIMITS, "before anything is looked at"), looked_at);
    }

    fn authenticate(&mut self, case: &Case) -> Result<Principal, Refused> {
        let principal = match &case.caller {
            Some(caller) => Principal::new(caller.clone()),
            None => self.house.anonymous.clone(),
        };
        let admitted = authenticate::would_admit(&self.door.place, &principal);
        self.said("authenticate", admitted, || {
            let roles = principal.caller().roles.join(", ");
            let with = if roles.is_empty() { "no role of its own".to_owned() } else { format!("the roles {roles}") };
            format!("{} calls, with {with}", principal.shown())
        })?;
        Ok(principal)
    }

    fn read(&mut self, case: &Case, headers: &HeaderMap) -> Result<WellFormed, Refused> {
        let Bounds { body, depth, .. } = self.house.bounds;
        let awaited = Cell::default();
        let checks = wellformed::Checks {
            body,
            depth,
            catalog: &self.house.catalog,
            server: self.door.server,
            awaited: &awaited,
        };
        let whole = Full::new(Bytes::from(case.message.clone()));
        let reading = pin!(wellformed::read(&checks, Verb::Post, headers, whole));
        let Poll::Ready(read) = reading.poll(&mut Context::from_waker(Waker::noop())) else {
            unreachable!("a body that is there whole is not waited for")
        };
        let read = read.map_err(|refused| refused.0);
        let says = read.as_ref().map(described).unwrap_or_default();
        self.said("wellformed", read, || says)
    }

    fn count_caller(&mut self, request: &Request<'_>) -> Result<(), Refused> {
        let found = self.limited(request, |ledger, asked| ledger.explain_caller(asked));
        self.counted_or_failed((LIMITS, "before the rules"), found)
    }

    fn authorize(&mut self, principal: &Principal, message: &WellFormed, headers: &HeaderMap) -> Result<(), Refused> {
        let (house, server) = (self.house, self.door.server);
        let sight = house.roles.sight(principal, server);
        let granted = authorize::check(sight, message.messages(), message.bytes()).map_err(|denied| denied.refusal);
        let granted = granted.and_then(|granted| {
            wellformed::params(&house.catalog, server, headers, message)?;
            Ok(granted.limited().is_some())
        });
        let limited = *granted.as_ref().unwrap_or(&false);
        self.said("authorize", granted, || match limited {
            true => "what it names is granted; lists show what is granted alone".to_owned(),
            false => "everything on this server is granted".to_owned(),
        })?;
        Ok(())
    }

    /// Asks the rules about each message of a body, by each name that it has.
    fn rule(
        &mut self,
        principal: &Principal,
        message: &WellFormed,
        headers: &HeaderMap,
        address: Option<IpAddr>,
    ) -> Result<(), Refused> {
        let (house, door) = (self.house, self.door);
        if house.rules.is_empty() {
            self.steps.push(Step::passes("rules", "there are none"));
            return Ok(());
        }
        let server = (door.server, house.servers[door.server].as_str());
        let around = Around { catalog: &house.catalog, path: &door.path, server, headers, address };
        let mut step = Step::passes("rules", "no rule decides: it passes");
        for one in message.messages() {
            if let Err(refusal) = self.each(&around, principal, message, one, &mut step) {
                step.refused = Some(refusal.reason.as_str());
                step.says = refusal.message.clone().into_owned();
                self.steps.push(step);
                return Err(Refused);
            }
        }
        self.steps.push(step);
        let answered = self.ruled.as_ref().is_some_and(|ruled| ruled.verdict == "answer");
        if answered { Err(Refused) } else { Ok(()) }
    }

    fn each(
        &mut self,
        around: &Around<'_>,
        principal: &Principal,
        read: &WellFormed,
        message: &Message,
        step: &mut Step,
    ) -> Result<(), Refusal> {
        let (rules, bytes) = (&self.house.rules, read.bytes());
        let method = rules::method(message, bytes);
        let (known, said) = ruling::said(method.as_deref());
        let subject = Subject::of(message, known, bytes, rules.book());
        let subject = subject.map_err(|Unreadable(why)| Refusal::new(Reason::InvalidParams, why))?;
        for named in subject.each() {
            let facts = Told::in_place(*around, principal, said, named, Some((message, read)));
            let asked = Asked {
                route: self.door.number,
                server: around.server.0,
                said,
                named,
                roles: self.house.roles.held(principal),
                headers: around.headers,
                facts: &facts,
                draw: 0,
            };
            let (decided, looked_at) = rules.explain(&asked);
            step.looked_at.extend(looked_at);
            let rule = decided.rule.map(|rule| rules.book().name(rule).to_owned());
            let verdict = match decided.verdict {
                Verdict::Pass => "pass",
                Verdict::Refuse { .. } => "refuse",
                Verdict::Route(_) => "route",
                Verdict::Answer(_) => "answer",
                Verdict::Failed => "fail",
            };
            if let Some(rule) = &rule {
                step.says = format!("{rule:?} decides: {verdict}");
            }
            self.ruled = Some(Ruling { verdict, rule });
            if verdict == "answer" && message.kind == Kind::Request {
                return Ok(());
            }
            let (ruled, server) = ruling::passed(decided)?;
            self.changes = Some(match self.changes.take() {
                Some(before) => before.and(ruled),
                None => ruled,
            });
            if let Some(server) = server {
                self.server = server;
                step.says = format!("{}, to {}", step.says, self.house.servers[server]);
            }
        }
        Ok(())
    }

    fn count_target(&mut self, request: &Request<'_>) -> Result<(), Refused> {
        let changes = self.changes.as_ref().and_then(rules::Ruled::changes);
        let class = changes.and_then(|changes| changes.class);
        let ruled = Ruled { class, cost: changes.and_then(|changes| changes.cost).unwrap_or(1) };
        let found = self.limited(request, |ledger, asked| ledger.explain_target(asked, ruled));
        self.counted_or_failed((LIMITS, "after the rules, for its server"), found)
    }

    fn argue(&mut self, request: &Request<'_>) -> Result<(), Refused> {
        let Some(checks) = &self.door.checks else { return Ok(()) };
        let changed = self.changes.as_ref().and_then(rules::Ruled::changes);
        let changed = changed.is_some_and(|changes| !changes.arguments.is_empty());
        let (looked_at, fits) = argued::argue(checks, &self.house.catalog, self.server, request, changed);
        self.looked("arguments", looked_at, fits, || "what the route checks beyond the protocol".to_owned())
    }

    /// Notes what a stage has found.
    fn said<T>(
        &mut self,
        stage: &'static str,
        found: Result<T, Refusal>,
        says: impl FnOnce() -> String,
    ) -> Result<T, Refused> {
        match found {
            Ok(found) => {
                self.steps.push(Step::passes(stage, says()));
                Ok(found)
            }
            Err(refusal) => {
                let (reason, says) = (refusal.reason.as_str(), refusal.message.clone().into_owned());
                self.steps.push(Step { refused: Some(reason), ..Step::passes(stage, says) });
                Err(Refused)
            }
        }
    }
}

/// What was read, in a few words.
fn described(message: &WellFormed) -> String {
    let era = match message.era() {
        Era::Modern => "2026-07-28 and later",
        Era::Legacy => "the session era",
    };
    match (message.message(), message.batch()) {
        (_, Some(batch)) => format!("a batch of {}, of {era}", batch.len()),
        (Some(one), _) => {
            let bytes = message.bytes();
            let method = one.method.and_then(|method| method.text(bytes)).unwrap_or(Cow::Borrowed("an answer"));
            match one.fields.name.or(one.fields.uri).and_then(|name| name.text(bytes)) {
                Some(name) => format!("{method} of {name}, of {era}"),
                None => format!("{method}, of {era}"),
            }
        }
        (None, None) => format!("nothing, of {era}"),
    }
}

/// The fields of the request: those that are said, and those that a client of 2026-07-28 would mirror the message in.
fn fields(case: &Case, depth: u16) -> Result<HeaderMap, String> {
    let mut fields = HeaderMap::new();
    for (name, value) in &case.headers {
        let wrong = || format!("no header can be {name:?} with that value");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        fields.append(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
    }
    let limits = Limits { depth, ..Limits::default() };
    if let Ok(Body::One(message)) = message::read_client(&case.message, &limits) {
        mirror(&message, &case.message, &mut fields);
    }
    Ok(fields)
}

fn mirror(message: &Message, bytes: &[u8], fields: &mut HeaderMap) {
    let Some(version) = message.meta.protocol_version.and_then(|version| version.text(bytes)) else { return };
    let method = message.method.and_then(|method| method.text(bytes)).unwrap_or_default();
    let name = headers::mirrored(message, &method).and_then(|name| name.text(bytes));
    for (field, value) in [(MCP_PROTOCOL_VERSION, Some(version)), (MCP_METHOD, Some(method)), (MCP_NAME, name)] {
        let value = value.and_then(|value| HeaderValue::from_str(&headers::encoded(&value)).ok());
        if let Some(value) = value.filter(|_| !fields.contains_key(&field)) {
            fields.insert(field, value);
        }
    }
}

#[cfg(test)]
mod tests;
