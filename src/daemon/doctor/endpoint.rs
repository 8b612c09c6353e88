//! One endpoint of a server: reached or not, what it speaks, how fast, and how long its certificate lasts.

use std::time::Duration;

use http::header::DATE;
use http::{HeaderValue, StatusCode};

use crate::config::{Authorization, Server};
use crate::daemon::authorization::{self, Around};
use crate::daemon::endpoints;
use crate::model::clock;
use crate::net::grant::{Credential, Held};
use crate::net::upstream::{Endpoint, Failure, Pool};

use super::certificates;
use super::era::{self, Meaning};
use super::finding::{Finding, Verdict};
use super::http_date;
use super::question::{Miss, PATIENCE, Question, Reply, ask};
use super::report::Report;
use super::shown::shown_up_to;

/// Longest sentence about a failure, in characters. What its certificate says may be in it.
const MOST_FAILURE: usize = 400;

/// What was found of an endpoint, and how many seconds its clock is ahead of ours.
pub(super) struct Examined {
    pub(super) finding: Finding,
    pub(super) offset: Option<i64>,
}

/// Asks the endpoint of `server` at `url` what it speaks. Takes six times [`PATIENCE`] at most, and
/// what a token for it takes.
pub(super) async fn examine(pool: &Pool, server: &Server, url: &str, around: &Around<'_>) -> Examined {
    let subject = format!("{} {url}", server.name.as_str());
    let endpoint = match endpoints::open(server, url) {
        Ok(endpoint) => Endpoint { connect_timeout: server.connect_timeout.min(PATIENCE), ..endpoint },
        Err(error) => {
            let finding = Finding::fail(subject, format!("{error:#}"), "correct `tls` of this server");
            return Examined { finding, offset: None };
        }
    };
    let credential = match credential(server, around).await {
        Ok(credential) => credential,
        Err(why) => {
            let finding = Finding::fail(subject, why, "correct `authorization` of this server");
            return Examined { finding, offset: None };
        }
    };
    let ask = |question| ask(pool, &endpoint, credential.as_ref().map(Held::field), question);
    let begun = clock::now();
    let discovered = ask(&Question::Discover).await;
    if let Err(Miss::Connect(failure)) = &discovered {
        let mut finding = Finding::fail(
            subject,
            shown_up_to(MOST_FAILURE, &failure.to_string()),
            advice(failure, endpoint.tls.is_some()),
        );
        (finding.verdict, finding.took) = (Verdict::OutOfReach, Some(clock::now() - begun));
        return Examined { finding, offset: None };
    }
    let discovery = era::of_discovery(&discovered);
    let initialized = match discovery {
        // It does not want to be asked.
        Meaning::Refuses(_) | Meaning::Redirects(..) => None,
        _ => Some(ask(&Question::Initialize).await),
    };
    let handshake = initialized.as_ref().map_or(discovery.clone(), era::of_handshake);
    if let Some(session) = initialized.as_ref().and_then(session) {
        // Whether it lets sessions be ended is its own affair.
        let _ = ask(&Question::End(session)).await;
    }
    let replied = discovered.as_ref().ok().or(initialized.as_ref().and_then(|reply| reply.as_ref().ok()));
    let mut report = Report::of(server.era, &discovery, &handshake);
    let refused = |meaning: &Meaning| matches!(meaning, Meaning::Refuses(StatusCode::UNAUTHORIZED));
    if matches!(server.authorization, Some(Authorization::Exchange(_))) && refused(&discovery) {
        report = Report::wants_callers();
    }
    let finding = finding(subject, report, replied, clock::now() - begun);
    Examined { finding, offset: replied.and_then(offset) }
}

/// Our credential for the server; none where it is a caller's.
async fn credential(server: &Server, around: &Around<'_>) -> Result<Option<Held>, String> {
    let shows = authorization::shows(server, around).map_err(|error| format!("{error:#}"))?;
    let Some(own) = shows.own() else { return Ok(None) };
    own.obtain().await.map(Some).map_err(|_| {
        let why = if let Credential::Token(slot) = &own { slot.trouble() } else { None };
        format!("no token for it is given: {}", shown_up_to(MOST_FAILURE, why.as_deref().map_or("", |why| why)))
    })
}

/// The session that was opened with a reply, as far as it can be named again.
fn session(reply: &Result<Reply, Miss>) -> Option<HeaderValue> {
    reply.as_ref().ok()?.headers.get("mcp-session-id").cloned()
}

fn finding(subject: String, report: Report, reply: Option<&Reply>, took: Duration) -> Finding {
    let Report { verdict, mut text, advice } = report;
    let mut finding = Finding { subject, verdict, finding: String::new(), advice, took: Some(took) };
    if let Some(reply) = reply {
        let (connected, answered) = (reply.connected.as_millis(), reply.answered.as_millis());
        text = format!("{text}; connected in {connected} ms, answered in {answered} ms");
        if let Some(date) = reply.certificate {
            let (verdict, lasts) = certificates::lasts(date, clock::unix_seconds() as i64);
            text = format!("{text}; its certificate {lasts}");
            if verdict > Verdict::Ok {
                finding.verdict = finding.verdict.max(Verdict::Warn);
                finding.advice = finding.advice.or_else(|| Some("renew its certificate".to_owned()));
            }
        }
    }
    finding.finding = text;
    finding
}

fn offset(reply: &Reply) -> Option<i64> {
    let date = http_date::seconds(reply.headers.get(DATE)?.to_str().ok()?)?;
    Some(date - clock::unix_seconds() as i64)
}

fn advice(failure: &Failure, secure: bool) -> &'static str {
    match failure {
        Failure::Resolve(_) => "correct the host in `endpoints`, or this machine's DNS",
        Failure::ConnectTimeout if secure => {
            "look for a firewall on the way, and whether it speaks TLS there, or raise `connect_timeout`"
        }
        Failure::ConnectTimeout => "look for a firewall on the way, or raise `connect_timeout`",
        // The second where another authority bears the name of the right one.
        Failure::Tls(what) if what.contains("UnknownIssuer") || what.contains("BadSignature") => {
            "name the authority of its certificate as `tls = { ca = \"FILE\" }`"
        }
        Failure::Tls(what) if what.contains("not valid for name") || what.contains("NotValidForName") => {
            "use a name of its certificate in `endpoints`, or as `tls = { server_name = \"NAME\" }`"
        }
        Failure::Tls(what) if what.contains("Expired") || what.contains("expired") => "renew its certificate",
        Failure::Tls(what) if what.contains("InvalidContentType") || what.contains("corrupt message") => {
            "it does not speak TLS there: write http://, or correct the port"
        }
        Failure::Tls(_) => "look at the server's log for its side of this",
        _ => "start the server, or correct its URL",
    }
}
