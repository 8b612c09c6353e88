//! `weir token`: a token of our own, for who may sign with the key in the data directory.

use std::{io, path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;
use serde_json::json;

use super::{FAILED, UNUSABLE, fail, source};
use crate::{
    config::{self, Destination, Settings},
    model::clock,
    seal::SigningKey,
};

/// Make a token, for development or for a machine
///
/// It is signed with the key that the data directory keeps, and printed. The configuration says [auth.local] with `enabled =
/// true`, and what we are called.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Token {
    /// Whom it names
    #[arg(long, value_name = "NAME")]
    subject: String,
    /// A role of theirs; may be given several times
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// A scope of it; may be given several times
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// How long it is valid
    #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = config::duration)]
    life: Duration,
    /// What it is for; may be given several times [default: the URL of each route]
    #[arg(long = "audience", value_name = "URL")]
    audience: Vec<String>,
    /// The configuration [default: ./weir.toml, then /etc/weir/weir.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where keys are kept [default: $STATE_DIRECTORY, then ./weir-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

const EXAMPLE: &str = "Example: call with a token of one hour
  curl -H \"Authorization: Bearer $(weir token --subject ann --role user)\" ...

Exit codes: 0 done, 1 the work failed, 2 the command line or the configuration is wrong.";

pub(super) fn run(options: &Token) -> ExitCode {
    let Some(file) = super::configuration(options.config.as_deref()) else {
        return super::nothing_to("make a token for", "a configuration (--config FILE)");
    };
    let settings = match Settings::load(file) {
        Ok(settings) => settings,
        Err(report) => return super::refuse(&report),
    };
    if !settings.auth.local {
        let message = format!("{}: no token of ours is taken; say `enabled = true` in [auth.local]", file.display());
        return fail(UNUSABLE, message);
    }
    let Some(issuer) = settings.listen.url() else {
        return fail(UNUSABLE, format!("{}: [listen] needs `public_url`", file.display()));
    };
    if options.subject.is_empty() || options.life.as_secs() == 0 {
        return fail(UNUSABLE, "a token names somebody (--subject) and lasts a second or longer (--for)");
    }
    match SigningKey::open_or_create(&source::data(options.data.clone())) {
        Ok(key) => {
            super::say(io::stdout(), key.token(&claims(options, &issuer, &settings).to_string()));
            ExitCode::SUCCESS
        }
        Err(error) => fail(FAILED, error),
    }
}

fn claims(options: &Token, issuer: &str, settings: &Settings) -> serde_json::Value {
    let routes = settings.routes.iter().filter(|route| route.destination != Destination::Federation);
    let audience: Vec<_> = match options.audience.is_empty() {
        true => routes.map(|route| format!("{issuer}{}", route.path)).collect(),
        false => options.audience.clone(),
    };
    let now = clock::unix_seconds();
    let mut claims = json!({
        "iss": issuer,
        "sub": options.subject,
        "aud": audience,
        "iat": now,
        "exp": now.saturating_add(options.life.as_secs()),
    });
    if !options.roles.is_empty() {
        claims["roles"] = json!(options.roles);
    }
    if !options.scopes.is_empty() {
        claims["scope"] = json!(options.scopes.join(" "));
    }
    claims
}
