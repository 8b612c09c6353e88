//! The stdio transport: one message a line (2025-11-25 and 2026-07-28, "stdio").
//!
//! [`Lines`] cuts what a server writes into lines of bounded length. [`line`] makes the line that a server reads out of
//! a message that came by other ways: with ids and tokens that are ours, and without a line end inside.

mod line;
mod lines;

pub use line::line;
pub use lines::{Line, Lines};
