//! The nouns that every floor above shares, and the clock.

pub mod clock;
