//! Expressions over one message.

mod bounds;
mod documents;
mod meaning;
mod mistakes;
mod oracle;
mod world;
