//! Behaviour, over real sockets, against real servers: one module a behaviour.

#[path = "../support/mod.rs"]
mod support;

mod broken_servers;
mod conformance;
mod fidelity;
mod http;
mod idle_streams;
mod isolation;
mod leaving;
mod lifecycle;
mod rmcp_client;
mod sdk;
mod sessions;
