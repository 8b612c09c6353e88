//! How much there may be of something in a time. The first bound: signatures that an address may have checked.

mod bucket;
pub mod slices;
mod unverified;

pub use unverified::Unverified;
