//! Listeners, the head guard, HTTP connections in and out, draining.

pub mod admission;
pub mod client;
pub mod drain;
pub mod guard;
pub mod listen;
pub mod upstream;
