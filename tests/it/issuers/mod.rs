//! Issuers whose key sets are fetched: found by their metadata, renewed, rotated, away, slow and lying.
//!
//! ```text
//! asking     opaque tokens, whose issuer is asked about each
//! finding    by URL or by metadata; what doctor and check say
//! rotation   other keys, under load; floods of unknown ones; what is known over a reload
//! troubles   issuers that are away, slow, or say something else than the truth
//! ```

mod asking;
mod finding;
mod rotation;
mod troubles;

pub(crate) use finding::behind_tls;

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::{After, Answer, Client, Exchange, Exposition, Gateway, Request, Scripted, call, result};
use crate::tokens::{Issuer, now};

const URL: &str = "http://gateway.test/mcp";
pub(crate) const OAUTH: &str = "/.well-known/oauth-authorization-server";
pub(crate) const KEYS: &str = "/keys";

/// What an identity provider answers to any request.
type Script = Arc<Mutex<Arc<dyn Fn(&Request) -> Said + Send + Sync>>>;

/// An answer.
pub(crate) enum Said {
    /// JSON.
    Json(String),
    /// Status, fields (`"name: value\r\n"` each), body.
    Other(&'static str, String, String),
    /// Nothing, for as long as it takes.
    Silence,
    /// The end of the connection.
    Gone,
}

/// An identity provider on loopback.
pub(crate) struct Provider {
    server: Scripted,
    script: Script,
}

impl Provider {
    /// One that gives these keys, and metadata that lead to them.
    pub(crate) async fn with(keys: &[(&Issuer, &str)]) -> Self {
        let script: Script = Arc::new(Mutex::new(Arc::new(|_: &Request| Said::Gone)));
        let said = Arc::clone(&script);
        let server = Scripted::start(move |exchange: Exchange| {
            let script = Arc::clone(&said.lock().unwrap());
            async move { answer(exchange, &*script).await }
        })
        .await;
        let provider = Self { server, script };
        provider.gives(keys);
        provider
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// From now on it answers so.
    pub(crate) fn says(&self, script: impl Fn(&Request) -> Said + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Arc::new(script);
    }

    fn gives(&self, keys: &[(&Issuer, &str)]) {
        let (url, set) = (self.url(), set(keys));
        self.says(move |request| match request.path() {
            OAUTH => Said::Json(metadata(&url, &format!("{url}{KEYS}"))),
            KEYS => Said::Json(set.clone()),
            _ => Said::Other("404 Not Found", String::new(), String::new()),
        });
    }

    /// The paths that were asked for since the last look.
    fn asked(&self) -> Vec<String> {
        self.server.waiting().iter().map(|request| request.path().to_owned()).collect()
    }
}

async fn answer(exchange: Exchange, script: &(dyn Fn(&Request) -> Said + Send + Sync)) -> After {
    match script(&exchange.request) {
        Said::Json(body) => exchange.json(body).await,
        Said::Other(status, fields, body) => exchange.answer(status, &fields, body).await,
        Said::Silence => exchange.silence().await,
        Said::Gone => exchange.close(),
    }
}

pub(crate) fn metadata(issuer: &str, keys: &str) -> String {
    json!({ "issuer": issuer, "jwks_uri": keys, "response_types_supported": ["code"] }).to_string()
}

/// One key set of all of these.
pub(crate) fn set(keys: &[(&Issuer, &str)]) -> String {
    let one = |(issuer, id): &(&Issuer, &str)| {
        let set: Value = serde_json::from_str(&issuer.key_set(id)).unwrap();
        set["keys"][0].clone()
    };
    json!({ "keys": keys.iter().map(one).collect::<Vec<_>>() }).to_string()
}

/// A gateway that takes the tokens of an issuer. `more` stands in its section, `rest` beside it.
fn config(issuer: &str, more: &str, server: &str, rest: &str) -> String {
    format!(
        "[[auth.jwt]]\nissuer = {issuer:?}\n{more}\n[listen]\npublic_url = \"http://gateway.test\"\n{rest}\n\
         [[servers]]\nname = \"files\"\nendpoints = [{server:?}]\n"
    )
}

async fn answering() -> Scripted {
    Scripted::answering(|request| result(&request.id(), r#"{"resultType":"complete","content":[]}"#)).await
}

/// A token of `issuer`, signed with that key.
fn token(issuer: &str, key: (&Issuer, &str), subject: &str) -> String {
    let claims = json!({ "iss": issuer, "sub": subject, "aud": URL, "exp": now() + 600, "roles": ["user"] });
    let header = match key.1 {
        "" => json!({ "alg": "EdDSA" }),
        id => json!({ "alg": "EdDSA", "kid": id }),
    };
    key.0.token(header, &claims)
}

async fn ask(client: &mut Client, token: &str) -> Answer {
    client.ask(&call("1", "echo", "{}").header("Authorization", &format!("Bearer {token}"))).await
}

/// The status of a call with this token, on a new connection.
async fn status(weir: &Gateway, token: &str) -> u16 {
    ask(&mut weir.client().await, token).await.status()
}

async fn metrics(weir: &Gateway) -> Exposition {
    let mut admin = weir.admin().await;
    admin.get("/metrics", &[]).await;
    Exposition::parse(admin.answer().await.text())
}

async fn readyz(weir: &Gateway) -> Value {
    let mut admin = weir.admin().await;
    admin.get("/readyz", &[]).await;
    admin.answer().await.json()
}
