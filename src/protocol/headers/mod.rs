//! The headers of the 2026-07-28 era, held against the body (streamable HTTP, "Request Metadata").
//!
//! A proxy in front of us may have routed on a header, the server behind us will act on the body: where the two
//! differ somebody is being fooled, so the message is refused and never repaired. In the order of the checks:
//!
//! ```text
//!  era            which era a POST is of
//!  check_version  MCP-Protocol-Version and the envelope        -> the version; whether it is served says the caller
//!  check_names    Mcp-Method, Mcp-Name
//!  ParamHeaders   Mcp-Param-*, once the tool is known
//! ```
//!
//! Names are compared without case, values with. White space around a value is no part of it. A header that occurs
//! twice is refused: first-copy and last-copy readers would disagree. So is a value outside visible ASCII, space and tab.

mod mismatch;
mod params;
mod standard;
mod value;

pub use mismatch::{Fault, Mismatch};
pub use params::{Invalid, InvalidReason, ParamHeaders};
pub use standard::{MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION, check_names, check_version, era, mirrored};
pub use value::encoded;

#[cfg(test)]
mod tests;
