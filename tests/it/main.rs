//! Behaviour, over real sockets, against real servers: one module a behaviour.

// What a test hands from one task to another is bounded by the test; and a full queue would hold up the thing tested.
#![allow(clippy::disallowed_methods)]

#[path = "../corpora/http_desync.rs"]
mod http_desync;
#[path = "../support/mod.rs"]
mod support;

mod admin_auth;
mod api_keys;
mod arguments;
mod batches;
mod broken_servers;
mod catalog;
mod closing;
mod conformance;
mod connections;
mod cores;
mod demo;
mod demo_stdio;
mod desync;
mod doctor;
mod doctor_commands;
mod examples;
mod explain;
mod fidelity;
mod framings;
mod http;
mod http2;
mod idle_streams;
mod isolation;
mod issuers;
mod k6;
mod leaving;
mod lifecycle;
mod limits;
mod logs;
mod matrix;
mod metrics;
mod mirror;
mod oauth;
mod old_pair;
mod postgres;
mod principals;
mod processes;
mod proxies;
mod redact;
mod reload;
mod reload_commands;
mod rmcp_client;
mod roles;
mod rules;
mod sdk;
mod sealing;
mod secrets;
mod server_credentials;
mod sessions;
mod stdio;
mod stored_rules;
mod systemd;
mod tls;
mod tls_clients;
mod tokens;
mod traces;
mod unix_socket;
