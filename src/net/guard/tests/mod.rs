//! What the guard refuses, what it passes, and that hyper reads what passes alike.

mod behind;
mod differential;
mod grammar;
mod rules;
mod splits;
mod transcript;

use super::{Framing, Head, HeadGuard, HeadLimits, Phase, Refused};
