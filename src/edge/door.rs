//! What is asked before anything is read: who we are, who asks, for which path, by which method.

use http::{HeaderValue, Method, request};

use crate::model::{Reason, Refusal};
use crate::net::client::Peer;
use crate::stages::wellformed::Verb;

use super::front::Paths;
use super::names::Names;

/// What a request may do.
#[derive(Debug)]
pub(super) enum Admitted {
    /// Walk the flow of the route at this place.
    Walk(usize, Verb),
    /// Be told what is allowed.
    Options,
}

/// Checks the head of a request.
pub(super) fn check<'a>(
    names: &Names,
    paths: &Paths,
    request: &'a request::Parts,
    peer: Peer,
) -> (Option<&'a HeaderValue>, Result<Admitted, Refusal>) {
    if let Err(refusal) = names.check_host(&request.headers, peer.local) {
        return (None, Err(refusal));
    }
    match names.check_origin(&request.headers) {
        Ok(origin) => (origin, admit(paths, request)),
        Err(refusal) => (None, Err(refusal)),
    }
}

fn admit(paths: &Paths, request: &request::Parts) -> Result<Admitted, Refusal> {
    let route = paths.find(request.uri.path())?;
    let verb = match request.method {
        Method::POST => Verb::Post,
        Method::GET => Verb::Get,
        Method::DELETE => Verb::Delete,
        Method::OPTIONS => return Ok(Admitted::Options),
        _ => {
            let refusal = Refusal::new(Reason::MethodNotAllowed, "an MCP endpoint takes POST, GET and DELETE");
            return Err(refusal.allowing("GET, POST, DELETE, OPTIONS"));
        }
    };
    Ok(Admitted::Walk(route, verb))
}
