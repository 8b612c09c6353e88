//! What is counted of one route on one core.

/// A route and its server, as labels name them.
#[derive(Debug)]
pub struct RouteMeter {
    /// The path of the route; empty for what reached none.
    pub path: String,
    /// The server behind it; empty for none.
    pub server: String,
}
