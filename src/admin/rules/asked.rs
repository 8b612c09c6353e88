//! What is read of an order about stored rules, in a way that all of them share.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::model::Case;

use super::super::Admin;
use super::super::explain::read_case;
use super::super::gate::Who;

const SHAPE: &str = "the body is a JSON object. POST /api/v1/rules: {\"rule\":{\"name\":\"no rm\",\"then\":\"refuse\"},\
                     \"position\":0}; PUT /api/v1/rules/NAME: {\"rule\":{...}}; POST /api/v1/rules/order: \
                     {\"names\":[\"a\",\"b\"]}; POST /api/v1/rules/rollback: {\"to\":3}; everywhere `version`, the one that \
                     is to be changed, and with `?dry_run=true` also `case`, as /api/v1/explain takes it";

/// An order as it comes.
pub(in crate::admin) struct Order {
    pub(super) admin: Admin,
    pub(super) who: Who,
    uri: Uri,
    headers: HeaderMap,
    body: String,
}

impl Order {
    /// Reads it, with these members of its own.
    ///
    /// # Errors
    /// What is wrong with it, for whoever has sent it.
    pub(super) fn read(&self, own: &[&str]) -> Result<Asked<'_>, String> {
        let body = self.body.as_str();
        // Who has nothing to say need not say so.
        let body = if own.is_empty() && body.trim().is_empty() { "{}" } else { body };
        Asked::read(&self.uri, &self.headers, body, own)
    }
}

impl FromRequest<Admin> for Order {
    type Rejection = Response;

    async fn from_request(request: Request, admin: &Admin) -> Result<Self, Response> {
        let (uri, headers) = (request.uri().clone(), request.headers().clone());
        // The gate lets nobody in of whom it does not say who they are.
        let who = request.extensions().get::<Who>().cloned();
        let who = who.ok_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into_response())?;
        let body = String::from_request(request, admin).await.map_err(IntoResponse::into_response)?;
        Ok(Self { admin: admin.clone(), who, uri, headers, body })
    }
}

/// What all orders have in common, and the members of their own.
pub(super) struct Asked<'a> {
    members: BTreeMap<String, &'a RawValue>,
    /// The version that is to be changed, and whether a header says so.
    pub(super) on: Option<u64>,
    pub(super) by_header: bool,
    pub(super) dry: bool,
    pub(super) case: Option<Case>,
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

    pub(super) fn member<T>(
        &self,
        key: &str,
        what: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(value) = self.members.get(key) else { return Ok(None) };
        let value = serde_json::from_str(value.get()).ok();
        let read = value.as_ref().and_then(read);
        read.map(Some).ok_or_else(|| format!("`{key}` is {what}; {SHAPE}"))
    }

    pub(super) fn rule(&self) -> Result<Map<String, Value>, String> {
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

/// What a query says, as far as it is one of these.
pub(super) fn query(uri: &Uri, known: &[&str]) -> Result<BTreeMap<String, String>, String> {
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
