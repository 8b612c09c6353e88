//! Parts of the configuration that have more to say.

use super::{mistake, parse, refused};

mod auth;
mod commands;
mod limits;
mod routes;
