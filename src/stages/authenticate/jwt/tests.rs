//! Tokens as others may make them: forged ones, those of the public corpus, and random ones.

mod asking;
mod forged;
mod maker;
mod random;
mod wycheproof;
