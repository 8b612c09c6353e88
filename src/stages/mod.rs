//! The stages of a request. They are strangers to each other: their order belongs to `pipeline::flow`.

pub mod authenticate;
pub mod authorize;
pub mod balance;
pub mod limit;
pub mod opening;
pub mod respond;
pub mod rules;
pub mod session;
pub mod upstream;
pub mod vouch;
pub mod wellformed;
