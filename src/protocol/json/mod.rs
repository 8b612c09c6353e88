//! JSON read in one strict pass, without building a tree.
//!
//! [`check`] and the readers of `message` walk a whole document once: UTF-8, grammar, one document, bounded nesting,
//! no repeated key, no lone surrogate escape, no U+0000 in a key, no byte-order mark. What is accepted is what
//! `str::from_utf8` and then `serde_json::from_str::<&RawValue>` accept, less these rules: a document that two
//! parsers could read differently does not pass. The text is never copied; a [`Value`] is a span of it.
//!
//! Only in bytes that have passed may one look things up: [`members`], [`elements`] and [`member`] skip fast and trust
//! what they skip.
//!
//! ```text
//!  whole documents                        documents in chunks
//!  scanner   one pass, explicit stack     feed     the same grammar as a machine that can stop at any byte
//!    strings  numbers  keys  stack          strings  numbers  stack
//!    marks   where long values are
//!  navigate  look-ups in checked bytes      utf8   characters that are split across chunks
//!    walk    look-ups that are paid for     tally  repeated keys, without their text
//! ```

mod fault;
mod feed;
mod keys;
mod marks;
mod navigate;
mod numbers;
mod quote;
mod scanner;
mod stack;
mod strings;
mod tally;
mod utf8;
mod value;
mod walk;
mod watch;

pub use fault::{Fault, FaultReason};
pub use marks::Marks;
pub use navigate::{Elements, Members, distinct, elements, member, members};
pub use quote::quoted;
pub use value::{Kind, Span, Value, string};
pub use walk::{Looked, Step, Walk};

pub(in crate::protocol) use feed::Feed;
pub(in crate::protocol) use scanner::{Repeats, Scanner};
pub(in crate::protocol) use tally::Tally;
pub(in crate::protocol) use watch::Watch;

/// Checks that `bytes` are one document under the rules for clients, nested at most `depth` levels.
///
/// Any value may be the document, not only an object.
///
/// # Errors
/// The first fault found. A repeated key is found when its object closes.
pub fn check(bytes: &[u8], depth: u16) -> Result<(), Fault> {
    let mut scanner = Scanner::new(bytes, depth, Repeats::Refused)?;
    scanner.value()?;
    scanner.end()
}

#[cfg(test)]
mod tests;
