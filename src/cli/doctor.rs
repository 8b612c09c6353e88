//! `weir doctor`: what a run would need, looked at and told, a line each.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::Args;
use serde_json::{Value, json};

use super::{colour, fail, source::Source};
use crate::{
    config::Settings,
    daemon::doctor::{self, Finding, Verdict},
};

/// Something on this machine, or a server that was reached, does not work.
const FAILED: u8 = 1;
/// A server is out of reach.
const OUT_OF_REACH: u8 = 3;
/// Subjects longer than this do not move the others' findings to the right.
const WIDEST: usize = 44;

/// Look at everything that a run would need, and say what to do.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Doctor {
    #[command(flatten)]
    source: Source,
    /// Print a list of {subject, verdict, finding, advice, ms} instead; verdicts are ok, warn and fail
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "Example: see whether a server can be fronted
  weir doctor --to http://127.0.0.1:3000/mcp

Exit codes: 0 all is well, or has only warnings, 1 something failed, 2 the command line or the configuration
is wrong, 3 nothing failed but that a server is out of reach: no connection, or no answer.";

pub(super) fn run(options: &Doctor) -> ExitCode {
    let (settings, from) = match options.source.settings("look at") {
        Ok(read) => read,
        Err(code) => return code,
    };
    let shows_progress = io::stderr().is_terminal();
    let looked = doctor::examine(&settings, &options.source.data(), |done, all| {
        if shows_progress {
            progress(done, all);
        }
    });
    let mut findings = vec![configuration(&settings, &from)];
    match looked {
        Ok(found) => findings.extend(found),
        Err(error) => return fail(FAILED, format!("{error:#}")),
    }
    let text = if options.json { listing(&findings) } else { lines(&findings, colour(&io::stdout())) };
    // A reader that went away is no failure.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::from(code(&findings))
}

/// It is in order, or we were not here.
fn configuration(settings: &Settings, from: &str) -> Finding {
    let (servers, routes) = (settings.servers.len(), settings.routes.len());
    let plural = |count| if count == 1 { "" } else { "s" };
    let finding = format!("{from}: {servers} server{}, {routes} route{}", plural(servers), plural(routes));
    Finding { subject: "configuration".to_owned(), verdict: Verdict::Ok, finding, advice: None, took: None }
}

/// A line that the next one overwrites, and the last one takes away.
fn progress(done: usize, all: usize) {
    let line = if done < all { format!("\rasking the servers: {done} of {all}") } else { "\r\u{1b}[K".to_owned() };
    let _ = io::stderr().write_all(line.as_bytes());
}

/// What failed here comes first: a server out of reach is the one thing that may heal by itself.
fn code(findings: &[Finding]) -> u8 {
    match findings.iter().map(|finding| finding.verdict).max() {
        Some(Verdict::Fail) => FAILED,
        Some(Verdict::OutOfReach) => OUT_OF_REACH,
        _ => 0,
    }
}

fn lines(findings: &[Finding], colour: bool) -> String {
    let widths = findings.iter().map(|finding| finding.subject.chars().count());
    let width = widths.filter(|width| *width <= WIDEST).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { subject, verdict, finding, advice, .. } in findings {
        let (word, paint) = match verdict {
            Verdict::Ok => ("ok  ", "32"),
            Verdict::Warn => ("warn", "33"),
            Verdict::Fail | Verdict::OutOfReach => ("FAIL", "31"),
        };
        let word = if colour { format!("\u{1b}[{paint}m{word}\u{1b}[0m") } else { word.to_owned() };
        let advice = advice.as_ref().map_or(String::new(), |advice| format!("; {advice}"));
        writeln!(text, "{word}  {subject:width$}  {finding}{advice}").expect("a String takes all");
    }
    text
}

fn listing(findings: &[Finding]) -> String {
    let items = findings.iter().map(|Finding { subject, verdict, finding, advice, took }| {
        let verdict = match verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail | Verdict::OutOfReach => "fail",
        };
        let ms = took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        json!({ "subject": subject, "verdict": verdict, "finding": finding, "advice": advice, "ms": ms })
    });
    format!("{:#}\n", Value::Array(items.collect()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn finding(subject: &str, verdict: Verdict, advice: Option<&str>) -> Finding {
        let advice = advice.map(str::to_owned);
        let took = advice.is_some().then_some(Duration::from_millis(7));
        Finding { subject: subject.to_owned(), verdict, finding: "found".to_owned(), advice, took }
    }

    #[test]
    fn lines_are_aligned_and_painted_on_a_terminal_only() {
        let long = "x".repeat(WIDEST + 1);
        let findings = [
            finding("a", Verdict::Ok, None),
            finding("disk", Verdict::Warn, Some("do")),
            finding(&long, Verdict::OutOfReach, Some("wait")),
        ];
        let plain = format!("ok    a     found\nwarn  disk  found; do\nFAIL  {long}  found; wait\n");
        assert_eq!(lines(&findings, false), plain);
        assert!(lines(&findings, true).starts_with("\u{1b}[32mok  \u{1b}[0m  a     found\n"));
    }

    #[test]
    fn the_listing_is_json() {
        let text = listing(&[finding("a", Verdict::Ok, None), finding("b", Verdict::OutOfReach, Some("wait"))]);
        let expected = json!([
            { "subject": "a", "verdict": "ok", "finding": "found", "advice": null, "ms": null },
            { "subject": "b", "verdict": "fail", "finding": "found", "advice": "wait", "ms": 7 },
        ]);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }

    #[test]
    fn the_code_is_that_of_the_worst() {
        let of = |verdicts: &[Verdict]| {
            code(&verdicts.iter().map(|&verdict| finding("a", verdict, None)).collect::<Vec<_>>())
        };
        assert_eq!((of(&[Verdict::Ok]), of(&[Verdict::Ok, Verdict::Warn])), (0, 0));
        assert_eq!(of(&[Verdict::OutOfReach, Verdict::Warn]), 3);
        assert_eq!(of(&[Verdict::Fail, Verdict::OutOfReach]), 1);
    }
}
