//! What servers are shown: our credential for them and who calls, and never what a client has shown us.
//!
//! ```text
//! headers     a static field, on every request; a client's own fields, on none
//! tokens      a token of our own, had from an authorization server
//! exchanges   a token in exchange for the caller's own
//! assertions  the caller in a short JWT, checked by a library of others against the published set
//! ```

mod assertions;
mod exchanges;
mod headers;
mod tokens;

use std::path::{Path, PathBuf};

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::support::{After, Exchange, Process, Request, Scripted, node, result};

/// A secret in a file of its own.
fn secret(home: &Path, name: &str, text: &str) -> PathBuf {
    let file = home.join(name);
    std::fs::write(&file, text).expect("a temporary directory can be written");
    file
}

/// A server of both eras: sessions, streams, calls.
async fn both_eras(exchange: Exchange) -> After {
    let id = exchange.request.id();
    match (exchange.request.verb(), exchange.request.method().as_str()) {
        ("GET", _) => exchange.stream().await.end().await,
        ("DELETE", _) => exchange.answer("200 OK", "", "").await,
        (_, "initialize") => {
            let answer =
                r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}"#;
            let head = "Content-Type: application/json\r\nMcp-Session-Id: s-1\r\n";
            exchange.answer("200 OK", head, result(&id, answer)).await
        }
        (_, method) if method.starts_with("notifications/") => exchange.accepted().await,
        _ => exchange.json(result(&id, r#"{"resultType":"complete","content":[]}"#)).await,
    }
}

async fn server() -> Scripted {
    Scripted::start(both_eras).await
}

/// What `weir doctor` says of a configuration, with its exit code.
async fn doctor(config: &Path) -> (Option<i32>, String) {
    let weir = std::env::var_os("WEIR_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_weir").into());
    let mut command = std::process::Command::new(weir);
    command.args(["doctor", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--config"]).arg(config);
    command.arg("--data").arg(config.with_file_name("data"));
    // The scripted servers live on this thread.
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it does not panic");
    let output = output.expect("the binary can be started");
    (output.status.code(), String::from_utf8(output.stdout).expect("it writes UTF-8"))
}

/// A server that checks what it is shown, with a library of others.
struct Checker(Process);

impl Checker {
    fn start() -> Self {
        Self(Process::listening("jose", &mut node("check-token.mjs")))
    }

    async fn ask(&mut self, asked: &Value) -> Value {
        self.0.say(format!("{asked}\n").as_bytes());
        serde_json::from_str(&self.0.line().await.expect("an answer")).expect("it is JSON")
    }
}

/// What a token endpoint was asked.
#[derive(Clone, Debug)]
struct Form(Vec<(String, String)>);

impl Form {
    fn of(request: &Request) -> Self {
        let body = std::str::from_utf8(&request.body).expect("a form is text");
        let decoded = |text: &str| {
            let mut bytes = text.bytes();
            let mut out = Vec::new();
            while let Some(byte) = bytes.next() {
                out.push(match byte {
                    b'+' => b' ',
                    b'%' => {
                        let digits = [bytes.next(), bytes.next()].map(|digit| char::from(digit.expect("two digits")));
                        u8::from_str_radix(&digits.iter().collect::<String>(), 16).expect("hexadecimal digits")
                    }
                    other => other,
                });
            }
            String::from_utf8(out).expect("UTF-8")
        };
        let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (decoded(name), decoded(value)));
        Self(body.split('&').filter_map(pair).collect())
    }

    /// The value of the only field of that name.
    fn get(&self, name: &str) -> &str {
        let mut values = self.0.iter().filter(|(known, _)| known == name);
        let value = values.next().map_or("", |(_, value)| value);
        assert!(values.next().is_none(), "{name} is there twice: {self:?}");
        value
    }
}

/// Who asks, by `Authorization: Basic`.
fn basic(request: &Request) -> String {
    let value = request.header("authorization").and_then(|value| value.strip_prefix("Basic ")).unwrap_or_default();
    String::from_utf8(STANDARD.decode(value).expect("Base64")).expect("UTF-8")
}

/// A token endpoint that answers a form with a status and a text.
async fn token_endpoint(
    answer: impl Fn(&Request, &Form) -> (&'static str, String) + Send + Sync + 'static,
) -> Scripted {
    let answer = Arc::new(answer);
    Scripted::start(move |exchange| {
        let (status, text) = answer(&exchange.request, &Form::of(&exchange.request));
        async move { exchange.answer(status, "Content-Type: application/json\r\n", text).await }
    })
    .await
}

/// An answer with a token.
fn granted(token: &str, life: u64) -> (&'static str, String) {
    let text = serde_json::json!({ "access_token": token, "token_type": "Bearer", "expires_in": life });
    ("200 OK", text.to_string())
}

/// The path of a server's token endpoint.
fn token_url(endpoint: &Scripted, path: &str) -> String {
    format!("http://{}/{path}", endpoint.address())
}
