//! What the reader refuses, what it reads, and that hyper reads what passes alike.

mod agreement;
mod behind;
mod differential;
mod grammar;
mod rules;
mod splits;
mod transcript;

use super::{Framing, Head, HeadLimits, Part, Phase, Reader, Refused};

/// Small enough that random connections run into the bounds as well.
const TIGHT: HeadLimits = HeadLimits { head: 120, headers: 4 };
