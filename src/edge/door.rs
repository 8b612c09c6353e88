//! What is asked before anything is read: who we are, who asks, for which path, by which method.

use std::time::Duration;

use http::{HeaderValue, Method, request};

use crate::model::{Pressure, Reason, Refusal};
use crate::net::client::Peer;
use crate::stages::wellformed::Verb;

use super::front::{Paths, Place};
use super::names::Greeter;

/// When those who were refused for want of memory may come again.
const SHED: Duration = Duration::from_secs(1);

/// What a request may do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// Walk the flow of the route at this place.
    Walk(usize, Verb),
    /// Open a stream of 2024-11-05 of the route at this place.
    Listen(usize),
    /// Say something to such a stream.
    Post(usize),
    /// Be told what is allowed there.
    Options(Place),
    /// Read the document at this place.
    Document(usize),
}

/// The methods of a route.
pub(super) const ROUTE: &str = "GET, POST, DELETE, OPTIONS";
/// Those of the pair of 2024-11-05.
pub(super) const PAIR: &str = "GET, POST, OPTIONS";
/// Those of a document.
pub(super) const DOCUMENT: &str = "GET, HEAD, OPTIONS";

/// Checks the head of a request.
pub(super) fn check<'a>(
    names: &Greeter,
    paths: &Paths,
    pressure: &Pressure,
    request: &'a request::Parts,
    peer: &Peer,
) -> (Option<&'a HeaderValue>, Result<Admitted, Refusal>) {
    if let Err(refusal) = names.check_host(&request.headers, peer.local) {
        return (None, Err(refusal));
    }
    match names.check_origin(&request.headers) {
        Ok(origin) => (origin, admit(paths, pressure, request)),
        Err(refusal) => (None, Err(refusal)),
    }
}

fn admit(paths: &Paths, pressure: &Pressure, request: &request::Parts) -> Result<Admitted, Refusal> {
    let admitted = match (paths.find(request.uri.path())?, &request.method) {
        (place, &Method::OPTIONS) => return Ok(Admitted::Options(place)),
        // It is there already: nothing is made for it.
        (Place::Document(at), &Method::GET | &Method::HEAD) => return Ok(Admitted::Document(at)),
        (Place::Document(_), _) => {
            return Err(Refusal::new(Reason::MethodNotAllowed, "metadata are read by GET").allowing(DOCUMENT));
        }
        // What ends a session makes room.
        (Place::Route(route), &Method::DELETE) => return Ok(Admitted::Walk(route, Verb::Delete)),
        (Place::Route(route), &Method::POST) => Admitted::Walk(route, Verb::Post),
        (Place::Route(route), &Method::GET) => Admitted::Walk(route, Verb::Get),
        (Place::Pair(route), &Method::POST) => Admitted::Post(route),
        (Place::Pair(route), &Method::GET) => Admitted::Listen(route),
        (Place::Pair(_), _) => {
            let refusal = Refusal::new(Reason::MethodNotAllowed, "the transport of 2024-11-05 takes GET and POST");
            return Err(refusal.allowing(PAIR));
        }
        (Place::Route(_), _) => {
            let refusal = Refusal::new(Reason::MethodNotAllowed, "an MCP endpoint takes POST, GET and DELETE");
            return Err(refusal.allowing(ROUTE));
        }
    };
    if pressure.sheds() {
        let refusal = Refusal::new(Reason::Overloaded, "memory is short (`[http] shed_memory`); what runs goes on");
        return Err(refusal.retryable(SHED));
    }
    Ok(admitted)
}

#[cfg(test)]
mod tests {
    use http::{Request, header};

    use super::*;
    use crate::edge::names::Names;
    use crate::model::Level;

    /// Asks the door of a loopback gateway with two routes.
    fn asked(method: &str, target: &str, fields: &[(&str, &str)], level: Level) -> Result<Admitted, Refusal> {
        let names = Greeter::new(Names::new(vec![], vec![], true));
        let paths = Paths::new([("/mcp".to_owned(), 0), ("/b/mcp".to_owned(), 1)], Some("/all".to_owned()))
            .with_documents([("/.well-known/x/mcp".to_owned(), 0, "{}".to_owned())]);
        let pressure = Pressure::default();
        pressure.set(level);
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let address: std::net::SocketAddr = "127.0.0.1:80".parse().unwrap();
        let peer = Peer::new(address.into(), Some(address));
        check(&names, &paths, &pressure, &parts, &peer).1
    }

    const OURS: (&str, &str) = ("host", "localhost:8080");

    fn refused(method: &str, target: &str, fields: &[(&str, &str)]) -> (Reason, Option<&'static str>) {
        let refusal = asked(method, target, fields, Level::Ease).unwrap_err();
        (refusal.reason, refusal.allow)
    }

    #[test]
    fn paths_and_methods() {
        for (method, target, admitted) in [
            ("POST", "/mcp", Admitted::Walk(0, Verb::Post)),
            ("GET", "/mcp?x=y", Admitted::Walk(0, Verb::Get)),
            ("DELETE", "http://localhost:8080/b/mcp", Admitted::Walk(1, Verb::Delete)),
            ("OPTIONS", "/b/mcp", Admitted::Options(Place::Route(1))),
            ("OPTIONS", "/.well-known/x/mcp", Admitted::Options(Place::Document(0))),
            ("GET", "/.well-known/x/mcp", Admitted::Document(0)),
            ("HEAD", "/.well-known/x/mcp?x=y", Admitted::Document(0)),
        ] {
            assert_eq!(asked(method, target, &[OURS], Level::Ease).unwrap(), admitted);
        }
        for method in ["POST", "DELETE", "PUT"] {
            let allowed = Some("GET, HEAD, OPTIONS");
            assert_eq!(refused(method, "/.well-known/x/mcp", &[OURS]), (Reason::MethodNotAllowed, allowed), "{method}");
        }
        for target in ["/.well-known/x", "/", "/mcp/", "/MCP", "/%6dcp", "//mcp", "/b/../mcp", "*", "/all"] {
            assert_eq!(refused("POST", target, &[OURS]), (Reason::RouteNotFound, None), "{target}");
        }
        for method in ["PUT", "HEAD", "PATCH", "TRACE", "post", "BREW"] {
            let allowed = Some("GET, POST, DELETE, OPTIONS");
            assert_eq!(refused(method, "/mcp", &[OURS]), (Reason::MethodNotAllowed, allowed), "{method}");
        }
    }

    #[test]
    fn who_we_are_is_asked_before_who_asks_and_that_before_where_to() {
        let evil = ("origin", "https://evil.example");
        assert_eq!(refused("POST", "/x", &[("host", "evil.example"), evil]).0, Reason::HostNotAllowed);
        assert_eq!(refused("POST", "/x", &[evil]).0, Reason::HostNotAllowed);
        assert_eq!(refused("OPTIONS", "/x", &[OURS, evil]).0, Reason::OriginNotAllowed);
        assert_eq!(refused("POST", "/x", &[OURS, ("origin", "http://localhost"), evil]).0, Reason::OriginNotAllowed);
    }

    #[test]
    fn short_memory_refuses_new_work_alone() {
        for level in [Level::Shed, Level::Refuse] {
            for method in ["POST", "GET"] {
                let refusal = asked(method, "/mcp", &[OURS], level).unwrap_err();
                assert_eq!((refusal.reason, refusal.retryable), (Reason::Overloaded, true));
                assert_eq!(refusal.retry_after, Some(SHED));
            }
            assert!(asked("DELETE", "/mcp", &[OURS], level).is_ok());
            assert!(asked("GET", "/.well-known/x/mcp", &[OURS], level).is_ok());
            assert!(asked("OPTIONS", "/mcp", &[OURS, (header::ORIGIN.as_str(), "http://[::1]:1")], level).is_ok());
            assert_eq!(asked("POST", "/x", &[OURS], level).unwrap_err().reason, Reason::RouteNotFound);
        }
    }
}
