//! Listeners, the head guard, HTTP connections in and out, draining.

pub mod guard;
pub mod tls;
pub mod upstream;
