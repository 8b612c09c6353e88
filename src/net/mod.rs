//! Listeners, the strict reader of requests, HTTP connections in and out, what we fetch ourselves, TLS both ways, commands
//! as servers, draining.

pub mod admission;
pub mod client;
pub mod command;
pub mod drain;
pub mod fetch;
pub mod grant;
pub mod guard;
pub mod listen;
pub mod process;
pub mod proxy;
pub mod socket;
pub mod spread;
pub mod tls;
pub mod upstream;
pub mod welcome;
