//! What servers are shown: our credential for them and who calls, and never what a client has shown us.
//!
//! ```text
//! headers     a static field, on every request; a client's own fields, on none
//! assertions  the caller in a short JWT, checked by a library of others against the published set
//! ```

mod assertions;
mod headers;

use std::path::{Path, PathBuf};

use crate::support::{After, Exchange, Scripted, result};

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
