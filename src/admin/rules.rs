//! `/api/v1/rules`: stored rules, as operators list, add, change, remove and order them, go back, and try all of that.

use std::collections::BTreeMap;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::model::stored::{Author, Edition, InForce, RuleAnswer, RuleChange, RuleOrder, StoredRule, Unruled};
use crate::model::{Case, Command, clock};

use super::Admin;
use super::answer::{answer, detailed, error};
use super::api::{done, refusal};
use super::explain::{explanation_document, read_case};
use super::gate::Who;

const SHAPE: &str = "the body is a JSON object. POST /api/v1/rules: {\"rule\":{\"name\":\"no rm\",\"then\":\"refuse\"},\
                     \"position\":0}; PUT /api/v1/rules/NAME: {\"rule\":{...}}; POST /api/v1/rules/order: \
                     {\"names\":[\"a\",\"b\"]}; POST /api/v1/rules/rollback: {\"to\":3}; everywhere `version`, the one that \
                     is to be changed, and with `?dry_run=true` also `case`, as /api/v1/explain takes it";
/// What is no name of a stored rule: its place is taken in paths.
const TAKEN: [&str; 3] = ["versions", "order", "rollback"];
/// Flaws of which the message of an answer tells; all of them are in its details.
const SAID: usize = 20;
/// Versions told at a time, where nothing is said.
const TOLD: usize = 100;

/// `GET /api/v1/rules`: the rules in force, in the order in which they are asked.
pub(super) async fn list(State(admin): State<Admin>) -> Response {
    let access = admin.access.borrow().clone();
    match (access.rules)() {
        Ok(rules) => tagged(answer(StatusCode::OK, &rules_document(&rules)), rules.version),
        Err(why) => error(StatusCode::SERVICE_UNAVAILABLE, "busy", &why, true),
    }
}

/// `GET /api/v1/rules/versions`: who has made which, the newest first.
pub(super) async fn versions(State(admin): State<Admin>, uri: Uri) -> Response {
    let asked = query(&uri, &["before", "limit"]).and_then(|query| {
        let number = |key: &str| match query.get(key) {
            Some(text) => text.parse::<u64>().map(Some).map_err(|_| format!("`{key}` is a number")),
            None => Ok(None),
        };
        Ok((number("before")?, number("limit")?))
    });
    let (before, limit) = match asked {
        Ok(asked) => asked,
        Err(why) => return error(StatusCode::BAD_REQUEST, "invalid_query", &why, false),
    };
    let most = limit.map_or(TOLD, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    match done(&admin, |answer| Command::Rules(RuleOrder::History(before, most), answer)).await {
        Ok(RuleAnswer::Told(editions)) => answer(StatusCode::OK, &versions_document(&editions)),
        Ok(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "internal", "another answer came", false),
        Err(why) => undone(&why, false),
    }
}

/// `POST /api/v1/rules`: another rule. 201 once every core decides by it.
pub(super) async fn add(
    State(admin): State<Admin>,
    Extension(who): Extension<Who>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let read = Asked::read(&uri, &headers, &body, &["rule", "position"]).and_then(|asked| {
        let rule = asked.rule()?;
        let name = rule.get("name").and_then(Value::as_str).ok_or("`rule` needs `name`, a text")?;
        free_name(name)?;
        let position = asked.member("position", "a number from 0", |at| usize::try_from(at.as_u64()?).ok())?;
        let stored = StoredRule { id: name.into(), text: Value::from(rule.clone()).to_string().into() };
        Ok((RuleChange::Add(stored, position), asked))
    });
    carried_out(&admin, who, read, StatusCode::CREATED).await
}

/// `PUT /api/v1/rules/NAME`: the rule says something else, where it stands.
pub(super) async fn change(
    State(admin): State<Admin>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let read = Asked::read(&uri, &headers, &body, &["rule"]).and_then(|asked| {
        let mut rule = asked.rule()?;
        rule.entry("name").or_insert_with(|| json!(name));
        let text = Value::from(rule).to_string().into();
        Ok((RuleChange::Change(StoredRule { id: name.as_str().into(), text }), asked))
    });
    carried_out(&admin, who, read, StatusCode::OK).await
}

/// `DELETE /api/v1/rules/NAME`: there is no such rule any more.
pub(super) async fn remove(
    State(admin): State<Admin>,
    Extension(who): Extension<Who>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let body = if body.trim().is_empty() { "{}" } else { &body };
    let read = Asked::read(&uri, &headers, body, &[]).map(|asked| (RuleChange::Remove(name.into()), asked));
    carried_out(&admin, who, read, StatusCode::OK).await
}

/// `POST /api/v1/rules/order`: all stored rules, in another order.
pub(super) async fn reorder(
    State(admin): State<Admin>,
    Extension(who): Extension<Who>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let read = Asked::read(&uri, &headers, &body, &["names"]).and_then(|asked| {
        let all = |names: &Value| names.as_array()?.iter().map(|name| name.as_str().map(Box::from)).collect();
        let names: Option<Vec<Box<str>>> = asked.member("names", "a list of the names of all stored rules", all)?;
        Ok((RuleChange::Reorder(names.ok_or("`names` is needed")?), asked))
    });
    carried_out(&admin, who, read, StatusCode::OK).await
}

/// `POST /api/v1/rules/rollback`: all stored rules as they were at a version.
pub(super) async fn roll_back(
    State(admin): State<Admin>,
    Extension(who): Extension<Who>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let read = Asked::read(&uri, &headers, &body, &["to"]).and_then(|asked| {
        let to = asked.member("to", "a version", Value::as_u64)?;
        Ok((RuleChange::RollBack(to.ok_or("`to` is needed")?), asked))
    });
    carried_out(&admin, who, read, StatusCode::OK).await
}

/// Whether a rule may be stored by that name.
///
/// # Errors
/// Why not.
pub fn free_name(name: &str) -> Result<(), String> {
    match TAKEN.contains(&name) {
        true => {
            Err(format!("no stored rule is called {name:?}, which is a path of /api/v1/rules: give it another name"))
        }
        false => Ok(()),
    }
}

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

/// What all orders have in common, and the members of their own.
struct Asked<'a> {
    members: BTreeMap<String, &'a RawValue>,
    /// The version that is to be changed, and whether a header says so.
    on: Option<u64>,
    by_header: bool,
    dry: bool,
    case: Option<Case>,
}

impl<'a> Asked<'a> {
    fn read(uri: &Uri, headers: &HeaderMap, body: &'a str, own: &[&str]) -> Result<Self, String> {
        let query = query(uri, &["dry_run"])?;
        let dry = match query.get("dry_run").map(String::as_str) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err("`dry_run` is true or false".to_owned()),
        };
        let members: BTreeMap<String, &RawValue> =
            serde_json::from_str(body).map_err(|error| format!("{error}; {SHAPE}"))?;
        let known = |key: &&String| own.contains(&key.as_str()) || ["version", "case"].contains(&key.as_str());
        if let Some(key) = members.keys().find(|key| !known(key)) {
            return Err(format!("nothing is called {key:?} here; {SHAPE}"));
        }
        let case = members.get("case").map(|case| read_case(case.get())).transpose()?;
        if case.is_some() && !dry {
            return Err("`case` is for `?dry_run=true`".to_owned());
        }
        let header = headers.get(header::IF_MATCH).map(tag).transpose()?.flatten();
        let mut asked = Self { members, on: header, by_header: header.is_some(), dry, case };
        let member = asked.member("version", "a number", Value::as_u64)?;
        if header.is_some() && member.is_some() && header != member {
            return Err("`version` and If-Match name two versions".to_owned());
        }
        asked.on = header.or(member);
        Ok(asked)
    }

    fn member<T>(&self, key: &str, what: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Option<T>, String> {
        let Some(value) = self.members.get(key) else { return Ok(None) };
        let value = serde_json::from_str(value.get()).ok();
        let read = value.as_ref().and_then(read);
        read.map(Some).ok_or_else(|| format!("`{key}` is {what}; {SHAPE}"))
    }

    fn rule(&self) -> Result<Map<String, Value>, String> {
        let rule = self.members.get("rule").ok_or_else(|| format!("`rule` is needed; {SHAPE}"))?;
        serde_json::from_str(rule.get()).map_err(|error| format!("`rule` is an object, as [[rules]] has it: {error}"))
    }
}

/// The number of an entity tag as we give them; none for `*`.
fn tag(value: &HeaderValue) -> Result<Option<u64>, String> {
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let number = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| "If-Match takes one ETag of GET /api/v1/rules, such as \"7\"".to_owned())
}

fn query(uri: &Uri, known: &[&str]) -> Result<BTreeMap<String, String>, String> {
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match known.contains(&key) {
            true => Ok((key.to_owned(), value.to_owned())),
            false => Err(format!("nothing is called {key:?} in the query of this path")),
        }
    };
    pairs.map(pair).collect()
}

async fn carried_out(
    admin: &Admin,
    who: Who,
    read: Result<(RuleChange, Asked<'_>), String>,
    status: StatusCode,
) -> Response {
    let (change, asked) = match read {
        Ok(read) => read,
        Err(why) => return error(StatusCode::BAD_REQUEST, "invalid_body", &why, false),
    };
    let (on, by_header) = (asked.on, asked.by_header);
    let order = match asked.dry {
        true => RuleOrder::Try(on, change, asked.case.map(Box::new)),
        false => RuleOrder::Change(on, change, Author { by: who.0, at: clock::unix_seconds() }),
    };
    match done(admin, |answer| Command::Rules(order, answer)).await {
        Ok(RuleAnswer::Changed(version)) => tagged(answer(status, &json!({ "version": version })), version),
        Ok(RuleAnswer::Tried(trial)) => {
            let told = trial.message.as_deref();
            let told = told.map(|(now, then)| (explanation_document(now), explanation_document(then))).unzip();
            answer(
                StatusCode::OK,
                &json!({
                    "dry_run": true,
                    "version": trial.on,
                    "taken": trial.flaws.is_empty(),
                    "flaws": trial.flaws,
                    "before": told.0,
                    "after": told.1,
                }),
            )
        }
        Ok(RuleAnswer::Told(_)) => error(StatusCode::INTERNAL_SERVER_ERROR, "internal", "another answer came", false),
        Err(why) => undone(&why, by_header),
    }
}

fn tagged(mut response: Response, version: u64) -> Response {
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
