//! `weir explain`: what would become of a message, and why. Nothing is sent.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use serde_json::{Map, Value, json, value::RawValue};

use super::reach::Reach;
use super::{UNUSABLE, fail, nothing_to, refuse, say};
use crate::{
    admin::{explanation_document, read_case},
    daemon,
};

/// Bytes of a message, and of a file that says who calls.
const LARGEST: u64 = 4 << 20;

/// Say what would become of a message, and why
///
/// Goes the way of a call by the configuration, stage by stage, and sends nothing. What is known of servers is then
/// nothing; a daemon that runs knows what it has seen of them (--running).
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Explain {
    /// The message, as a client posts it; - for standard input
    #[arg(long, value_name = "FILE")]
    message: PathBuf,
    /// Who calls: {"subject":"ann","roles":["user"]}, and `issuer` and `scopes` [default: somebody without a credential]
    #[arg(long = "as", value_name = "FILE")]
    caller: Option<PathBuf>,
    /// The path of the route that it comes on [default: that of the only one, or /mcp]
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// A header of the request, such as "X-Team: blue"; may be given several times
    #[arg(long = "header", value_name = "HEADER", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Where it comes from
    #[arg(long, value_name = "ADDRESS")]
    address: Option<std::net::IpAddr>,
    /// Ask the daemon that runs, by what is in force there
    #[arg(long)]
    running: bool,
    #[command(flatten)]
    reach: Reach,
    /// Print one JSON document instead
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "Example: would ann be let through
  weir explain --message call.json --as ann.json

Exit codes: 0 done, whatever would become of it, 1 the work failed, 2 the command line or the configuration is wrong,
3 the daemon that is asked is out of reach.";

pub(super) fn run(options: &Explain) -> ExitCode {
    match options.explained() {
        Ok(document) if options.json => say(io::stdout(), format_args!("{document:#}")),
        Ok(document) => print(&document),
        Err(code) => return code,
    }
    ExitCode::SUCCESS
}

impl Explain {
    fn explained(&self) -> Result<Value, ExitCode> {
        let asked = self.asked().map_err(|why| fail(UNUSABLE, why))?;
        if self.running {
            let asked = serde_json::from_str(&asked).map_err(|error| fail(UNUSABLE, error))?;
            return self.reach.ask_the_daemon(("POST", "/api/v1/explain", Some(asked)));
        }
        let Some(settings) = self.reach.settings()? else {
            return Err(nothing_to("explain by", "a configuration (--config FILE), or ask a daemon (--running)"));
        };
        let settings = daemon::sound(settings).map_err(|report| refuse(&report))?;
        let case = read_case(&asked).map_err(|why| fail(UNUSABLE, why))?;
        let explanation =
            daemon::explains(&settings).and_then(|explain| explain(&case)).map_err(|why| fail(UNUSABLE, why))?;
        Ok(explanation_document(&explanation))
    }

    /// What is asked, as a daemon takes it: the message stands in it as it was written.
    fn asked(&self) -> Result<String, String> {
        let mut asked = vec![("message", json_of(&self.message)?)];
        if let Some(caller) = &self.caller {
            asked.push(("as", json_of(caller)?));
        }
        let headers: Map<_, _> = self.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let address = self.address.map(|address| address.to_string());
        asked.push(("headers", Value::from(headers).to_string()));
        asked.extend(self.path.iter().map(|path| ("path", json!(path).to_string())));
        asked.extend(address.iter().map(|address| ("address", json!(address).to_string())));
        let members: Vec<_> = asked.iter().map(|(key, text)| format!("\"{key}\":{text}")).collect();
        Ok(format!("{{{}}}", members.join(",")))
    }
}

/// The one JSON text of a file, as it was written.
fn json_of(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = match file == Path::new("-") {
        true => io::stdin().take(LARGEST).read_to_string(&mut text),
        false => fs::File::open(file).and_then(|file| file.take(LARGEST).read_to_string(&mut text)),
    };
    read.map_err(|error| format!("{}: {error}", file.display()))?;
    match serde_json::from_str::<&RawValue>(&text) {
        Ok(text) => Ok(text.get().to_owned()),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        None => Err("takes NAME: VALUE".to_owned()),
    }
}

/// The steps, a line each; below each what it looked at.
fn print(document: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    say(io::stdout(), format_args!("{} -> {}", text(&document["path"]), text(&document["server"])));
    for step in document["steps"].as_array().into_iter().flatten() {
        let verdict = step["refused"].as_str().unwrap_or("passes");
        say(io::stdout(), format_args!("  {:<13} {verdict:<19} {}", text(&step["stage"]), text(&step["says"])));
        for one in step["looked_at"].as_array().into_iter().flatten() {
            let applies = if one["applies"] == json!(true) { "applies" } else { "does not" };
            let origin = if one["stored"] == json!(true) { " (stored)" } else { "" };
            say(io::stdout(), format_args!("    {applies:<8} {}{origin}: {}", text(&one["name"]), text(&one["says"])));
        }
    }
    let end = match (document["refused"].as_str(), document["ruled"]["verdict"].as_str()) {
        (Some(reason), _) => format!("it goes no further: {reason}"),
        (None, Some("answer")) => "it would be answered by the rule".to_owned(),
        (None, _) => format!("it would be sent to {}", text(&document["server"])),
    };
    say(io::stdout(), end);
}
