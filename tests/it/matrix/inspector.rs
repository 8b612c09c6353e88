//! The Inspector's command line: a process and a connection of its own for each method.

use std::process::Command;

use serde_json::{Value, json};

use super::{
    clients::{Mode, Run},
    steps::{Step, scenario},
    transcript::Line,
};
use crate::support::{Process, node};

const SCRIPT: &str = "node_modules/@modelcontextprotocol/inspector/clients/cli/build/index.js";

const GATE: &[(&str, &[&str])] = &[
    ("tools", &["--method", "tools/list"]),
    ("echo", &["--method", "tools/call", "--tool-name", "probe_echo", "--tool-arg", "text=grüße"]),
];
const LONG: &[(&str, &[&str])] = &[
    ("failing tool", &["--method", "tools/call", "--tool-name", "test_error_handling"]),
    ("unknown tool", &["--method", "tools/call", "--tool-name", "no_such_tool"]),
    ("resource", &["--method", "resources/read", "--uri", "test://static-text"]),
    (
        "prompt",
        &[
            "--method",
            "prompts/get",
            "--prompt-name",
            "test_prompt_with_arguments",
            "--prompt-args",
            "arg1=a",
            "arg2=b",
        ],
    ),
];

/// What has to end well of it.
pub(super) fn steps() -> Vec<Step> {
    scenario().into_iter().filter(|step| GATE.iter().any(|(name, _)| *name == step.name)).collect()
}

/// Runs them one after the other.
pub(super) async fn lines(runs: Vec<Run>) -> Vec<Line> {
    let home = tempfile::tempdir().expect("a temporary directory can be made");
    let mut lines = Vec::new();
    for run in runs {
        let further = if std::env::var_os("WEIR_LONG").is_some() { LONG } else { &[] };
        for (step, arguments) in GATE.iter().chain(further) {
            let mut command = node(SCRIPT);
            command.env("HOME", home.path()).args([run.url(), "--transport", "http", "--quiet"]);
            command.args(["--protocol-era", era(run.client.mode)]).args(*arguments);
            lines.push(line(&run, step, command).await);
        }
    }
    lines
}

async fn line(run: &Run, step: &str, mut command: Command) -> Line {
    let began = weir::model::clock::now();
    let mut process = Process::start("the Inspector", &mut command);
    let mut told = Vec::new();
    while let Some(line) = process.line().await {
        told.push(line);
    }
    let status = process.exit().await;
    let result = serde_json::from_str(&told.join("\n")).unwrap_or_else(|_| json!(told.join("\n")));
    let end = if status.success() { Ok(result) } else { Err(failed(result, process.errors().trim(), status.code())) };
    Line::new(&run.name, step, end, u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX))
}

fn failed(result: Value, errors: &str, code: Option<i32>) -> Value {
    let message: Value = serde_json::from_str(errors).unwrap_or_else(|_| json!(errors));
    json!({ "code": code, "message": message, "result": result })
}

fn era(mode: Mode) -> &'static str {
    match mode {
        Mode::Legacy => "legacy",
        Mode::Auto => "auto",
        Mode::Modern => "modern",
    }
}
