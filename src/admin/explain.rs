//! `POST /api/v1/explain`: what would become of a message, and why. Nothing is sent.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::task::spawn_blocking;

use crate::model::{Caller, Case, Considered, Explanation, Means, Step};

use super::Admin;
use super::answer::{answer, error};

const SHAPE: &str = "the body is a JSON object: {\"message\":{...},\"as\":{\"subject\":\"ann\",\"roles\":[\"user\"]},\
                     \"path\":\"/mcp\",\"headers\":{\"Name\":\"value\"},\"address\":\"192.0.2.1\"}; all but `message` may be \
                     left out; of `as` also `issuer` and `scopes`";

/// Tells the way of a message by the configuration in force.
pub(super) async fn explain(State(admin): State<Admin>, body: String) -> Response {
    let case = match read_case(&body) {
        Ok(case) => case,
        Err(why) => return error(StatusCode::BAD_REQUEST, "invalid_body", &why, false),
    };
    let access = admin.access.borrow().clone();
    // It compiles what the cores have compiled already, which may take its time.
    match spawn_blocking(move || (access.explains)(&case)).await {
        Ok(Ok(explanation)) => answer(StatusCode::OK, &explanation_document(&explanation)),
        Ok(Err(why)) => error(StatusCode::UNPROCESSABLE_ENTITY, "not_explained", &why, false),
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "internal", "explaining it ended by a defect", false),
    }
}

/// Reads what is asked. The message is taken as it stands there, to the byte.
///
/// # Errors
/// What is wrong with it, and how it has to look.
pub fn read_case(text: &str) -> Result<Case, String> {
    let asked: BTreeMap<String, &RawValue> = serde_json::from_str(text).map_err(|error| format!("{error}; {SHAPE}"))?;
    known(asked.keys(), &["message", "as", "path", "headers", "address"])?;
    let message = asked.get("message").ok_or_else(|| wrong("`message` is needed"))?;
    Ok(Case {
        path: text_of(asked.get("path"), "path")?,
        message: message.get().as_bytes().to_vec(),
        headers: headers(asked.get("headers"))?,
        caller: asked.get("as").map(|who| caller(who)).transpose()?,
        address: match text_of(asked.get("address"), "address")? {
            Some(address) => Some(address.parse().map_err(|_| wrong("`address` is one of IPv4 or IPv6"))?),
            None => None,
        },
    })
}

fn wrong(what: &str) -> String {
    format!("{what}; {SHAPE}")
}

fn known<'a>(keys: impl IntoIterator<Item = &'a String>, known: &[&str]) -> Result<(), String> {
    match keys.into_iter().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(wrong(&format!("nothing is called {key:?} here"))),
        None => Ok(()),
    }
}

fn text_of(value: Option<&&RawValue>, key: &str) -> Result<Option<String>, String> {
    let text = value.map(|value| serde_json::from_str(value.get())).transpose();
    text.map_err(|_| wrong(&format!("`{key}` is a string")))
}

fn headers(value: Option<&&RawValue>) -> Result<Vec<(String, String)>, String> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let headers: BTreeMap<_, _> =
        serde_json::from_str(value.get()).map_err(|_| wrong("`headers` is an object of strings"))?;
    Ok(headers.into_iter().collect())
}

/// Who is said to call. Where no issuer is named nobody in particular vouches for them.
fn caller(who: &RawValue) -> Result<Caller, String> {
    let who: Map<String, Value> = serde_json::from_str(who.get()).map_err(|_| wrong("`as` is an object"))?;
    known(who.keys(), &["subject", "issuer", "roles", "scopes"])?;
    let text = |key: &str| match who.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(Box::from(text.as_str()))),
        Some(_) => Err(wrong(&format!("`as.{key}` is a string"))),
    };
    let names = |key: &str| match who.get(key) {
        None => Ok(Box::default()),
        Some(Value::Array(names)) => {
            let names = names.iter().map(|name| name.as_str().map(Box::from));
            names.collect::<Option<_>>().ok_or_else(|| wrong(&format!("`as.{key}` is a list of strings")))
        }
        Some(_) => Err(wrong(&format!("`as.{key}` is a list of strings"))),
    };
    let subject = text("subject")?.ok_or_else(|| wrong("`as.subject` is needed"))?;
    let issuer = text("issuer")?.unwrap_or_default();
    Ok(Caller { means: Means::Jwt, issuer, subject, roles: names("roles")?, scopes: names("scopes")? })
}

/// What is told, here and by `weir explain --json`.
pub fn explanation_document(explanation: &Explanation) -> Value {
    json!({
        "path": explanation.path,
        "server": explanation.server,
        "refused": explanation.refused(),
        "ruled": explanation.ruled.as_ref().map(|ruled| json!({ "verdict": ruled.verdict, "rule": ruled.rule })),
        "limits": explanation.limits(),
        "steps": explanation.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(step: &Step) -> Value {
    let looked_at: Vec<_> = step.looked_at.iter().map(considered).collect();
    json!({ "stage": step.stage, "refused": step.refused, "says": step.says, "looked_at": looked_at })
}

fn considered(one: &Considered) -> Value {
    json!({ "name": one.name, "applies": one.applies, "says": one.says })
}
