//! `weir doctor`: what it says of servers of every kind, of addresses and files, and that it leaves all as it was.

use std::{fmt::Write as _, os::unix::fs::PermissionsExt, path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    support::{After, Exchange, Gateway, NodeServer, Scripted, only_through_weir, result},
    tls,
};

const MODERN: &str = r#"{"supportedVersions":["2026-07-28"],"capabilities":{},"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"files","version":"1.0"}}}"#;
const LEGACY: &str =
    r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"files","version":"1.0"}}"#;

#[tokio::test]
async fn a_sound_machine_with_servers_of_every_era() {
    only_through_weir!();
    let modern = NodeServer::reference(&["--era", "modern"]).await;
    let dual = NodeServer::reference(&["--era", "dual"]).await;
    let legacy = NodeServer::reference(&["--era", "legacy"]).await;
    let everything = NodeServer::everything().await;
    let servers = [
        ("modern", modern.url(), ""),
        ("dual", dual.url(), ""),
        ("legacy", legacy.url(), ""),
        ("pinned", legacy.url(), "era = \"legacy\""),
        ("everything", everything.url(), ""),
    ];
    let doctor = Doctor::new(&servers);
    let told = doctor.run(&[]).await;
    assert_eq!(told.code, Some(0), "{}", told.text());
    let [open_files, memory] = ["open files", "memory"].map(|subject| told.of(subject));
    assert!(open_files.starts_with("ok open files"), "{open_files}");
    assert!(memory.starts_with("ok memory limit N GiB; from N GiB on requests are refused"), "{memory}");
    let answered = "connected in N ms, answered in N ms";
    let rest: Vec<_> = told.lines.iter().filter(|line| ![&open_files, &memory].contains(line)).collect();
    assert_eq!(
        rest,
        [
            "ok configuration weir.toml: 5 servers, 6 routes".to_owned(),
            "ok key ring data/keys/ring will be made at the first start".to_owned(),
            "ok data directory data, which the first start makes: N GiB free".to_owned(),
            "ok [listen] 127.0.0.1:0: any free port".to_owned(),
            "ok [admin] 127.0.0.1:0: any free port".to_owned(),
            format!("ok modern URL modern (2026-07-28), ref-server 1.0.0; {answered}"),
            format!("ok dual URL modern and legacy (2026-07-28, 2025-11-25), ref-server 1.0.0; {answered}"),
            format!("ok legacy URL legacy (2025-11-25), ref-server 1.0.0; {answered}"),
            format!("ok pinned URL legacy (2025-11-25), ref-server 1.0.0; {answered}"),
            format!("ok everything URL legacy (2025-11-25), mcp-servers/everything 2.0.0; {answered}"),
            "ok clock within 30 s of the servers'".to_owned(),
        ]
        .iter()
        .collect::<Vec<_>>()
    );
    assert_eq!(doctor.files(), ["weir.toml"], "nothing is made");
}

#[tokio::test]
async fn a_server_is_asked_what_it_speaks_and_nothing_else() {
    only_through_weir!();
    let server = Scripted::start(|exchange: Exchange| async move {
        match exchange.request.method().as_str() {
            "initialize" => {
                let head = "Content-Type: application/json\r\nMcp-Session-Id: s-1\r\n";
                exchange.answer("200 OK", head, result("1", LEGACY)).await
            }
            // As a server of the session era answers whoever has no session.
            _ => exchange.answer("400 Bad Request", "", "").await,
        }
    })
    .await;
    let told = Doctor::new(&[("files", &server.url(), "")]).run(&[]).await;
    assert!(told.of("files").starts_with("ok files URL legacy (2025-11-25), files 1.0;"), "{}", told.text());
    let asked: Vec<_> = server
        .waiting()
        .iter()
        .map(|request| {
            let header = |name| request.header(name).unwrap_or("-").to_owned();
            (request.verb().to_owned(), request.method(), header("mcp-method"), header("mcp-session-id"))
        })
        .collect();
    let expected = [
        ("POST", "server/discover", "server/discover", "-"),
        ("POST", "initialize", "-", "-"),
        ("DELETE", "", "-", "s-1"),
    ];
    let expected = expected.map(|(verb, method, header, session)| {
        (verb.to_owned(), method.to_owned(), header.to_owned(), session.to_owned())
    });
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn what_is_wrong_with_a_server_is_told_with_what_to_do() {
    only_through_weir!();
    let nobody = Scripted::nobody().await;
    let broken = Scripted::start(misbehave).await;
    let cases = [
        ("dead", "FAIL", "the server could not be reached", "start the server, or correct its URL"),
        ("name", "FAIL", "could not be resolved", "correct the host in `endpoints`"),
        ("401", "FAIL", "asks for credentials (401)", "credentials for servers are not built into this version"),
        ("403", "FAIL", "refuses us (403)", "let it accept the host of this URL"),
        ("429", "warn", "has too much to do (429)", "ask again later"),
        ("307", "FAIL", "redirects (307) to https://elsewhere/mcp\\u{9b}2J;", "no redirect is followed"),
        ("page", "FAIL", "no MCP server: 200 with text/html to server/discover, 200 with text/html to", "correct the"),
        ("404", "FAIL", "no MCP server: 404 with no content type to server/discover", "correct the URL"),
        ("json", "FAIL", "no MCP server: 200 with JSON that is no JSON-RPC message", "correct the URL"),
        ("big", "FAIL", "no MCP server: 200 with more than N MiB of JSON", "correct the URL"),
        ("long", "FAIL", "an event stream without an answer in its first MiB", "correct the URL"),
        ("502", "FAIL", "no answer: it answers 502", "look at its log"),
        ("closed", "FAIL", "no answer: the server closed the connection", "look at its log"),
        ("garbage", "FAIL", "no answer: the server's answer is malformed", "look at its log"),
        ("silent", "FAIL", "no answer: nothing came within 5 s", "look at its log"),
        ("stalled", "FAIL", "no answer: nothing came within 5 s", "look at its log"),
        ("unsure", "warn", "legacy (2025-11-25), files 1.0, but no answer to server/discover: it answers 500", "era ="),
        ("old", "warn", "legacy (2024-11-05)", "Weir serves 2025-03-26,"),
        ("draft", "warn", "modern (DRAFT-2027)", "Weir serves 2025-03-26,"),
        ("error", "ok", "modern (2026-07-28);", ""),
        ("evil", "ok", "modern (2026-07-28), a\\u{1b}[31mb\\r\\nok \\u{202e} 1;", ""),
        ("mispinned", "warn", "modern (2026-07-28)", "the configuration says era = \"legacy\": write \"modern\""),
    ];
    let url = |case: &str| match case {
        "dead" => nobody.clone(),
        "name" => "http://no-such-host.invalid/mcp".to_owned(),
        case => broken.url().replace("/mcp", &format!("/{case}")),
    };
    let urls = cases.map(|(case, ..)| (format!("s-{case}"), url(case)));
    let servers: Vec<_> = urls.iter().map(|(name, url)| (&**name, &**url, pin(name))).collect();
    let told = Doctor::new(&servers).run(&[]).await;
    for (case, verdict, finding, advice) in cases {
        let line = told.of(&format!("s-{case}"));
        assert!(line.starts_with(&format!("{verdict} s-{case} URL ")), "{case}: {line}");
        assert!(line.contains(finding) && line.contains(advice), "{case}: {line}");
        assert!(!line.contains(['\u{1b}', '\u{9b}']), "{case}: {line:?}");
    }
    assert_eq!(told.code, Some(1), "{}", told.text());
}

fn pin(name: &str) -> &'static str {
    if name == "s-mispinned" { "era = \"legacy\"" } else { "" }
}

/// Answers as the path says.
async fn misbehave(exchange: Exchange) -> After {
    let json = "Content-Type: application/json\r\n";
    let initialize = exchange.request.method() == "initialize";
    let case = exchange.request.path().trim_start_matches('/').to_owned();
    let modern = |name: &str| result("1", &MODERN.replace("\"files\",\"version\":\"1.0\"", name));
    match case.as_str() {
        "401" => exchange.answer("401 Unauthorized", "WWW-Authenticate: Bearer\r\n", "").await,
        "403" => exchange.answer("403 Forbidden", "", "").await,
        "429" => exchange.answer("429 Too Many Requests", "", "").await,
        // An answer with ESC in a field is malformed, but terminals obey this, too.
        "307" => exchange.answer("307 Temporary Redirect", "Location: https://elsewhere/mcp\u{9b}2J\r\n", "").await,
        "page" => exchange.answer("200 OK", "Content-Type: text/html\r\n", "<html>").await,
        "404" => exchange.answer("404 Not Found", "", "").await,
        "json" => exchange.json("[1]").await,
        "big" => exchange.json(" ".repeat((1 << 20) + 1)).await,
        "long" => {
            let mut stream = exchange.stream().await;
            while stream.send(": nothing\n".repeat(1000)).await {}
            stream.cut()
        }
        "502" => exchange.answer("502 Bad Gateway", "", "").await,
        "closed" => exchange.close(),
        "garbage" => exchange.bytes("SSH-2.0-OpenSSH_9.9\r\n\r\n").await,
        "silent" => exchange.silence().await,
        "stalled" => {
            let mut exchange = exchange;
            exchange.some("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{").await;
            exchange.silence().await
        }
        "unsure" | "old" if initialize => {
            let version = if case == "old" { "2024-11-05" } else { "2025-11-25" };
            exchange.json(result("1", &LEGACY.replace("2025-11-25", version))).await
        }
        "unsure" => exchange.answer("500 Internal Server Error", json, "{}").await,
        "draft" if !initialize => exchange.json(modern("\"x\"").replace("2026-07-28", "DRAFT-2027")).await,
        "error" if !initialize => {
            let error = r#"{"code":-32022,"message":"no","data":{"supported":["2026-07-28"]}}"#;
            exchange.answer("400 Bad Request", json, format!(r#"{{"jsonrpc":"2.0","id":1,"error":{error}}}"#)).await
        }
        "evil" if !initialize => exchange.json(modern("\"a\\u001b[31mb\\r\\nok \u{202e}\",\"version\":\"1\"")).await,
        "mispinned" if !initialize => exchange.json(modern("\"x\"")).await,
        _ => exchange.answer("404 Not Found", "", "").await,
    }
}

#[tokio::test]
async fn a_server_out_of_reach_is_3_and_everything_else_stands_in_json_too() {
    only_through_weir!();
    let nobody = Scripted::nobody().await;
    let up = Scripted::answering(|_| result("1", MODERN)).await;
    let doctor = Doctor::new(&[("down", &nobody, ""), ("up", &up.url(), "")]);
    let told = doctor.run(&["--json"]).await;
    assert_eq!(told.code, Some(3), "{}", told.text());
    let listing: Value = serde_json::from_str(&told.raw).expect("it is JSON");
    let of = |subject: String| {
        listing.as_array().expect("a list").iter().find(|item| item["subject"] == subject.as_str()).expect("it is told")
    };
    let down = of(format!("down {nobody}"));
    assert_eq!((&down["verdict"], down["ms"].is_u64()), (&"fail".into(), true), "{down}");
    assert_eq!(down["advice"], "start the server, or correct its URL");
    let up = of(format!("up {}", up.url()));
    assert_eq!((&up["verdict"], &up["advice"]), (&"ok".into(), &Value::Null), "{up}");
    assert_eq!(of("clock".into())["verdict"], "ok");
}

#[tokio::test]
async fn a_certificate_is_judged_as_a_call_would() {
    only_through_weir!();
    let (ours, theirs) = (tls::Authority::new(), tls::Authority::new());
    let port = tls::server(&ours, &["localhost"], result("1", MODERN)).await;
    let plain = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let no_tls = format!("https://{}/mcp", plain.local_addr().expect("a bound socket has an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let mut hello = [0; 4096];
            if stream.read(&mut hello).await.is_ok() {
                // As servers do that wanted a request; reading on keeps the kernel from taking the answer back.
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
                while stream.read(&mut hello).await.is_ok_and(|read| read > 0) {}
            }
        }
    });
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a temporary directory can be written");
        path.to_str().expect("the path is UTF-8").to_owned()
    };
    let (known, unknown) = (file("ours.pem", ours.pem()), file("theirs.pem", theirs.pem()));
    let (named, by_address) = (format!("https://localhost:{port}/mcp"), format!("https://127.0.0.1:{port}/mcp"));
    let ca = |file: &str| format!("tls = {{ ca = {file:?} }}");
    let missing = ca("/nowhere/ca.pem");
    let told = Doctor::new(&[
        ("known", &named, &ca(&known)),
        ("unknown", &named, &ca(&unknown)),
        ("misnamed", &by_address, &ca(&known)),
        ("plain", &no_tls, &ca(&known)),
        ("missing", &named, &missing),
    ])
    .run(&[])
    .await;
    assert_eq!(told.code, Some(1), "{}", told.text());
    for (subject, verdict, words) in [
        ("known ca", "ok", &["1 authority, it lasts N days"][..]),
        ("known URL", "ok", &["modern (2026-07-28), files 1.0", "its certificate lasts N days"]),
        ("unknown URL", "FAIL", &["invalid peer certificate", "tls = { ca = \"FILE\" }"]),
        ("misnamed URL", "FAIL", &["127.0.0.1", "server_name"]),
        ("plain URL", "FAIL", &["it does not speak TLS there: write http://"]),
        ("missing ca", "FAIL", &["/nowhere/ca.pem cannot be read", "correct the path"]),
        ("missing URL", "FAIL", &["/nowhere/ca.pem cannot be read"]),
    ] {
        let line = told.of(subject);
        assert!(line.starts_with(&format!("{verdict} {subject} ")), "{line}");
        assert!(words.iter().all(|word| line.contains(word)), "{words:?} are not all in: {line}");
    }
}

#[tokio::test]
async fn an_address_is_free_or_held_by_weir_or_by_somebody_else() {
    only_through_weir!();
    let server = Scripted::answering(|_| result("1", MODERN)).await;
    let doctor = Doctor::new(&[("files", &server.url(), "")]);
    let weir = Gateway::to(&server.url()).data(&doctor.folder.path().join("data")).start().await;
    let (clients, operators) = (weir.address().to_string(), weir.admin_address().to_string());
    let somebody = server.address().to_string();

    let told = doctor.run(&["--listen", &clients, "--admin", &operators]).await;
    assert_eq!(told.code, Some(0), "{}", told.text());
    let held = format!("ok [listen] {clients} is held, and a Weir runs with this [admin] address");
    assert_eq!(told.of("[listen]"), held);
    let version = env!("CARGO_PKG_VERSION");
    let runs =
        format!("ok [admin] {operators} is held, by a Weir that runs: {version}, generation 1 of its configuration");
    assert_eq!(told.of("[admin]"), runs);
    // Whoever has not its key is told that it runs.
    let other = Doctor::new(&[("files", &server.url(), "")]).run(&["--listen", &clients, "--admin", &operators]).await;
    let told = other.of("[admin]");
    assert!(
        other.code == Some(0) && told.starts_with("warn [admin] ") && told.contains("(401 unauthenticated)"),
        "{told}"
    );
    assert!(other.of("[listen]").starts_with("ok [listen]"), "{}", other.text());

    let told = doctor.run(&["--listen", &clients, "--admin", &somebody]).await;
    assert_eq!(told.code, Some(1), "{}", told.text());
    for (section, address) in [("[listen]", &clients), ("[admin]", &somebody)] {
        let line = told.of(section);
        assert!(line.starts_with(&format!("FAIL {section} {address} is held by another process; see which")), "{line}");
    }
    // The Weir that was looked at has not noticed.
    assert_eq!(doctor.run(&["--admin", &operators]).await.of("[admin]"), runs);
    weir.stop().await;
}

#[tokio::test]
async fn files_of_its_own_are_looked_at() {
    only_through_weir!();
    let server = Scripted::answering(|_| result("1", MODERN)).await;
    let doctor = Doctor::new(&[("files", &server.url(), "")]);
    let keys = doctor.folder.path().join("data/keys");
    std::fs::create_dir_all(&keys).expect("a temporary directory can be written");
    std::fs::write(keys.join("ring"), "c2VjcmV0\n").expect("a temporary directory can be written");
    let mode = |mode| std::fs::set_permissions(keys.join("ring"), std::fs::Permissions::from_mode(mode));
    mode(0o644).expect("the file is ours");
    let told = doctor.run(&[]).await;
    assert_eq!(told.code, Some(1), "{}", told.text());
    let line = told.of("key ring");
    assert!(line.contains("data/keys/ring may be read or changed by others (mode 0644); chmod go= it"), "{line}");
    mode(0o600).expect("the file is ours");
    let told = doctor.run(&[]).await;
    assert_eq!(told.code, Some(1), "{}", told.text());
    let line = told.of("key ring");
    assert!(line.contains("line 1 of the key ring is a key of 6 bytes") && !line.contains("c2VjcmV0"), "{line}");
}

#[tokio::test]
async fn a_wrong_configuration_is_told_as_by_a_run() {
    only_through_weir!();
    let doctor = Doctor::new(&[("files", "ftp://127.0.0.1/mcp", "")]);
    let told = doctor.run(&[]).await;
    let config = std::fs::read_to_string(doctor.folder.path().join("weir.toml")).expect("it was written");
    let (code, said) = Gateway::config(&config).refused().await;
    assert_eq!((told.code, code), (Some(2), Some(2)));
    assert!(told.raw.is_empty() && told.errors.contains("weir.toml:5"), "{}", told.errors);
    let tail = |text: &str| text.split_once("weir.toml").expect("the file is named").1.to_owned();
    assert_eq!(tail(&told.errors), tail(&said));
}

/// A directory with a configuration, and the command in it.
struct Doctor {
    folder: TempDir,
}

/// What it said: lines with single spaces, each URL of a server as `URL`, and changing numbers as `N`.
struct Told {
    code: Option<i32>,
    raw: String,
    lines: Vec<String>,
    errors: String,
}

impl Doctor {
    /// Name, URL and further keys of each server.
    fn new(servers: &[(&str, &str, &str)]) -> Self {
        let mut config = "[http]\nconnections = 100\n".to_owned();
        for (name, url, keys) in servers {
            let _ = write!(config, "[[servers]]\nname = {name:?}\nendpoints = [{url:?}]\n{keys}\n");
        }
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        std::fs::write(folder.path().join("weir.toml"), config).expect("a temporary directory can be written");
        Self { folder }
    }

    async fn run(&self, arguments: &[&str]) -> Told {
        let built = || env!("CARGO_BIN_EXE_weir").into();
        let mut command = Command::new(std::env::var_os("WEIR_BINARY").unwrap_or_else(built));
        command.args(["doctor", "--config", "weir.toml", "--data", "data"]).args(arguments);
        for (option, address) in [("--listen", "127.0.0.1:0"), ("--admin", "127.0.0.1:0")] {
            if !arguments.contains(&option) {
                command.args([option, address]);
            }
        }
        command.current_dir(self.folder.path());
        // The scripted servers live on this thread.
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it does not panic");
        let output = output.expect("the binary can be started");
        let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
        let (raw, errors) = (text(output.stdout), text(output.stderr));
        let lines = raw.lines().map(plain).collect();
        Told { code: output.status.code(), raw, lines, errors }
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(Path::new(self.folder.path())).expect("the directory is there");
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
    }
}

impl Told {
    /// The line whose subject begins so.
    fn of(&self, subject: &str) -> String {
        let is_it = |line: &&String| {
            let rest = line.split_once(' ').and_then(|(_, rest)| rest.strip_prefix(subject));
            rest.is_some_and(|rest| rest.starts_with(' '))
        };
        self.lines.iter().find(is_it).unwrap_or_else(|| panic!("{subject} is not in:\n{}", self.text())).clone()
    }

    fn text(&self) -> String {
        format!("{}\n{}", self.lines.join("\n"), self.errors)
    }
}

fn plain(line: &str) -> String {
    const UNITS: [&str; 5] = ["ms", "GiB", "MiB", "days", "ms,"];
    let words: Vec<_> = line.split_whitespace().collect();
    let mut at_subject = true;
    let plain = words.iter().enumerate().map(|(at, word)| {
        let next = words.get(at + 1).map_or("", |next| next.trim_end_matches([';', ',']));
        let number = word.starts_with(|c: char| c.is_ascii_digit());
        match word {
            word if at_subject && word.starts_with("http") => {
                at_subject = false;
                "URL"
            }
            _ if number && UNITS.contains(&next) => "N",
            word => word,
        }
    });
    plain.collect::<Vec<_>>().join(" ")
}
