//! Tokens as others may make them.
