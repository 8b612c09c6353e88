//! `/api/v1/rules`: stored rules, as operators list, add, change, remove and order them, go back, and try all of that.

mod asked;
mod told;

use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde_json::{Value, json};

use crate::model::stored::{Author, RuleChange, RuleOrder, StoredRule};
use crate::model::{Command, clock};

use super::Admin;
use super::answer::{answer, error};
use super::api::done;

use asked::{Asked, Order, query};
use told::{outcome, tagged};
pub use told::{rules_document, versions_document};

/// What is no name of a stored rule: its place is taken in paths.
const TAKEN: [&str; 3] = ["versions", "order", "rollback"];
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
    let done = done(&admin, |answer| Command::Rules(RuleOrder::History(before, most), answer)).await;
    outcome(done, StatusCode::OK, false)
}

/// `POST /api/v1/rules`: another rule. 201 once every core decides by it.
pub(super) async fn add(order: Order) -> Response {
    let read = order.read(&["rule", "position"]).and_then(|asked| {
        let rule = asked.rule()?;
        let name = rule.get("name").and_then(Value::as_str).ok_or("`rule` needs `name`, a text")?;
        free_name(name)?;
        let position = asked.member("position", "a number from 0", |at| usize::try_from(at.as_u64()?).ok())?;
        let stored = StoredRule { id: name.into(), text: Value::from(rule.clone()).to_string().into() };
        Ok((RuleChange::Add(stored, position), asked))
    });
    carried_out(&order, read, StatusCode::CREATED).await
}

/// `PUT /api/v1/rules/NAME`: the rule says something else, where it stands.
pub(super) async fn change(Path(name): Path<String>, order: Order) -> Response {
    let read = order.read(&["rule"]).and_then(|asked| {
        let mut rule = asked.rule()?;
        rule.entry("name").or_insert_with(|| json!(name));
        let text = Value::from(rule).to_string().into();
        Ok((RuleChange::Change(StoredRule { id: name.as_str().into(), text }), asked))
    });
    carried_out(&order, read, StatusCode::OK).await
}

/// `DELETE /api/v1/rules/NAME`: there is no such rule any more.
pub(super) async fn remove(Path(name): Path<String>, order: Order) -> Response {
    let read = order.read(&[]).map(|asked| (RuleChange::Remove(name.into()), asked));
    carried_out(&order, read, StatusCode::OK).await
}

/// `POST /api/v1/rules/order`: all stored rules, in another order.
pub(super) async fn reorder(order: Order) -> Response {
    let read = order.read(&["names"]).and_then(|asked| {
        let all = |names: &Value| names.as_array()?.iter().map(|name| name.as_str().map(Box::from)).collect();
        let names: Option<Vec<Box<str>>> = asked.member("names", "a list of the names of all stored rules", all)?;
        Ok((RuleChange::Reorder(names.ok_or("`names` is needed")?), asked))
    });
    carried_out(&order, read, StatusCode::OK).await
}

/// `POST /api/v1/rules/rollback`: all stored rules as they were at a version.
pub(super) async fn roll_back(order: Order) -> Response {
    let read = order.read(&["to"]).and_then(|asked| {
        let to = asked.member("to", "a version", Value::as_u64)?;
        Ok((RuleChange::RollBack(to.ok_or("`to` is needed")?), asked))
    });
    carried_out(&order, read, StatusCode::OK).await
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

async fn carried_out(order: &Order, read: Result<(RuleChange, Asked<'_>), String>, status: StatusCode) -> Response {
    let (change, asked) = match read {
        Ok(read) => read,
        Err(why) => return error(StatusCode::BAD_REQUEST, "invalid_body", &why, false),
    };
    let by_header = asked.by_header;
    let wanted = match asked.dry {
        true => RuleOrder::Try(asked.on, change, asked.case.map(Box::new)),
        false => RuleOrder::Change(asked.on, change, Author { by: order.who.0.clone(), at: clock::unix_seconds() }),
    };
    outcome(done(&order.admin, |answer| Command::Rules(wanted, answer)).await, status, by_header)
}
