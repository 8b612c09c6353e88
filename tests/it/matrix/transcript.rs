//! What a client saw, step by step, and how it is held against what it should have seen.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::steps::{End, Step};

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
    pub(super) name: String,
    /// Whether they have an era in common.
    pub(super) meets: bool,
    /// What has to come of it, if they do.
    pub(super) steps: Vec<Step>,
    /// Through Weir, others of the session era use the same process.
    pub(super) shares: bool,
    pub(super) direct: &'a [Line],
    pub(super) weir: &'a [Line],
}

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
        let name = &self.name;
        let mut faults: Vec<String> =
            self.missing().into_iter().map(|fault| format!("{name}, directly: {fault}")).collect();
        for at in 0..self.direct.len().max(self.weir.len()) {
            let told = |side: &[Line]| side.get(at).map_or_else(|| "nothing".into(), Line::comparable);
            let (direct, weir) = (told(self.direct), told(self.weir));
            let fine = match self.sharing(at) {
                Some(end) => self.weir.get(at).is_some_and(|line| end.is(&line.end)),
                None => direct == weir,
            };
            if !fine {
                faults.push(format!("{name}\n  directly     {direct}\n  through Weir {weir}"));
            }
        }
        faults
    }

    /// How the step of this place has to end for those who share a process, if that is different.
    fn sharing(&self, at: usize) -> Option<End> {
        let step = self.direct.get(at).filter(|_| self.shares).map(|line| &line.step)?;
        self.steps.iter().find(|known| known.name == step).and_then(|step| step.shared)
    }

    /// What the direct run lacks: without this, two empty transcripts would be equal.
    fn missing(&self) -> Vec<String> {
        let lines = self.direct;
        if !self.meets {
            let met = lines.iter().find(|line| line.end.is_ok() && line.step != "connect" && line.step != "end");
            let none = lines.is_empty().then(|| "it told nothing".into());
            return met
                .map(|line| format!("it should not have met the server: {line:?}"))
                .or(none)
                .into_iter()
                .collect();
        }
        let told = |name: &str| lines.iter().find(|line| line.step == name).map(|line| &line.end);
        let ended = |step: &&Step| !told(step.name).is_some_and(|end| step.end.is(end));
        let fault = |step: &Step| format!("{} should have ended {:?}: {:?}", step.name, step.end, told(step.name));
        let mut faults: Vec<_> = self.steps.iter().filter(ended).map(fault).collect();
        // A client that keeps a connection tells of its beginning and of its end.
        let whole = lines.last().is_some_and(|last| last.step == "end" && last.end == Ok(json!("ended")));
        if told("connect").is_some() && !whole {
            faults.push(format!("it did not end: {:?}", lines.last()));
        }
        faults
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
