//! The nouns that every floor above shares, and the clock.

mod addressee;
mod challenge;
pub mod clock;
mod command;
mod decimal;
mod glob;
pub mod grants;
mod hex;
mod pattern;
mod permission;
mod pressure;
mod principal;
mod readiness;
mod refusal;
mod remote;
mod request_id;
mod status;
pub mod template;
mod trusted;
mod uri;

pub use addressee::{Addressee, Culprit, Refused};
pub use challenge::Challenge;
pub use command::{Command, Generation, Undone};
pub use decimal::Decimal;
pub use glob::{Glob, Outline};
pub use hex::Hex;
pub use pattern::Pattern;
pub use permission::Permission;
pub use pressure::{Level, Pressure};
pub use principal::{Caller, Means, Principal};
pub use readiness::Readiness;
pub use refusal::{Accepted, Blame, Reason, Refusal};
pub use remote::Remote;
pub use request_id::{RequestId, RequestIds};
pub use status::{Attempt, Status};
pub use trusted::{Network, Trusted};
