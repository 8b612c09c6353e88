//! `/api/v1/keys` and `/api/v1/backup`: API keys and the copy of the store, as operators ask for them.

use std::path::PathBuf;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::model::{ApiKey, Command, KeyAnswer, KeyOrder, NewKey, Undone};

use super::Admin;
use super::answer::{answer, error};
use super::api::{done, refusal};

const ADD: &str = "the body is a JSON object: {\"owner\":\"ann\",\"roles\":[\"user\"],\"scopes\":[],\"life\":86400}; all but \
                   `owner` may be left out, `life` is in seconds";
const REVOKE: &str = "the body is a JSON object: {\"id\":\"ID OF THE KEY\"}";
const ROTATE: &str = "the body is a JSON object: {\"id\":\"ID OF THE KEY\",\"overlap\":3600}; `overlap` is in seconds, and 0 \
                      where it is left out";
const BACKUP: &str = "the body is a JSON object with an absolute path of the daemon's machine: {\"path\":\"/PATH\"}";

/// `GET /api/v1/keys`: what is known of all keys, and nothing that opens.
pub(super) async fn list(State(admin): State<Admin>) -> Response {
    carried_out(&admin, KeyOrder::List, StatusCode::OK).await
}

/// `POST /api/v1/keys`: makes a key. 201, and the one answer that it stands in.
pub(super) async fn add(State(admin): State<Admin>, body: String) -> Response {
    match read(&body, &["owner", "roles", "scopes", "life"]).and_then(|body| new(&body)) {
        Some(new) => match new.check() {
            Ok(()) => carried_out(&admin, KeyOrder::Add(new), StatusCode::CREATED).await,
            Err(why) => error(StatusCode::UNPROCESSABLE_ENTITY, "not_done", &why, false),
        },
        None => error(StatusCode::BAD_REQUEST, "invalid_body", ADD, false),
    }
}

/// `POST /api/v1/keys/revoke`: once it is answered no core takes the key.
pub(super) async fn revoke(State(admin): State<Admin>, body: String) -> Response {
    let body = read(&body, &["id"]);
    match body.as_ref().and_then(id) {
        Some(id) => carried_out(&admin, KeyOrder::Revoke(id), StatusCode::OK).await,
        None => error(StatusCode::BAD_REQUEST, "invalid_body", REVOKE, false),
    }
}

/// `POST /api/v1/keys/rotate`: gives a key another secret, as when it is made.
pub(super) async fn rotate(State(admin): State<Admin>, body: String) -> Response {
    let body = read(&body, &["id", "overlap"]);
    let asked = body.as_ref().and_then(|body| Some((id(body)?, seconds(body, "overlap")?.unwrap_or_default())));
    match asked {
        Some((id, overlap)) => carried_out(&admin, KeyOrder::Rotate(id, overlap), StatusCode::OK).await,
        None => error(StatusCode::BAD_REQUEST, "invalid_body", ROTATE, false),
    }
}

/// `POST /api/v1/backup`: copies the store to a file of the daemon's machine that is not there yet.
pub(super) async fn backup(State(admin): State<Admin>, body: String) -> Response {
    let path = read(&body, &["path"]).and_then(|body| body.get("path")?.as_str().map(PathBuf::from));
    let Some(path) = path.filter(|path| path.is_absolute()) else {
        return error(StatusCode::BAD_REQUEST, "invalid_body", BACKUP, false);
    };
    match done(&admin, |answer| Command::Backup(path, answer)).await {
        Ok(bytes) => answer(StatusCode::OK, &json!({ "bytes": bytes })),
        Err(undone) => refusal(&undone, "not_done", ""),
    }
}

async fn carried_out(admin: &Admin, order: KeyOrder, status: StatusCode) -> Response {
    let done: Result<KeyAnswer, Undone> = done(admin, |answer| Command::Keys(order, answer)).await;
    match done {
        Ok(came) => answer(status, &key_document(&came)),
        Err(undone) => refusal(&undone, "not_done", ""),
    }
}

/// What is told of an order that was carried out, here and by `weir keys --json`.
pub fn key_document(answer: &KeyAnswer) -> Value {
    match answer {
        KeyAnswer::Listed(keys) => json!({ "keys": keys.iter().map(shown).collect::<Vec<_>>() }),
        KeyAnswer::Made(key, secret) => json!({ "key": shown(key), "secret": secret.0.as_str() }),
        KeyAnswer::Revoked(key) => json!({ "key": shown(key) }),
    }
}

/// Times are seconds since 1970, as everywhere on this side.
fn shown(key: &ApiKey) -> Value {
    let names = |names: &[Box<str>]| names.iter().map(|name| json!(&**name)).collect::<Vec<_>>();
    json!({
        "id": &*key.id,
        "owner": &*key.owner,
        "roles": names(&key.roles),
        "scopes": names(&key.scopes),
        "created": key.created,
        "expires": key.expires,
        "used": key.used,
        "revoked": key.revoked,
        "rotated": key.rotated.map(|(at, until)| json!({ "at": at, "before_until": until })),
    })
}

/// An object in which nothing but these stands: a misspelt `life` makes no key without an end.
fn read(body: &str, known: &[&str]) -> Option<Map<String, Value>> {
    match serde_json::from_str(body) {
        Ok(Value::Object(body)) if body.keys().all(|key| known.contains(&key.as_str())) => Some(body),
        _ => None,
    }
}

fn new(body: &Map<String, Value>) -> Option<NewKey> {
    let names = |key: &str| match body.get(key) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(names)) => names.iter().map(|name| name.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    };
    let owner = body.get("owner")?.as_str()?.to_owned();
    Some(NewKey { owner, roles: names("roles")?, scopes: names("scopes")?, life: seconds(body, "life")? })
}

fn id(body: &Map<String, Value>) -> Option<String> {
    body.get("id")?.as_str().map(str::to_owned)
}

/// A time, or that there is none; `None` where it is something else.
fn seconds(body: &Map<String, Value>, key: &str) -> Option<Option<Duration>> {
    match body.get(key) {
        None | Some(Value::Null) => Some(None),
        Some(number) => number.as_u64().map(|seconds| Some(Duration::from_secs(seconds))),
    }
}
