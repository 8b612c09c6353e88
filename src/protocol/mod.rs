//! What is on the wire: the strict reader, JSON-RPC, MCP revisions and headers, event streams, stdio. No I/O, no async.

pub mod headers;
pub mod hop_by_hop;
pub mod json;
pub mod media;
pub mod message;
pub mod method;
pub mod revision;
pub mod sse;
pub mod stdio;
