//! The nouns that every floor above shares, and the clock.

mod addressee;
mod algorithm;
mod challenge;
pub mod clock;
mod command;
mod decimal;
mod hex;
mod pressure;
mod principal;
mod readiness;
mod refusal;
mod remote;
mod request_id;
mod status;
mod trusted;

pub use addressee::{Addressee, Refused};
pub use algorithm::Algorithm;
pub use challenge::Challenge;
pub use command::{Command, Generation, Undone};
pub use decimal::Decimal;
pub use hex::Hex;
pub use pressure::{Level, Pressure};
pub use principal::{Caller, Means, Principal};
pub use readiness::Readiness;
pub use refusal::{Accepted, Blame, Reason, Refusal};
pub use remote::Remote;
pub use request_id::{RequestId, RequestIds};
pub use status::{Attempt, Status};
pub use trusted::{Network, Trusted};
