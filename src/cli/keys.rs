//! `weir keys`: API keys are made, shown, revoked and rotated. A key comes out once, and never goes in.

use std::{fmt::Write, io, process::ExitCode, time::Duration};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::reach::{At, Reach};
use super::{UNUSABLE, fail, say};
use crate::{
    admin::key_document,
    config,
    daemon::keys_here,
    model::{KeyOrder, NewKey, clock},
    telemetry::log::stamp,
};

/// Make, list, revoke and rotate API keys
///
/// A daemon that runs is asked to, at its admin address, and has done so on every core when the command returns. Without
/// one it is done in the data directory, or in the database that [store] of the configuration names. The configuration says [auth.api_keys] with `enabled = true`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Keys {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLE: &str = "Example: a key for a month, and a call with it
  weir keys add --owner ann --role user --expires 30d > key
  curl -H \"X-API-Key: $(cat key)\" ...

Exit codes: 0 done, 1 the work failed, 2 the command line or the configuration is wrong,
3 the daemon that has the store, or its database, is out of reach.";

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key, and print it: it is shown this once
    Add(Add),
    /// Show what is known of all keys
    List(List),
    /// Let a key be taken no more, for good
    Revoke(Revoke),
    /// Give a key another secret, and print it: it is shown this once
    Rotate(Rotate),
}

#[derive(Debug, Args)]
struct Add {
    /// Whose it is; keys of one owner are one caller
    #[arg(long, value_name = "NAME")]
    owner: String,
    /// A role of its bearer; may be given several times
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// A scope of its bearer; may be given several times
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// How long it is taken, such as 90d [default: until it is revoked]
    #[arg(long, value_name = "TIME", value_parser = config::duration)]
    expires: Option<Duration>,
    #[command(flatten)]
    way: Way,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    way: Way,
}

#[derive(Debug, Args)]
struct Revoke {
    /// The id of the key, as `weir keys list` shows it
    #[arg(value_name = "ID", value_parser = id)]
    id: String,
    #[command(flatten)]
    way: Way,
}

#[derive(Debug, Args)]
struct Rotate {
    /// The id of the key, as `weir keys list` shows it
    #[arg(value_name = "ID", value_parser = id)]
    id: String,
    /// How long the secret of before is still taken
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = config::duration)]
    overlap: Duration,
    #[command(flatten)]
    way: Way,
}

// No doc comment: it would become the description of each command that has these options.
#[derive(Debug, Args)]
struct Way {
    #[command(flatten)]
    reach: Reach,
    /// Print one JSON document instead
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: Keys) -> ExitCode {
    match options.action {
        Action::Add(Add { owner, roles, scopes, expires, way }) => {
            let new = NewKey { owner, roles, scopes, life: expires };
            if let Err(why) = new.check() {
                return fail(UNUSABLE, why);
            }
            if let Err(code) = way.warn(&new) {
                return code;
            }
            let life = new.life.map(|life| life.as_secs());
            let body = json!({ "owner": new.owner, "roles": new.roles, "scopes": new.scopes, "life": life });
            way.carry_out(KeyOrder::Add(new), ("POST", "/api/v1/keys", Some(body)))
        }
        Action::List(List { way }) => way.carry_out(KeyOrder::List, ("GET", "/api/v1/keys", None)),
        Action::Revoke(Revoke { id, way }) => {
            let body = json!({ "id": id });
            way.carry_out(KeyOrder::Revoke(id), ("POST", "/api/v1/keys/revoke", Some(body)))
        }
        Action::Rotate(Rotate { id, overlap, way }) => {
            let body = json!({ "id": id, "overlap": overlap.as_secs() });
            way.carry_out(KeyOrder::Rotate(id, overlap), ("POST", "/api/v1/keys/rotate", Some(body)))
        }
    }
}

impl Way {
    /// Says why a new key may not do what is expected of it, as far as there is a configuration that says so.
    fn warn(&self, new: &NewKey) -> Result<(), ExitCode> {
        let Some(settings) = self.reach.settings()? else { return Ok(()) };
        let warn = |what| say(io::stderr(), format_args!("weir: {what}"));
        if !settings.auth.api_keys {
            warn("no API key is taken: the configuration does not say `enabled = true` in [auth.api_keys]".to_owned());
        }
        for role in new.roles.iter().filter(|role| settings.roles.iter().all(|known| known.name != **role)) {
            warn(format!("no role of the configuration is called {role:?}: it grants nothing until one is"));
        }
        Ok(())
    }

    fn carry_out(&self, order: KeyOrder, asked: (&str, &str, Option<Value>)) -> ExitCode {
        let here = |at: &At<'_>, patience| {
            keys_here(at.store, at.data, order.clone(), patience).map(|answer| key_document(&answer))
        };
        match self.reach.ask(here, asked) {
            Ok(answer) if self.json => say(io::stdout(), format_args!("{answer:#}")),
            Ok(answer) => print(&answer),
            Err(code) => return code,
        }
        ExitCode::SUCCESS
    }
}

/// A secret goes alone to standard output, so that it can be sent on into a file; what is to be read by people to
/// standard error then.
fn print(answer: &Value) {
    let (id, owner) = (text(&answer["key"]["id"]), text(&answer["key"]["owner"]));
    if let Some(keys) = answer["keys"].as_array() {
        say(io::stdout(), table(keys, clock::unix_seconds()).trim_end());
    } else if let Some(secret) = answer["secret"].as_str() {
        say(io::stdout(), secret);
        say(io::stderr(), format_args!("weir: this is the key {id} of {owner}. It is shown this once"));
    } else {
        say(io::stderr(), format_args!("weir: the key {id} of {owner} is revoked"));
    }
}

/// A line a key, the columns as wide as they have to be.
fn table(keys: &[Value], now: u64) -> String {
    let head = ["ID", "OWNER", "ROLES", "STATE", "EXPIRES", "USED"].map(str::to_owned);
    let rows: Vec<[String; 6]> = [head].into_iter().chain(keys.iter().map(|key| row(key, now))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    rows.iter().fold(String::new(), |text, row| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            write!(line, "{cell:width$}  ").expect("a String takes everything");
        }
        text + line.trim_end() + "\n"
    })
}

fn row(key: &Value, now: u64) -> [String; 6] {
    let expires = key["expires"].as_u64();
    let state = match (key["revoked"].as_u64(), key["rotated"]["before_until"].as_u64()) {
        (Some(_), _) => "revoked",
        _ if expires.is_some_and(|end| end <= now) => "expired",
        (None, Some(until)) if now < until => "rotating",
        _ => "active",
    };
    let roles = key["roles"].as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(",");
    let none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let time = |at: Option<u64>| at.map_or_else(|| "-".to_owned(), shown);
    [text(&key["id"]), text(&key["owner"]), none(roles), state.to_owned(), time(expires), time(key["used"].as_u64())]
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A second as people and scripts read it.
fn shown(at: u64) -> String {
    let mut text = String::new();
    stamp(&mut text, Duration::from_secs(at));
    text.replace(".000Z", "Z")
}

/// An id; a key in its place would stand in the list of processes and in the shell's history.
fn id(text: &str) -> Result<String, String> {
    match text.starts_with("weir_") {
        true => {
            Err("is a key, and the id of one belongs here: `weir keys list` shows it. Whoever can see the command \
                     lines of this machine may have read that key: rotate it"
                .to_owned())
        }
        false => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_says_how_each_key_stands() {
        let key = |id: &str, more: &Value| {
            let mut key =
                json!({ "id": id, "owner": "ann", "roles": ["user", "viewer"], "expires": null, "used": null });
            for (name, value) in more.as_object().into_iter().flatten() {
                key[name] = value.clone();
            }
            key
        };
        let keys = [
            key("a", &json!({ "used": 60 })),
            key("long", &json!({ "roles": [], "expires": 100 })),
            key("c", &json!({ "revoked": 5, "expires": 100 })),
            key("d", &json!({ "rotated": { "at": 1, "before_until": 101 }, "owner": "Zoë" })),
        ];
        assert_eq!(
            table(&keys, 100),
            "ID    OWNER  ROLES        STATE     EXPIRES               USED\n\
             a     ann    user,viewer  active    -                     1970-01-01T00:01:00Z\n\
             long  ann    -            expired   1970-01-01T00:01:40Z  -\n\
             c     ann    user,viewer  revoked   1970-01-01T00:01:40Z  -\n\
             d     Zoë    user,viewer  rotating  -                     -\n"
        );
    }

    #[test]
    fn a_key_is_no_id() {
        assert_eq!(id("a1B2"), Ok("a1B2".to_owned()));
        assert!(!id("weir_secret").unwrap_err().contains("secret"));
    }
}
