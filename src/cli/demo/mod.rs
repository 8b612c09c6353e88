//! `weir demo`: a sample MCP server, and Weir in front of it.
//!
//! ```text
//! command    the command line -> server, daemon, paste (the lines that are printed), directory (its few files)
//! server     threads and sockets -> handler: door, body, era
//!              modern   2026-07-28: headers against the body, discover, listen  \
//!              legacy   sessions: initialize, GET, DELETE, posted answers       / -> methods -> call: the tools
//! stdio      lines instead of HTTP -> modern, legacy; streams are carried by tasks, their events as lines
//! answers    reply (whole, around the id)   stream (piece by piece: slow, asking, news)   question (`ask`, in either era)
//! state      site: sessions, notes; the catalog is computed
//! ```
//!
//! Load is measured against it, so a call costs little: one strict pass over the message, one buffer for the answer.

mod asked;
mod asking;
mod call;
mod catalog;
mod command;
mod directory;
mod handler;
mod legacy;
mod methods;
mod modern;
mod news;
mod notes;
mod paste;
mod question;
mod reply;
mod server;
mod sessions;
mod site;
mod slow;
mod stdio;
mod stream;
mod tools;

pub(super) use command::{Demo, run};
