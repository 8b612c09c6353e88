//! MCP servers that are commands: what clients do over HTTP reaches them over stdio, and is answered alike.

mod breaking;
mod conformance;
mod crowds;
mod sdks;
