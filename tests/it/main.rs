//! Behaviour, over real sockets, against real servers: one module a behaviour.

#[path = "../support/mod.rs"]
mod support;

mod conformance;
mod fidelity;
mod isolation;
mod rmcp_client;
mod sdk;
