//! What the guard refuses, what it passes, and that hyper reads what passes alike.

mod rules;
