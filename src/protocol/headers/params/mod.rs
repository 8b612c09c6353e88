//! `Mcp-Param-*`: arguments of a tool that its definition mirrors into headers (2026-07-28, "Custom Headers from
//! Tool Parameters").

mod check;
mod number;
mod schema;
mod tree;

pub use schema::{Invalid, InvalidReason};
pub use tree::ParamHeaders;

#[cfg(test)]
mod tests;
