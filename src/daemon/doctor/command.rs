//! A server that is a command: found and started or not, what it speaks, and how fast. It is ended again.

use std::time::{Duration, Instant};

use crate::config::Server;
use crate::daemon::spawned;
use crate::model::clock;
use crate::net::process::{CommandLine, Keeper, SpawnError};

use super::conversation::{self, Over, Said};
use super::era::{self, Meaning};
use super::finding::{Finding, Verdict};
use super::question::Question;
use super::report::Report;
use super::shown::{shown, shown_up_to};

/// The longest that a command is waited for, whatever `processes.start` allows.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest sentence of a command's own, in characters.
const MOST_SAID: usize = 200;

/// Starts the command of `server`, asks what it speaks, and ends it. `None` where it is none.
pub(super) async fn examine(keeper: &Keeper, server: &Server) -> Option<Finding> {
    let command = server.command.as_ref()?;
    let subject = format!("{} {}", server.name.as_str(), shown(&command.words[0]));
    let line = match spawned::line(server, command) {
        Ok(line) => line,
        Err(error) => {
            return Some(Finding::fail(subject, format!("{error:#}"), "put the secret where it is looked for"));
        }
    };
    let begun = clock::now();
    let until = begun + command.processes.start.min(PATIENCE);
    let mut finding = match ask(keeper, &line, until).await {
        Ok(said) => judged(subject, server, &said, command.processes.start.min(PATIENCE)),
        Err(error) => {
            let advice = advice(&error);
            Finding::fail(subject, error.to_string(), advice)
        }
    };
    finding.took = Some(clock::now() - begun);
    Some(finding)
}

/// Both questions to one process. One that ends over the first, as a server of the session era may, is asked the second
/// alone in another.
async fn ask(keeper: &Keeper, line: &CommandLine, until: Instant) -> Result<Said, SpawnError> {
    let said = conversation::hold(keeper, line, &[Question::Discover, Question::Initialize], until).await?;
    if said.answers.iter().all(Option::is_none) && matches!(said.over, Over::Ended(_)) {
        let alone = conversation::hold(keeper, line, &[Question::Initialize], until).await?;
        let [answer] = <[_; 1]>::try_from(alone.answers).unwrap_or_default();
        return Ok(Said { answers: vec![None, answer], ..alone });
    }
    Ok(said)
}

fn judged(subject: String, server: &Server, said: &Said, patience: Duration) -> Finding {
    let answer = |at: usize| said.answers.get(at).and_then(Option::as_ref);
    let (discovery, handshake) = (era::of_discovery_line(answer(0)), era::of_handshake_line(answer(1)));
    if !matches!((&discovery, &handshake), (Meaning::Speaks { .. }, _) | (_, Meaning::Speaks { .. })) {
        return silent(subject, said, &handshake, patience);
    }
    let Report { verdict, text, advice } = Report::of(server.era, &discovery, &handshake);
    let (started, answered) = (said.started.as_millis(), said.answered.as_millis());
    let finding = format!("{text}; started in {started} ms, answered in {answered} ms");
    let finding = Finding { subject, verdict, finding, advice, took: None };
    if said.strays > 0 && verdict == Verdict::Ok {
        let text = format!("{}; it also wrote {} of no meaning", finding.finding, lines(said.strays));
        return Finding::warn(
            finding.subject,
            text,
            "have it log to standard error: its standard output is the protocol's",
        );
    }
    finding
}

/// A command that does not say that it is an MCP server.
fn silent(subject: String, said: &Said, handshake: &Meaning, patience: Duration) -> Finding {
    let words = match &*said.last_words {
        "" => String::new(),
        words => format!("; its last words: {}", shown_up_to(MOST_SAID, words)),
    };
    let strays = match said.strays {
        0 => String::new(),
        strays => format!(", but wrote {} of no meaning", lines(strays)),
    };
    match (&said.over, handshake) {
        (_, Meaning::Otherwise(what)) if said.answers.iter().any(Option::is_some) => Finding::fail(
            subject,
            format!("no MCP server: it answers initialize with {what}{words}"),
            "correct `command`: the server may want an argument to speak over stdio",
        ),
        (Over::Ended(exit), _) => Finding::fail(
            subject,
            format!("it {exit} and answered nothing{strays}{words}"),
            "run it by hand with this `environment`: what it lacks, it mostly says itself",
        ),
        (Over::Asked, _) => {
            let finding = format!("it runs, and answered nothing within {} s{strays}{words}", patience.as_secs_f32());
            let advice =
                "look whether it speaks over stdio, and what it waits for; raise `processes.start` if it is slow";
            Finding { verdict: Verdict::OutOfReach, ..Finding::fail(subject, finding, advice) }
        }
    }
}

fn lines(count: usize) -> String {
    if count == 1 { "1 line".to_owned() } else { format!("{count} lines") }
}

fn advice(error: &SpawnError) -> &'static str {
    match error {
        SpawnError::NotFound { path: Some(_), .. } => {
            "install it, name its whole path, or write the right PATH into `environment`"
        }
        SpawnError::NotFound { .. } | SpawnError::Unusable(_) | SpawnError::TooLong { .. } => "correct `command`",
        SpawnError::NotRun(..) => "look at its mode, its owner and its first line",
        SpawnError::Directory(..) => "make the directory, or correct `directory`",
        SpawnError::Limit(..) => "lower `process_limits`, or start Weir with higher limits",
        SpawnError::TooMany(_) | SpawnError::Ended | SpawnError::Keeper(_) => {
            "ask again, and look what the machine lacks"
        }
    }
}
