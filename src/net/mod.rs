//! Listeners, the head guard, HTTP connections in and out, TLS towards servers, commands as servers, draining.

pub mod admission;
pub mod client;
pub mod command;
pub mod drain;
pub mod guard;
pub mod listen;
pub mod process;
pub mod tls;
pub mod upstream;
