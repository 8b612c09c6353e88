//! What operators are told of stored rules.

use axum::http::{StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::model::stored::{Edition, InForce, RuleAnswer, Trial, Unruled};

use super::super::answer::{answer, detailed, error};
use super::super::api::refusal;
use super::super::explain::explanation_document;

/// Flaws of which the message of an answer tells; all of them are in its details.
const SAID: usize = 20;

/// The rules in force, here and by `weir rules list --json`.
pub fn rules_document(rules: &InForce) -> Value {
    let file = rules.file.iter().enumerate();
    let file = file.map(|(position, name)| json!({ "name": name, "origin": "file", "position": position }));
    let stored = rules.stored.iter().enumerate().map(|(position, rule)| {
        let text = serde_json::from_str(&rule.text).unwrap_or_else(|_| Value::from(&*rule.text));
        json!({ "name": &*rule.id, "origin": "stored", "position": position, "rule": text })
    });
    json!({ "version": rules.version, "rules": file.chain(stored).collect::<Vec<_>>(), "behind": rules.behind })
}

/// The versions, here and by `weir rules versions --json`.
pub fn versions_document(editions: &[Edition]) -> Value {
    let one = |edition: &Edition| json!({ "version": edition.version, "at": edition.at, "by": &*edition.by, "what": &*edition.what });
    json!({ "versions": editions.iter().map(one).collect::<Vec<_>>() })
}

/// What has come of an order; `status` of one that is carried out.
pub(super) fn outcome(done: Result<RuleAnswer, Unruled>, status: StatusCode, by_header: bool) -> Response {
    match done {
        Ok(RuleAnswer::Changed(version)) => tagged(answer(status, &json!({ "version": version })), version),
        Ok(RuleAnswer::Tried(trial)) => answer(StatusCode::OK, &trial_document(&trial)),
        Ok(RuleAnswer::Told(editions)) => answer(StatusCode::OK, &versions_document(&editions)),
        Err(why) => undone(&why, by_header),
    }
}

fn trial_document(trial: &Trial) -> Value {
    let told = trial.message.as_deref();
    let told = told.map(|(now, then)| (explanation_document(now), explanation_document(then))).unzip();
    json!({
        "dry_run": true,
        "version": trial.on,
        "taken": trial.flaws.is_empty(),
        "flaws": trial.flaws,
        "before": told.0,
        "after": told.1,
    })
}

/// With the version as its entity tag.
pub(super) fn tagged(mut response: Response, version: u64) -> Response {
    if let Ok(value) = format!("\"{version}\"").parse() {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

fn undone(why: &Unruled, by_header: bool) -> Response {
    match why {
        Unruled::Moved { on, found } => {
            let status = if by_header { StatusCode::PRECONDITION_FAILED } else { StatusCode::CONFLICT };
            let message = format!("the rules are at version {found}, and not at {on}: look at them, and try again");
            tagged(detailed(status, "version_moved", &message, &json!({ "version": found }), false), *found)
        }
        Unruled::Missing(why) => error(StatusCode::NOT_FOUND, "not_found", why, false),
        Unruled::Flawed(flaws) => {
            let lines: Vec<_> = flaws.iter().take(SAID).map(|flaw| flaw.lines().next().unwrap_or_default()).collect();
            let more = if flaws.len() > SAID { format!("; and {} more", flaws.len() - SAID) } else { String::new() };
            let message = format!("nothing was changed: {}{more}", lines.join("; "));
            let details = json!({ "flaws": flaws });
            detailed(StatusCode::UNPROCESSABLE_ENTITY, "not_taken", &message, &details, false)
        }
        Unruled::Undone(undone) => refusal(undone, "not_done", ""),
    }
}
