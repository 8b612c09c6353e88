//! `Mcp-*` headers held against the body.
