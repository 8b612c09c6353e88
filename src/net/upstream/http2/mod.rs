//! HTTP/2 towards a server: a connection that many exchanges share, and one exchange on it.

mod exchange;
mod request;
mod session;

pub(super) use exchange::Exchange;
pub(super) use session::Session;
