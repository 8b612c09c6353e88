//! What an expression is decided on: the caller, the message, its arguments, the request, the server and the time.

use http::HeaderMap;

use crate::{
    model::{Address, Principal},
    protocol::{json, revision::Era},
};

/// What the names of an expression mean for one message. Each is asked for only where the expression needs it, and then
/// perhaps several times: an answer must be a look-up, not a computation.
pub trait Facts {
    /// Who is calling.
    fn principal(&self) -> &Principal;

    /// The method, as it is on the wire.
    fn method(&self) -> &str;

    /// The name of the tool or prompt, as its server calls it; empty where the message has none.
    fn name(&self) -> &str;

    /// The URI of the resource; empty where the message has none.
    fn uri(&self) -> &str;

    /// How the client speaks.
    fn era(&self) -> Era;

    /// The definition of the tool that is called.
    fn tool(&self) -> Tool<'_>;

    /// The arguments: any value of a text that has passed the strict pass for clients; `None` where the message has
    /// none.
    fn arguments(&self) -> Option<Json<'_>>;

    /// The path of the request's target.
    fn path(&self) -> &str;

    /// The name of the route.
    fn route(&self) -> &str;

    /// Where the client calls from, behind trusted proxies.
    fn address(&self) -> Address;

    /// The header fields of the request.
    fn headers(&self) -> &HeaderMap;

    /// The server that the message goes to; empty where there are several.
    fn server(&self) -> &str;

    /// Seconds since 1970-01-01, UTC.
    fn time(&self) -> i64;
}

/// What is known of the tool that a message calls.
#[derive(Clone, Copy, Debug)]
pub enum Tool<'a> {
    /// The message calls none.
    None,
    /// It calls one that the server has not defined, as far as we know.
    Unknown,
    /// It calls one, and this is its definition, of a text that has passed the strict pass for servers.
    Known(Json<'a>),
}

/// A value in a text that has passed the strict pass.
#[derive(Clone, Copy, Debug)]
pub struct Json<'a> {
    /// The text.
    pub bytes: &'a [u8],
    /// The value in it.
    pub value: json::Value,
    /// The long values inside of that, in the order in which they begin, as far as they were noted.
    pub marks: &'a [json::Value],
}
