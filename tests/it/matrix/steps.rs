//! What a client is asked to do, step by step: one list for the clients of all languages.

use serde_json::{Value, json};

/// One step, and how it has to end where a client and a server have an era in common.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(super) name: &'static str,
    /// What it does, and what that takes, as the programs of Node and Python take it.
    pub(super) act: Value,
    pub(super) end: End,
    /// With whoever shares a process in the session era, if that is different.
    pub(super) shared: Option<End>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// Well, with this in it.
    With(&'static str),
    /// Well, without this in it.
    Without(&'static str),
    /// With an error, of the tool or of the protocol.
    Failing,
}

impl Step {
    pub(super) fn tools(part: &'static str) -> Self {
        Self::new("tools", json!({ "do": "tools" }), part)
    }

    pub(super) fn call(name: &'static str, tool: &str, arguments: Value, part: &'static str) -> Self {
        Self::new(name, json!({ "do": "call", "name": tool, "arguments": arguments }), part)
    }

    /// A call that tells of its progress `count` times.
    pub(super) fn progress(tool: &str, arguments: Value, count: usize, part: &'static str) -> Self {
        let act = json!({ "do": "progress", "name": tool, "arguments": arguments, "count": count });
        Self::new("progress", act, part)
    }

    pub(super) fn read(uri: &str, part: &'static str) -> Self {
        Self::new("resource", json!({ "do": "read", "uri": uri }), part)
    }

    pub(super) fn prompt(name: &str, arguments: Value, part: &'static str) -> Self {
        Self::new("prompt", json!({ "do": "prompt", "name": name, "arguments": arguments }), part)
    }

    /// A call of a tool that there is not.
    pub(super) fn unknown() -> Self {
        Self { end: End::Failing, ..Self::call("unknown tool", "no_such_tool", json!({}), "") }
    }

    pub(super) fn failing(self) -> Self {
        Self { end: End::Failing, ..self }
    }

    pub(super) fn shared(self, end: End) -> Self {
        Self { shared: Some(end), ..self }
    }

    fn new(name: &'static str, mut act: Value, part: &'static str) -> Self {
        act["step"] = json!(name);
        Self { name, act, end: End::With(part), shared: None }
    }

    pub(super) fn json(&self) -> &Value {
        &self.act
    }
}

impl End {
    /// Whether a step has come to this end.
    pub(super) fn is(self, end: &Result<Value, Value>) -> bool {
        match (self, end) {
            (Self::With(part), Ok(result)) => result.to_string().contains(part),
            (Self::Without(part), Ok(result)) => !result.to_string().contains(part),
            (Self::Failing, Ok(result)) => result["isError"] == true,
            (Self::Failing, Err(_)) => true,
            (_, Err(_)) => false,
        }
    }
}

/// What every client does with every server of the scenario. The names are those of `tests/node/ref-server.mjs`.
pub(crate) fn scenario() -> Vec<Step> {
    let echo = |name| Step::call(name, "probe_echo", json!({ "text": "grüße" }), "grüße");
    let failure = "This tool intentionally returns an error for testing";
    let asked = Step::call("elicitation", "test_elicitation", json!({ "message": "Who are you?" }), "action=accept");
    vec![
        Step::tools("\"probe_echo\""),
        echo("echo"),
        Step::progress("test_tool_with_progress", json!({}), 3, "step 100"),
        Step::call("failing tool", "test_error_handling", json!({}), failure),
        // Of those who share a process nobody can be asked.
        asked.shared(End::Failing),
        Step::read("test://static-text", "This is the content of the static text resource."),
        Step::prompt("test_prompt_with_arguments", json!({ "arg1": "a", "arg2": "b" }), "arg1='a', arg2='b'"),
        Step::unknown(),
        echo("still there"),
    ]
}

/// As the programs of Node and Python take them.
pub(crate) fn told(steps: &[Step]) -> Value {
    steps.iter().map(|step| step.json().clone()).collect()
}
