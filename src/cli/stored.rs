//! `weir rules list`, `add` and the others: rules in the store, by the daemon that runs or without one.

use std::{fmt::Write, fs, io, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::reach::{At, Order, Reach};
use super::{UNUSABLE, fail, say};
use crate::{
    admin::{free_name, rules_document, versions_document},
    config::{Settings, rule_in_json},
    daemon::{author_here, rule_list_here, rules_here},
    model::stored::{RuleAnswer, RuleChange, RuleOrder, StoredRule},
    store::{MOST_TEXT, StoreError},
    telemetry::log::stamp,
};

/// Versions shown.
const SHOWN: usize = 100;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Show the rules in force, in the order in which they are asked
    List(Way),
    /// Show which versions of stored rules there were, who made them, and when
    Versions(Way),
    /// Store a rule
    Add(Add),
    /// Let a stored rule say something else, where it stands
    Change(Change),
    /// Remove a stored rule
    Remove(Remove),
    /// Put all stored rules into another order
    Order(Reorder),
    /// Put all stored rules back as they were at a version
    Rollback(Rollback),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The rule: a JSON object with the keys of [[rules]], or one such section of TOML
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Its place among the stored rules, from 0 [default: behind all of them]
    #[arg(long, value_name = "NUMBER")]
    position: Option<usize>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
pub(super) struct Change {
    /// The rule as it is to be, by the name that it has
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// What it is called
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
pub(super) struct Reorder {
    /// The names of all stored rules
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
pub(super) struct Rollback {
    /// The version, as `weir rules versions` shows it
    #[arg(value_name = "VERSION")]
    to: u64,
    #[command(flatten)]
    how: How,
}

// No doc comment: it would become the description of each command that has these options.
#[derive(Debug, Args)]
pub(super) struct How {
    /// The version that is changed; where another one is in force, nothing is [default: the one in force]
    #[arg(long, value_name = "VERSION")]
    on: Option<u64>,
    /// Say whether it would be taken, and what is wrong; change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    way: Way,
}

// No doc comment, as above.
#[derive(Debug, Args)]
pub(super) struct Way {
    #[command(flatten)]
    reach: Reach,
    /// Print one JSON document instead
    #[arg(long)]
    json: bool,
}

pub(super) fn run(action: Action) -> ExitCode {
    match action {
        Action::List(way) => way.list(),
        Action::Versions(way) => way.versions(),
        Action::Add(Add { file, position, how }) => match rule(&file) {
            Ok((name, rule)) => {
                let stored = StoredRule { id: name.into(), text: rule.to_string().into() };
                let body = json!({ "rule": rule, "position": position });
                how.carry_out(RuleChange::Add(stored, position), "POST", "/api/v1/rules", body)
            }
            Err(why) => fail(UNUSABLE, why),
        },
        Action::Change(Change { file, how }) => match rule(&file) {
            Ok((name, rule)) => {
                let stored = StoredRule { id: name.as_str().into(), text: rule.to_string().into() };
                how.carry_out(RuleChange::Change(stored), "PUT", &path(&name), json!({ "rule": rule }))
            }
            Err(why) => fail(UNUSABLE, why),
        },
        Action::Remove(Remove { name, how }) => {
            let at = path(&name);
            how.carry_out(RuleChange::Remove(name.into()), "DELETE", &at, json!({}))
        }
        Action::Order(Reorder { names, how }) => {
            let body = json!({ "names": names });
            let names = names.into_iter().map(String::into_boxed_str).collect();
            how.carry_out(RuleChange::Reorder(names), "POST", "/api/v1/rules/order", body)
        }
        Action::Rollback(Rollback { to, how }) => {
            how.carry_out(RuleChange::RollBack(to), "POST", "/api/v1/rules/rollback", json!({ "to": to }))
        }
    }
}

/// The rule of a file, and what it is called.
fn rule(file: &PathBuf) -> Result<(String, Value), String> {
    let shown = file.display();
    let size = fs::metadata(file).map_err(|error| format!("{shown}: {error}"))?.len();
    if size > MOST_TEXT as u64 {
        return Err(format!("{shown}: {size} bytes: at most {MOST_TEXT}"));
    }
    let text = fs::read_to_string(file).map_err(|error| format!("{shown}: {error}"))?;
    let rule = rule_in_json(&text).map_err(|why| format!("{shown}: {why}"))?;
    let name = rule["name"].as_str().ok_or_else(|| format!("{shown}: a rule needs `name`, a text"))?.to_owned();
    free_name(&name).map_err(|why| format!("{shown}: {why}"))?;
    Ok((name, rule))
}

/// Where a rule of this name is changed.
fn path(name: &str) -> String {
    name.bytes().fold("/api/v1/rules/".to_owned(), |mut path, byte| {
        match byte.is_ascii_alphanumeric() || b"-_".contains(&byte) {
            true => path.push(char::from(byte)),
            false => _ = write!(path, "%{byte:02X}"),
        }
        path
    })
}

impl How {
    fn carry_out(&self, change: RuleChange, method: &str, path: &str, mut body: Value) -> ExitCode {
        if let Some(on) = self.on {
            body["version"] = on.into();
        }
        if let Some(members) = body.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        let (order, query) = match self.dry_run {
            true => (RuleOrder::Try(self.on, change, None), "?dry_run=true"),
            false => (RuleOrder::Change(self.on, change, author_here()), ""),
        };
        let path = format!("{path}{query}");
        let here = |at: &At<'_>, settings: Option<&Settings>, patience| {
            rules_here((at.store, at.data), settings, order.clone(), patience).map(|answer| match answer {
                RuleAnswer::Changed(version) => json!({ "version": version, "in_force": false }),
                RuleAnswer::Tried(trial) => json!({
                    "dry_run": true, "version": trial.on, "taken": trial.flaws.is_empty(), "flaws": trial.flaws,
                }),
                RuleAnswer::Told(editions) => versions_document(&editions),
            })
        };
        match self.way.asked(here, (method, &path, Some(body))) {
            Ok(answer) => told(&answer, self.way.json),
            Err(code) => code,
        }
    }
}

fn told(answer: &Value, as_json: bool) -> ExitCode {
    let flaws: Vec<_> = answer["flaws"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let code = if flaws.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(super::FAILED) };
    if as_json {
        say(io::stdout(), format_args!("{answer:#}"));
    } else if answer["dry_run"] == json!(true) {
        match flaws.is_empty() {
            true => say(io::stderr(), "weir: it would be taken; nothing was changed"),
            false => say(io::stderr(), format_args!("weir: it would not be taken\n{}", flaws.join("\n"))),
        }
    } else if answer["in_force"] == json!(false) {
        let line = format!(
            "weir: version {} is kept, and counts from the next start on: no daemon runs here",
            answer["version"]
        );
        say(io::stderr(), line);
    } else {
        say(io::stderr(), format_args!("weir: version {} of the stored rules is in force", answer["version"]));
    }
    code
}

impl Way {
    fn list(&self) -> ExitCode {
        let here = |at: &At<'_>, settings: Option<&Settings>, patience| {
            rule_list_here((at.store, at.data), settings, patience).map(|rules| rules_document(&rules))
        };
        let answer = match self.asked(here, ("GET", "/api/v1/rules", None)) {
            Ok(answer) => answer,
            Err(code) => return code,
        };
        if self.json {
            say(io::stdout(), format_args!("{answer:#}"));
            return ExitCode::SUCCESS;
        }
        for rule in answer["rules"].as_array().into_iter().flatten() {
            let text = |key: &str| rule[key].as_str().unwrap_or_default().to_owned();
            let says = if rule["rule"].is_null() { text("name") } else { rule["rule"].to_string() };
            say(io::stdout(), format_args!("{:<7} {:>4}  {says}", text("origin"), rule["position"].to_string()));
        }
        say(io::stderr(), format_args!("weir: version {} of the stored rules", answer["version"]));
        if let Some(why) = answer["behind"].as_str() {
            say(io::stderr(), format_args!("weir: the rules in the store are not in force: {why}"));
        }
        ExitCode::SUCCESS
    }

    fn versions(&self) -> ExitCode {
        let here = |at: &At<'_>, settings: Option<&Settings>, patience| {
            let order = RuleOrder::History(None, SHOWN);
            rules_here((at.store, at.data), settings, order, patience).map(|answer| match answer {
                RuleAnswer::Told(editions) => versions_document(&editions),
                RuleAnswer::Changed(_) | RuleAnswer::Tried(_) => Value::Null,
            })
        };
        let path = format!("/api/v1/rules/versions?limit={SHOWN}");
        let answer = match self.asked(here, ("GET", &path, None)) {
            Ok(answer) => answer,
            Err(code) => return code,
        };
        if self.json {
            say(io::stdout(), format_args!("{answer:#}"));
            return ExitCode::SUCCESS;
        }
        for one in answer["versions"].as_array().into_iter().flatten() {
            let mut at = String::new();
            stamp(&mut at, Duration::from_secs(one["at"].as_u64().unwrap_or_default()));
            let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
            let (version, at) = (one["version"].to_string(), at.replace(".000Z", "Z"));
            say(io::stdout(), format_args!("{version:>6}  {at}  {}  ({})", text("what"), text("by")));
        }
        ExitCode::SUCCESS
    }

    /// Has the daemon do it that runs, or does it here, by the configuration where there is one.
    fn asked(
        &self,
        here: impl Fn(&At<'_>, Option<&Settings>, Duration) -> Result<Value, StoreError>,
        order: Order<'_>,
    ) -> Result<Value, ExitCode> {
        let settings = self.reach.settings()?;
        self.reach.ask_first(|at, patience| here(at, settings.as_ref(), patience), order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_into_a_path() {
        assert_eq!(path("no rm/é"), "/api/v1/rules/no%20rm%2F%C3%A9");
    }
}
