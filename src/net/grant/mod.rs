//! Tokens that an authorization server gives us for a server: as ourselves (client credentials, RFC 6749, 4.4), or in
//! exchange for a caller's own (RFC 8693).
//!
//! ```text
//!  Terms    where they are asked for, as whom, and for what            (terms)
//!  Slot     one token: what is kept of it, who waits for it            (slot)
//!    -> one request at a time, on the control runtime                  (asking: fetch, answer)
//!  Book     the slots of the callers of one server                     (book)
//!  Credential   a slot, or a field that is always the same             (credential)
//! ```
//!
//! A core reads what is kept and nothing else. Only where there is nothing does it wait, with all who want the same; what
//! nears its end is asked for anew while it is still in use. After a failure nobody asks again for a while.

mod answer;
mod asking;
mod book;
mod credential;
mod slot;
mod subject;
mod terms;

pub use book::Book;
pub use credential::{Credential, Held};
pub use slot::{Denied, Granted, Runner, Slot};
pub use subject::Subject;
pub use terms::{Client, Source, Terms};
