//! `weir rules test`: messages, and what the configuration is expected to make of each.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use serde_json::{Deserializer, Value, json, value::RawValue};

use super::{FAILED, UNUSABLE, configuration, fail, nothing_to, refuse, say};
use crate::{
    admin::read_case,
    config::Settings,
    daemon,
    model::{Case, Explanation},
};

/// Bytes of a file of cases.
const LARGEST: u64 = 64 << 20;

/// Try the rules of a configuration on messages
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Rules {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Test(Test),
}

/// Hold what becomes of messages against what is expected
///
/// The file has a JSON object for each message, one after another: `message`, and where they matter `as`, `path`, `headers`
/// and `address`, as `weir explain` takes them; `expect` is pass, refuse, answer or route, or the reason of a stage before
/// the rules, such as unknown_name; `rule` and `server` may say which rule decides and where the message goes, `limits` which
/// limits count it, all of them, and `name` what the case is called. Nothing is sent.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
struct Test {
    /// The cases
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The configuration [default: ./weir.toml, then /etc/weir/weir.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON document instead
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "Example: a case, and all of them before a change is put into force
  {\"name\":\"guests delete nothing\",\"message\":{...},\"as\":{\"subject\":\"ann\"},\"expect\":\"refuse\"}
  weir rules test cases.jsonl --config weir.toml.new

Exit codes: 0 all is as expected, 1 something is not, 2 the command line, the configuration or the file is wrong.";

pub(super) fn run(options: Rules) -> ExitCode {
    let Action::Test(test) = options.action;
    let Some(file) = configuration(test.config.as_deref()) else {
        return nothing_to("test", "a configuration (--config FILE)");
    };
    let settings = match Settings::load(file).and_then(daemon::sound) {
        Ok(settings) => settings,
        Err(report) => return refuse(&report),
    };
    match test.outcomes(&settings) {
        Ok(outcomes) => told(&outcomes, test.json),
        Err(why) => fail(UNUSABLE, why),
    }
}

/// A message, and what is expected.
struct Expected {
    name: String,
    case: Case,
    outcome: String,
    rule: Option<String>,
    server: Option<String>,
    /// In no order.
    limits: Option<Vec<String>>,
}

/// A case, and what is wrong with what became of it.
struct Outcome {
    name: String,
    wrong: Option<String>,
}

impl Test {
    fn outcomes(&self, settings: &Settings) -> Result<Vec<Outcome>, String> {
        let explain = daemon::explains(settings)?;
        let cases = read(&self.file)?;
        let outcome = |expected: Expected| {
            let explanation = explain(&expected.case).map_err(|why| format!("{}: {why}", expected.name))?;
            Ok(Outcome { wrong: expected.missed_by(&explanation), name: expected.name })
        };
        cases.into_iter().map(outcome).collect()
    }
}

impl Expected {
    fn read(text: &RawValue, name: String) -> Result<Self, String> {
        let members: BTreeMap<String, &RawValue> =
            serde_json::from_str(text.get()).map_err(|error| error.to_string())?;
        let member = |key: &str| match members.get(key) {
            None => Ok(None),
            Some(value) => serde_json::from_str(value.get()).map(Some).map_err(|_| format!("`{key}` is a string")),
        };
        let limits = members.get("limits").map(|names| serde_json::from_str(names.get())).transpose();
        let own = ["name", "expect", "rule", "server", "limits"];
        let rest = members.iter().filter(|(key, _)| !own.contains(&key.as_str()));
        let rest: Vec<_> = rest.map(|(key, value)| format!("{}:{}", json!(key), value.get())).collect();
        Ok(Self {
            name: member("name")?.unwrap_or(name),
            case: read_case(&format!("{{{}}}", rest.join(",")))?,
            outcome: member("expect")?.ok_or("`expect` is needed: pass, refuse, answer, route, or a reason")?,
            rule: member("rule")?,
            server: member("server")?,
            limits: limits.map_err(|_| "`limits` is a list of strings")?,
        })
    }

    /// What is not as expected.
    fn missed_by(&self, explanation: &Explanation) -> Option<String> {
        let (outcome, rule) = became(explanation);
        let by = rule.map_or_else(String::new, |rule| format!(", by {rule:?}"));
        if outcome != self.outcome {
            return Some(format!("expected {}, and it is {outcome}{by}", self.outcome));
        }
        if self.rule.is_some() && self.rule.as_deref() != rule {
            return Some(format!(
                "expected the rule {:?}, and it is {outcome}{by}",
                self.rule.as_deref().unwrap_or("")
            ));
        }
        let goes = &explanation.server;
        if let Some(server) = self.server.as_ref().filter(|server| *server != goes) {
            return Some(format!("expected {server}, and it goes to {goes}"));
        }
        let sorted = |mut names: Vec<&str>| {
            names.sort_unstable();
            names.join(", ")
        };
        let counted = sorted(explanation.limits());
        let expected = self.limits.as_ref().map(|limits| sorted(limits.iter().map(String::as_str).collect()));
        expected.filter(|expected| *expected != counted).map(|expected| {
            let shown = |names: &str| if names.is_empty() { "no limit".to_owned() } else { names.to_owned() };
            format!("expected to be counted by {}, and it is by {}", shown(&expected), shown(&counted))
        })
    }
}

/// What becomes of a message in one word, and the rule that says so.
fn became(explanation: &Explanation) -> (&str, Option<&str>) {
    match (&explanation.ruled, explanation.refused()) {
        (None, Some(reason)) => (reason, None),
        (None, None) => ("pass", None),
        (Some(ruled), _) if matches!(ruled.verdict, "refuse" | "fail") => (ruled.verdict, ruled.rule.as_deref()),
        (Some(ruled), Some(reason)) => (reason, ruled.rule.as_deref()),
        (Some(ruled), None) => (ruled.verdict, ruled.rule.as_deref()),
    }
}

/// Every case of a file; what is wrong with one is told with its line.
fn read(file: &Path) -> Result<Vec<Expected>, String> {
    let shown = file.display();
    let size = fs::metadata(file).map_err(|error| format!("{shown}: {error}"))?.len();
    if size > LARGEST {
        return Err(format!("{shown}: {size} bytes: at most {LARGEST}"));
    }
    let text = fs::read_to_string(file).map_err(|error| format!("{shown}: {error}"))?;
    let mut cases = Vec::new();
    let mut values = Deserializer::from_str(&text).into_iter::<&RawValue>();
    loop {
        let begins = values.byte_offset();
        let begins = begins + text[begins..].len() - text[begins..].trim_start().len();
        let line = 1 + text[..begins].matches('\n').count();
        match values.next() {
            None => return Ok(cases),
            Some(Err(error)) => return Err(format!("{shown}: {error}")),
            Some(Ok(value)) => {
                let case = Expected::read(value, format!("line {line}"));
                cases.push(case.map_err(|why| format!("{shown}:{line}: {why}"))?);
            }
        }
    }
}

fn told(outcomes: &[Outcome], as_json: bool) -> ExitCode {
    let failed = outcomes.iter().filter(|outcome| outcome.wrong.is_some()).count();
    if as_json {
        let shown =
            |outcome: &Outcome| json!({ "name": outcome.name, "ok": outcome.wrong.is_none(), "wrong": outcome.wrong });
        let cases: Vec<Value> = outcomes.iter().map(shown).collect();
        say(io::stdout(), format_args!("{:#}", json!({ "cases": cases, "failed": failed })));
    } else {
        for outcome in outcomes {
            match &outcome.wrong {
                None => say(io::stdout(), format_args!("ok    {}", outcome.name)),
                Some(wrong) => say(io::stdout(), format_args!("FAIL  {}: {wrong}", outcome.name)),
            }
        }
        let many = if outcomes.len() == 1 { "1 case".to_owned() } else { format!("{} cases", outcomes.len()) };
        say(io::stdout(), format_args!("{many}, {failed} not as expected"));
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}
