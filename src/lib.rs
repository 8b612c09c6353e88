//! Weir: a gateway for MCP servers.
//!
//! *Messages* flow left to right, stage after stage; *imports* go only downwards. A module imports
//! only lower floors, and modules on one floor are strangers. `tests/architecture.rs` reads the table
//! below and holds the code to it, so that picture and code cannot part.
//!
//! ```text
//! floor
//!  10  cli        commands; parses arguments, prints answers; the sample server of `weir demo`
//!   9  daemon     the composition root: build from settings, supervise, drain, stop
//!   8  edge       MCP over HTTP for clients; the one table "refusal -> HTTP status + JSON-RPC code"
//!      admin      operators' side: who may ask, health, metrics, orders
//!   7  pipeline   the way of a message: flow (whole order), exchange (typed progress), finish (one exit)
//!   6  stages     authenticate  limit  wellformed  session  authorize  rules  opening  arguments  balance  vouch  upstream  respond
//!   5  catalog    what each server offers, as it was seen in its answers; schemas, compiled and bounded
//!      store      durable state, one trait a noun: API keys, stored rules; embedded or PostgreSQL
//!   4  net        listeners, the strict reader of requests, HTTP connections in and out, commands as servers, draining
//!   3  telemetry  what operators see: the closed list of metric names, one line a request, spans
//!   2  config     text in, checked Settings out; one file a section
//!   1  model      the nouns: principal, refusal, request id; and the clock
//!      seal       ids and state that only we can open: key ring, a sub-key a purpose
//!   0  protocol   what is on the wire: the strict reader, JSON-RPC, MCP methods, eras, SSE, stdio lines; no I/O
//! ```

pub mod protocol;

pub mod model;
pub mod seal;

pub mod config;

pub mod telemetry;

pub mod net;

pub mod catalog;
pub mod store;

pub mod stages;

pub mod pipeline;

pub mod admin;
pub mod edge;

pub mod daemon;

pub mod cli;
