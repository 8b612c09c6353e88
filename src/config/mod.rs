//! Text in, checked settings out: one file a section.
//!
//! ```text
//! weir.toml --toml--> tree with places --Section, one a table--> Listen, Http, ... --checks between them--> Settings
//! --to, --listen, --admin ----------------------------------------------------------------^
//!                                       every mistake on the way --> Report
//! ```
//!
//! Each section is a [`Shape`]: its keys with their bounds and defaults, as data. The decoder reads bounds and defaults
//! from there, and `docs/CONFIG.md` is printed from it, so that the two cannot part. What a later version will know is
//! named there too, and refused with "not built into this version".
//!
//! Checking looks at nothing of the machine but that file and the number of cores: no name is resolved, no secret read.

pub mod reference;
pub mod schema;

mod admin;
mod auth;
mod authorization;
mod bounds;
mod command;
mod drain;
mod endpoint;
mod fetch;
mod file;
mod host;
mod http;
mod include;
mod keys;
mod limits;
mod limits_shape;
mod listen;
mod merge;
mod reload;
mod report;
mod roles;
mod root;
mod routes;
mod rules;
mod secret;
mod section;
mod server_name;
mod servers;
mod settings;
mod shape;
mod sources;
mod store;
mod telemetry;
mod tls;
mod units;
mod unwise;

pub use admin::{Admin, AdminAddress};
pub use auth::{Anonymous, Auth, Client, Introspection, Jwks, Jwt, Mtls, MtlsGrant};
pub use authorization::{Authorization, Grant, Subject, TokenSource};
pub use bounds::{Bound, RouteChecks, ValidateAnswers};
pub use command::{Command, Per, ProcessLimits, Processes, Variable};
pub use drain::Drain;
pub use endpoint::{Endpoint, PublicUrl};
pub use fetch::Fetch;
pub use file::read_file;
pub use http::{Http, LegacyStatus, Rate};
pub use keys::Keys;
pub use limits::{CallRate, Counted, Limit, LimitKey, PARTS_OF_BURST, PARTS_OF_QUOTA, Quota, Scope};
pub use listen::{Address, ClientCertificates, Listen, ListenTls, ProxyProtocol, socket_address};
pub use reload::Reload;
pub use report::{Finding, Report};
pub use roles::Role;
pub use routes::{Destination, Route};
pub use rules::{
    Abort, Arguments, Expression, Fault, Group, Matcher, Mirror, Rule, Rules, Set, Share, Then, rule_in_json,
};
pub use secret::{Secret, SecretBytes, SecretError};
pub use server_name::ServerName;
pub use servers::{Era, Server, Transport};
pub use settings::{Fronted, Overrides, Settings, To};
pub use shape::{Key, Kind, Shape, Value};
pub use sources::{Sources, mark, mark_of_names};
pub use store::{Postgres, Store};
pub use telemetry::{Log, LogFormat, Telemetry, Traces};
pub use tls::{Identity, ServerTls};
pub use units::duration;
