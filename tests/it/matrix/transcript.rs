//! What a client saw, step by step, and how it is held against what it should have seen.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    clients::{Client, Program},
    servers::Server,
};

/// One step of one run: what the client's SDK handed to its caller.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) run: String,
    pub(super) step: String,
    pub(super) end: Result<Value, Value>,
    /// How long it took, in milliseconds.
    pub(super) took: u64,
}

/// The lines of all runs.
pub(super) struct Transcripts(BTreeMap<String, Vec<Line>>);

/// One client with one server, both ways.
pub(super) struct Pair<'a> {
    pub(super) client: &'a Client,
    pub(super) server: &'a Server,
    pub(super) direct: &'a [Line],
    pub(super) weir: &'a [Line],
}

/// The steps that have to succeed where a client and a server have an era in common, and what has to be in each.
const EXPECTED: &[(&str, &str)] = &[
    ("connect", ""),
    ("tools", "\"probe_echo\""),
    ("echo", "grüße"),
    ("progress", "step 100"),
    ("failing tool", "This tool intentionally returns an error for testing"),
    ("elicitation", "action=accept"),
    ("resource", "This is the content of the static text resource."),
    ("prompt", "arg1='a', arg2='b'"),
    ("still there", "grüße"),
    ("end", "ended"),
];
/// The steps of the Inspector's command line, each a process and a connection of its own.
const INSPECTOR: &[(&str, &str)] = &[("tools", "\"probe_echo\""), ("echo", "grüße")];

impl Line {
    pub(super) fn new(run: &str, step: &str, end: Result<Value, Value>, took: u64) -> Self {
        Self { run: run.into(), step: step.into(), end, took }
    }

    /// A line as `matrix.mjs` and `client.py` print them.
    pub(super) fn parse(line: &str) -> Self {
        let mut told: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON ({error}): {line}"));
        let text = |name: &str| told[name].as_str().unwrap_or_else(|| panic!("no {name}: {line}")).to_owned();
        let (run, step, took) = (text("run"), text("step"), told["ms"].as_u64().unwrap_or(0));
        let end = match told.get_mut("error") {
            Some(error) => Err(error.take()),
            None => Ok(told["result"].take()),
        };
        Self { run, step, end, took }
    }

    /// The step and its end as text, without the ports that differ between the two ways.
    fn comparable(&self) -> String {
        let end = match &self.end {
            Ok(result) => json!({ "result": result }),
            Err(error) => json!({ "error": error }),
        };
        format!("{}: {}", self.step, without_addresses(&end.to_string()))
    }
}

impl Transcripts {
    pub(super) fn of_lines(lines: impl IntoIterator<Item = Line>) -> Self {
        let mut runs = BTreeMap::<String, Vec<Line>>::new();
        for line in lines {
            runs.entry(line.run.clone()).or_default().push(line);
        }
        Self(runs)
    }

    /// What the run of that name told, in order.
    pub(super) fn of(&self, run: &str) -> &[Line] {
        self.0.get(run).map_or(&[], Vec::as_slice)
    }
}

impl Pair<'_> {
    /// What is wrong with it, a line each.
    pub(super) fn faults(&self) -> Vec<String> {
        let name = format!("{} -> {}", self.client.name, self.server.name);
        let mut faults: Vec<String> =
            self.missing(self.direct).into_iter().map(|fault| format!("{name}, directly: {fault}")).collect();
        let texts = |lines: &[Line]| lines.iter().map(Line::comparable).collect::<Vec<_>>();
        let (direct, weir) = (texts(self.direct), texts(self.weir));
        for at in 0..direct.len().max(weir.len()) {
            let told = |side: &[String]| side.get(at).cloned().unwrap_or_else(|| "nothing".into());
            if told(&direct) != told(&weir) {
                faults.push(format!("{name}\n  directly     {}\n  through Weir {}", told(&direct), told(&weir)));
            }
        }
        faults
    }

    /// What the direct run lacks: without this, two empty transcripts would be equal.
    fn missing(&self, lines: &[Line]) -> Vec<String> {
        if !self.client.meets(self.server) {
            let met = lines.iter().find(|line| line.end.is_ok() && line.step != "connect" && line.step != "end");
            let none = lines.is_empty().then(|| "it told nothing".into());
            return met
                .map(|line| format!("it should not have met the server: {line:?}"))
                .or(none)
                .into_iter()
                .collect();
        }
        let expected = if self.client.program == Program::Inspector { INSPECTOR } else { EXPECTED };
        let holds = |(step, part): &&(&str, &str)| {
            let line = lines.iter().find(|line| line.step == *step);
            line.and_then(|line| line.end.as_ref().ok()).is_some_and(|end| end.to_string().contains(part))
        };
        let told = |step: &str| lines.iter().find(|line| line.step == step).map(|line| &line.end);
        let fault = |(step, part): &(&str, &str)| format!("{step} should have {part:?}: {:?}", told(step));
        expected.iter().filter(|step| !holds(step)).map(fault).collect()
    }
}

/// Puts `URL` where a URL of loopback stands.
fn without_addresses(text: &str) -> String {
    let mut parts = text.split("http://127.0.0.1:");
    let mut plain = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let end = part.find("/mcp").map_or(0, |at| at + "/mcp".len());
        plain.push_str("URL");
        plain.push_str(&part[end..]);
    }
    plain
}
