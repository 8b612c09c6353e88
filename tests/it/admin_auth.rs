//! Operators sign in: by the key of the data directory, by who may open the socket, or by a token whose roles permit
//! it. What is refused has its status, its challenge, its line and its count.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::UnixStream;
use weir::admin::{Asks, ENDPOINTS};

use crate::support::{Answer, Client, Exposition, Gateway, only_through_weir, until};
use crate::tokens::{Issuer, header, now};

const ISSUER: &str = "https://a.example/";
const AUDIENCE: &str = "http://gateway.test/admin";

/// A configuration with an issuer whose key set is in that directory.
fn config(keys: &Path, more: &str) -> String {
    format!(
        "[reload]\nwatch = false\n[listen]\naddress = \"127.0.0.1:0\"\npublic_url = \"http://gateway.test\"\n\
         [telemetry]\nlog = {{ format = \"json\" }}\n[[roles]]\nname = \"ops\"\npermissions = [\"manage:system\"]\n\
         [[auth.jwt]]\nissuer = {ISSUER:?}\njwks = {{ file = {:?} }}\n{more}\n\
         [[servers]]\nname = \"files\"\nendpoints = [\"http://127.0.0.1:9/mcp\"]\n",
        keys.join("a.json")
    )
}

struct Operators {
    directory: TempDir,
    issuer: Issuer,
}

impl Operators {
    fn new() -> Self {
        let (directory, issuer) = (tempfile::tempdir().expect("a temporary directory"), Issuer::new(1));
        std::fs::write(directory.path().join("a.json"), issuer.key_set("1")).expect("it can be written");
        Self { directory, issuer }
    }

    /// The configuration with these lines in its sections.
    fn config(&self, more: &str) -> String {
        config(self.directory.path(), more)
    }

    /// `Authorization` with a token of these roles for that audience.
    fn token(&self, roles: &[&str], audience: &str) -> String {
        let claims = json!({ "iss": ISSUER, "sub": "ann", "aud": audience, "exp": now() + 600, "roles": roles });
        format!("Authorization: Bearer {}", self.issuer.token(header(), &claims))
    }
}

/// What is answered to a request with these fields.
async fn asked(mut client: Client, method: &str, path: &str, fields: &[&str]) -> Answer {
    client.without_body(method, path, &[fields, &["Content-Length: 0"]].concat()).await;
    client.answer().await
}

fn code(answer: &Answer) -> String {
    let document = answer.json();
    assert!(document["timestamp"].is_string() && document["requestId"].is_string(), "{document}");
    assert!(document["error"]["details"].is_object(), "{document}");
    document["error"]["code"].as_str().unwrap_or_else(|| panic!("no code: {document}")).to_owned()
}

/// Whether it has come to the one who does it: nothing is called `{name}`.
fn carried(path: &str, answer: &Answer) -> bool {
    matches!(answer.status(), 200 | 400) || (path.contains('{') && answer.status() == 404)
}

/// The lines of the log about operators who were refused.
fn refused(weir: &Gateway) -> Vec<Value> {
    let said = weir.said();
    let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == "an operator was refused").collect()
}

#[tokio::test]
async fn every_endpoint_asks_who_it_is_and_each_refusal_is_told_logged_and_counted() {
    only_through_weir!();
    let operators = Operators::new();
    let weir = Gateway::config(&operators.config("[http]\nunverified = \"none\"")).start().await;
    let key = format!("Authorization: Bearer {}", weir.admin_key().expect("a key is made at the first start"));
    let other = operators.token(&["ops"], "http://gateway.test/mcp");
    let powerless = operators.token(&["user", "viewer"], AUDIENCE);
    let forged = format!("{}x", operators.token(&["ops"], AUDIENCE));
    let wrong = format!("Authorization: Bearer weir_admin_{}", "A".repeat(43));
    let mut expected = 0;
    for endpoint in ENDPOINTS {
        let (method, path) = (endpoint.method, endpoint.path);
        let open = endpoint.asks == Asks::Nothing;
        for (fields, status, said) in [
            (vec![], 401, "unauthenticated"),
            (vec![wrong.as_str()], 401, "unauthenticated"),
            (vec!["Authorization: Basic eDp5"], 401, "unauthenticated"),
            (vec![forged.as_str()], 401, "unauthenticated"),
            (vec![other.as_str()], 401, "unauthenticated"),
            (vec![key.as_str(), key.as_str()], 401, "unauthenticated"),
            (vec![powerless.as_str()], 403, "policy_denied"),
        ] {
            let answer = asked(weir.admin().await, method, path, &fields).await;
            if open {
                assert_eq!(answer.status(), 200, "{method} {path}: {answer:?}");
                continue;
            }
            assert_eq!((answer.status(), code(&answer).as_str()), (status, said), "{method} {path} {fields:?}");
            let challenge = answer.head.header("www-authenticate");
            assert_eq!(challenge.is_some_and(|value| value.starts_with("Bearer")), status == 401, "{answer:?}");
            if status == 403 {
                assert_eq!(answer.json()["error"]["details"]["permission"], "manage:system");
            }
            expected += 1;
        }
        for good in [&key, &operators.token(&["ops"], AUDIENCE), &operators.token(&["admin"], AUDIENCE)] {
            let answer = asked(weir.admin().await, method, path, &[good]).await;
            assert!(carried(path, &answer), "{method} {path}: {answer:?}");
        }
    }
    until("each refusal has its line", async || refused(&weir).len() == expected).await;
    let lines = refused(&weir);
    assert!(lines.iter().all(|line| line["path"].is_string() && line["from"].is_string() && line["why"].is_string()));
    let denied = lines.iter().filter(|line| line["reason"] == "policy_denied").collect::<Vec<_>>();
    assert!(denied.iter().all(|line| line["operator"] == format!("ann of {ISSUER}")), "{denied:?}");
    let (denied, all) = (denied.len() as f64, expected as f64);
    until("each refusal is counted", async || {
        let page = asked(weir.admin().await, "GET", "/metrics", &[]).await;
        let page = Exposition::parse(page.text());
        let count = |reason| page.sum("weir_admin_refusals_total", &[("reason", reason)]);
        count("policy_denied") == denied && count("unauthenticated") == all - denied
    })
    .await;
    let said = weir.log().await;
    for secret in [&key, &wrong, &powerless, &forged] {
        let secret = secret.rsplit(' ').next().expect("it has several words");
        assert!(!said.contains(secret), "a credential is in the log");
    }
    assert!(said.contains("an operator gives an order"), "{said}");
}

#[tokio::test]
async fn the_key_lasts_and_strangers_have_only_so_many_tries() {
    only_through_weir!();
    let (operators, data) = (Operators::new(), tempfile::tempdir().expect("a temporary directory"));
    let text = operators.config("[http]\nunverified = \"2/h\"");
    let weir = Gateway::config(&text).data(data.path()).start().await;
    let file = data.path().join("keys/admin");
    let (mode, key) = (std::fs::metadata(&file).expect("it is there").permissions().mode(), weir.admin_key());
    assert_eq!(mode & 0o777, 0o600);
    let right = format!("Authorization: Bearer {}", key.clone().expect("there is one"));
    let wrong = format!("{}A", right);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(asked(weir.admin().await, "GET", "/api/v1/status", &[&wrong]).await.status());
    }
    assert_eq!(statuses, [401, 401, 429, 429]);
    let limited = asked(weir.admin().await, "GET", "/api/v1/status", &[&wrong]).await;
    assert!(code(&limited) == "rate_limited" && limited.head.header("retry-after").is_some(), "{limited:?}");
    assert_eq!(
        asked(weir.admin().await, "GET", "/api/v1/status", &[&right]).await.status(),
        200,
        "the right one passes"
    );
    weir.stop().await;
    let weir = Gateway::config(&text).data(data.path()).start().await;
    assert_eq!(weir.admin_key(), key);
    assert_eq!(asked(weir.admin().await, "GET", "/api/v1/status", &[&right]).await.status(), 200);
    weir.stop().await;
}

#[tokio::test]
async fn health_can_be_closed_and_a_reload_changes_who_may() {
    only_through_weir!();
    let operators = Operators::new();
    let weir = Gateway::config(&operators.config("[admin]\nopen = false")).start().await;
    let token = operators.token(&["ops"], AUDIENCE);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(code(&asked(weir.admin().await, "GET", path, &[]).await), "unauthenticated");
        assert_eq!(asked(weir.admin().await, "GET", path, &[&token]).await.status(), 200, "{path}");
    }
    // By another audience, and with a role that permits nothing any more.
    let next = operators.config("[admin]\naudience = \"urn:weir\"").replace("\"manage:system\"", "\"view:audit_logs\"");
    weir.write(&next);
    let answer = asked(weir.admin().await, "POST", "/api/v1/reload", &[&token]).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert_eq!(asked(weir.admin().await, "GET", "/healthz", &[]).await.status(), 200);
    assert_eq!(asked(weir.admin().await, "GET", "/api/v1/status", &[&token]).await.status(), 401);
    let token = |roles: &[&str]| operators.token(roles, "urn:weir");
    assert_eq!(asked(weir.admin().await, "GET", "/api/v1/status", &[&token(&["ops"])]).await.status(), 403);
    assert_eq!(asked(weir.admin().await, "GET", "/api/v1/status", &[&token(&["admin"])]).await.status(), 200);
    weir.stop().await;
}

#[tokio::test]
async fn whoever_may_open_the_socket_is_an_operator() {
    only_through_weir!();
    let (operators, home) = (Operators::new(), tempfile::tempdir().expect("a temporary directory"));
    let path = home.path().join("admin.sock");
    let weir = Gateway::config(&operators.config("[admin]\nopen = false"))
        .admin_at(&format!("unix:{}", path.display()))
        .start()
        .await;
    assert_eq!(std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o660);
    assert_eq!(weir.admin_key(), None, "no key is needed, and none is made");
    let client = async || Client::over(UnixStream::connect(&path).await.expect("somebody listens"), "any.example");
    for endpoint in ENDPOINTS {
        let answer = asked(client().await, endpoint.method, endpoint.path, &[]).await;
        assert!(carried(endpoint.path, &answer), "{}: {answer:?}", endpoint.path);
    }
    let page = asked(client().await, "GET", "/api/v1/status", &["Origin: https://evil.example"]).await;
    assert_eq!((page.status(), code(&page).as_str()), (403, "origin_not_allowed"));
    let log = weir.log().await;
    let user = rustix::process::getuid().as_raw();
    assert!(log.contains(&format!("\"operator\":\"user {user}\"")), "{log}");
    assert!(!path.exists(), "it is gone with the daemon");
}

#[tokio::test]
async fn the_socket_is_moved_to_by_a_reload() {
    only_through_weir!();
    let (operators, home) = (Operators::new(), tempfile::tempdir().expect("a temporary directory"));
    let path = home.path().join("admin.sock");
    let file = operators.directory.path().join("weir.toml");
    let at = |address: &str| operators.config(&format!("[admin]\naddress = \"{address}\""));
    std::fs::write(&file, at("127.0.0.1:0")).expect("it can be written");
    let data = home.path().join("data");
    let weir = Gateway::arguments(&["--config", file.to_str().expect("UTF-8")]).data(&data).start().await;
    let order = weir.order("POST", "/api/v1/reload", "");
    std::fs::write(&file, at(&format!("unix:{}", path.display()))).expect("it can be written");
    let mut admin = weir.admin().await;
    admin.bytes(&order).await;
    assert_eq!(admin.answer().await.status(), 200);
    let client = Client::over(UnixStream::connect(&path).await.expect("somebody listens"), "x");
    assert_eq!(asked(client, "GET", "/api/v1/status", &[]).await.json()["generation"]["number"], 2);
    until("the address is let go of", async || Client::try_connect(weir.admin_address()).await.is_none()).await;
    weir.stop().await;
}

/// In a network of its own, with an address that is not loopback, asked from there.
#[tokio::test]
async fn off_loopback_a_token_is_needed_and_the_key_is_none() {
    only_through_weir!();
    let operators = Operators::new();
    let file = operators.directory.path().join("weir.toml");
    let text = operators.config("[admin]\naddress = \"0.0.0.0:9901\"");
    std::fs::write(&file, text).expect("it can be written");
    let script = r#"
        set -eu
        ip link set lo up; ip addr add 192.0.2.7/32 dev lo
        cd "$HERE"; "$WEIR" run --config weir.toml --data data >out 2>log & weir=$!
        trap 'kill $weir; wait $weir || true' EXIT
        for _ in $(seq 3000); do grep -q 'admin on' out && break; kill -0 $weir; sleep 0.01; done
        ask() { curl -sS -o /dev/null -w '%{http_code} ' --max-time 20 "$@"; }
        key="Authorization: Bearer $(cat data/keys/admin)"
        far=http://192.0.2.7:9901 near=http://127.0.0.1:9901
        ask $far/healthz; ask $far/metrics; ask $far/api/v1/status
        ask -H "$key" $far/api/v1/status; ask -H "$TOKEN" $far/api/v1/status; ask -H "$POWERLESS" $far/api/v1/status
        ask -H "$key" $near/api/v1/status; ask $near/api/v1/status"#;
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "bash", "-c", script]);
    command.env("WEIR", std::env::var_os("WEIR_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_weir").into()));
    command.env("HERE", operators.directory.path()).env_remove("STATE_DIRECTORY");
    command.env("TOKEN", operators.token(&["ops"], AUDIENCE)).env("POWERLESS", operators.token(&["user"], AUDIENCE));
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it does not panic");
    let output = output.expect("unshare can be started");
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(told.trim(), "200 200 401 401 200 403 200 401", "{errors}");
    let log = std::fs::read_to_string(operators.directory.path().join("log")).expect("there is a log");
    assert!(log.contains("192.0.2.7") && log.contains("0.0.0.0:9901 is not loopback"), "{log}");
}

#[tokio::test]
async fn another_name_is_refused_in_the_same_shape() {
    only_through_weir!();
    let weir = Gateway::to("http://127.0.0.1:9/mcp").start().await;
    let named = async |name: &str, address: SocketAddr| {
        let stream = tokio::net::TcpStream::connect(address).await.expect("somebody listens");
        asked(Client::over(stream, name), "GET", "/healthz", &[]).await
    };
    let answer = named("evil.example", weir.admin_address()).await;
    assert_eq!((answer.status(), code(&answer).as_str()), (403, "host_not_allowed"));
    assert_eq!(named("localhost", weir.admin_address()).await.status(), 200);
    weir.stop().await;
}
