//! Commands as servers: one keeper, a small process of its own, makes them and sees to it that nothing of them is left.
//!
//! ```text
//!  daemon (control runtime)                 keeper: this binary again, one thread, a session of its own
//!  Keeper, Process --- orders, news ------- SOCK_SEQPACKET; its end is the daemon's end
//!     |                                        | posix_spawn
//!     |                                        v
//!     +-- request and pipes, why it failed -- shim: this binary again -- exec --> the command
//! ```
//!
//! The keeper is a child subreaper: what a command leaves behind becomes the keeper's child, whatever it does to its
//! group and session. Every process of a command carries its [mark](mark), so that the keeper knows whose it was.
//!
//! | who ends | what happens |
//! | --- | --- |
//! | a command | the keeper kills its group and what else bears its mark, reaps all of it, and then tells the daemon |
//! | the daemon, however | the keeper's socket closes: it kills and reaps whatever it has, and ends |
//! | the keeper, by `kill -9` | its children die (`PR_SET_PDEATHSIG`), the daemon kills what bears the keeper's marks, and starts another at the next need |
//!
//! The shim exists because the crate has no `unsafe`, hence no `pre_exec`: limits and the death signal are set by a
//! process of ours that then becomes the command. Arguments and environment reach it over a socket, so that nothing of
//! them is ever shown by `ps` but what the command itself shows.

mod census;
mod command_line;
mod dumps;
mod entry;
mod errors;
mod exit;
mod find;
mod keep;
mod keeper;
mod ledger;
mod life;
mod link;
mod mark;
mod outcome;

mod shim;
mod socket;
mod stderr;
mod table;
mod wire;

pub use command_line::{CommandLine, ProcessLimits};
pub use dumps::forbid_core_dumps;
pub use entry::enter;
pub use errors::SpawnError;
pub use exit::Exit;
pub use find::find;
pub use keeper::Keeper;
pub use life::{Life, Process, Signal};
pub use stderr::log_stderr;
